package signaling

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

const (
	// seqJump is by how much the numbers of a leg's requests go up with a restart, for they are not written down with each
	// request. Gaps are allowed (RFC 3261 §12.2.1.1).
	seqJump = 10_000

	// livingInterval is how often we note that we live, while there are calls.
	livingInterval = 5 * time.Second

	// endEvery spreads the ends of calls that did not survive.
	endEvery = 20 * time.Millisecond
)

// noFlow is the flow of a browser that was connected before a restart: it has closed.
var noFlow = func() *flow {
	f := &flow{done: make(chan struct{})}
	close(f.done)
	return f
}()

// restore brings back the calls that were up when the program died: toward the PBX as they were; browsers have lostTime to come
// back. It gives those that can't be brought back, or that nobody waits for any more, to be ended once messages can be sent.
func (s *Server) restore(ctx context.Context) (over []*bridge) {
	if s.deps.Live == nil {
		return nil
	}
	states, alive, err := s.deps.Live.Kept()
	if err != nil {
		s.log.Error("calls of before not read", "error", err)
		return nil
	}
	down := time.Since(alive)
	late := down.Abs() > lostTime // a clock may be set back meanwhile
	for id, state := range states {
		b, media, err := s.revive(ctx, id, state)
		if err != nil {
			s.log.Error("call not restored", "call", id, "error", err)
			s.bury(id, state, alive)
			continue
		}
		if !late {
			err = s.deps.Media.Restore(id, media)
			for _, l := range []*leg{b.a, b.b} {
				if err == nil && l != nil && l.party.Client != nil {
					err = s.deps.Media.Introduce(id, l.party)
				}
			}
		}
		if late || err != nil {
			b.log.Warn("call did not survive the restart", "down", down, "error", err)
			b.record.Ended = later(alive, b.record.Answered)
			over = append(over, b)
			continue
		}
		b.log.Info("call restored", "from", b.info.From, "to", b.info.To, "down", down)
		s.board.Set(b.info)
		b.payAgain(ctx)
		for _, l := range []*leg{b.a, b.b} {
			switch {
			case l == nil:
			case l.pbx != nil: // may need new keys
				s.routed.Go(func() {
					<-s.ready
					l.warm(0)
				})
			default:
				l.mu.Lock()
				l.cold = true
				l.await()
				l.mu.Unlock()
			}
		}
		b.keep() // the numbers have gone up
		b.mu.Lock()
		b.tape()
		b.mu.Unlock()
	}
	return over
}

// payAgain lets a call go on at the cost of the user who pays for it.
func (b *bridge) payAgain(ctx context.Context) {
	toll := b.srv.deps.Toll
	for _, l := range []*leg{b.a, b.b} {
		if l == nil || l.payer == "" {
			continue
		}
		if err := toll.Enter(ctx, b.id, l.payer, l.remote.uri.User, b.info.Answer); err != nil {
			b.log.Info("restored call beyond its user's limits", "user", l.payer, "error", err)
			continue
		}
		toll.Answered(b.id, b.info.Answer)
		b.meter()
	}
}

