package signaling

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// ringTime is how long callees ring at most: timer C of RFC 3261 §16.6, more than three minutes.
const ringTime = 185 * time.Second

// Why a set-up ends, beside errAbandoned.
var (
	errElsewhere = errors.New("answered elsewhere") // for the branches that lost a forked call
	errLost      = errors.New("connection to the caller lost")
)

// onInvite takes a new call, or a change of one.
func (s *Server) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if _, tagged := req.To().Params.Get("tag"); tagged {
		s.onReinvite(req, tx)
		return
	}
	from, ok := s.caller(req, tx)
	if !ok {
		return
	}
	if req.Contact() == nil {
		s.reply(req, tx, sip.StatusBadRequest, "Contact Missing")
		return
	}
	if !takesSDP(req) {
		s.reply(req, tx, sip.StatusNotAcceptable, "Not Acceptable")
		return
	}
	offer, ok := sdpOf(req)
	if !ok {
		s.reply(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", sdpType))
		return
	}
	s.mu.Lock()
	draining := s.draining
	if !draining {
		s.routed.Add(1)
	}
	s.mu.Unlock()
	if draining {
		s.reply(req, tx, sip.StatusServiceUnavailable, "Cordboard Stops")
		return
	}
	defer s.routed.Done()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if !tx.OnCancel(func(*sip.Request) { cancel(errAbandoned) }) || !tx.OnTerminate(func(string, error) { cancel(errLost) }) {
		return
	}
	if s.tooShort(req, tx) {
		return
	}
	if req.GetHeader("Replaces") != nil && s.onReplaces(ctx, from, req, tx, offer) || s.onPickup(ctx, from, req, tx, offer) {
		return
	}
	leave, ok := s.loops.enter(from, req)
	if !ok {
		s.reply(req, tx, sip.StatusLoopDetected, "Loop Detected")
		return
	}
	defer leave()
	b := s.newBridge(from.name(), req.Recipient.User, cancel)
	b.a = from.leg(req)
	s.join(b, b.a)
	b.a.asked(req)
	b.a.begin() // until its ACK
	u := &setup{bridge: b, from: from, req: req, tx: tx, offer: offer, events: make(chan event), done: make(chan struct{}), pickups: make(chan *pickup), leave: leave}
	b.awaits(u)
	u.run(ctx, from)
}

// setup is a call from its INVITE to the answer or failure.
type setup struct {
	*bridge
	from   caller
	req    *sip.Request
	tx     sip.ServerTransaction
	offer  []byte // the caller's; empty: the callee offers in its 2xx (delayed offer, RFC 3264 §4)
	events chan event
	done   chan struct{} // closed when no event is wanted any more
	leave  func()        // tells the loops that the set-up is over

	pickups chan *pickup
	trail   trail // of a call that is redirected
}

// event is a response on a branch, or its failure without one.
type event struct {
	leg *leg
	req *sip.Request // the INVITE that was answered
	res *sip.Response
	err error
}

