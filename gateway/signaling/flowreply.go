package signaling

import (
	"sync"

	"github.com/emiago/sipgo/sip"
)

// flowReply is the server transaction of a request other than INVITE on a flow (RFC 3261 §17.2.2): as the transport is reliable,
// it is over with the final response. It stands where one of sipgo's would, which takes timers and a goroutine for nothing.
type flowReply struct {
	f *flow

	mu       sync.Mutex
	over     bool
	done     chan struct{} // made by Done
	terminal []sip.FnTxTerminate
}

// Respond sends a response; a second final one is refused.
func (r *flowReply) Respond(res *sip.Response) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return sip.ErrTransactionTerminated
	}
	r.over = !res.IsProvisional()
	return flowConn{r.f}.WriteMsg(res)
}

// Terminate ends the transaction.
func (r *flowReply) Terminate() {
	r.mu.Lock()
	r.over = true
	if r.done != nil && !closed(r.done) {
		close(r.done)
	}
	tell := r.terminal
	r.terminal = nil
	r.mu.Unlock()
	for _, f := range tell {
		f("", sip.ErrTransactionTerminated)
	}
}

// OnTerminate lets f be called when the request has been taken.
func (r *flowReply) OnTerminate(f sip.FnTxTerminate) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.terminal = append(r.terminal, f)
	return true
}

// Done is closed when the request has been taken.
func (r *flowReply) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = make(chan struct{})
		if r.over {
			close(r.done)
		}
	}
	return r.done
}

// Err is why no more can be sent.
func (r *flowReply) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return sip.ErrTransactionTerminated
	}
	return nil
}

// Acks gives nothing: only an INVITE is acknowledged.
func (r *flowReply) Acks() <-chan *sip.Request { return nil }

// OnCancel does nothing: only an INVITE can be cancelled (RFC 3261 §9.1).
func (r *flowReply) OnCancel(sip.FnTxCancel) bool { return true }

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