// bury records a call of which nothing is left but its state, as far as that can be read, and forgets it.
func (s *Server) bury(id string, state []byte, ended time.Time) {
	var saved savedCall
	if json.Unmarshal(state, &saved) == nil && saved.Record.ID == id {
		r := saved.Record
		r.Ended, r.By, r.Status, r.Reason = later(ended, r.Answered), nameOf(nil), sip.StatusOK, call.ReasonStopped
		s.history.add(r)
	}
	if err := s.deps.Live.Forget(id); err != nil {
		s.log.Error("call not forgotten", "call", id, "error", err)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// endAll ends calls that did not survive.
func (s *Server) endAll(ctx context.Context, list []*bridge) {
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	for _, b := range list {
		b.endLater(nil, call.ReasonStopped, reason(sip.StatusServiceUnavailable, call.ReasonStopped))
		select {
		case <-tick.C:
		case <-ctx.Done(): // hangUpAll ends the rest
			return
		}
	}
}

// live notes from time to time that we are, while there are calls, until ctx ends.
func (s *Server) live(ctx context.Context) {
	tick := time.NewTicker(livingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			idle := len(s.legs) == 0
			s.mu.Unlock()
			if idle {
				continue
			}
			if err := s.deps.Live.Alive(now); err != nil {
				s.log.Error("time not noted", "error", err)
			}
		}
	}
}

// revive makes a call of its state, but for its media, whose state it gives.
func (s *Server) revive(ctx context.Context, id string, state []byte) (*bridge, []byte, error) {
	var saved savedCall
	if err := json.Unmarshal(state, &saved); err != nil {
		return nil, nil, fmt.Errorf("read state: %w", err)
	}
	a, err := s.reviveLeg(ctx, saved.A)
	if err != nil {
		return nil, nil, err
	}
	var c *leg
	if saved.B != nil {
		if c, err = s.reviveLeg(ctx, *saved.B); err != nil {
			return nil, nil, err
		}
	}
	b := &bridge{id: id, srv: s, log: s.log.With("call", id[:min(8, len(id))]), cancel: func(error) {}, a: a, b: c, builtin: saved.Builtin, record: saved.Record}
	b.life, b.die = context.WithCancel(context.Background())
	b.info = call.Info{ID: id, From: saved.Record.From, To: saved.Record.To, State: call.Talking, Since: saved.Record.Began, Answer: saved.Record.Answered}
	b.keeping.written, b.keeping.answered = true, saved.Record.Answered
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range []*leg{a, c} {
		if l != nil {
			l.call = b
			if l.timer.interval > 0 {
				l.runTimer(l.timer.interval, l.timer.ours)
			}
			s.legs[l.token] = l
			l.mu.Lock()
			l.place(true)
			l.mu.Unlock()
		}
	}
	return b, saved.Media, nil
}

// reviveLeg makes a leg of its state.
func (s *Server) reviveLeg(ctx context.Context, saved savedLeg) (*leg, error) {
	l := &leg{srv: s, token: saved.Token, party: saved.Party, user: saved.User, payer: saved.Payer, callID: saved.CallID, confirmed: true,
		localSeq: saved.LocalSeq + seqJump, remoteSeq: saved.RemoteSeq, referrals: saved.Referrals, acks: make(map[uint32]chan *sip.Request)}
	if saved.PBX == "" {
		l.flow = noFlow
	} else if err := s.reconnect(ctx, l, saved); err != nil {
		return nil, err
	}
	var err error
	if saved.Guest != "" {
		if l.guest, err = s.reviveGuest(saved); err != nil {
			return nil, err
		}
	}
	if l.local, err = saved.Local.restore(); err != nil {
		return nil, err
	}
	if l.remote, err = saved.Remote.restore(); err != nil {
		return nil, err
	}
	target, err := parseURI(saved.Target)
	if err != nil {
		return nil, err
	}
	l.retarget(target)
	for _, text := range saved.Routes {
		uri, err := parseURI(text)
		if err != nil {
			return nil, err
		}
		l.routes = append(l.routes, uri)
	}
	l.owner, l.hides = saved.Owner, saved.Hides
	l.timer.interval, l.timer.ours = saved.Refresh, saved.Refreshes
	return l, nil
}

// reviveGuest is the guest whose leg was saved: whose browser it was, and at which PBX. It comes back as another one of the same name.
func (s *Server) reviveGuest(saved savedLeg) (*guest, error) {
	p := s.pbxOfLastingKey(saved.Of)
	if !p.passes() {
		return nil, fmt.Errorf("no PBX %q any more whose accounts browsers use", saved.Of)
	}
	aor, err := parseURI(saved.Guest)
	return &guest{pbx: p, flow: noFlow, aor: aor}, err
}

// reconnect gives a leg its PBX and the credentials there.
func (s *Server) reconnect(ctx context.Context, l *leg, saved savedLeg) error {
	l.pbx = s.pbxOfLastingKey(saved.PBX)
	if l.pbx == nil {
		return fmt.Errorf("no PBX %q any more", saved.PBX)
	}
	if l.pbx.web() {
		l.party.Client = l.pbx.webParty(l.party.Host).Client
	}
	if saved.Account != "" {
		if user, err := s.deps.Users.User(ctx, saved.Account); err == nil { // else the PBX may still ask for none
			l.creds = l.pbx.credentials(user)
		}
	}
	return nil
}
