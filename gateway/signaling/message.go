package signaling

import (
	"context"
	"sync"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// How long a MESSAGE may be, in bytes.
const (
	maxMessageBody     = 16 << 10
	maxMessageDatagram = 1300 // by UDP, the whole request (RFC 3428 §8)
)

// onMessage takes an instant message (RFC 3428): in a call it passes; else it goes where a call would go, to all devices of its
// receiver. The first that takes it counts.
func (s *Server) onMessage(req *sip.Request, tx sip.ServerTransaction) {
	if _, tagged := req.To().Params.Get("tag"); tagged {
		s.onPassed(req, tx)
		return
	}
	from, ok := s.caller(req, tx)
	if !ok {
		return
	}
	switch h := req.MaxForwards(); {
	case h != nil && h.Val() == 0:
		s.reply(req, tx, sip.StatusTooManyHops, "Too Many Hops")
		return
	case len(req.Body()) > maxMessageBody:
		s.reply(req, tx, sip.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	plan, err := s.route(s.around.life, from, req)
	s.passOut(from, plan, err, req, tx)
}

// tellGuests gives its guests what a PBX in mode passthrough tells of its own accord, as many do of voice mail.
func (s *Server) tellGuests(p *pbx, req *sip.Request, tx sip.ServerTransaction) {
	from := caller{pbx: p, req: req}
	plan, err := s.toGuests(from, req)
	s.passOut(from, plan, err, req, tx)
}

// passOut sends a request that belongs to no dialog where the plan says, unless err says why not, and the answer back.
func (s *Server) passOut(from caller, plan plan, err error, req *sip.Request, tx sip.ServerTransaction) {
	if err == nil && plan.builtin != "" { // no ears for text
		err = errNotFound
	}
	limit := breadthOf(req)
	if err == nil {
		err = limit.split(len(plan.branches))
	}
	if err != nil {
		s.replyFailure(req, tx, statusOf(err))
		return
	}
	for _, l := range plan.branches {
		l.breadth = limit.take()
	}
	res, f := s.deliver(plan.branches, req)
	if res == nil {
		res = sip.NewResponseFromRequest(req, f.status, f.reason, nil)
		appendAll(res, f.headers)
		if from.guest != nil {
			s.judged(from.guest, req, res)
		}
		s.respond(tx, res)
		return
	}
	back := sip.NewResponseFromRequest(req, res.StatusCode, res.Reason, nil)
	passAround(res, back)
	s.respond(tx, back)
}

// deliver sends a message, or what else belongs to no dialog, on every branch and gives the first success, or why there is none. Branches that are slower get
// it all the same.
func (s *Server) deliver(branches []*leg, req *sip.Request) (*sip.Response, failure) {
	type outcome struct {
		leg *leg
		res *sip.Response
		err error
	}
	outcomes := make(chan outcome, len(branches))
	ctx, stop := context.WithTimeout(s.around.life, 2*answerTime) // the second for a challenge
	var worst []failure
	var sent sync.WaitGroup
	for _, l := range branches {
		out := s.messageOn(l, req)
		if req.Method == sip.MESSAGE && l.pbx != nil && l.server().Transport == locate.UDP && len(out.String()) > maxMessageDatagram {
			worst = append(worst, failure{status: sip.StatusRequestEntityTooLarge, reason: "Request Entity Too Large",
				headers: warning("too long for " + l.pbx.cfg.Name + ", which is reached by UDP"), by: l})
			continue
		}
		sent.Go(func() {
			res, err := l.do(ctx, out)
			outcomes <- outcome{l, res, err}
		})
	}
	go func() { // ends with ctx
		sent.Wait()
		stop()
		close(outcomes)
	}()
	for o := range outcomes {
		switch {
		case o.err != nil:
			worst = append(worst, failureOn(o.leg, o.err))
		case o.res.IsSuccess():
			return o.res, failure{}
		default:
			worst = append(worst, failureOf(o.res, o.leg))
		}
	}
	return nil, best(worst)
}

// messageOn is the message, or what else belongs to no dialog, as a branch gets it.
func (s *Server) messageOn(l *leg, req *sip.Request) *sip.Request {
	l.srv = s
	l.callID = req.CallID().Value()
	l.local.tag, _ = req.From().Params.Get("tag")
	l.localSeq = req.CSeq().SeqNo - 1
	out := l.request(req.Method)
	if req.Method == sip.MESSAGE || req.Method == sip.PUBLISH { // RFC 3428 §4, RFC 3903 §4
		out.RemoveHeader("Contact")
	}
	passAround(req, out)
	if h := req.MaxForwards(); h != nil {
		*out.MaxForwards() = *h - 1
	}
	limitBreadth(out, l.breadth)
	if l.pbx.passes() { // who sends to such a PBX is one of its own
		appendAll(out, credentialsOf(req))
	}
	return out
}
