package signaling

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// bridge is a call: leg a asked for it, leg b took it.
type bridge struct {
	id  string
	srv *Server
	log *slog.Logger

	life context.Context // ends with the call
	die  context.CancelFunc

	mu      sync.Mutex
	info    call.Info
	record  call.Record             // what the history will know
	a, b    *leg                    // b is nil before the answer and with a built-in callee
	builtin string                  // the built-in callee, if it is one
	cancel  context.CancelCauseFunc // ends the set-up
	setup   *setup                  // the set-up itself; nil for a moment at first, and when it is over
	ended   bool
	keeping keeping
}

// newBridge puts a call on the board.
func (s *Server) newBridge(from, to string, cancel context.CancelCauseFunc) *bridge {
	b := &bridge{id: token(), srv: s, cancel: cancel}
	b.life, b.die = context.WithCancel(context.Background())
	b.log = s.log.With("call", b.id[:8])
	b.info = call.Info{ID: b.id, From: from, To: to, State: call.Calling, Since: time.Now()}
	b.record = call.Record{ID: b.id, From: from, To: to, Began: b.info.Since}
	s.board.Set(b.info)
	return b
}

// enter moves the call to a state before its end; a call never goes back.
func (b *bridge) enter(state call.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.info.State == call.Talking || b.info.State == state {
		return
	}
	now := time.Now()
	switch state {
	case call.Ringing:
		b.record.Rang = now
	case call.Talking:
		b.info.Answer, b.record.Answered = now, now
		if b.b != nil {
			b.record.AnsweredBy = b.b.user
		}
		b.srv.deps.Toll.Answered(b.id, now)
		if b.srv.deps.Judge != nil {
			b.srv.deps.Judge.Answered(b.id)
		}
		b.meter()
	}
	b.info.State = state
	b.srv.board.Set(b.info)
	b.srv.around.movedCall(b.a, b.b)
	if state == call.Talking {
		b.tape()
	}
}

// peer is the leg across from l; nil when there is none (yet).
func (b *bridge) peer(l *leg) *leg {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l == b.a {
		return b.b
	}
	return b.a
}

// answeredBy joins the leg that took the call; false when the call has ended meanwhile.
func (b *bridge) answeredBy(l *leg) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.b = l
	return true
}

// end ends the call: every leg but by, which has ended itself, gets BYE with the headers more. why is for the history;
// empty: by hung up. It may be called again.
func (b *bridge) end(ctx context.Context, by *leg, why string, more ...sip.Header) {
	if !b.over(by, sip.StatusRequestTerminated, why) {
		return
	}
	b.forget()
	b.mu.Lock()
	a, c := b.a, b.b
	b.mu.Unlock()
	b.cancel(errAbandoned)
	b.log.Info("call ended", "by", nameOf(by))
	var up []*leg
	for _, l := range []*leg{a, c} {
		if l == nil {
			continue
		}
		l.mu.Lock()
		confirmed := l.confirmed
		l.mu.Unlock()
		if confirmed || l == by {
			b.srv.past.add(l, time.Now())
		}
		if l == by || !confirmed {
			l.drop()
			continue
		}
		up = append(up, l)
	}
	b.srv.deps.Media.Delete(b.id, "")
	bye := func(l *leg) {
		l.bye(ctx, more)
		l.drop() // not before: while the leg is there its far end's host may answer
	}
	var byes sync.WaitGroup
	for i, l := range up {
		if i < len(up)-1 {
			byes.Go(func() { bye(l) })
		} else {
			bye(l)
		}
	}
	byes.Wait()
}

// endLater ends the call without keeping the caller waiting for the BYE's answer.
func (b *bridge) endLater(by *leg, why string, more ...sip.Header) {
	b.srv.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		b.end(ctx, by, why, more...)
	})
}

func nameOf(l *leg) string {
	switch {
	case l == nil:
		return "Cordboard"
	case l.pbx != nil:
		return l.pbx.cfg.Name
	default:
		return l.user
	}
}

// stopped is what callers hear while the server stops.
var stopped = failure{status: sip.StatusServiceUnavailable, reason: "Cordboard Stops"}

// stops says whether the server takes no new calls any more.
func (s *Server) stops() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// hangUpAll ends every call and takes no new ones.
func (s *Server) hangUpAll() {
	s.mu.Lock()
	s.draining = true
	bridges := make(map[*bridge]bool)
	for _, l := range s.legs {
		bridges[l.call] = true
	}
	s.mu.Unlock()
	for b := range bridges {
		b.endLater(nil, call.ReasonStopped, reason(sip.StatusServiceUnavailable, "Cordboard stops"))
	}
}
