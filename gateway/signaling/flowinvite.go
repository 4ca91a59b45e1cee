package signaling

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// tryingTime is how long an INVITE may be without a response before it gets 100 Trying (RFC 3261 §17.2.1).
const tryingTime = 200 * time.Millisecond

// flowInvite is the server transaction of an INVITE on a flow (RFC 3261 §17.2.1, RFC 6026 §7.1): as the transport is reliable, it is over
// with the final response. It stands where one of sipgo's would, which keeps the INVITE and the flow for 32 s after that.
type flowInvite struct {
	flowReply
	req    *sip.Request
	trying *time.Timer

	// Guarded by flowReply's mutex.
	last       *sip.Response
	onCancel   []sip.FnTxCancel
	isCanceled bool
}

func newFlowInvite(f *flow, req *sip.Request) *flowInvite {
	i := &flowInvite{flowReply: flowReply{f: f}, req: req}
	i.trying = time.AfterFunc(tryingTime, func() {
		_ = i.respond(sip.NewResponseFromRequest(req, sip.StatusTrying, "Trying", nil), true) // the flow may be closing
	})
	return i
}

// Respond sends a response; a second final one is refused, and all after a CANCEL.
func (i *flowInvite) Respond(res *sip.Response) error {
	i.trying.Stop()
	return i.respond(res, false)
}

// respond sends a response, or only if it is the first one.
func (i *flowInvite) respond(res *sip.Response, first bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.isCanceled:
		return sip.ErrTransactionCanceled
	case i.over:
		return sip.ErrTransactionTerminated
	case first && i.last != nil:
		return nil
	}
	i.last, i.over = res, !res.IsProvisional()
	return flowConn{i.f}.WriteMsg(res)
}

// repeat answers an INVITE that comes again as the first time.
func (i *flowInvite) repeat() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last != nil {
		_ = flowConn{i.f}.WriteMsg(i.last) // the flow may be closing
	}
}

// refused says whether the final response was no success, so that its ACK belongs to the transaction.
func (i *flowInvite) refused() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.over && i.last != nil && !i.last.IsSuccess()
}

// cancel takes a CANCEL (RFC 3261 §9.2), which comes too late after the final response.
func (i *flowInvite) cancel(req *sip.Request) {
	i.trying.Stop()
	i.mu.Lock()
	if i.over {
		i.mu.Unlock()
		return
	}
	i.over, i.isCanceled = true, true
	i.last = sip.NewResponseFromRequest(i.req, sip.StatusRequestTerminated, "Request Terminated", nil)
	tell := i.onCancel
	i.mu.Unlock()
	for _, f := range tell {
		f(req)
	}
	i.repeat()
}

// OnCancel lets f be called when the caller gives up.
func (i *flowInvite) OnCancel(f sip.FnTxCancel) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over {
		return false
	}
	i.onCancel = append(i.onCancel, f)
	return true
}

// Terminate ends the transaction.
func (i *flowInvite) Terminate() {
	i.trying.Stop()
	i.flowReply.Terminate()
}

// Err is why no more can be sent.
func (i *flowInvite) Err() error {
	i.mu.Lock()
	canceled := i.isCanceled
	i.mu.Unlock()
	if canceled {
		return sip.ErrTransactionCanceled
	}
	return i.flowReply.Err()
}
