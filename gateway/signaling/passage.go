package signaling

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// A guest's browser subscribes at its PBX, with its own credentials, and the PBX's notifications reach the browser. We know of it only what it
// takes to pass them on: two dialogs with the same Call-ID and tags, each with our Contact of its own.

// passageRest is how long a subscription is known after its end: its last NOTIFY may be on the way.
const passageRest = 32 * time.Second

// passage is a subscription of a guest at its PBX.
type passage struct {
	guest     *guest
	near, far *leg // toward the browser and the PBX
	end       *time.Timer
	answered  chan struct{} // closed when the browser has the answer to its first SUBSCRIBE
}

// passages are the subscriptions of all guests. The zero passages is empty and ready.
type passages struct {
	mu sync.Mutex
	by map[string]*passage // by the tokens of both legs
	of map[*guest]int      // how many a guest has
}

// at is the passage with a token in our Contact; nil when there is none.
func (ps *passages) at(token string) *passage {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.by[token]
}

// admit takes a passage in; false when its guest has too many.
func (ps *passages) admit(p *passage) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.of[p.guest] >= maxSubscriptions {
		return false
	}
	if ps.by == nil {
		ps.by, ps.of = make(map[string]*passage), make(map[*guest]int)
	}
	ps.by[p.near.token], ps.by[p.far.token] = p, p
	ps.of[p.guest]++
	return true
}

// forget takes a passage out. It may be called again.
func (ps *passages) forget(p *passage) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.by[p.far.token] != p {
		return
	}
	if p.end != nil {
		p.end.Stop()
	}
	delete(ps.by, p.near.token)
	delete(ps.by, p.far.token)
	if ps.of[p.guest]--; ps.of[p.guest] == 0 {
		delete(ps.of, p.guest)
	}
}

// lasts has a passage forgotten when its time is over.
func (ps *passages) lasts(p *passage, lifetime time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.by[p.far.token] != p {
		return
	}
	if p.end != nil {
		p.end.Stop()
	}
	p.end = time.AfterFunc(lifetime+passageRest, func() { ps.forget(p) })
}

// leave forgets the passages of a guest whose flow is gone: the PBX hears of it when it notifies. A nil guest means all.
func (ps *passages) leave(g *guest) {
	ps.mu.Lock()
	var over []*passage
	for token, p := range ps.by {
		if token == p.far.token && (g == nil || p.guest == g) {
			over = append(over, p)
		}
	}
	ps.mu.Unlock()
	for _, p := range over {
		ps.forget(p)
	}
}

// subscribeThrough carries the SUBSCRIBE of a guest that begins a subscription to its PBX.
func (s *Server) subscribeThrough(from caller, req *sip.Request, tx sip.ServerTransaction) {
	plan, err := s.routeGuest(from, req)
	if err == nil && plan.builtin != "" {
		err = errNotFound
	}
	switch {
	case err != nil:
		s.replyFailure(req, tx, statusOf(err))
		return
	case req.Contact() == nil:
		s.reply(req, tx, sip.StatusBadRequest, "Contact Missing")
		return
	}
	p := &passage{guest: from.guest, near: from.leg(req), far: plan.branches[0], answered: make(chan struct{})}
	for _, l := range []*leg{p.near, p.far} {
		l.srv, l.token = s, token()
	}
	p.near.asked(req)
	p.far.callID, p.far.local.tag = p.near.callID, p.near.remote.tag
	if !s.passages.admit(p) {
		s.reply(req, tx, sip.StatusForbidden, "Too Many Subscriptions")
		return
	}
	s.subscribed(p, req, tx)
	close(p.answered)
	if from.guest.flow.gone() { // closed meanwhile, so guestClosed came too early
		s.passages.forget(p)
	}
}

