package media

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"cordboard/gateway/call"
)

// Observer is told how calls sound. The engine waits for it between two looks, so it must not take long.
type Observer interface {
	// Trouble tells of a trouble when it begins, and again when it has ended.
	Trouble(t call.Trouble)
	// Sample tells of five seconds of a leg of that side, "browser" or "pbx".
	Sample(side string, s call.Sample)
	// Steps tells how the media of a leg came up, once packets pass both ways, and when the call was answered.
	Steps(side string, s call.Steps, answered int64)
}

// Observe names the observer; before Run.
func (e *Engine) Observe(o Observer) { e.observer = o }

// news is what a look at a call has found.
type news struct {
	troubles []call.Trouble
	samples  []sampled
	steps    []stepped
}

type sampled struct {
	side string
	call.Sample
}

type stepped struct {
	side string
	call.Steps
	answered int64
}

// watch looks at all legs every lookTime until ctx or the engine ends. It takes no lock that a packet waits for.
func (e *Engine) watch(ctx context.Context) {
	ticker := time.NewTicker(lookTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			e.look(e.now())
		case <-ctx.Done():
			return
		case <-e.ctx.Done():
			return
		}
	}
}

// look judges every call.
func (e *Engine) look(now time.Duration) {
	for _, s := range e.sessions() {
		n := s.look(now)
		if e.observer == nil {
			continue
		}
		for _, t := range n.troubles {
			e.observer.Trouble(t)
		}
		for _, x := range n.samples {
			e.observer.Sample(x.side, x.Sample)
		}
		for _, x := range n.steps {
			e.observer.Steps(x.side, x.Steps, x.answered)
		}
	}
}

// sessions are the calls of the moment.
func (e *Engine) sessions() []*session {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*session, 0, len(e.calls))
	for _, s := range e.calls {
		list = append(list, s)
	}
	return list
}

// Answered says that a call was answered: from now on both sides should be heard. A call that is unknown is passed over.
func (e *Engine) Answered(id string) {
	s, err := e.lock(id, false)
	if err != nil {
		return
	}
	defer s.mu.Unlock()
	if s.answered == 0 {
		s.answered = max(e.now(), 1)
	}
}

// look judges every leg of a call.
func (s *session) look(now time.Duration) (n news) {
	if !s.mu.TryLock() {
		return n // it is being negotiated, which may wait for a STUN server
	}
	defer s.mu.Unlock()
	for _, l := range s.legs {
		l.account()
		if line, ok := l.line.(*clientLine); ok {
			line.look(now)
		}
		w := l.way.Load()
		if w == nil {
			continue
		}
		if line, ok := l.line.(*plainLine); ok && now-w.since >= lookTime {
			line.listen()
		}
		r := l.count.read(now)
		j := &l.judge
		if j.began == 0 {
			j.began, j.sampled = max(now, 1), r
		}
		j.look(r)
		if x := s.sample(l, r, false); x != nil {
			n.samples = append(n.samples, sampled{l.side(), *x})
		}
		if l.count.first.Load() > 0 && l.count.spoke.Load() > 0 && s.answered > 0 && !j.stepped {
			j.stepped = true
			n.steps = append(n.steps, stepped{l.side(), l.steps(), s.engine.moment(s.answered)})
		}
	}
	for _, l := range s.legs {
		s.judge(l, now, &n)
	}
	for _, t := range s.troubles {
		if t.Ended == 0 && s.legs[t.leg.name] != t.leg {
			s.finish(t, now, &n)
		}
	}
	return n
}

// judge finds the troubles of a leg that began or ended. The caller holds mu.
func (s *session) judge(l *leg, now time.Duration, n *news) {
	w := l.way.Load()
	found := map[call.TroubleKind]float64{}
	if since, ok := s.awaited(l); ok {
		cause := l.mute(since, now)
		if cause != "" {
			found[cause] = 0
			if w.peer != nil && s.flows(w.peer, now) {
				found[call.TroubleOneWay] = 0
			}
		} else if l.hollow(since, now) {
			found[call.TroubleMuted] = 0
		}
		if cause == "" && l.judge.find(causes) != nil {
			l.judge.looked = 1 // what was lost meanwhile is known
		}
		if loss, much := l.judge.lossy(); much && cause == "" {
			found[call.TroubleLossIn] = loss
		}
	}
	if s.answered > 0 && w != nil && w.hears {
		if loss, much := l.lossyOut(w.peer, now); much {
			found[call.TroubleLossOut] = loss
		}
	}
	for _, t := range slices.Clone(l.judge.troubles) {
		if _, there := found[t.Kind]; !there {
			s.finish(t, now, n)
		}
	}
	for _, kind := range ranks {
		if loss, there := found[kind]; there && l.judge.find([]call.TroubleKind{kind}) == nil {
			s.begins(l, kind, loss, now, n)
		}
	}
}

// flows says whether a party that should be sending is heard.
func (s *session) flows(l *leg, now time.Duration) bool {
	_, ok := s.awaited(l)
	last := time.Duration(l.count.last.Load())
	return ok && last > 0 && now-last < flowTime
}

// begins notes a trouble. The caller holds mu.
func (s *session) begins(l *leg, kind call.TroubleKind, loss float64, now time.Duration, n *news) {
	text, cause := l.words(kind, loss)
	t := &trouble{leg: l, began: now, in: l.judge.back(0).in, expected: l.judge.back(0).expected, Trouble: call.Trouble{Call: s.id, Leg: l.name, Side: l.side(), Kind: kind, Text: text, Cause: cause,
		Began: s.engine.moment(now)}}
	l.judge.troubles = append(l.judge.troubles, t)
	if len(s.troubles) >= maxTroubles {
		i := max(0, slices.IndexFunc(s.troubles, func(t *trouble) bool { return t.Ended > 0 }))
		s.troubles = slices.Delete(s.troubles, i, i+1)
	}
	s.troubles = append(s.troubles, t)
	n.troubles = append(n.troubles, t.Trouble)
	attrs := []any{slog.String("kind", string(kind)), slog.String("what", text), slog.String("cause", cause)}
	if odd := l.count.oddHost.Load(); kind == call.TroubleAddress && odd != nil {
		attrs = append(attrs, slog.Any("from", *odd), slog.Any("announced", l.announced()))
	}
	level := slog.LevelWarn
	if kind == call.TroubleMuted { // on purpose, most often
		level = slog.LevelInfo
	}
	l.log.Log(context.Background(), level, "media trouble", attrs...)
}

// finish notes that a trouble has ended. The caller holds mu.
func (s *session) finish(t *trouble, now time.Duration, n *news) {
	t.Ended = s.engine.moment(now)
	j := &t.leg.judge
	if here := j.back(0); t.Kind == call.TroubleSilent && t.leg.side() == sidePBX && here.expected-t.expected == here.in-t.in && here.in != t.in {
		j.pauses++
	}
	j.troubles = slices.DeleteFunc(j.troubles, func(o *trouble) bool { return o == t })
	n.troubles = append(n.troubles, t.Trouble)
	t.leg.log.Info("media trouble over", slog.String("kind", string(t.Kind)), slog.Duration("after", now-t.began))
}

// moment is a time of the engine's clock in Unix milliseconds; 0 for never.
func (e *Engine) moment(at time.Duration) int64 {
	if at == 0 {
		return 0
	}
	return e.start.Add(at).UnixMilli()
}
