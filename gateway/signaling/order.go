package signaling

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// gapTime is how long a request inside a dialog waits for those before it. Each is taken by a goroutine of its own, and by UDP they may change places
// on the way too; a number may also be missing for good.
const gapTime = 500 * time.Millisecond

// order is in which order the requests of a leg's peer are taken (RFC 3261 §12.2.2). The leg's mutex guards it.
type order struct {
	taken bool          // one is being sent on, and those after it wait
	acked uint32        // the number of an INVITE whose ACK is to be sent on before those after it; 0: none
	moved chan struct{} // closed when that is done, or a number has come; nil: nobody waits
}

// move wakes who waits.
func (o *order) move() {
	if o.moved != nil {
		close(o.moved)
		o.moved = nil
	}
}

// next is closed when something has moved.
func (o *order) next() <-chan struct{} {
	if o.moved == nil {
		o.moved = make(chan struct{})
	}
	return o.moved
}

// inOrder takes the number of a request of the peer when those before it have been taken and sent on; false when a later one has been taken already. A
// request that is sent on itself holds up those after it until release, which may be called again.
func (l *leg) inOrder(req *sip.Request, sentOn bool) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := req.CSeq().SeqNo
	var gap, late <-chan time.Time
	for {
		last := l.order(req)
		if seq < *last {
			return func() {}, req.IsAck()
		}
		// What early dialogs share of numbers differs from phone to phone, and the first number may be any.
		missing := l.confirmed && *last > 0 && seq > *last+1
		early := l.orderly.acked > 0 && seq > l.orderly.acked
		if !missing && !early && !l.orderly.taken {
			*last = seq
			l.orderly.move()
			if !sentOn {
				return func() {}, true
			}
			l.orderly.taken = true
			return sync.OnceFunc(l.release), true
		}
		if gap == nil {
			gap, late = time.After(gapTime), time.After(answerTime)
		}
		moved := l.orderly.next()
		l.mu.Unlock()
		select {
		case <-moved:
			l.mu.Lock()
		case <-gap: // it is missing for good, or the ACK is
			l.mu.Lock()
			if last = l.order(req); seq > *last+1 {
				*last = seq - 1
			}
			if early {
				l.orderly.acked = 0
			}
		case <-late:
			l.mu.Lock()
			l.orderly.taken = false
		}
	}
}

// ackFirst has the peer's requests after its INVITE with number seq wait, as for one that is missing, until over says that their ACK was sent on: by a
// goroutine of its own, too.
func (l *leg) ackFirst(seq uint32) (over func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orderly.acked = seq
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.orderly.acked == seq {
			l.orderly.acked = 0
		}
		l.orderly.move()
	}
}

// release lets the next request be taken.
func (l *leg) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orderly.taken = false
	l.orderly.move()
}
