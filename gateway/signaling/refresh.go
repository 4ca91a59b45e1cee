package signaling

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// learn notes whether the leg's peer takes UPDATE. The caller holds l.mu, unless nobody else knows the leg.
func (l *leg) learn(msg interface{ Headers() []sip.Header }) {
	methods := listOf(msg, "Allow")
	if len(methods) == 0 {
		return
	}
	l.allowsUpdate = -1
	for _, m := range methods {
		if strings.EqualFold(m, string(sip.UPDATE)) {
			l.allowsUpdate = 1
		}
	}
}

// heardOf notes what a request of the peer says of it.
func (l *leg) heardOf(req *sip.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.learn(req)
	if req.Method == sip.UPDATE {
		l.allowsUpdate = 1
	}
}

// mayUpdate says whether the peer takes UPDATE, or did not say that it doesn't.
func (l *leg) mayUpdate() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.allowsUpdate >= 0
}

func (l *leg) noUpdate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.allowsUpdate = -1
}

// onUpdate takes UPDATE (RFC 3311), which may come before the answer to the call. One without an offer refreshes the session and
// stops here.
func (s *Server) onUpdate(l *leg, req *sip.Request, tx sip.ServerTransaction) {
	offer, ok := sdpOf(req)
	if !ok {
		s.reply(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", sdpType))
		return
	}
	if s.tooShort(req, tx) {
		return
	}
	l.heardOf(req)
	tag := l.earlyTag(req)
	l.mu.Lock()
	e, up := l.early[tag], l.confirmed
	l.mu.Unlock()
	switch peer := l.call.peer(l); {
	case len(offer) == 0:
		if !up && e != nil {
			l.refreshEarly(e, req)
		} else {
			l.refresh(req)
		}
		res := l.accept(req, nil)
		l.answerTimer(req, res)
		l.call.keep()
		s.respond(tx, res)
	case !up:
		s.changeEarly(l, tag, offer, req, tx)
	case peer == nil: // a built-in callee takes a new offer by re-INVITE only (RFC 3311 §5.2)
		s.reply(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
	default:
		c := &change{srv: s, l: l, peer: peer, req: req, tx: tx, offer: offer}
		c.run()
	}
}

// refreshSession refreshes the leg's session by UPDATE where the peer takes that, else by a re-INVITE that changes nothing, and ends
// the call when the peer does not agree in time (RFC 4028 §10).
func (s *Server) refreshSession(l *leg) {
	l.mu.Lock()
	deadline, clock := l.timer.expires, l.timer.clock
	l.mu.Unlock()
	ctx, stop := context.WithDeadline(l.call.life, deadline)
	defer stop()
	for ctx.Err() == nil {
		done, wait := s.refreshOnce(ctx, l)
		if done || l.call.life.Err() != nil {
			return
		}
		l.mu.Lock()
		done = l.timer.clock != clock // a change or the peer has refreshed it meanwhile
		l.mu.Unlock()
		if done {
			return
		}
		if !pause(ctx, wait) {
			break
		}
	}
	if l.call.life.Err() == nil {
		l.expire("The session could not be refreshed")
	}
}

// refreshOnce tries to refresh the session; if that is not done, it says how long to wait before the next try.
func (s *Server) refreshOnce(ctx context.Context, l *leg) (done bool, wait time.Duration) {
	l.mu.Lock()
	update := l.allowsUpdate > 0
	l.mu.Unlock()
	peer := l.call.peer(l)
	if !update && peer == nil { // a built-in callee never offers
		update = true
	}
	var res *sip.Response
	var err error
	if update {
		req := l.request(sip.UPDATE)
		l.keepTimer(req)
		req.SetBody(nil)
		res, err = l.do(ctx, req)
	} else {
		res, err = s.reinvite(ctx, l, peer)
	}
	wait = sip.T1 + rand.N(sip.T1)
	switch {
	case err != nil:
		l.call.log.Info("session not refreshed", "with", nameOf(l), "error", err)
		return false, wait
	case res.IsSuccess():
		l.answered(res)
		l.timedBy(res)
		return true, 0
	}
	if later, ok := l.putOff(res, rand.Float64()); ok {
		return false, later
	}
	switch res.StatusCode {
	case sip.StatusRequestTimeout, sip.StatusCallTransactionDoesNotExists:
		l.expire("The other side has lost the call")
		return true, 0
	case sip.StatusMethodNotAllowed, sip.StatusNotImplemented:
		l.noUpdate()
		return false, 0
	case statusIntervalTooSmall:
		if least, _, ok := interval32(valueOf(res, "Min-SE")); ok {
			l.mu.Lock()
			raised := least > l.timer.interval
			l.timer.least, l.timer.interval = least, max(l.timer.interval, least)
			l.mu.Unlock()
			if raised {
				return false, 0
			}
		}
	}
	return false, wait
}

// errBusy says that another exchange of offer and answer is under way.
var errBusy = errors.New("another change is under way")

// reinvite refreshes the session by an INVITE that repeats what the other side said last.
func (s *Server) reinvite(ctx context.Context, l, peer *leg) (*sip.Response, error) {
	finish, ok := l.begin()
	if !ok {
		return nil, errBusy
	}
	defer finish()
	text, err := s.deps.Media.Again(ctx, l.call.id, peer.party, l.party)
	if err != nil {
		return nil, err
	}
	req := l.request(sip.INVITE)
	l.keepTimer(req)
	setSDP(req, text)
	res, sent, err := s.invite(ctx, l, req, func(*sip.Response) {})
	if err != nil || !res.IsSuccess() {
		return res, err
	}
	if said, _ := sdpOf(res); len(said) > 0 {
		if _, err := s.deps.Media.Answer(ctx, l.call.id, l.party, peer.party, said); err != nil {
			l.call.log.Warn("answer to a refresh not usable", "error", err)
		}
	}
	finish()
	l.sendAck(sent.CSeq().SeqNo, nil, credentialsOf(sent))
	return res, nil
}

// expire ends the call of a session that was not refreshed (RFC 4028 §10). A browser that is away has its own time to come back.
func (l *leg) expire(why string) {
	if l.reachable() != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer.interval > 0 {
			l.runTimer(l.timer.interval, false)
		}
		return
	}
	l.call.log.Info("session expired", "with", nameOf(l), "why", why)
	l.call.endLater(nil, call.ReasonLost, reason(sip.StatusRequestTimeout, why))
}
