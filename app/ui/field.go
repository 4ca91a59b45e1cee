package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"cordboard/gateway/call"
)

// field takes a name or a number, and offers those that begin so.
type field struct {
	model   *Model
	entry   *entry
	most    int // suggestions
	list    *fyne.Container
	rows    []*row
	targets []string
	picked  int // of the suggestions, by arrow keys; -1: none
	submit  func(target string)
	changed func() // may be nil
}

func newField(m *Model, hint string, most int, submit func(target string)) *field {
	f := &field{model: m, entry: newEntry(hint), most: most, picked: -1, submit: submit}
	f.list = column(0)
	for i := range most {
		r := newRow(func() { f.submit(f.targets[i]) })
		r.listed = true // arrows pick it
		r.Hide()
		f.rows = append(f.rows, r)
		f.list.Add(r)
	}
	f.list.Hide()
	f.entry.OnChanged = func(string) {
		f.picked = -1
		f.suggest()
		if f.changed != nil {
			f.changed()
		}
	}
	f.entry.OnSubmitted = func(string) { f.submit(f.target()) }
	f.entry.taken = f.arrows
	return f
}

// target is what is to be called: the suggestion that was picked, else what stands in the field.
func (f *field) target() string {
	if f.picked >= 0 && f.picked < len(f.targets) {
		return f.targets[f.picked]
	}
	typed := strings.TrimSpace(f.entry.Text)
	people, _ := f.model.People.Get()
	if i := slices.IndexFunc(people, func(l call.Lamp) bool { return strings.EqualFold(l.Name, typed) }); i >= 0 {
		return people[i].Target
	}
	return dialable(typed)
}

// arrows picks a suggestion.
func (f *field) arrows(k *fyne.KeyEvent) bool {
	switch {
	case k.Name == fyne.KeyDown && f.picked < len(f.targets)-1:
		f.picked++
	case k.Name == fyne.KeyUp && f.picked >= 0:
		f.picked--
	default:
		return false
	}
	f.suggest()
	return true
}

// suggest offers who fits what stands in the field.
func (f *field) suggest() {
	f.targets = nil
	for i, m := range f.model.matches(f.entry.Text, f.most) {
		f.rows[i].person(m.name, m.more, m.state, nil)
		f.rows[i].mark(f.picked == i)
		f.rows[i].Show()
		f.targets = append(f.targets, m.target)
	}
	for _, r := range f.rows[len(f.targets):] {
		r.Hide()
	}
	f.list.Hidden = len(f.targets) == 0
	f.list.Refresh()
}
