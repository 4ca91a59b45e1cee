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
	if err == nil && plan.builtin != "" { // no ears for text
		err = errNotFound
	}
	if err != nil {
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	limit := breadthOf(req)
	if err := limit.split(len(plan.branches)); err != nil {
		s.replyFailure(req, tx, statusOf(err))
		return
	}
	for _, l := range plan.branches {
		l.breadth = limit.take()
	}
	res, f := s.deliver(plan.branches, req)
	if res == nil {
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	back := sip.NewResponseFromRequest(req, res.StatusCode, res.Reason, nil)
	passHeaders(res, back)
	s.respond(tx, back)
}

// deliver sends a message on every branch and gives the first success, or why there is none. Branches that are slower get
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
		if l.pbx != nil && l.server().Transport == locate.UDP && len(out.String()) > maxMessageDatagram {
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

// messageOn is the message as a branch gets it.
func (s *Server) messageOn(l *leg, req *sip.Request) *sip.Request {
	l.srv = s
	l.callID = req.CallID().Value()
	l.local.tag, _ = req.From().Params.Get("tag")
	l.localSeq = req.CSeq().SeqNo - 1
	out := l.request(sip.MESSAGE)
	out.RemoveHeader("Contact") // RFC 3428 §4
	if h := req.MaxForwards(); h != nil {
		*out.MaxForwards() = *h - 1
	}
	passHeaders(req, out)
	limitBreadth(out, l.breadth)
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Disposition"} {
		if h := req.GetHeader(name); h != nil {
			out.AppendHeader(sip.HeaderClone(h))
		}
	}
	out.SetBody(req.Body())
	return out
}
