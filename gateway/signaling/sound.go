package signaling

import (
	"slices"
	"strings"

	"cordboard/gateway/call"
)

// Participant is one side of a call of the moment.
type Participant struct {
	Leg    string // of the call's media
	User   string // whose browser it is; empty: none of ours
	Party  string // the user, or the PBX by its name
	CallID string // of the dialog (RFC 3261 §8.1.1.4)

	Replaces string // names the dialog in a Replaces header of its user (RFC 3891 §6.1); empty before the answer
}

// Participants are the sides of each call of the moment, by the call's ID.
func (s *Server) Participants() map[string][]Participant {
	all := make(map[string][]Participant)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		l.mu.Lock()
		p := Participant{Leg: l.token, User: l.user, Party: nameOf(l), CallID: l.callID}
		if l.confirmed {
			p.Replaces = dialogID{l.callID, l.local.tag, l.remote.tag}.String()
		}
		all[l.call.id] = append(all[l.call.id], p)
		l.mu.Unlock()
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b Participant) int { return strings.Compare(a.Leg, b.Leg) })
	}
	return all
}

// verdict is how the call sounded, with the names of its parties. The caller holds b.mu.
func (b *bridge) verdict() call.Quality {
	if b.srv.deps.Judge == nil {
		return call.Quality{}
	}
	q := b.srv.deps.Judge.Verdict(b.id)
	q.Legs = slices.DeleteFunc(q.Legs, func(l call.LegQuality) bool { return b.partyOf(l.Leg) == nil })
	for i := range q.Legs {
		q.Legs[i].Party = nameOf(b.partyOf(q.Legs[i].Leg))
	}
	return q
}

// partyOf is the call's leg with that name in its media. The caller holds b.mu.
func (b *bridge) partyOf(name string) *leg {
	for _, l := range []*leg{b.a, b.b} {
		if l != nil && l.token == name {
			return l
		}
	}
	return nil
}

// Size counts what the server holds at the moment.
type Size struct{ Flows, Registrations int }

// Size counts the browsers' connections, and the devices that are registered.
func (s *Server) Size() Size {
	return Size{Flows: s.door.count(), Registrations: s.reg.count()}
}

// count is how many flows are open.
func (d *door) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.flows)
}

// count is how many bindings there are; some may have expired a moment ago.
func (r *registrar) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, list := range r.users {
		n += len(list)
	}
	return n
}
