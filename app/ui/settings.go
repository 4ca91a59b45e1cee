package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// openSettings shows the settings in the place of the switchboard.
func (w *Window) openSettings() {
	w.open, w.before = true, len(w.ends)
	w.focus(nil)
	w.settings.Look(true)
	w.page.Objects = []fyne.CanvasObject{w.settingsView()}
	w.page.Refresh()
}

// closeSettings shows the switchboard again.
func (w *Window) closeSettings() {
	if !w.open {
		return
	}
	w.open = false
	for _, end := range w.ends[w.before:] {
		end()
	}
	w.ends = w.ends[:w.before]
	w.settings.Look(false)
	w.page.Objects = []fyne.CanvasObject{w.frame.CanvasObject}
	w.page.Refresh()
}

// settingsView is the screen of settings. What is changed holds at once.
func (w *Window) settingsView() fyne.CanvasObject {
	back := newPill("", say("settings.close"), "", w.closeSettings)
	head := container.NewBorder(nil, nil, nil, back, container.New(middle{}, boldText(say("settings.heading"), big)))
	sound := column(12,
		boldText(say("settings.sound"), normal),
		w.deviceChoice(Microphone, say("settings.microphone")),
		w.meter(say("settings.level.microphone"), func(s Sound) float64 { return s.Microphone }),
		w.deviceChoice(Loudspeaker, say("settings.loudspeaker")),
		w.meter(say("settings.level.loudspeaker"), func(s Sound) float64 { return s.Loudspeaker }),
		w.deviceChoice(Ringer, say("settings.ringer")),
		newPill("echo", say("settings.try"), "", func() { w.dial("echo") }))
	look := column(12,
		boldText(say("settings.window"), normal),
		labelled(say("settings.appearance"), w.appearanceChoice()),
		labelled(say("settings.language"), w.languageChoice()))
	all := column(16, head, card(sound, 20), card(look, 20))
	if status, _ := w.model.Status.Get(); len(status.Pages) > 0 {
		address := widget.NewLabel(status.Pages[0])
		address.Selectable = true
		all.Add(card(column(4, boldText(say("settings.page"), normal), newText(say("settings.page.does"), small, colourMuted), address), 20))
	}
	return container.NewVScroll(container.New(narrow{560}, padded(all, 8, 24, 12, 12)))
}

// labelled is a choice with its name above.
func labelled(name string, choice fyne.CanvasObject) fyne.CanvasObject {
	return column(4, newText(name, small, colourMuted), choice)
}

// deviceChoice chooses one of the devices for a purpose.
func (w *Window) deviceChoice(purpose, name string) fyne.CanvasObject {
	system := say("settings.default")
	choice := newChooser(nil, nil)
	w.listen(func() {
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
			w.do(w.settings.Choose(purpose, device))
		}
	}, w.model.Sound)
	return labelled(name, choice)
}

// appearanceChoice chooses light, dark or what the system has.
func (w *Window) appearanceChoice() fyne.CanvasObject {
	all := []Appearance{AsSystem, Light, Dark}
	return choiceOf(all, w.settings.Appearance(), func(a Appearance) string { return say("settings.appearance." + string(a)) }, w.settings.SetAppearance)
}

// languageChoice chooses a language, each by its own name.
func (w *Window) languageChoice() fyne.CanvasObject {
	name := func(l string) string {
		if l == "" {
			return say("settings.language.system")
		}
		return Languages[l]
	}
	return choiceOf([]string{"", "de", "en"}, w.settings.Language(), name, func(l string) {
		w.settings.SetLanguage(l)
		w.rebuild()
	})
}

// choiceOf chooses one of several values, shown by their names.
func choiceOf[T comparable](all []T, now T, name func(T) string, choose func(T)) *widget.Select {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	s := widget.NewSelect(names, nil)
	s.SetSelected(name(now))
	s.OnChanged = func(chosen string) { choose(all[slices.Index(names, chosen)]) }
	return s
}

// meter shows how loud something is.
func (w *Window) meter(name string, level func(Sound) float64) fyne.CanvasObject {
	b := &bar{}
	b.ExtendBaseWidget(b)
	w.listen(func() {
		sound, _ := w.model.Sound.Get()
		b.set(level(sound))
	}, w.model.Sound)
	return labelled(name, b)
}

// bar is as long as something is loud, from quiet to full scale in dBFS.
type bar struct {
	widget.BaseWidget
	share        float32
	ground, fill *canvas.Rectangle
}

// quiet is where a meter begins, in dBFS.
const quiet = -60

func (b *bar) set(dB float64) {
	share := float32(min(max((dB-quiet)/-quiet, 0), 1))
	if dB == 0 { // nothing was measured yet
		share = 0
	}
	if share != b.share {
		b.share = share
		b.Refresh()
	}
}

func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	b.ground, b.fill = canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	b.ground.CornerRadius, b.fill.CornerRadius = 4, 4
	look := func() {
		b.ground.FillColor, b.fill.FillColor = theme.Color(colourWash), theme.Color(theme.ColorNamePrimary)
	}
	look()
	return &drawn{widget.NewSimpleRenderer(container.New(barLayout{b}, b.ground, b.fill)), func() { look(); b.place(b.Size()) }}
}

// place makes the bar as long as the level says.
func (b *bar) place(size fyne.Size) {
	b.ground.Resize(size)
	b.fill.Resize(fyne.NewSize(size.Width*b.share, size.Height))
}

type barLayout struct{ b *bar }

func (barLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(80, 8) }

func (l barLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) { l.b.place(size) }
