package signaling

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// When we are overloaded. Requests wait because the processor is busy; of a burst only the last ones wait long, so it takes an
// interval in which even the luckiest waited to tell (the idea of RFC 8289, controlled delay).
const (
	overloadWait     = 200 * time.Millisecond // what a request may wait for us to begin
	overloadInterval = time.Second            // so long must all have waited longer
	overloadUnder    = 5000                   // transactions under way, whatever they wait for
)

// overload decides which requests are refused so that those which belong to calls can be served (RFC 7339 §5.10.1, RFC 7200 §3).
// The zero overload is ready.
type overload struct {
	under atomic.Int64 // requests that are being taken

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
	return o.busy || o.under.Load() > overloadUnder
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

// overloaded refuses a request that begins something new while there is more to do than can be done, and gives true. What belongs to a dialog
// passes, and so does what can't be refused (RFC 3261 §17).
func (s *Server) overloaded(req *sip.Request, tx sip.ServerTransaction) bool {
	if req.IsAck() || req.IsCancel() || !s.load.is() {
		return false
	}
	if to := req.To(); to != nil {
		if _, tagged := to.Params.Get("tag"); tagged {
			return false
		}
	}
	if s.load.news(time.Now()) {
		s.log.Warn("overloaded, new requests are refused", "under way", s.load.under.Load())
	}
	const soonest, spread = 5, 10 // seconds; not all shall come back at once
	s.reply(req, tx, sip.StatusServiceUnavailable, "Overloaded", sip.NewHeader("Retry-After", itoa(soonest+rand.IntN(spread))))
	return true
}