func (u *setup) run(ctx context.Context, from caller) {
	plan, err := u.srv.route(ctx, from, u.req)
	u.concerns(from, plan)
	if err == nil && u.req.GetHeader("Replaces") != nil && !plan.out { // what it names would be a leg of ours
		err = errNoDialog
	}
	if err != nil {
		u.fail(statusOf(err))
		return
	}
	u.log.Info("call", "from", u.info.From, "to", u.info.To, "branches", len(plan.branches), "builtin", plan.builtin)
	if plan.builtin != "" {
		u.answerLocally(ctx, plan.builtin)
		return
	}
	ringing, stop := context.WithCancelCause(ctx)
	defer stop(errElsewhere)
	live := make(map[*leg]bool)
	var worst []failure
	u.trail.began(from, plan)
	for _, l := range plan.branches {
		if err := u.ring(ringing, l, live); err != nil {
			worst = append(worst, statusOf(err))
		}
	}
	unwanted := sync.OnceFunc(func() { close(u.done) })
	defer unwanted()
	ring := time.NewTimer(ringTime)
	defer ring.Stop()
	for len(live) > 0 {
		select {
		case e := <-u.events:
			if next := e.elsewhere(ctx); next != nil {
				u.trail.instead(e.leg, next)
				if u.ring(ringing, next, live) == nil {
					delete(live, e.leg)
					e.leg.drop()
					continue
				}
			}
			switch {
			case errors.Is(e.err, errUnacknowledged):
				u.giveUp(live, reason(sip.StatusGatewayTimeout, "The caller is not there"))
				stop(errAbandoned)
				u.fail(statusOf(e.err))
				return
			case e.err != nil && ctx.Err() != nil: // a branch knew before us that the caller is gone
				e.leg.drop()
				u.gone(ctx, live)
				return
			case e.err != nil:
				worst = append(worst, failureOn(e.leg, e.err))
			case e.res.IsProvisional():
				if e.res.StatusCode != sip.StatusTrying {
					ring.Reset(ringTime) // RFC 3261 §16.7 step 2
				}
				u.progress(ctx, e)
				continue
			case e.res.IsSuccess():
				delete(live, e.leg)
				u.giveUp(live, reason(sip.StatusOK, "Call completed elsewhere"))
				stop(errElsewhere)
				unwanted()
				u.answered(ctx, e)
				return
			case u.redirected(e):
			default:
				worst = append(worst, failureOf(e.res, e.leg))
			}
			delete(live, e.leg)
			if len(live) > 0 {
				u.endEarly(e.leg)
			}
			e.leg.drop()
			worst = append(worst, u.onward(ringing, live)...)
			if e.unreached() {
				u.next(ringing, &plan, live)
			}
		case p := <-u.pickups:
			if sdp, ok := u.takes(ctx, p); ok {
				u.giveUp(live, reason(sip.StatusOK, "Call completed elsewhere"))
				stop(errElsewhere)
				unwanted()
				u.pickedUp(ctx, p, sdp)
				return
			}
		case <-ctx.Done():
			u.gone(ctx, live)
			return
		case <-ring.C:
			u.giveUp(live, reason(sip.StatusRequestTimeout, "Not answered"))
			stop(errAbandoned)
			u.fail(failure{status: sip.StatusRequestTimeout, reason: "Request Timeout"})
			return
		}
	}
	u.fail(best(worst))
}

// ring starts a branch.
func (u *setup) ring(ctx context.Context, l *leg, live map[*leg]bool) error {
	req, err := u.branch(ctx, l)
	if err != nil {
		return err
	}
	live[l] = true
	u.srv.routed.Go(func() { u.follow(ctx, l, req) })
	return nil
}

// branch makes the second leg's INVITE, with a media offer of its own.
func (u *setup) branch(ctx context.Context, l *leg) (*sip.Request, error) {
	if err := u.mayLeave(ctx, l); err != nil {
		return nil, err
	}
	l.owner = true
	l.callID = u.a.callID
	l.local.tag = u.a.remote.tag
	if u.a.pbx != nil && u.a.pbx == l.pbx { // back where it came from: there it must not look like the call itself (RFC 3261 §8.2.2.2)
		l.callID, l.local.tag = token(), token()
	}
	u.srv.join(u.bridge, l)
	id := u.identify(l)
	req := l.request(sip.INVITE)
	passHeaders(u.req, req)
	diversions, history := u.trail.headers(u, l)
	appendAll(req, append(id, diversions...))
	u.srv.cross(u.a, l, u.req, req)
	passCredentials(u.a, l, u.req, req)
	appendAll(req, history)
	if h := u.req.GetHeader("Replaces"); h != nil { // a phone that does not know it must not just ring
		req.AppendHeader(sip.HeaderClone(h))
		req.AppendHeader(sip.NewHeader("Require", "replaces"))
	}
	var sdp []byte
	if len(u.offer) > 0 {
		var err error
		if sdp, err = u.srv.deps.Media.Offer(ctx, u.id, u.a.party, l.party, u.offer); err != nil {
			l.drop()
			return nil, err
		}
		req.AppendHeader(sip.NewHeader("Supported", reliable)) // without an offer of ours a reliable response would have to bring one
	}
	l.startTimer(req)
	setSDP(req, sdp)
	return req, nil
}

// call starts a branch.
func (u *setup) call(ctx context.Context, l *leg, live map[*leg]bool) error {
	req, err := u.branch(ctx, l)
	if err != nil {
		return err
	}
	live[l] = true
	u.srv.routed.Go(func() { u.follow(ctx, l, req) })
	return nil
}

