package signaling

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// backTime is how long a call that rings waits for a browser whose flow has closed: its page is loaded again, or its network was
	// gone for a moment.
	backTime = 10 * time.Second

	// maxAgain is how many times a call rings again at browsers that came back.
	maxAgain = 10
)

// absences are the branches of a call that rang at browsers which are gone for now. The set-up's goroutine owns them. The zero absences
// is empty and ready.
type absences struct {
	back chan struct{}        // tells that a browser has registered on a new flow; nil: nobody was waited for yet. Set under bridge.mu
	legs map[*leg]*time.Timer // each ends the waiting for a leg
	rung []*flow              // where the call has rung, or rings
	n    int                  // how many times it rang again
}

// waits takes a branch that failed because its browser's flow has closed: its time begins, after which late comes as the same failure
// again. It is false for any other failure, and when the time is over.
func (u *setup) waits(e event) bool {
	if e.err == nil || e.late || e.leg.pbx != nil || u.away.n == maxAgain {
		return false
	}
	ended := errors.Is(e.err, sip.ErrTransactionTerminated) || errors.Is(e.err, sip.ErrTransactionTransport) // a moment before its flow is gone
	if !ended && e.leg.reachable() == nil {
		return false
	}
	if u.away.back == nil {
		u.away.legs = make(map[*leg]*time.Timer)
		u.mu.Lock()
		u.away.back = make(chan struct{}, 1)
		u.mu.Unlock()
	}
	e.late = true
	u.away.legs[e.leg] = time.AfterFunc(backTime, func() {
		select {
		case u.events <- e:
		case <-u.done:
		}
	})
	u.log.Info("waiting for a browser that is gone", "user", e.leg.user)
	return true
}

// ringAgain rings where browsers have come back: the device itself, or else, as many a page names its device anew each time it is loaded,
// any new flow of the user.
func (u *setup) ringAgain(ctx context.Context, live map[*leg]bool) {
	pin, err := u.srv.pinned(u.req)
	for _, same := range []bool{true, false} {
		if !same && (err != nil || pin.user != "") { // the call is for one device
			return
		}
		for l := range u.away.legs {
			if next := u.instead(l, same, live); next != nil {
				u.again(ctx, l, next, live)
			}
		}
	}
}

// instead is a branch to ring in the place of one whose browser is gone; nil when there is none (yet). same: only at the same device.
func (u *setup) instead(l *leg, same bool, live map[*leg]bool) *leg {
	for other := range live { // which may have gone on down another flow of its device
		other.mu.Lock()
		u.away.rung = append(u.away.rung, other.flow)
		other.mu.Unlock()
	}
	fresh := func(f *flow) bool { return !slices.Contains(u.away.rung, f) && !f.gone() }
	l.mu.Lock()
	next := &leg{user: l.user, device: l.device, guest: l.guest, party: l.party, local: l.local, remote: l.remote, localSeq: l.localSeq}
	target := l.target
	l.mu.Unlock()
	next.remote.tag = ""
	if l.guest != nil {
		next.guest = nil
		for _, g := range u.srv.guests.all(func(g *guest) bool { return g.pbx == l.guest.pbx && g.name() == l.user }) {
			contact, ok := g.registered(time.Now())
			b := binding{contact: contact, flow: g.flow}
			if ok && fresh(g.flow) && (!same || b.made(target)) {
				next.guest, next.flow, next.target = g, g.flow, *contact.Clone()
				next.target.Headers = nil
				next.party.Host = g.flow.Remote().Addr().Unmap()
				return next
			}
		}
		return nil
	}
	for _, b := range u.srv.reg.all(l.user, time.Now()) {
		its := l.device != "" && b.instance == l.device || l.device == "" && b.made(target)
		if same != its || !fresh(b.flow) {
			continue
		}
		next.flow, next.routes, next.device, next.target, next.party = b.flow, b.path, b.instance, *b.contact.Clone(), b.flow.media()
		next.target.Headers = nil
		return next
	}
	return nil
}

// again rings next in the place of l.
func (u *setup) again(ctx context.Context, l, next *leg, live map[*leg]bool) {
	u.away.legs[l].Stop()
	delete(u.away.legs, l)
	delete(live, l)
	u.away.n++
	u.log.Info("ringing again", "user", l.user)
	u.trail.instead(l, next)
	next.breadth, l.breadth = l.breadth, 0
	if err := u.ring(ctx, next, live); err != nil {
		u.log.Warn("not rung again", "user", l.user, "error", err)
	}
	u.endEarly(l)
	l.drop()
}

// leaveAbsent forgets the branches that are waited for.
func (u *setup) leaveAbsent() {
	for l, timer := range u.away.legs {
		timer.Stop()
		l.drop()
	}
}

// back tells the call's set-up, if it is not over, that a browser which it may ring has come.
func (b *bridge) back() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.setup == nil {
		return
	}
	select {
	case b.setup.away.back <- struct{}{}:
	default: // it waits for nobody, or is told already
	}
}
