package ui

import (
	"errors"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// sheet is a page of settings of the configuration file. What is chosen is saved at once; a text when its button is pressed. What is
// refused is told where it was typed, and stays there.
type sheet struct {
	w        *Window
	box      *fyne.Container // what is shown
	verdict  *verdict        // what came of it
	config   Config
	controls []control
	loaded   []func() // after each reading
}

// control is one key's.
type control struct {
	key   string
	take  func(Config) // shows what the file says, unless something else was typed
	fault *faultText
}

func (w *Window) newSheet() *sheet {
	return &sheet{w: w, verdict: newVerdict(), box: column(16)}
}

// part adds a card with a heading.
func (s *sheet) part(heading string, objects ...fyne.CanvasObject) {
	s.box.Add(titled(heading, objects...))
}

// titled is a card with a heading; empty: none.
func titled(heading string, objects ...fyne.CanvasObject) fyne.CanvasObject {
	all := column(12)
	if heading != "" {
		all.Add(boldText(heading, normal))
	}
	all.Objects = append(all.Objects, objects...)
	return card(all, 16)
}

// load reads the file.
func (s *sheet) load() {
	s.w.office.ReadConfig(func(c Config, err error) {
		if err != nil {
			s.verdict.fault(told(err.Error()), "")
			return
		}
		s.config = c
		s.w.waits(c)
		for _, k := range s.controls {
			k.take(c)
		}
		for _, do := range s.loaded {
			do()
		}
	})
}

// set saves one key. done is told whether it was saved; it may be nil.
func (s *sheet) set(key string, to any, done func(saved bool)) {
	s.change([]Change{{Set: key, To: to}}, done)
}

// change saves, and tells what came of it.
func (s *sheet) change(changes []Change, done func(saved bool)) {
	for _, k := range s.controls {
		k.fault.say("")
	}
	s.w.office.ChangeConfig(s.config.Version, changes, func(err error) {
		if done != nil {
			done(err == nil)
		}
		s.told(err)
		s.load()
	})
}

// told says what came of saving.
func (s *sheet) told(err error) {
	var refused *Refused
	switch {
	case err == nil:
		s.verdict.well(say("set.saved"))
	case errors.Is(err, ErrChangedMeanwhile):
		s.verdict.fault(say("set.changed"), "")
	case errors.As(err, &refused):
		s.verdict.clear()
		for _, f := range refused.Faults {
			i := slices.IndexFunc(s.controls, func(k control) bool { return f.Key == k.key })
			if i < 0 {
				s.verdict.fault(told(f.Problem), "")
				continue
			}
			s.controls[i].fault.say(told(f.Problem))
		}
	default:
		s.verdict.fault(told(err.Error()), "")
	}
}

// choice chooses one of several texts, which are saved as they are. Another one that somebody wrote into the file is shown beside them.
func (s *sheet) choice(key, name string, all []string, word func(string) string) fyne.CanvasObject {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = word(v)
	}
	choice, fault := newChooser(names, nil), newFaultText()
	choice.Disable()
	show := func(c Config) {
		now := c.text(key)
		i := slices.IndexFunc(all, func(v string) bool { return strings.EqualFold(v, now) })
		choice.OnChanged = nil // nobody has chosen
		choice.SetOptions(names)
		switch {
		case i >= 0:
			choice.SetSelected(names[i])
		case now == "":
			choice.ClearSelected()
		default: // written by hand
			choice.SetOptions(append(slices.Clone(names), word(now)))
			choice.SetSelected(word(now))
		}
		choice.Enable()
		choice.OnChanged = func(chosen string) {
			if i := slices.Index(names, chosen); i >= 0 {
				s.set(key, all[i], nil)
			}
		}
	}
	s.controls = append(s.controls, control{key, show, fault})
	return column(4, labelled(name, choice), fault)
}