// follow runs a branch and tells what happens on it, as long as somebody wants to know.
func (u *setup) follow(ctx context.Context, l *leg, req *sip.Request) {
	tell := func(e event) bool {
		select {
		case u.events <- e:
			return true
		case <-u.done:
			return false
		}
	}
	finish, _ := l.begin()
	res, sent, err := u.srv.inviteDevice(ctx, l, req, func(res *sip.Response) { tell(event{leg: l, req: req, res: res}) })
	finish()
	if u.a.guest != nil && err == nil {
		u.srv.judged(u.a.guest, sent, res)
	}
	if !tell(event{l, sent, res, err}) {
		if err == nil && res.IsSuccess() { // answered in the moment in which another was faster, or the caller gave up
			u.srv.refuse(l, sent, res)
		}
		l.drop()
	}
}

// giveUp says on every branch still alive why it is cancelled.
func (u *setup) giveUp(live map[*leg]bool, cause sip.Header) {
	for l := range live {
		l.blame(cause)
	}
}

// progress passes ringing and early media to the caller.
func (u *setup) progress(ctx context.Context, e event) {
	if e.res.StatusCode == sip.StatusTrying {
		return
	}
	if e.res.StatusCode == statusEarlyDialogTerminated {
		u.terminated(e)
		return
	}
	u.enter(call.Ringing)
	e.leg.answered(e.res)
	var sdp []byte
	if text, ok := sdpOf(e.res); ok && len(text) > 0 && len(u.offer) > 0 {
		var err error
		if sdp, err = u.srv.deps.Media.Answer(ctx, u.id, e.leg.party, u.a.party, text); err != nil {
			u.log.Warn("early media not usable", "error", err)
		}
	}
	u.pass(e, u.response(e, sdp))
}

// response is e's response as the caller gets it.
func (u *setup) response(e event, sdp []byte) *sip.Response {
	res := e.res
	out := sip.NewResponseFromRequest(u.req, res.StatusCode, res.Reason, nil)
	if tag, ok := res.To().Params.Get("tag"); ok {
		out.To().Params.Add("tag", tag)
	}
	if res.StatusCode < 300 {
		out.AppendHeader(u.a.contact())
		out.AppendHeader(sip.NewHeader("Allow", allow))
	}
	passHeaders(res, out)
	u.srv.cross(e.leg, u.a, res, out)
	appendAll(out, u.srv.answering(e.leg, u.a, res))
	setSDP(out, sdp)
	return out
}

// answered joins the caller and the leg that took the call.
func (u *setup) answered(ctx context.Context, e event) {
	s, b := u.srv, e.leg
	b.answered(e.res)
	seq := e.req.CSeq().SeqNo
	creds := credentialsOf(e.req)
	b.timedBy(e.res)
	sdp, err := u.across(ctx, b, u.a, b.finalAnswer(e.res), len(u.offer) > 0)
	tag, _ := e.res.To().Params.Get("tag")
	if r := u.hush(tag); r != nil && err == nil {
		var has bool
		if has, err = r.end(ctx); has {
			sdp = nil // the caller has the answer already (RFC 3262 §5)
		}
	}
	out := u.response(e, sdp)
	u.a.mu.Lock()
	u.a.local.tag, _ = out.To().Params.Get("tag")
	u.a.settle(tag)
	u.a.mu.Unlock()
	if err != nil || !u.answeredBy(b) {
		b.sendAck(seq, nil, creds)
		b.bye(context.WithoutCancel(ctx), []sip.Header{reason(sip.StatusNotAcceptableHere, "No common sound")})
		b.drop()
		u.fail(statusOf(err))
		return
	}
	u.leave()
	ack, ok := s.confirm(ctx, u.a, u.req, u.tx, out)
	if !ok {
		b.sendAck(seq, nil, creds)
		u.endLater(u.a, whyGone(ctx), reason(sip.StatusRequestTimeout, "The caller did not confirm"))
		return
	}
	u.enter(call.Talking)
	u.log.Info("call answered", "by", nameOf(b))
	var answer []byte
	if text, ok := sdpOf(ack); ok && len(text) > 0 && len(u.offer) == 0 {
		if answer, err = s.deps.Media.Answer(context.WithoutCancel(ctx), u.id, u.a.party, b.party, text); err != nil {
			u.log.Warn("answer in ACK not usable", "error", err)
			u.endLater(nil, call.ReasonNoSound, reason(sip.StatusNotAcceptableHere, "No common sound"))
			return
		}
	}
	b.sendAck(seq, answer, creds)
}

