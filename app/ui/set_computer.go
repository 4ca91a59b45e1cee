package ui

import (
	"slices"

	"fyne.io/fyne/v2"
)

// computerPage says how Cordboard gets along with this computer: its start, links, the screen of a caller's data, how the window looks.
func (w *Window) computerPage() fyne.CanvasObject {
	s := w.newSheet()
	s.part(say("set.computer.start"),
		w.agreed(say("set.computer.starts"), say("set.computer.starts.more"), w.system.StartsWithComputer, w.system.StartWithComputer))
	if w.system.TakesLinks() {
		s.part(say("set.computer.links"),
			w.agreed(say("set.computer.opens"), say("set.computer.opens.more"), w.system.OpensLinks, w.system.OpenLinks),
			w.agreed(say("set.computer.calls"), say("set.computer.calls.more"),
				func() (bool, error) { return w.system.CallsLinks(), nil },
				func(on bool) error { w.system.CallLinks(on); return nil }))
	}
	s.part(say("settings.window"),
		labelled(say("settings.appearance"), w.appearanceChoice()),
		labelled(say("settings.language"), w.languageChoice()))
	s.box.Add(s.verdict)
	s.part(say("set.computer.name"),
		s.line("name", say("set.computer.name.label"), ""))
	s.part(say("set.computer.pop"),
		prose(say("set.computer.pop.more")),
		s.line("window.pop", say("set.computer.pop.address"), "https://crm.example/?number={number}"),
		s.choice("window.pop_on", say("set.computer.pop.when"), []string{"ring", "answer"}, func(v string) string { return say("set.computer.pop." + v) }))
	s.load()
	return s.box
}

// agreed is a switch of something that the operating system knows. What it refuses is told, and the switch goes back.
func (w *Window) agreed(name, more string, is func() (bool, error), set func(bool) error) fyne.CanvasObject {
	check, fault := newTick("", nil), newFaultText()
	var changed func(bool)
	show := func() {
		check.OnChanged = nil // nobody has pressed it
		on, err := is()
		check.SetChecked(on)
		if err != nil {
			fault.say(told(err.Error()))
			check.Disable()
		}
		check.OnChanged = changed
	}
	changed = func(on bool) {
		fault.say("")
		if err := set(on); err != nil {
			show()
			fault.say(told(err.Error()))
		}
	}
	show()
	return column(0, switchRow(check, name, more), fault)
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
func choiceOf[T comparable](all []T, now T, name func(T) string, choose func(T)) *chooser {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	s := newChooser(names, nil)
	s.SetSelected(name(now))
	s.OnChanged = func(chosen string) { choose(all[slices.Index(names, chosen)]) }
	return s
}