// flag switches something on or off; more says what that does.
func (s *sheet) flag(key, name, more string) fyne.CanvasObject {
	check, fault := newTick("", nil), newFaultText()
	check.Disable()
	show := func(c Config) {
		on, _ := c.value(key).(bool)
		check.OnChanged = nil
		check.SetChecked(on)
		check.Enable()
		check.OnChanged = func(on bool) { s.set(key, on, nil) }
	}
	s.controls = append(s.controls, control{key, show, fault})
	return column(0, switchRow(check, name, more), fault)
}

// switchRow is a check with its name before it, and a line on what it does.
func switchRow(check *tick, name, more string) fyne.CanvasObject {
	words := column(2, flush(wrapped(name, normal, widget.MediumImportance)))
	if more != "" {
		words.Add(prose(more))
	}
	return container.NewBorder(nil, nil, nil, container.New(outdent{x: 11}, container.New(middle{}, check)), words)
}

// outdent takes away room that Fyne's widgets have around them, beside and above and below.
type outdent struct{ x, y float32 }

func (d outdent) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[0].MinSize().SubtractWidthHeight(2*d.x, 2*d.y)
}
func (d outdent) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(-d.x, -d.y))
	o[0].Resize(size.AddWidthHeight(2*d.x, 2*d.y))
}

// wrapped is text of several lines.
func wrapped(words string, size fyne.ThemeSizeName, weight widget.Importance) *widget.Label {
	l := widget.NewLabel(words)
	l.Wrapping, l.SizeName, l.Importance = fyne.TextWrapWord, size, weight
	return l
}

// bold is a name that may take several lines.
func bold(words string) *widget.Label {
	l := wrapped(words, normal, widget.MediumImportance)
	l.TextStyle.Bold = true
	return l
}

// prose is a wrapped text that stands as far left as other objects.
func prose(words string) fyne.CanvasObject { return flush(wrapped(words, small, widget.LowImportance)) }

// flush puts a label where text without room around it would stand.
func flush(l *widget.Label) fyne.CanvasObject { return container.New(outdent{11, 9}, l) }

// line is a text that its button saves. hint stands in the empty field.
func (s *sheet) line(key, name, hint string) fyne.CanvasObject {
	e, fault := s.w.newLine(hint), newFaultText()
	kept := ""
	var save *pill
	put := func() {
		var to any
		typed := strings.TrimSpace(e.Text)
		if typed != "" {
			to = typed
		}
		s.set(key, to, func(saved bool) {
			if saved {
				kept = typed
			}
		})
	}
	save = newPill("", say("set.save"), "", put)
	save.set(true)
	e.OnChanged = func(text string) { save.set(strings.TrimSpace(text) == kept) }
	e.OnSubmitted = func(string) { put() }
	show := func(c Config) {
		typed := e.Text != kept
		kept = c.text(key)
		if !typed {
			e.SetText(kept)
		}
		save.set(strings.TrimSpace(e.Text) == kept)
	}
	s.controls = append(s.controls, control{key, show, fault})
	return column(4, labelled(name, container.NewBorder(nil, nil, nil, padded(save, 0, 0, 8, 0), e)), fault)
}

// newLine is a field of settings: escape leaves the page as it does elsewhere.
func (w *Window) newLine(hint string) *entry {
	e := newEntry(hint)
	e.taken = func(k *fyne.KeyEvent) bool { return k.Name == fyne.KeyEscape && w.key(k) }
	return e
}

// newSecret is a field for a password.
func (w *Window) newSecret(hint string) *entry {
	e := w.newLine(hint)
	e.Password = true
	return e
}

// faultText says under a field what is wrong with it.
type faultText struct {
	widget.BaseWidget
	words *widget.Label
}

func newFaultText() *faultText {
	f := &faultText{words: wrapped("", small, widget.DangerImportance)}
	f.ExtendBaseWidget(f)
	f.Hide()
	return f
}

func (f *faultText) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(flush(f.words))
}

func (f *faultText) say(words string) {
	f.words.SetText(words)
	f.Hidden = words == ""
	f.Refresh()
}
