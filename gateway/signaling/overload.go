package signaling

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/guard"
)

// When we are overloaded. Requests wait because the processor is busy; of a burst only the last ones wait long, so it takes an
// interval in which even the luckiest waited to tell (the idea of RFC 8289, controlled delay).
const (
	overloadWait     = 200 * time.Millisecond // what a request may wait for us to begin
	overloadInterval = time.Second            // so long must all have waited longer

	// MostBusy is how many transactions may be under way, whatever they wait for, where Config names no other number.
	MostBusy = 5000
)

// overload decides which requests are refused so that those which belong to calls can be served (RFC 7339 §5.10.1, RFC 7200 §3).
type overload struct {
	under atomic.Int64 // requests that are being taken
	most  atomic.Int64 // of them at a time

	mu    sync.Mutex
	began time.Time     // of the interval
	least time.Duration // waited by a request since then
	busy  bool          // what the last interval told
	said  time.Time     // when the log was told
}

// begins notes a request that waited so long for us to begin with it.
func (o *overload) begins(waited time.Duration, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch age := now.Sub(o.began); {
	case waited < overloadWait: // one that did not wait is enough
		o.began, o.least, o.busy = now, waited, false
	case age > 2*overloadInterval: // silence tells nothing
		o.began, o.least, o.busy = now, waited, false
	case age >= overloadInterval:
		o.busy = o.least >= overloadWait
		o.began, o.least = now, waited
	default:
		o.least = min(o.least, waited)
	}
}

// is says whether we are overloaded.
func (o *overload) is() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.busy || o.under.Load() > o.most.Load()
}

// news says whether the log should be told again.
func (o *overload) news(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.said) < time.Minute {
		return false
	}
	o.said = now
	return true
}

// SetBusy changes how many requests may be under way at a time before we are overloaded; 0 stands for MostBusy.
func (s *Server) SetBusy(most int) {
	if most <= 0 {
		most = MostBusy
	}
	s.load.most.Store(int64(most))
}

// overloaded refuses a request that begins something new while there is more to do than can be done, and gives true. What belongs to a dialog
// passes, and so do who takes the place of a leg of a call that is up, calls for help (RFC 7339 §5.10.1), and what can't be refused (RFC 3261 §17).
func (s *Server) overloaded(req *sip.Request, tx sip.ServerTransaction) bool {
	if req.IsAck() || req.IsCancel() || !s.load.is() {
		return false
	}
	if to := req.To(); to != nil {
		if _, tagged := to.Params.Get("tag"); tagged {
			return false
		}
	}
	if req.IsInvite() && (s.deps.Toll.Emergency(guard.Number(req.Recipient.User)) || s.continues(req)) {
		return false
	}
	if s.load.news(time.Now()) {
		s.log.Warn("overloaded, new requests are refused", "under way", s.load.under.Load())
	}
	const soonest, spread = 5, 10 // seconds; not all shall come back at once
	s.reply(req, tx, sip.StatusServiceUnavailable, "Overloaded", sip.NewHeader("Retry-After", itoa(soonest+rand.IntN(spread))))
	return true
}

// continues says whether an INVITE is to take the place of a leg of a call that is up, as that of a page that was loaded again. Whom we don't
// know is not looked up.
func (s *Server) continues(req *sip.Request) bool {
	h := req.GetHeader("Replaces")
	if h == nil {
		return false
	}
	if f := s.door.flow(req.Source()); f != nil {
		if _, bound := f.Identity(); !bound {
			return false
		}
	}
	d, _, ok := parseReplaces(h.Value())
	if !ok {
		return false
	}
	_, up := s.named(d)
	return up
}
