package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
)

// soundPage chooses devices, lets hear and see that they work, and says how the voice is treated.
func (w *Window) soundPage() fyne.CanvasObject {
	s := w.newSheet()
	w.setup.Listen(true)
	w.ends = append(w.ends, func() { w.setup.Listen(false) })
	problem := newVerdict()
	w.listen(func() {
		if sound, _ := w.model.Sound.Get(); sound.Problem != "" {
			problem.fault(told(sound.Problem), "")
		} else {
			problem.clear()
		}
	}, w.model.Sound)
	sample := func(purpose string) *pill {
		return newPill("loudspeaker", say("set.sound.sample"), "", func() { w.do(w.setup.Sample(purpose)) })
	}
	s.box.Add(problem)
	s.part("",
		w.deviceChoice(Microphone, say("settings.microphone")),
		w.meter(say("settings.level.microphone"), func(s Sound) float64 { return s.Microphone }),
		withButton(w.deviceChoice(Loudspeaker, say("settings.loudspeaker")), sample(Loudspeaker)),
		w.meter(say("settings.level.loudspeaker"), func(s Sound) float64 { return s.Loudspeaker }),
		withButton(w.deviceChoice(Ringer, say("settings.ringer")), sample(Ringer)),
		newPill("echo", say("settings.try"), "", func() { w.dial("echo") }))
	s.box.Add(s.verdict)
	s.part(say("set.sound.voice"),
		s.flag("audio.echo", say("set.sound.echo"), say("set.sound.echo.more")),
		s.flag("audio.noise", say("set.sound.noise"), say("set.sound.noise.more")),
		s.flag("audio.gain", say("set.sound.gain"), say("set.sound.gain.more")),
		s.choice("audio.country", say("set.sound.country"), w.countries(), countryName))
	s.load()
	return s.box
}

// withButton puts a button at the end of a choice's line, at the height of the choice.
func withButton(choice fyne.CanvasObject, button fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, nil, padded(container.New(lowest{}, button), 0, 0, 8, 0), choice)
}

// lowest keeps something at the bottom of the height that there is.
type lowest struct{}

func (lowest) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (lowest) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := o[0].MinSize().Height
	o[0].Move(fyne.NewPos(0, size.Height-h))
	o[0].Resize(fyne.NewSize(size.Width, h))
}

// countries are those whose tones are known, by their names in the language in use; first that of the machine.
func (w *Window) countries() []string {
	all := slices.Clone(w.office.About().Countries)
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(countryName(a), countryName(b)) })
	return append([]string{""}, all...)
}

func countryName(code string) string {
	if code == "" {
		return say("country.machine")
	}
	return lang.X("country."+strings.ToLower(code), code)
}

// labelled is a choice with its name above.
func labelled(name string, choice fyne.CanvasObject) fyne.CanvasObject {
	if s, ok := choice.(*chooser); ok {
		choice = framed(s)
	}
	return column(4, newText(name, small, colourMuted), choice)
}

// deviceChoice chooses one of the devices for a purpose.
func (w *Window) deviceChoice(purpose, name string) fyne.CanvasObject {
	system := say("settings.default")
	choice := newChooser(nil, nil)
	busy := false // what was chosen is not in use yet
	var show func()
	show = func() {
		if busy {
			return
		}
		options, chosen := []string{system}, system
		sound, _ := w.model.Sound.Get()
		for _, d := range sound.Devices {
			if d.Purpose != purpose {
				continue
			}
			shown := d.Name
			if d.Missing {
				shown = say("settings.missing", "Device", d.Name)
			}
			if d.Chosen {
				chosen = shown
			}
			options = append(options, shown)
		}
		if slices.Equal(options, choice.Options) && chosen == choice.Selected {
			return
		}
		choice.OnChanged = nil // nobody has chosen
		choice.SetOptions(options)
		choice.SetSelected(chosen)
		choice.OnChanged = func(device string) {
			if device == system {
				device = ""
			}
			busy = true
			w.settings.Choose(purpose, device, func(err error) {
				busy = false
				if !w.do(err) {
					show()
				}
			})
		}
	}
	w.listen(show, w.model.Sound)
	return labelled(name, choice)
}
