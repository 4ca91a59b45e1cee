package desk

import (
	"context"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
)

// State is how the phone is doing.
func (p *Phone) State() call.DeskState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state()
}

func (p *Phone) state() call.DeskState {
	s := call.DeskState{Ready: p.registered, Problem: p.trouble, Owner: p.owner, Busy: p.busy, Calls: []call.DeskCall{}}
	for _, more := range []string{p.room.trouble(), p.deps.Card.State()} {
		if s.Problem == "" {
			s.Problem = more
		}
	}
	for _, c := range p.calls {
		d := call.DeskCall{ID: c.id, Peer: c.peer, Name: c.name, Direction: "in", State: c.state, Held: c.held, Waits: c.waits, Muted: c.muted,
			Joined: c.joined, Since: c.since.UnixMilli(), Digits: c.digits, Transfer: c.note, Reason: c.reason}
		if c.out {
			d.Direction = "out"
		} else {
			d.To = c.local.uri.User
		}
		if c.moves != nil {
			d.Moves = c.moves.id
		}
		if !c.answered.IsZero() {
			d.Answered = c.answered.UnixMilli()
			d.Dialog = c.replaces()
		}
		s.Calls = append(s.Calls, d)
	}
	return s
}

// Watch tells how the phone is doing, at first and after each change, until ctx ends. Who is slow misses what came in between.
func (p *Phone) Watch(ctx context.Context) <-chan call.DeskState {
	ch := make(chan call.DeskState, 1)
	p.mu.Lock()
	p.watchers[ch] = true
	ch <- p.state()
	p.mu.Unlock()
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, ch)
	})
	return ch
}

// changed brings what is heard up to date and tells who watches. The caller holds p.mu.
func (p *Phone) changed() {
	p.keep()
	p.room.set(p.scene())
	s := p.state()
	for ch := range p.watchers {
		select {
		case <-ch: // nobody has taken it yet, and there is something newer
		default:
		}
		ch <- s
	}
	p.giveUp()
}

// scene is what is to be heard.
func (p *Phone) scene() scene {
	s := scene{talk: make(map[Voice]bool), tone: p.tone}
	talks, rings, back := false, false, false
	for _, c := range p.ongoing() {
		switch {
		case c.state == call.Talking && !c.held && !c.away:
			talks = true
			if c.voice != nil {
				s.talk[c.voice] = c.muted
			}
		case c.early:
			s.talk[c.voice] = true // the caller is not heard before the answer
			talks = true
		case c.state == call.Ringing && c.out:
			back = true
		case c.state == call.Ringing:
			rings = true
		}
	}
	switch {
	case back && !talks:
		s.tone = audio.RingbackTone
	case rings && talks:
		s.tone = audio.WaitingTone
	}
	s.ringing = rings && !talks && !back
	return s
}

// toneTime is how long a tone tells that a call failed.
const toneTime = 3 * time.Second

// failedTone sounds that a call of ours failed.
func (p *Phone) failedTone(tone audio.Progress) {
	p.tone = tone
	if p.toneEnd != nil {
		p.toneEnd.Stop()
	}
	p.toneEnd = time.AfterFunc(toneTime, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tone = ""
		p.changed()
	})
}
