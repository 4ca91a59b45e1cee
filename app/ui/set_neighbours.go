package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// neighboursPage lists the other Cordboards of the network, pairs with them, and says whether strangers may ring.
func (w *Window) neighboursPage() fyne.CanvasObject {
	s := w.newSheet()
	list, verdict := column(16), newVerdict()
	tell := func(all []call.NeighbourState) {
		list.Objects = nil
		for _, n := range all {
			list.Add(w.neighbour(n, verdict))
		}
		if len(all) == 0 {
			list.Add(w.empty("neighbours", say("set.neighbours.empty")))
		}
		list.Refresh()
	}
	stop := w.office.Neighbours(tell)
	if stop == nil {
		s.box.Add(titled("", prose(say("set.neighbours.off"))))
		return s.box
	}
	w.ends = append(w.ends, stop)
	s.box.Add(prose(say("set.neighbours.does")))
	s.box.Add(verdict)
	s.box.Add(list)
	s.box.Add(titled(say("set.neighbours.other"), prose(say("set.neighbours.other.more")), w.pairByAddress(verdict)))
	s.box.Add(s.verdict)
	s.part(say("set.neighbours.strangers"),
		s.flag("discovery.strangers", say("set.neighbours.may"), say("set.neighbours.may.more")))
	s.load()
	return s.box
}

// pairByAddress asks a machine that is not announced.
func (w *Window) pairByAddress(verdict *verdict) fyne.CanvasObject {
	e := w.newLine("192.168.1.30:8443")
	pair := func() {
		if at := strings.TrimSpace(e.Text); at != "" {
			if !strings.Contains(strings.Trim(at, "[]"), ":") {
				at += ":8443"
			}
			w.pair(at, at, verdict)
		}
	}
	e.OnSubmitted = func(string) { pair() }
	return container.NewBorder(nil, nil, nil, padded(newPill("", say("set.neighbours.pair"), "", pair), 0, 0, 8, 0), e)
}

// pair asks a neighbour for a code to compare. The list shows it.
func (w *Window) pair(id, name string, verdict *verdict) {
	verdict.wait(say("set.neighbours.asking", "Who", name))
	w.office.Pair(id, func(_ call.Pairing, err error) {
		if err != nil {
			verdict.fault(told(err.Error()), "")
			return
		}
		verdict.clear()
	})
}

// neighbour is a card of another Cordboard: how it stands with it and what can be done.
func (w *Window) neighbour(n call.NeighbourState, verdict *verdict) fyne.CanvasObject {
	state := newLamp()
	switch {
	case n.Paired && n.Here:
		state.show("lamp-on", theme.ColorNamePrimary, say("set.neighbours.paired"))
	case n.Paired:
		state.show("lamp-off", colourMuted, say("set.neighbours.away"))
	default:
		state.show("lamp-off", colourMuted, say("set.neighbours.found"))
	}
	face := newAvatar(40)
	face.show(n.Name, "neighbours")
	head := container.NewBorder(nil, nil, padded(container.New(middle{}, face), 0, 0, 0, 8), nil, container.New(middle{}, column(0, boldText(n.Name, normal), state)))
	all := column(12, head)
	if n.Trouble != "" {
		v := newVerdict()
		v.fault(told(n.Trouble), "")
		all.Add(v)
	}
	answer := func(err error) {
		if err != nil {
			verdict.fault(told(err.Error()), "")
		}
	}
	switch p := n.Pairing; {
	case p != nil && p.Waits:
		all.Add(code(p.Code))
		all.Add(prose(say("set.neighbours.waits", "Who", n.Name)))
	case p != nil:
		words := say("set.neighbours.compare", "Who", n.Name)
		if p.Asked {
			words = say("set.neighbours.asks", "Who", n.Name)
		}
		all.Add(flush(wrapped(words, normal, 0)))
		all.Add(code(p.Code))
		all.Add(beside(
			newPill("", say("set.neighbours.differs"), "", func() { w.office.Same(p.ID, p.Code, false, answer) }),
			newPill("check", say("set.neighbours.same"), theme.ColorNamePrimary, func() { w.office.Same(p.ID, p.Code, true, answer) })))
	case n.Paired:
		all.Add(prose(say("set.neighbours.called", "Address", n.Address)))
		forget := newPill("", say("set.neighbours.forget"), theme.ColorNameError, func() {
			w.ask(say("set.neighbours.forget.title", "Who", n.Name), say("set.neighbours.forget.more"), say("set.neighbours.forget"), func() { w.office.Forget(n.ID, answer) })
		})
		forget.outlined = true
		all.Add(forget)
	default:
		pair := newPill("", say("set.neighbours.pair"), theme.ColorNamePrimary, func() { w.pair(n.ID, n.Name, verdict) })
		pair.outlined = true
		all.Add(pair)
	}
	if n.Fingerprint != "" {
		all.Add(w.details(fact(say("set.neighbours.print"), n.Fingerprint), fact(say("set.neighbours.where"), strings.Join(n.Addresses, ", "))))
	}
	return card(all, 16)
}

// code shows six digits in two groups.
func code(digits string) fyne.CanvasObject {
	if len(digits) == 6 {
		digits = digits[:3] + " " + digits[3:]
	}
	return container.NewCenter(whole(boldText(digits, huge)))
}

// foldIcon tells that a press shows more, or hides what is open.
func foldIcon(open bool) fyne.ThemeIconName {
	if open {
		return theme.IconNameArrowDropUp
	}
	return theme.IconNameArrowDropDown
}

// details are objects that a press shows.
func (w *Window) details(objects ...fyne.CanvasObject) fyne.CanvasObject {
	inside := column(4, objects...)
	inside.Hide()
	all := column(4)
	var more *plainButton
	more = newPlainButton(say("set.details"), func() {
		inside.Hidden = !inside.Hidden
		more.SetIcon(theme.Icon(foldIcon(!inside.Hidden)))
		all.Refresh()
	})
	more.Icon, more.IconPlacement = theme.Icon(foldIcon(false)), widget.ButtonIconTrailingText
	all.Objects = []fyne.CanvasObject{container.New(outdent{x: 11}, container.NewHBox(more)), inside}
	return all
}
