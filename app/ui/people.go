package ui

import (
	"cmp"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// people lists colleagues with their lamps, those of this office first, then each neighbour's, and what is always there; pressing one
// calls. Typing above leaves those who fit.
type people struct {
	fyne.CanvasObject
	w     *Window
	find  *entry
	list  *listing
	shown []person
}

// person is a row of the list.
type person struct {
	call.Lamp
	heading string // instead
	does    string // of what is always there, what it does
}

func (w *Window) newPeople() *people {
	p := &people{w: w, find: newEntry(say("people.find"))}
	p.list = newListing(func() int { return len(p.shown) }, p.update, p.call)
	p.list.skip = func(i int) bool { return p.shown[i].heading != "" }
	p.list.also = func(i int, r rune) bool {
		pick := p.pickUp(p.shown[i].Lamp)
		if r != 'p' && r != 'P' || pick == nil {
			return false
		}
		pick()
		return true
	}
	p.find.OnChanged = func(string) { p.arrange() }
	p.find.OnSubmitted = func(string) { // the first who fits
		if i := slices.IndexFunc(p.shown, func(o person) bool { return o.heading == "" }); i >= 0 && p.find.Text != "" {
			p.call(i)
		}
	}
	p.find.taken = func(e *fyne.KeyEvent) bool {
		switch {
		case e.Name == fyne.KeyDown:
			w.focus(p.list)
		case e.Name != fyne.KeyEscape:
			return false
		case p.find.Text != "" && !w.ringing():
			p.find.SetText("")
		default:
			return w.key(e)
		}
		return true
	}
	p.find.char = w.spaceIn(p.find)
	p.CanvasObject = container.NewBorder(column(0, heading(say("people.heading")), padded(p.find, 0, 8, 4, 4)), nil, nil, nil, p.list)
	w.listen(p.arrange, w.model.People)
	return p
}

// call calls who stands in a row, and shows everybody again.
func (p *people) call(i int) {
	p.w.dial(p.shown[i].Target)
	p.find.SetText("")
}

// arrange brings the rows up to date.
func (p *people) arrange() {
	typed := strings.ToLower(strings.TrimSpace(p.find.Text))
	all, _ := p.w.model.People.Get()
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b call.Lamp) int {
		return cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	p.shown = p.shown[:0]
	site := ""
	for _, l := range all {
		if typed != "" && min(rankOfName(typed, l.Name), rankOfName(typed, l.Target), rankOfNumber(dialable(typed), l.Extension), rankOfName(typed, l.Site)) == rankNone {
			continue
		}
		if l.Site != site {
			site = l.Site
			p.shown = append(p.shown, person{heading: site})
		}
		p.shown = append(p.shown, person{Lamp: l})
	}
	if typed == "" {
		p.shown = append(p.shown, person{heading: say("people.always")})
		for _, name := range []string{"echo", "tone"} {
			p.shown = append(p.shown, person{Lamp: call.Lamp{Target: name, Name: say("always." + name)}, does: say("always." + name + ".does")})
		}
	}
	p.list.Refresh()
}

func (p *people) update(i int, r *row) {
	o := p.shown[i]
	switch {
	case o.heading != "":
		r.title(o.heading)
	case o.does != "":
		r.person(o.Name, o.does, "", nil)
		r.avatar.show(o.Name, o.Target)
	default:
		r.person(o.Name, o.Extension, o.State, p.pickUp(o.Lamp))
	}
}

// pickUpCode and a colleague's extension take what rings there.
const pickUpCode = "*8"

// pickUp takes what rings at a colleague; nil: nothing does, or it can't be done.
func (p *people) pickUp(l call.Lamp) func() {
	if l.State != call.LampRinging || l.Site != "" || l.Extension == "" {
		return nil
	}
	return func() { p.w.dial(pickUpCode + l.Extension) }
}

// empty says what will be in a list.
func (w *Window) empty(icon, words string) *fyne.Container {
	label := widget.NewLabel(words)
	label.Wrapping = fyne.TextWrapWord
	label.Importance = widget.LowImportance
	label.Alignment = fyne.TextAlignCenter
	return padded(column(0, container.NewCenter(picture(icon, colourMuted, 32)), label), 24, 0, 16, 16)
}