// resubscribeThrough carries a SUBSCRIBE inside a passage.
func (s *Server) resubscribeThrough(p *passage, req *sip.Request, tx sip.ServerTransaction) {
	from, ok := s.watcherOf(req, tx)
	if !ok {
		return
	}
	if from.guest != p.guest || req.Recipient.User != p.near.token || !p.near.accepts(req, from.flow) {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	switch _, ok := p.near.inOrder(req, false); {
	case !ok:
		s.reply(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
	case !s.mayTry(p.guest, req):
		s.replyFailure(req, tx, statusOf(errTooManyTries))
	default:
		p.near.refresh(req)
		s.subscribed(p, req, tx)
	}
}

// subscribed sends a SUBSCRIBE on to the PBX and its answer back.
func (s *Server) subscribed(p *passage, req *sip.Request, tx sip.ServerTransaction) {
	out := p.far.request(sip.SUBSCRIBE)
	passAround(req, out)
	passCredentials(p.near, p.far, req, out)
	ctx, stop := context.WithTimeout(s.around.life, answerTime)
	defer stop()
	res, err := p.far.do(ctx, out)
	if err != nil {
		if !p.far.established() {
			s.passages.forget(p)
		}
		s.replyFailure(req, tx, failureOn(p.far, err))
		return
	}
	s.judged(p.guest, req, res)
	status, challenge := answerFor(p.far, p.near, res)
	back := sip.NewResponseFromRequest(req, status, res.Reason, nil)
	appendAll(back, challenge)
	passAround(res, back)
	switch {
	case res.IsSuccess():
		p.far.answered(res)
		tag, _ := res.To().Params.Get("tag")
		p.near.mu.Lock()
		p.near.local.tag, p.near.confirmed = tag, true
		p.near.mu.Unlock()
		back.To().Params.Add("tag", tag)
		back.AppendHeader(p.near.contact())
		s.passages.lasts(p, expiryOf(res, req))
	case !p.far.established(), status == sip.StatusCallTransactionDoesNotExists:
		s.passages.forget(p)
	}
	s.respond(tx, back)
}

// expiryOf is for how long a PBX grants what was asked for.
func expiryOf(res *sip.Response, req *sip.Request) time.Duration {
	for _, text := range []string{valueOf(res, "Expires"), valueOf(req, "Expires")} {
		if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
			return min(time.Duration(seconds)*time.Second, maxExpires)
		}
	}
	return eventExpires
}

// notifiedThrough carries a NOTIFY of the PBX to the browser and its answer back. It may be faster than the answer to the SUBSCRIBE (RFC 6665
// §4.1.2.4), which some browsers' programs do not expect: it goes down the flow after that, which comes or is given up in answerTime.
func (s *Server) notifiedThrough(p *passage, from *pbx, req *sip.Request, tx sip.ServerTransaction) {
	tag, _ := req.From().Params.Get("tag")
	own, _ := req.To().Params.Get("tag")
	ours := from == p.far.pbx && req.Recipient.User == p.far.token
	p.far.mu.Lock()
	if ours && p.far.remote.tag == "" && own == p.far.local.tag {
		p.far.remote.tag = tag
	}
	p.far.mu.Unlock()
	if !ours || !p.far.accepts(req, nil) {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	release, ok := p.far.inOrder(req, true)
	if !ok {
		s.reply(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
		return
	}
	defer release()
	p.far.refresh(req)
	<-p.answered
	p.near.mu.Lock()
	p.near.local.tag = tag
	p.near.mu.Unlock()
	out := p.near.request(sip.NOTIFY)
	passAround(req, out)
	ctx, stop := context.WithTimeout(s.around.life, answerTime)
	defer stop()
	res, err := p.near.doThen(ctx, out, release)
	if state, _, _ := subscriptionState(req); state == "terminated" || err != nil || res.StatusCode == sip.StatusCallTransactionDoesNotExists {
		s.passages.forget(p)
	}
	if err != nil {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	back := sip.NewResponseFromRequest(req, passable(res.StatusCode), res.Reason, nil)
	passAround(res, back)
	s.respond(tx, back)
}

// aroundHeaders are those of SUBSCRIBE, NOTIFY, PUBLISH and MESSAGE that are the ends' own affair, where we are none of them.
var aroundHeaders = []string{"Expires", "Min-Expires", "Accept", "Accept-Encoding", "Accept-Language", "Allow-Events", "Retry-After"}

// passAround copies what of a message that is part of no call goes on to the other side: headers and body.
func passAround(from, to interface {
	Headers() []sip.Header
	GetHeaders(string) []sip.Header
	AppendHeader(sip.Header)
	Body() []byte
	SetBody([]byte)
}) {
	passHeaders(from, to)
	for _, name := range aroundHeaders {
		for _, h := range from.GetHeaders(name) {
			to.AppendHeader(sip.HeaderClone(h))
		}
	}
	passContent(from, to)
	to.SetBody(from.Body())
}