// across translates one leg's description for the other: an answer when offered, else an offer.
func (b *bridge) across(ctx context.Context, from, to *leg, text []byte, offered bool) ([]byte, error) {
	if len(text) == 0 {
		return nil, errNoDescription
	}
	ctx = context.WithoutCancel(ctx)
	if offered {
		return b.srv.deps.Media.Answer(ctx, b.id, from.party, to.party, text)
	}
	return b.srv.deps.Media.Offer(ctx, b.id, from.party, to.party, text)
}

// confirm sends the 2xx to an INVITE of leg l and repeats it until the ACK comes (RFC 3261 §13.3.1.4) or ctx ends.
func (s *Server) confirm(ctx context.Context, l *leg, req *sip.Request, tx sip.ServerTransaction, res *sip.Response) (ack *sip.Request, ok bool) {
	came := l.awaitAck(req.CSeq().SeqNo)
	l.answerTimer(req, res)
	res.AppendHeader(sip.NewHeader("Server", s.ua.Name()))
	res.AppendHeader(sip.NewHeader("Supported", "replaces"))
	l.mu.Lock()
	was := l.confirmed
	l.confirmed = true // before the peer knows and acts on it
	l.mu.Unlock()
	l.call.keep()
	if err := tx.Respond(res); err != nil { // cancelled, or its flow is gone
		l.mu.Lock()
		l.confirmed = was
		l.mu.Unlock()
		return nil, false
	}
	over := time.NewTimer(64 * sip.T1)
	defer over.Stop()
	for interval := sip.T1; ; interval = min(2*interval, sip.T2) {
		select {
		case ack = <-came:
			return ack, true
		case <-over.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		case <-time.After(interval):
			if l.reachable() == nil {
				_ = s.write(res) // the next repeat mends a failed one
			}
		}
	}
}

// answerLocally answers the caller by a built-in callee.
func (u *setup) answerLocally(ctx context.Context, callee string) {
	if len(u.offer) == 0 {
		u.fail(statusOf(errNoDescription))
		return
	}
	sdp, err := u.srv.deps.Media.Local(ctx, u.id, u.a.party, callee, u.offer)
	if err != nil {
		u.fail(statusOf(err))
		return
	}
	u.mu.Lock()
	u.builtin = callee
	u.mu.Unlock()
	out := sip.NewResponseFromRequest(u.req, sip.StatusOK, "OK", nil)
	out.To().Params.Add("tag", token())
	u.a.mu.Lock()
	u.a.local.tag, _ = out.To().Params.Get("tag")
	u.a.mu.Unlock()
	out.AppendHeader(u.a.contact())
	out.AppendHeader(sip.NewHeader("Allow", allow))
	setSDP(out, sdp)
	u.leave()
	if _, ok := u.srv.confirm(ctx, u.a, u.req, u.tx, out); !ok {
		u.endLater(u.a, whyGone(ctx))
		return
	}
	u.enter(call.Talking)
}

// gone ends a set-up that the caller gave up.
func (u *setup) gone(ctx context.Context, live map[*leg]bool) {
	u.giveUp(live, reason(sip.StatusRequestTerminated, "Caller hung up"))
	u.close(u.a, sip.StatusRequestTerminated, whyGone(ctx))
}

// whyGone says why the caller gave up: it hung up if that ended ctx, else it could not be reached.
func whyGone(ctx context.Context) string {
	if context.Cause(ctx) == errAbandoned {
		return call.ReasonHungUp
	}
	return call.ReasonLost
}

// fail tells the caller that nobody takes the call, and forgets it.
func (u *setup) fail(f failure) {
	u.log.Info("call failed", "status", f.status, "reason", f.reason)
	u.silence()
	u.leave() // the caller may try again at once
	u.srv.reply(u.req, u.tx, f.status, f.reason, slices.Clone(f.headers)...)
	u.close(f.by, f.status, f.why)
}

// close forgets a call that was never answered.
func (u *setup) close(by *leg, status int, why string) {
	u.over(by, status, why)
	u.a.drop()
	u.srv.deps.Media.Delete(u.id, "")
}
