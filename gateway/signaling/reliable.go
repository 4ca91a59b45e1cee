package signaling

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// errUnacknowledged says that the caller did not acknowledge a reliable provisional response.
var errUnacknowledged = errors.New("no PRACK in 32 s")

// maxQueue is how many provisional responses wait at most for those before them to be acknowledged.
const maxQueue = 16

// relay sends the provisional responses of one early dialog to the caller, one after the other, each until it is acknowledged (RFC
// 3262 §3). Where nobody needs more than one of them, it has no goroutine.
type relay struct {
	cseq   uint32
	send   func(*sip.Response)
	failed func()          // tells that a response was never acknowledged
	spawn  func(func())    // runs what retransmits
	life   context.Context // ends with the set-up

	mu    sync.Mutex
	rseq  uint32          // of the response under way, or of the last one
	queue []*sip.Response // the first is under way
	acked chan struct{}   // closed when that is acknowledged
	heard bool            // a response with a description was acknowledged
	ended bool
}

func newRelay(life context.Context, cseq uint32, send func(*sip.Response), spawn func(func()), failed func()) *relay {
	return &relay{life: life, cseq: cseq, send: send, spawn: spawn, failed: failed, rseq: uint32(rand.Int32N(1 << 30))}
}

// pass sends res when those before it are acknowledged.
func (r *relay) pass(res *sip.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.queue) == maxQueue {
		return
	}
	r.queue = append(r.queue, res)
	if len(r.queue) == 1 {
		r.begin()
	}
}

// begin sends the first response of the queue and starts its repeats. The caller holds r.mu.
func (r *relay) begin() {
	r.rseq++
	res, acked := r.queue[0], make(chan struct{})
	r.acked = acked
	res.AppendHeader(sip.NewHeader("Require", reliable))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(r.rseq), 10)))
	r.send(res)
	r.spawn(func() { r.repeat(res, acked) })
}

// repeat sends res again at growing intervals until it is acknowledged.
func (r *relay) repeat(res *sip.Response, acked <-chan struct{}) {
	over := time.NewTimer(64 * sip.T1)
	defer over.Stop()
	for interval := sip.T1; ; interval *= 2 {
		again := time.NewTimer(interval)
		select {
		case <-acked:
			again.Stop()
			return
		case <-r.life.Done():
			again.Stop()
			return
		case <-over.C:
			again.Stop()
			r.failed()
			return
		case <-again.C:
			r.mu.Lock()
			ended := r.ended
			if !ended { // a final response is the last one
				r.send(res)
			}
			r.mu.Unlock()
			if ended {
				return
			}
		}
	}
}

// acknowledge takes the RAck header of a PRACK; false when it names no response that is under way.
func (r *relay) acknowledge(rack string) bool {
	f := strings.Fields(rack)
	if len(f) != 3 || !strings.EqualFold(f[2], string(sip.INVITE)) {
		return false
	}
	rseq, err := strconv.ParseUint(f[0], 10, 32)
	cseq, err2 := strconv.ParseUint(f[1], 10, 32)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || err2 != nil || uint32(cseq) != r.cseq || uint32(rseq) != r.rseq || len(r.queue) == 0 {
		return false
	}
	r.heard = r.heard || len(r.queue[0].Body()) > 0
	r.queue = r.queue[1:]
	close(r.acked)
	if len(r.queue) > 0 {
		r.begin()
	}
	return true
}

// end ends the relay for a 2xx, which must wait for the acknowledgement of a description under way (RFC 3262 §3); answered says that
// the caller has got one, and err that it did not acknowledge it.
func (r *relay) end(ctx context.Context) (answered bool, err error) {
	r.mu.Lock()
	var under chan struct{}
	if len(r.queue) > 0 {
		r.queue = r.queue[:1]
		if len(r.queue[0].Body()) > 0 {
			under = r.acked
		}
	}
	r.mu.Unlock()
	if under != nil {
		over := time.NewTimer(64 * sip.T1)
		defer over.Stop()
		select {
		case <-under:
		case <-over.C:
			return false, errUnacknowledged
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return r.heard, nil
}

// quit ends the relay.
func (r *relay) quit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// relay is what sends provisional responses of the early dialog e to the caller reliably; nil when the caller gets this one as ever.
// A description is sent as the callee sent it, unless the caller demands more: one that may still change must not be binding.
func (u *setup) relay(tag string, e *early, binding bool) *relay {
	demands := hasOption(u.req, "Require", reliable)
	if !demands && (!binding || !hasOption(u.req, "Supported", reliable)) || len(u.offer) == 0 {
		return nil
	}
	u.a.mu.Lock()
	defer u.a.mu.Unlock()
	if e.relay == nil {
		send := func(res *sip.Response) { _ = u.tx.Respond(res) } // a repeat mends what fails, and a transaction that has ended needs none
		e.relay = newRelay(u.life, u.req.CSeq().SeqNo, send, u.srv.routed.Go, func() {
			select {
			case u.events <- event{leg: u.a, err: errUnacknowledged}:
			case <-u.done:
			}
		})
	}
	return e.relay
}

// pass sends a provisional response to the caller, reliably where both want it so. Of more early dialogs than it should have it is told
// nothing.
func (u *setup) pass(e event, res *sip.Response) {
	tag, ok := res.To().Params.Get("tag")
	if !ok {
		u.srv.respond(u.tx, res)
		return
	}
	d := u.a.told(tag, e.leg)
	if d == nil {
		return
	}
	binding := len(res.Body()) == 0 || hasOption(e.res, "Require", reliable)
	switch r := u.relay(tag, d, binding); {
	case r != nil:
		res.SipVersion = sipVersion
		res.AppendHeader(sip.NewHeader("Server", u.srv.ua.Name()))
		r.pass(res)
	case len(u.offer) > 0 || !hasOption(u.req, "Require", reliable): // one without an offer could only be sent with one
		u.srv.respond(u.tx, res)
	}
}

// hush ends the repeats of provisional responses, but those of the dialog with the tag, whose relay it gives if there is one. A final
// response follows.
func (u *setup) hush(tag string) (last *relay) {
	u.a.mu.Lock()
	relays := make(map[string]*relay)
	for t, e := range u.a.early {
		if e.relay != nil {
			relays[t] = e.relay
		}
	}
	u.a.mu.Unlock()
	last = relays[tag]
	delete(relays, tag)
	for _, r := range relays {
		r.quit()
	}
	return last
}

// silence ends all repeats, before a final response other than 2xx.
func (u *setup) silence() {
	if r := u.hush(""); r != nil {
		r.quit()
	}
}

// onPrack takes the acknowledgement of a reliable provisional response, which may carry a new offer (RFC 3262 §5).
func (s *Server) onPrack(req *sip.Request, tx sip.ServerTransaction) {
	l := s.dialog(req, tx)
	if l == nil {
		return
	}
	tag := l.earlyTag(req)
	l.mu.Lock()
	e := l.early[tag]
	l.mu.Unlock()
	offer, ok := sdpOf(req)
	switch {
	case e == nil || e.relay == nil || !e.relay.acknowledge(valueOf(req, "RAck")):
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "No Such Response")
		return
	case !ok:
		s.reply(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", sdpType))
		return
	}
	e.relay.mu.Lock()
	heard := e.relay.heard
	e.relay.mu.Unlock()
	l.mu.Lock()
	e.settled = e.settled || heard
	l.mu.Unlock()
	if len(offer) > 0 {
		s.changeEarly(l, tag, offer, req, tx)
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
}
