package ui

import (
	"fmt"
	"strings"

	"cordboard/gateway/call"
)

// known says what is known of who calls: whose person it is, and the calls before.
func (w *Window) known(c call.DeskCall) string {
	person := func(target string) string { // who may be called by name and by number
		if l, ok := w.model.lampOf(target); ok {
			return l.Target
		}
		return target
	}
	site := ""
	if l, ok := w.model.lampOf(c.Peer); ok {
		site = l.Site
	}
	owner, _ := w.model.Owner.Get()
	records, _ := w.model.Recent.Get()
	n := 0
	var last past
	for _, r := range records {
		if p := pastOf(w.model, owner, r); person(p.target) == person(c.Peer) {
			if n == 0 {
				last = p
			}
			n++
		}
	}
	switch {
	case n == 0:
		return joined(site, say("incoming.first"))
	case last.missed:
		return joined(site, say("incoming.missed", "When", when(last.at, w.now())))
	case last.made:
		return joined(site, say("incoming.called", "When", when(last.at, w.now())))
	}
	return joined(site, say("incoming.talked", "When", when(last.at, w.now()), "N", fmt.Sprint(n)))
}

// meant is whom a call is for, where that is somebody or something else than the user of this phone.
func (w *Window) meant(c call.DeskCall) string {
	owner, _ := w.model.Owner.Get()
	if c.To == "" || strings.EqualFold(c.To, owner) {
		return ""
	}
	return say("incoming.for", "Who", w.model.nameOf(c.To))
}

// callID is the Call-ID of a call's dialog.
func callID(c call.DeskCall) string {
	id, _, _ := strings.Cut(c.Dialog, ";")
	return id
}
