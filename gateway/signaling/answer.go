package signaling

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

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
	if b.pbx != nil && len(u.offer) > 0 {
		b.learnProfile()
	}
	seq := e.req.CSeq().SeqNo
	creds := credentialsOf(e.req)
	b.timedBy(e.res)
	sdp, err := u.across(b, u.a, b.finalAnswer(e.res), len(u.offer) > 0)
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
	defer u.a.ackFirst(u.req.CSeq().SeqNo)()
	ack, ok := s.confirm(ctx, u.a, u.req, u.tx, out)
	if !ok {
		b.sendAck(seq, nil, creds)
		u.endLater(u.a, whyGone(ctx), reason(sip.StatusRequestTimeout, "The caller did not confirm"))
		return
	}
	u.enter(call.Talking)
	u.log.Info("call answered", "by", nameOf(b))
	if len(u.offer) > 0 {
		b.sendKeptAck(seq, nil, creds) // nothing has changed since confirm wrote it down
		return
	}
	var answer []byte
	if text, ok := sdpOf(ack); ok && len(text) > 0 {
		if answer, err = s.deps.Media.Answer(context.WithoutCancel(ctx), u.id, u.a.party, b.party, text); err != nil {
			u.log.Warn("answer in ACK not usable", "error", err)
			u.endLater(nil, call.ReasonNoSound, reason(sip.StatusNotAcceptableHere, "No common sound"))
			return
		}
		u.mu.Lock()
		u.tape() // now there is something to record
		u.mu.Unlock()
	}
	b.sendAck(seq, answer, creds)
}

// across translates one leg's description for the other: an answer when offered, else an offer.
// It is done to its end, whoever asked for it, but not for a call that is over: nobody would end its media again.
func (b *bridge) across(from, to *leg, text []byte, offered bool) ([]byte, error) {
	if len(text) == 0 {
		return nil, errNoDescription
	}
	if offered {
		return b.srv.deps.Media.Answer(b.life, b.id, from.party, to.party, text)
	}
	return b.srv.deps.Media.Offer(b.life, b.id, from.party, to.party, text)
}

// confirm sends the 2xx to an INVITE of leg l and repeats it until the ACK comes (RFC 3261 §13.3.1.4) or ctx ends.
func (s *Server) confirm(ctx context.Context, l *leg, req *sip.Request, tx sip.ServerTransaction, res *sip.Response) (ack *sip.Request, ok bool) {
	came := l.awaitAck(req.CSeq().SeqNo)
	l.answerTimer(req, res)
	res.AppendHeader(sip.NewHeader("Server", s.ua.Name()))
	res.AppendHeader(sip.NewHeader("Supported", "replaces"))
	l.takesTrickle(res)
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

// gone ends a set-up that the caller gave up, or that was ended from here. Its INVITE is owed a final response (RFC 3261 §15.1.2), which after a CANCEL
// it has got.
func (u *setup) gone(ctx context.Context, live map[*leg]bool) {
	var c canceled
	errors.As(context.Cause(ctx), &c)
	u.giveUp(live, c.why()...)
	f := failure{status: sip.StatusRequestTerminated, reason: "Request Terminated"}
	if u.srv.stops() {
		f = stopped
	}
	u.srv.replyFailure(u.req, u.tx, f)
	u.close(u.a, sip.StatusRequestTerminated, whyGone(ctx))
}

// canceled ends a set-up whose caller sent CANCEL, with its Reason headers.
type canceled struct{ reasons []sip.Header }

func (canceled) Error() string { return "canceled" }
func (canceled) Unwrap() error { return errAbandoned }

// why is what the callees hear: the caller's own reasons, if it gave some (RFC 3326 §2).
func (c canceled) why() []sip.Header {
	if len(c.reasons) > 0 {
		return c.reasons
	}
	return []sip.Header{reason(sip.StatusRequestTerminated, "Caller hung up")}
}

// elsewhere says whether the caller gave up because somebody else took the call, as a PBX does that rings a group (RFC 3326 §3.1).
func (c canceled) elsewhere() bool {
	return slices.ContainsFunc(c.reasons, func(h sip.Header) bool {
		protocol, params, _ := strings.Cut(h.Value(), ";")
		return strings.EqualFold(strings.TrimSpace(protocol), "SIP") && slices.ContainsFunc(strings.Split(params, ";"), func(p string) bool {
			name, value, _ := strings.Cut(p, "=")
			return strings.EqualFold(strings.TrimSpace(name), "cause") && strings.TrimSpace(value) == "200"
		})
	})
}

// whyGone says why the caller gave up: it hung up if that ended ctx, else it could not be reached.
func whyGone(ctx context.Context) string {
	var c canceled
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &c) && c.elsewhere():
		return call.ReasonElsewhere
	case errors.Is(cause, errAbandoned):
		return call.ReasonHungUp
	}
	return call.ReasonLost
}

// fail tells the caller that nobody takes the call, and forgets it.
func (u *setup) fail(f failure) {
	u.log.Info("call failed", "status", f.status, "reason", f.reason)
	u.silence()
	u.leave() // the caller may try again at once
	if u.from.pbx.isStrange() {
		u.srv.reply(u.req, u.tx, sip.StatusTemporarilyUnavailable, strangersAnswer)
	} else {
		u.srv.reply(u.req, u.tx, f.status, f.reason, slices.Clone(f.headers)...)
	}
	u.close(f.by, f.status, f.why)
}

// close forgets a call that was never answered.
func (u *setup) close(by *leg, status int, why string) {
	u.over(by, status, why)
	u.a.drop()
	u.srv.deps.Media.Delete(u.id, "")
}
