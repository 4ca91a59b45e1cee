package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// pbxPage lists the PBXs: how it stands with each, and what to do.
func (w *Window) pbxPage() fyne.CanvasObject {
	s := w.newSheet()
	list := column(16)
	show := func() {
		list.Objects = nil
		status, _ := w.model.Status.Get()
		all := s.config.tables("pbx")
		for i, p := range all {
			known := slices.IndexFunc(status.PBX, func(k call.PBX) bool { return k.Name == p.text("name") && k.URI == p.text("uri") })
			var k call.PBX
			if known >= 0 {
				k = status.PBX[known]
			}
			list.Add(w.pbxCard(s, i, p, k, known >= 0))
		}
		if len(all) == 0 {
			list.Add(w.empty("pbx", say("set.pbx.empty")))
		}
		list.Refresh()
	}
	s.loaded = append(s.loaded, show)
	w.listen(show, w.model.Status, w.model.Self)
	add := newPill("add", say("set.pbx.add"), theme.ColorNamePrimary, func() {
		w.set.enter(say("set.pbx.add"), (*Window).newPBXPage)
	})
	add.outlined = true
	s.box.Add(s.verdict)
	s.box.Add(list)
	s.box.Add(add)
	s.load()
	return s.box
}

// mostStates is how many registrations of a PBX are shown one by one.
const mostStates = 6

// pbxCard is one PBX: where it is, how it stands with it, what can be done. Entry i of the file is p; k is what the gateway knows, if it
// uses the entry already.
func (w *Window) pbxCard(s *sheet, i int, p Config, k call.PBX, used bool) fyne.CanvasObject {
	face := newAvatar(40)
	face.show(p.text("name"), "pbx")
	head := container.NewBorder(nil, nil, padded(container.New(middle{}, face), 0, 0, 0, 8), nil,
		container.New(middle{}, column(0, boldText(p.text("name"), normal), newText(plainAddress(p.text("uri"))+" · "+say("set.pbx.mode."+p.text("mode")), small, colourMuted))))
	all := column(12, head)
	for n, state := range worstFirst(k.State) {
		if n == mostStates {
			all.Add(newText(count("set.pbx.rest", len(k.State)-n), small, colourMuted))
			break
		}
		all.Add(w.pbxState(state))
	}
	switch {
	case !used:
		all.Add(prose(say("set.pbx.next")))
	case len(k.State) == 0 && p.text("mode") == "extension":
		all.Add(prose(say("set.pbx.nobody")))
	}
	remove := newPill("", say("set.pbx.remove"), theme.ColorNameError, func() {
		w.ask(say("set.pbx.remove.title", "Who", p.text("name")), say("set.pbx.remove.words"), say("set.pbx.remove"), func() {
			s.change([]Change{{Remove: fmt.Sprintf("pbx[%d]", i)}}, nil)
		})
	})
	remove.outlined = true
	buttons := beside(remove)
	secret := slices.Contains(s.config.Secrets, fmt.Sprintf("pbx[%d].password", i))
	buttons.Add(newPill("", say("set.pbx.change"), "", func() {
		w.set.enter(p.text("name"), func(w *Window) fyne.CanvasObject { return w.changePBXPage(i, p, secret) })
	}))
	all.Add(buttons)
	if len(k.Facts) > 0 {
		all.Add(w.details(facts(k.Facts)...))
	}
	return card(all, 16)
}

// worstFirst sorts registrations: those with trouble come first.
func worstFirst(all []call.PBXState) []call.PBXState {
	rank := func(s call.PBXState) int {
		return slices.Index([]string{"registering", "registered", "reachable"}, s.State)
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b call.PBXState) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// pbxState says how it stands with a registration, and what to do.
func (w *Window) pbxState(s call.PBXState) fyne.CanvasObject {
	icon, ink := "warning", theme.ColorNameError
	switch s.State {
	case "registered", "reachable":
		icon, ink = "check", theme.ColorNamePrimary
	case "registering":
		icon, ink = "lamp-wait", theme.ColorNameWarning
	}
	words := say("set.pbx.state." + s.State)
	if s.User != "" {
		words = say("set.pbx.of", "Who", w.model.nameOf(s.User), "State", words)
	}
	line := container.NewBorder(nil, nil, padded(container.New(middle{}, picture(icon, ink, 20)), 0, 0, 0, 8), nil, container.New(middle{}, newText(words, normal, theme.ColorNameForeground)))
	if icon != "warning" {
		return line
	}
	todo := column(0, line, prose(say("set.pbx.do."+s.State)))
	if s.Detail != "" {
		todo.Add(w.details(prose(s.Detail)))
	}
	return todo
}

// facts are what was learned of a PBX.
func facts(all []call.Fact) []fyne.CanvasObject {
	objects := make([]fyne.CanvasObject, len(all))
	for i, f := range all {
		objects[i] = fact(say("set.fact."+f.Name), strings.Join(f.Values, ", "))
	}
	return objects
}

// newPBXPage asks how the new PBX takes calls, then for what that needs.
func (w *Window) newPBXPage() fyne.CanvasObject {
	place := column(16)
	show := func(mode string) {
		if mode == "extension" {
			place.Objects = []fyne.CanvasObject{w.accountPart(Account{})}
		} else {
			place.Objects = []fyne.CanvasObject{w.newLinePBX(-1, Config{Values: map[string]any{"mode": mode}}, false)}
		}
		place.Refresh()
	}
	show("extension")
	kind := choiceOf([]string{"extension", "trunk", "peer", "passthrough"}, "extension", func(m string) string { return say("set.pbx.mode." + m) }, show)
	return column(16, titled("", labelled(say("set.pbx.kind"), kind), prose(say("set.pbx.kind.more"))), place)
}

// changePBXPage changes entry i of the file.
func (w *Window) changePBXPage(i int, p Config, secret bool) fyne.CanvasObject {
	if p.text("mode") != "extension" {
		return w.newLinePBX(i, p, secret)
	}
	a := w.setup.State().Account
	if a.PBX != p.text("name") {
		a = Account{PBX: p.text("name"), Address: p.text("uri")}
	}
	return column(16, prose(say("set.pbx.yours")), w.accountPart(a))
}

// accountPart is the form of the owner's account, with its button.
func (w *Window) accountPart(a Account) fyne.CanvasObject {
	f := w.newAccountForm(a, func() { w.refreshWaiting() })
	try := newPill("", say("account.save"), theme.ColorNamePrimary, f.try)
	f.changed = func() { try.set(f.busy) }
	return card(column(12, f.CanvasObject, try), 16)
}

// refreshWaiting looks whether something waits for the next start.
func (w *Window) refreshWaiting() {
	w.office.ReadConfig(func(c Config, err error) {
		if err == nil {
			w.waits(c)
		}
	})
}
