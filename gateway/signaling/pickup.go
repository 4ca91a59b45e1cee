package signaling

import (
	"context"
	"strings"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// pickupCode is dialed before the extension of a user whose ringing call one takes.
const pickupCode = "*8"

// pickup is a leg that takes a call that rings at others. The set-up of that call gives it the answer to its offer, or an error.
type pickup struct {
	leg   *leg
	from  caller
	offer []byte
	taken chan error // nil: the leg is part of the call
	sdp   []byte     // set before taken
}

// awaits makes the set-up known to those who pick the call up; nil: it is over.
func (b *bridge) awaits(u *setup) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setup = u
}

// pickUp lets the sender of req take the call that rings on the branch old, as if old had answered: the dialog was begun by us,
// and so may be replaced before its answer (RFC 3891 §3).
func (s *Server) pickUp(ctx context.Context, from caller, req *sip.Request, tx sip.ServerTransaction, old *leg, offer []byte) {
	fail := func(f failure) { s.reply(req, tx, f.status, f.reason, f.headers...) }
	b := old.call
	b.mu.Lock()
	u := b.setup
	b.mu.Unlock()
	switch {
	case len(offer) == 0 || u != nil && len(u.offer) == 0: // two that both wait for the other's offer can't be joined
		fail(statusOf(errNoDescription))
		return
	case u == nil: // answered or given up meanwhile
		fail(statusOf(errAbandoned))
		return
	}
	p := &pickup{leg: from.leg(req), from: from, offer: offer, taken: make(chan error, 1)}
	s.join(b, p.leg)
	p.leg.asked(req)
	finish, _ := p.leg.beginOf(true) // until its ACK
	defer finish()
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	p.leg.mu.Lock()
	p.leg.local.tag, _ = res.To().Params.Get("tag")
	p.leg.mu.Unlock()
	err := errAbandoned
	select {
	case u.pickups <- p:
		err = <-p.taken
	case <-u.done: // answered or given up at the same moment
	case <-ctx.Done():
	}
	if err != nil {
		p.leg.drop()
		fail(statusOf(err))
		return
	}
	res.AppendHeader(p.leg.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	setSDP(res, p.sdp)
	appendAll(res, s.identity(u.from, p.leg))
	s.settle(b, p.leg, req, tx, res)
}

// takes joins the media of the caller and of the leg that picks the call up: each has offered, and each gets an answer. When that
// fails the call rings on.
func (u *setup) takes(ctx context.Context, p *pickup) (toCaller []byte, ok bool) {
	toCaller, toLeg, err := u.srv.deps.Media.Meet(ctx, u.id, u.a.party, p.leg.party, p.offer)
	if err == nil && !u.answeredBy(p.leg) {
		err = errAbandoned
	}
	p.sdp = toLeg
	p.taken <- err
	return toCaller, err == nil
}

// pickedUp tells the caller that its call was picked up.
func (u *setup) pickedUp(ctx context.Context, p *pickup, sdp []byte) {
	u.mu.Lock()
	if p.leg.user != "" {
		u.involve(p.leg.user)
	}
	u.mu.Unlock()
	out := sip.NewResponseFromRequest(u.req, sip.StatusOK, "OK", nil)
	u.a.mu.Lock()
	u.a.local.tag, _ = out.To().Params.Get("tag")
	u.a.mu.Unlock()
	out.AppendHeader(u.a.contact())
	out.AppendHeader(sip.NewHeader("Allow", allow))
	appendAll(out, u.srv.identity(p.from, u.a))
	setSDP(out, sdp)
	u.log.Info("call picked up", "by", nameOf(p.leg))
	if _, ok := u.srv.confirm(ctx, u.a, u.req, u.tx, out); !ok {
		u.endLater(u.a, whyGone(ctx), reason(sip.StatusRequestTimeout, "The caller did not confirm"))
		return
	}
	u.enter(call.Talking)
}

// onPickup takes an INVITE to *8 and the extension of a user of ours at whom a call rings; false when there is none. Who has an
// extension may pick up; a guest's account without one may not.
func (s *Server) onPickup(ctx context.Context, from caller, req *sip.Request, tx sip.ServerTransaction, offer []byte) bool {
	number, ok := strings.CutPrefix(callee(req.Recipient.User), pickupCode)
	if !ok || number == "" || from.pbx != nil || from.user.Extension == "" || !s.isOurs(req.Recipient.Host, from.flow) {
		return false
	}
	user, err := s.deps.Users.ByExtension(ctx, number)
	if err != nil {
		return false
	}
	l := s.ringing(user)
	if l == nil {
		return false
	}
	s.pickUp(ctx, from, req, tx, l, offer)
	return true
}

// ringing is a branch of the call that rings longest at a user; nil when none does.
func (s *Server) ringing(user auth.User) (found *leg) {
	s.mu.Lock()
	var legs []*leg
	for _, l := range s.legs {
		if l.user == user.Name {
			legs = append(legs, l)
		}
	}
	s.mu.Unlock()
	for _, l := range legs {
		b := l.call
		b.mu.Lock()
		rings := l != b.a && b.b == nil && b.builtin == "" && b.info.State == call.Ringing && !b.ended
		b.mu.Unlock()
		if rings && (found == nil || b.record.Began.Before(found.call.record.Began)) {
			found = l
		}
	}
	return found
}
