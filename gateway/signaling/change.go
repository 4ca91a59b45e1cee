package signaling

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// change is a re-INVITE (RFC 3261 §14) or UPDATE (RFC 3311) of the leg l, with or without an offer.
type change struct {
	srv     *Server
	l, peer *leg
	req     *sip.Request
	tx      sip.ServerTransaction
	offer   []byte

	finish func() // ends the exchange with l
	mu     sync.Mutex
	freed  func() // ends that with the peer
}

// run answers the change: by ourselves when it is none for the other side, else by what that says to it.
func (c *change) run() {
	ctx, stop := context.WithTimeout(c.l.call.life, 64*sip.T1)
	defer stop()
	if c.req.IsInvite() {
		c.tx.OnCancel(func(*sip.Request) { stop() })
	}
	for { // of both legs none is held while the other is waited for
		finish, ok := c.l.beginFor(ctx, c.l)
		if !ok {
			c.pending(ctx)
			return
		}
		c.finish, c.freed = finish, func() {}
		if len(c.offer) > 0 && !c.srv.deps.Media.Changes(c.l.call.id, c.l.party, c.peer.party, c.offer) {
			c.l.refresh(c.req)
			c.keep(ctx, failure{status: sip.StatusNotAcceptableHere, reason: "Not Acceptable Here"})
			finish()
			return
		}
		if free, ok := c.peer.begin(); ok {
			c.freed = free
			break
		}
		finish()
		if !c.l.parkFor(ctx, c.peer) {
			c.pending(ctx)
			return
		}
	}
	defer func() { c.finish() }()
	defer c.free()
	c.l.refresh(c.req)
	c.cross(ctx)
}

// pending refuses the change because another one is under way.
func (c *change) pending(ctx context.Context) {
	c.finish, c.freed = func() {}, func() {}
	c.refused(ctx, c.l.pending(rand.Float64()))
}

func (c *change) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freed()
}

// again begins the exchange with the peer once more, after it was put off.
func (c *change) again(ctx context.Context) bool {
	free, ok := c.l.beginFor(ctx, c.peer)
	if ok {
		c.mu.Lock()
		c.freed = free
		c.mu.Unlock()
	}
	return ok
}

// cross carries the change to the other leg and its answer back.
func (c *change) cross(ctx context.Context) {
	s, b, l, peer := c.srv, c.l.call, c.l, c.peer
	method := c.req.Method
	if method == sip.UPDATE && !peer.mayUpdate() {
		method = sip.INVITE
	}
	var text []byte
	if len(c.offer) > 0 {
		var err error
		if text, err = s.deps.Media.Offer(ctx, b.id, l.party, peer.party, c.offer); err != nil {
			f := statusOf(err)
			s.reply(c.req, c.tx, f.status, f.reason, f.headers...)
			return
		}
	}
	build := func() *sip.Request {
		out := peer.request(method)
		passHeaders(c.req, out)
		s.cross(l, peer, c.req, out)
		passCredentials(l, peer, c.req, out)
		peer.keepTimer(out)
		setSDP(out, text)
		return out
	}
	res, sent, err := s.ask(ctx, peer, build, c.free, c.again)
	if err == nil && method == sip.UPDATE && (res.StatusCode == sip.StatusMethodNotAllowed || res.StatusCode == sip.StatusNotImplemented) {
		peer.noUpdate()
		method = sip.INVITE
		res, sent, err = s.ask(ctx, peer, build, c.free, c.again)
	}
	switch {
	case errors.Is(err, errNoAnswer):
		c.refused(ctx, silent)
		return
	case err != nil:
		c.refused(ctx, statusOf(err))
		return
	case !res.IsSuccess():
		status, challenge := answerFor(peer, l, res)
		c.refused(ctx, failure{status: status, reason: res.Reason, headers: challenge})
		return
	}
	peer.answered(res)
	peer.timedBy(res)
	acknowledge := func(answer []byte) {
		if method == sip.INVITE {
			c.free()
			peer.sendAck(sent.CSeq().SeqNo, answer, credentialsOf(sent))
		}
	}
	said, _ := sdpOf(res)
	description, err := b.across(peer, l, said, len(c.offer) > 0)
	if err != nil {
		acknowledge(nil)
		c.refused(ctx, statusOf(err))
		return
	}
	crossed := c.untangle(ctx)
	if len(c.offer) > 0 { // before l has its answer and says more, which must not overtake the ACK
		l.ends()
		acknowledge(nil)
	} else {
		defer l.ackFirst(c.req.CSeq().SeqNo)()
	}
	ack, ok := c.answer(description)
	if ok && (crossed || len(c.offer) > 0 && l.pbx == nil && widened(c.offer, text, said)) {
		defer s.catchUp(l, peer)
	}
	if len(c.offer) > 0 {
		return
	}
	var answer []byte
	if ok {
		taken, _ := sdpOf(ack)
		if answer, err = s.deps.Media.Answer(ctx, b.id, l.party, peer.party, taken); err != nil {
			b.log.Warn("answer in ACK not usable", "error", err)
		} else if peer.pbx == nil && widened(said, description, taken) {
			defer s.catchUp(peer, l)
		}
	}
	acknowledge(answer)
}

