package signaling

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// patience is how often a change that the peer put off is asked for again, before it counts as refused.
const patience = 4

// longestRetry is the longest Retry-After that a change inside a call waits for.
const longestRetry = 10 * time.Second

// putOff says how long to wait before the peer of leg l is asked again, when res puts the request off: by the timers for glare (RFC
// 3261 §14.1), which favour who does not own the Call-ID, or for as long as a 500 asks for (§14.2). chance is in [0, 1).
func (l *leg) putOff(res *sip.Response, chance float64) (wait time.Duration, ok bool) {
	switch res.StatusCode {
	case sip.StatusRequestPending:
		const unit = 10 * time.Millisecond
		if l.owner {
			return 2100*time.Millisecond + time.Duration(chance*191)*unit, true
		}
		return time.Duration(chance*201) * unit, true
	case sip.StatusInternalServerError:
		text, _, _ := strings.Cut(valueOf(res, "Retry-After"), ";")
		text, _, _ = strings.Cut(text, "(")
		seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
		wait = time.Duration(seconds) * time.Second
		return wait, err == nil && wait <= longestRetry
	}
	return 0, false
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask sends a request that changes something inside the dialog, made anew by each call of build, and sends it again while the peer
// puts it off. Meanwhile the peer may have its own change: free ends our exchange with it, and take begins it again when it is over.
func (s *Server) ask(ctx context.Context, l *leg, build func() *sip.Request, free func(), take func(context.Context) bool) (*sip.Response, *sip.Request, error) {
	for try := 1; ; try++ {
		req := build()
		var res *sip.Response
		var err error
		sent := req
		if req.IsInvite() {
			res, sent, err = s.invite(ctx, l, req, func(*sip.Response) {})
		} else {
			if res, err = l.do(ctx, req); err == nil {
				if longer := l.raise(req, res); longer != nil {
					res, err = l.do(ctx, longer)
				}
			}
		}
		if err != nil {
			return nil, sent, err
		}
		l.met(res)
		wait, again := l.putOff(res, rand.Float64())
		if !again || try == patience || l.waited() {
			return res, sent, nil
		}
		free()
		if !pause(ctx, wait) || !take(ctx) {
			return res, sent, nil
		}
	}
}

// waited says whether a change by the leg's peer waits for ours to end, so that ours must not wait for it.
func (l *leg) waited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parked > 0
}

// park waits until the leg's exchange is over, unless ctx ends first.
func (l *leg) park(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parked++
	defer func() { l.parked-- }()
	for l.inviting {
		if l.idle == nil {
			l.idle = make(chan struct{})
		}
		idle := l.idle
		l.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

// parkFor is how long a change that the peer of leg l asks for may wait for leg busy. To some browsers a 491 is the end of the call, so
// theirs wait as long as they can. The PBX's waits for the end of a change that is over for the PBX, and else only for an ACK, which its peer
// may have sent before but we not yet seen.
func (l *leg) parkFor(ctx context.Context, busy *leg) bool {
	if l.pbx == nil {
		return busy.park(ctx)
	}
	busy.mu.Lock()
	acked, ending := len(busy.acks) == 0, busy.ending
	busy.mu.Unlock()
	switch {
	case ending:
		return busy.park(ctx)
	case acked:
		return false
	}
	ctx, stop := context.WithTimeout(ctx, sip.T1)
	defer stop()
	return busy.park(ctx)
}

// ends says that the exchange is over for the other leg's peer, which may go on.
func (l *leg) ends() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
}

// free ends the leg's exchange for whoever waits for that. The caller holds l.mu.
func (l *leg) free() {
	l.inviting, l.ending = false, false
	if l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// pending is how a change that the leg's peer asks for is refused because another one is under way: another one of the peer's (RFC 3261 §14.2, RFC
// 3311 §5.2), or one of ours. chance is in [0, 1).
func (l *leg) pending(chance float64) failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inviting && l.theirs {
		return anotherPending(chance)
	}
	return failure{status: sip.StatusRequestPending, reason: "Request Pending"}
}

// anotherPending refuses a change of a peer that has another one under way, and asks it to wait for up to ten seconds.
func anotherPending(chance float64) failure {
	return failure{status: sip.StatusInternalServerError, reason: "Another Change Under Way", headers: []sip.Header{sip.NewHeader("Retry-After", itoa(int(chance*11)))}}
}

// beginFor begins an exchange on leg busy for a change that the peer of leg l asks for, if need be when another one is over.
func (l *leg) beginFor(ctx context.Context, busy *leg) (finish func(), ok bool) {
	for {
		if finish, ok = busy.beginOf(l == busy); ok {
			return finish, ok
		}
		if l == busy {
			l.meet()
		}
		if !l.parkFor(ctx, busy) {
			return nil, false
		}
	}
}
