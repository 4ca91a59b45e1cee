package signaling

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
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
		s.replyFailure(req, tx, stopped)
		return
	}
	defer s.routed.Done()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if !tx.OnCancel(func(req *sip.Request) { cancel(canceled{reasons(req)}) }) || !tx.OnTerminate(func(string, error) { cancel(errLost) }) {
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
	b := s.newBridge(from.name(), s.dialed(from, req), cancel)
	b.a = from.leg(req)
	s.join(b, b.a)
	b.a.asked(req)
	b.a.beginOf(true) // until its ACK
	u := &setup{bridge: b, from: from, req: req, tx: tx, offer: offer, events: make(chan event), done: make(chan struct{}), pickups: make(chan *pickup), leave: leave, breadth: breadthOf(req)}
	b.awaits(u)
	defer b.awaits(nil) // the call may last, and the set-up holds the whole INVITE
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
	trail   trail   // of a call that is redirected
	breadth breadth // over how many branches it may fork; the set-up's goroutine owns it
	away    absences
}

// event is a response on a branch, or its failure without one.
type event struct {
	leg *leg
	req *sip.Request // the INVITE that was answered
	res *sip.Response
	err error

	late bool // the browser did not come back in time
}

// declinesForAll says whether a user, at one of several devices, has refused the call for all of them (RFC 3261 §16.7 step 5, §21.6). Others that ring too are
// not theirs to silence.
func (e event) declinesForAll(live map[*leg]bool) bool {
	if e.res == nil || e.res.StatusCode < 600 || e.leg.user == "" || len(live) == 0 {
		return false
	}
	for l := range live {
		if l.user != e.leg.user {
			return false
		}
	}
	return true
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
	if err := u.breadth.split(len(plan.branches)); err != nil {
		u.fail(statusOf(err))
		return
	}
	for _, l := range plan.branches {
		if err := u.ring(ringing, l, live); err != nil {
			worst = append(worst, statusOf(err))
		}
	}
	unwanted := sync.OnceFunc(func() { close(u.done) })
	defer unwanted()
	defer u.leaveAbsent()
	ring := time.NewTimer(ringTime)
	defer ring.Stop()
	for len(live) > 0 {
		select {
		case e := <-u.events:
			if e.late && !live[e.leg] { // it came back at that moment
				continue
			}
			if next := e.elsewhere(ctx); next != nil {
				u.trail.instead(e.leg, next)
				next.breadth, e.leg.breadth = e.leg.breadth, 0
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
			case u.waits(e):
				u.ringAgain(ringing, live)
				continue
			case e.err != nil:
				delete(u.away.legs, e.leg)
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
			if e.declinesForAll(live) {
				u.giveUp(live, reason(e.res.StatusCode, "Declined elsewhere"))
				stop(errAbandoned)
				unwanted()
				e.leg.drop()
				u.fail(best(worst))
				return
			}
			u.breadth.left += e.leg.breadth
			if len(live) > 0 {
				u.endEarly(e.leg)
			}
			e.leg.drop()
			worst = append(worst, u.onward(ringing, live)...)
			if e.unreached() {
				u.next(ringing, &plan, live)
			}
		case <-u.away.back:
			u.ringAgain(ringing, live)
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
	if l.breadth == 0 {
		l.breadth = u.breadth.take()
	}
	if l.breadth == 0 {
		return errTooBroad
	}
	req, err := u.branch(ctx, l)
	if err != nil {
		u.breadth.left += l.breadth
		return err
	}
	live[l] = true
	if l.flow != nil {
		u.away.rung = append(u.away.rung, l.flow)
	}
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
	limitBreadth(req, l.breadth)
	conceal(u.req, req)
	setSDP(req, sdp)
	return req, nil
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
	if !tell(event{leg: l, req: sent, res: res, err: err}) {
		if err == nil && res.IsSuccess() { // answered in the moment in which another was faster, or the caller gave up
			u.srv.refuse(l, sent, res)
		}
		l.drop()
	}
}

// giveUp says on every branch still alive why it is cancelled.
func (u *setup) giveUp(live map[*leg]bool, cause ...sip.Header) {
	for l := range live {
		l.blame(cause...)
	}
}