// answer accepts the change with a description. A call whose re-INVITE is not confirmed has lost its peer.
func (c *change) answer(description []byte) (ack *sip.Request, ok bool) {
	res := c.l.accept(c.req, description)
	if !c.req.IsInvite() {
		c.l.answerTimer(c.req, res)
		c.l.call.keep()
		c.free() // the peers may go on as soon as they have the answer
		c.finish()
		c.srv.respond(c.tx, res)
		return nil, true
	}
	ack, ok = c.srv.confirm(c.l.call.life, c.l, c.req, c.tx, res)
	if !ok {
		c.l.call.endLater(nil, call.ReasonLost, reason(sip.StatusRequestTimeout, "Not confirmed"))
	}
	return ack, ok
}

// refused answers a change that the other side did not take. A browser, to which that would be the end of its call, has what it
// wanted as far as the gateway alone can give it: a hold keeps the sound from it, a resume gives it back.
func (c *change) refused(ctx context.Context, f failure) {
	if f.status == sip.StatusCallTransactionDoesNotExists {
		c.srv.reply(c.req, c.tx, f.status, f.reason)
		c.l.call.endLater(nil, call.ReasonLost, reason(f.status, "The other side has ended the call"))
		return
	}
	asked := f.status == sip.StatusUnauthorized || f.status == sip.StatusProxyAuthRequired // which only a guest hears, who can answer it
	if c.l.pbx != nil || len(c.offer) == 0 || asked || errors.Is(ctx.Err(), context.Canceled) {
		c.srv.reply(c.req, c.tx, f.status, f.reason, f.headers...)
		return
	}
	c.l.call.log.Info("change refused by the other side", "status", f.status, "by", nameOf(c.peer))
	c.free()
	c.keep(ctx, f)
}

// keep answers the change by what the other side has agreed to already, and with f when that is not possible.
func (c *change) keep(ctx context.Context, f failure) {
	text, err := c.srv.deps.Media.Keep(context.WithoutCancel(ctx), c.l.call.id, c.l.party, c.peer.party, c.offer)
	if err != nil {
		c.l.call.log.Info("change not possible", "error", err)
		c.srv.reply(c.req, c.tx, f.status, f.reason, f.headers...)
		return
	}
	crossed := c.untangle(ctx)
	if _, ok := c.answer(text); ok && crossed {
		c.srv.catchUp(c.l, c.peer)
	}
}

// changeEarly answers an offer in the early dialog with that tag, made by UPDATE or PRACK: by asking the other side where that can be
// asked, else by ourselves.
func (s *Server) changeEarly(l *leg, tag string, offer []byte, req *sip.Request, tx sip.ServerTransaction) {
	peer, _ := l.call.beyond(l, req)
	l.mu.Lock()
	e := l.early[tag]
	settled, free := e != nil && e.settled, e != nil && !e.changing
	theirs := e != nil && e.theirs
	if settled && free {
		e.changing, e.theirs = true, true
	}
	l.mu.Unlock()
	switch {
	case peer == nil, !settled && !l.owner: // the caller's offer is not answered yet (RFC 3311 §5.2)
		s.reply(req, tx, sip.StatusInternalServerError, "Call Being Set Up", sip.NewHeader("Retry-After", "2"))
		return
	case settled && !free && theirs:
		s.replyFailure(req, tx, anotherPending(rand.Float64()))
		return
	case !settled, !free:
		s.reply(req, tx, sip.StatusRequestPending, "Request Pending")
		return
	}
	l.refreshEarly(e, req)
	ctx, stop := context.WithTimeout(l.call.life, answerTime)
	defer stop()
	text, err := s.changeBeyond(ctx, l, peer, tag, offer)
	if err != nil {
		l.changed(e, nil)
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	l.changed(e, offer) // before the peers know and go on
	s.respond(tx, l.accept(req, text))
}

// changeBeyond asks the peer's early dialog with that tag for an answer to an offer, if that can be asked; without, what it has
// agreed to already must do, and the answer to the call will tell it more.
func (s *Server) changeBeyond(ctx context.Context, l, peer *leg, tag string, offer []byte) ([]byte, error) {
	peer.mu.Lock()
	e := peer.early[tag]
	ready := e != nil && e.settled && !e.changing && peer.allowsUpdate > 0
	if ready {
		e.changing, e.theirs = true, false
	}
	peer.mu.Unlock()
	id := l.call.id
	if !ready || !s.deps.Media.Changes(id, l.party, peer.party, offer) {
		if ready {
			peer.changed(e, nil)
		}
		return s.deps.Media.Keep(ctx, id, l.party, peer.party, offer)
	}
	var answer []byte
	defer func() { peer.changed(e, answer) }()
	text, err := s.deps.Media.Offer(ctx, id, l.party, peer.party, offer)
	if err != nil {
		return nil, err
	}
	out := peer.requestIn(sip.UPDATE, tag)
	setSDP(out, text)
	res, err := peer.do(ctx, out)
	if err != nil {
		return nil, err
	}
	said, _ := sdpOf(res)
	if !res.IsSuccess() || len(said) == 0 {
		return s.deps.Media.Keep(ctx, id, l.party, peer.party, offer)
	}
	answer = said
	return s.deps.Media.Answer(ctx, id, peer.party, l.party, said)
}

// changed ends a change of the leg's early dialog e; said, if it succeeded, is what the leg's peer says now.
func (l *leg) changed(e *early, said []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.changing = false
	if l.owner && len(said) > 0 {
		e.answer = said
	}
}

// refreshEarly takes a new remote target of an early dialog.
func (l *leg) refreshEarly(e *early, req *sip.Request) {
	if c := req.Contact(); c != nil && l.owner {
		l.mu.Lock()
		e.target = *c.Address.Clone()
		l.mu.Unlock()
		return
	}
	l.refresh(req)
}
