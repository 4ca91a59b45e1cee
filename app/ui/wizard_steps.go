package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// pbx asks for an account at the PBX, if there is one.
func (z *wizard) pbx(state SetupState) *step {
	form := z.w.newAccountForm(state.Account, func() { z.w.focus(z.on) })
	fields := []*entry{form.address, form.extension, form.password}
	z.takes(fields...)
	form.changed = z.buttons
	return &step{
		title: say("setup.pbx.title"), about: say("setup.pbx.about"), body: form.CanvasObject,
		first: func() fyne.Focusable { return form.address },
		word: func() string {
			if form.same() {
				return ""
			}
			return say("setup.try")
		},
		next: func(goOn func()) {
			if form.same() {
				goOn()
				return
			}
			form.try()
		},
		left: form.giveUp,
	}
}

// computer asks what the computer shall do with Cordboard.
func (z *wizard) computer() *step {
	result := newVerdict()
	box := func(words string, now func() (bool, error), set func(bool) error) *tick {
		t := newTick(words, nil)
		on, err := now()
		if err != nil {
			result.fault(told(err.Error()), "")
			t.Disable()
		}
		t.SetChecked(on)
		t.OnChanged = func(on bool) {
			result.clear()
			if err := set(on); err != nil {
				result.fault(told(err.Error()), "")
				set := t.OnChanged
				t.OnChanged = nil
				t.SetChecked(!on)
				t.OnChanged = set
			}
		}
		return t
	}
	start := box(say("setup.computer.start"), z.w.system.StartsWithComputer, z.w.system.StartWithComputer)
	more := func(words string) fyne.CanvasObject {
		l := widget.NewLabel(words)
		l.Wrapping, l.SizeName, l.Importance = fyne.TextWrapWord, small, widget.LowImportance
		return padded(l, -8, 0, 26, 0)
	}
	body := column(unit, start, more(say("setup.computer.start.does")))
	if z.w.system.TakesLinks() {
		body.Add(box(say("setup.computer.links"), z.w.system.OpensLinks, z.w.system.OpenLinks))
		body.Add(more(say("setup.computer.links.does")))
	}
	body.Add(result)
	return &step{
		title: say("setup.computer.title"), about: say("setup.computer.about"),
		body:  body,
		first: func() fyne.Focusable { return start },
	}
}

// colleagues shows where colleagues call from a browser.
func (z *wizard) colleagues(state SetupState) *step {
	status, _ := z.w.model.Status.Get()
	if len(status.Pages) == 0 {
		return &step{title: say("setup.page.title"), about: say("setup.page.none"), body: gap(0, 0)}
	}
	page := status.Pages[0]
	addresses := column(0, newText(say("setup.page.address"), small, colourMuted))
	for _, a := range status.Pages {
		l := widget.NewLabel(a)
		l.Selectable, l.TextStyle.Bold = true, a == page
		addresses.Add(bare(l))
	}
	lines := []string{say("setup.page.scan")}
	if state.LocalCA {
		lines = append(lines, say("setup.page.warns"), say("setup.page.trust", "Page", page))
	}
	notes := column(-4)
	for i, words := range lines {
		l := widget.NewLabel(words)
		l.Wrapping = fyne.TextWrapWord
		n := column(0, gap(20, 10), whole(boldText(number(i+1), normal)))
		notes.Add(container.NewBorder(nil, nil, n, nil, l))
	}
	return &step{title: say("setup.page.title"), about: say("setup.page.about"), body: column(16, qrCode(page), notes, addresses)}
}

// sound lets people choose devices and try them.
func (z *wizard) sound() *step {
	t := &soundTest{z: z}
	t.call = newPill("echo", "", "", t.toggle)
	play := newPill("", say("setup.sound.play"), "", func() { t.sample(Loudspeaker) })
	ring := newPill("", say("setup.sound.ring"), "", func() { t.sample(Ringer) })
	beside := func(choice fyne.CanvasObject, button *pill) fyne.CanvasObject {
		return container.NewBorder(nil, nil, nil, padded(container.NewVBox(layout.NewSpacer(), button), 0, 0, 8, 0), choice)
	}
	t.result = newVerdict()
	z.test = t
	z.w.listen(t.show, z.w.model.Sound, z.w.model.Desk)
	return &step{
		title: say("setup.sound.title"), about: say("setup.sound.about"),
		body: column(12,
			z.w.deviceChoice(Microphone, say("settings.microphone")),
			z.meter(func(s Sound) float64 { return s.Microphone }),
			beside(z.w.deviceChoice(Loudspeaker, say("settings.loudspeaker")), play),
			z.meter(func(s Sound) float64 { return s.Loudspeaker }),
			beside(z.w.deviceChoice(Ringer, say("settings.ringer")), ring),
			t.call, t.result),
		shown: func() { z.w.setup.Listen(true) },
		left: func() {
			z.w.setup.Listen(false)
			t.end()
		},
	}
}

// meter shows how loud something is.
func (z *wizard) meter(level func(Sound) float64) fyne.CanvasObject {
	b := &bar{}
	b.ExtendBaseWidget(b)
	z.w.listen(func() {
		sound, _ := z.w.model.Sound.Get()
		b.set(level(sound))
	}, z.w.model.Sound)
	return b
}

// soundTest is a call that hears who makes it, and what is told of microphone and loudspeaker.
type soundTest struct {
	z      *wizard
	id     string // the call; empty: none
	up     bool   // the phone has told of it
	failed string // why there is none
	call   *pill
	result *verdict
}

// toggle begins the call to oneself, or ends it.
func (t *soundTest) toggle() {
	if t.id != "" {
		t.end()
		return
	}
	id, err := t.z.w.phone.Call("echo")
	t.failed = ""
	if err != nil {
		t.failed = told(err.Error())
	}
	t.id, t.up = id, false
	t.show()
}

// sample plays a melody.
func (t *soundTest) sample(purpose string) {
	t.failed = ""
	if err := t.z.w.setup.Sample(purpose); err != nil {
		t.failed = told(err.Error())
	}
	t.show()
}

// end hangs up.
func (t *soundTest) end() {
	if t.id != "" {
		_ = t.z.w.phone.HangUp(t.id) // which has ended by itself else
		t.id, t.up = "", false
	}
	t.failed = ""
	t.show()
}

// show tells what is to be heard.
func (t *soundTest) show() {
	w := t.z.w
	if up := w.model.goesOn(t.id); t.up && !up {
		t.id, t.up = "", false
	} else {
		t.up = up
	}
	sound, _ := w.model.Sound.Get()
	desk := w.model.desk()
	word, tone := say("setup.sound.test"), fyne.ThemeColorName("")
	if t.id != "" {
		word, tone = say("setup.sound.end"), theme.ColorNameError
	}
	if t.call.word != word {
		t.call.word, t.call.tone = word, tone
		t.call.Refresh()
	}
	switch {
	case t.failed != "":
		t.result.fault(t.failed, "")
	case sound.Problem != "":
		t.result.fault(told(sound.Problem), "")
	case !desk.Ready && desk.Problem != "":
		t.result.fault(told(desk.Problem), "")
	case sound.Still:
		t.result.fault(say("setup.sound.still"), "")
	case t.id != "":
		t.result.well(say("setup.sound.hears"))
	default:
		t.result.show("echo", colourMuted, colourWash, say("setup.sound.says"), "")
	}
}
