package media

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// session is the media of one call: its legs and what they told one another.
type session struct {
	engine *Engine
	id     string
	log    *slog.Logger

	mu    sync.Mutex
	legs  map[string]*leg
	ended bool

	recorder *recorder // nil: the call is not recorded
	announce bool      // that it is

	answered time.Duration // of the engine's clock; 0: not yet
	troubles []*trouble    // the last maxTroubles
}

// session finds a call, or begins it.
func (e *Engine) session(id string, begin bool) (*session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	s := e.calls[id]
	if s == nil {
		if !begin {
			return nil, fmt.Errorf("%w %q", ErrUnknownCall, id)
		}
		s = &session{engine: e, id: id, log: e.log.With("call", id), legs: make(map[string]*leg)}
		e.calls[id] = s
		if !e.reporting {
			e.reporting = true
			e.tasks.Go(e.reports)
		}
	}
	return s, nil
}

// lock finds a call, or begins it, and locks it. The caller unlocks it.
func (e *Engine) lock(id string, begin bool) (*session, error) {
	for {
		s, err := e.session(id, begin)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		if !s.ended {
			return s, nil
		}
		s.mu.Unlock() // ended between the two locks, and forgotten by now
	}
}

// end closes every leg.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for name := range s.legs {
		s.remove(name)
	}
	s.stopRecording()
}

// remove closes a leg. The caller holds mu.
func (s *session) remove(name string) {
	gone := s.legs[name]
	if gone == nil {
		return
	}
	delete(s.legs, name)
	s.part(gone, nil)
	gone.account()
	gone.close()
	if gone.ear != nil {
		gone.ear.gone.Store(true)
	}
}

// forget takes a call without legs out of the engine. The caller holds mu.
func (s *session) forget() {
	if len(s.legs) > 0 {
		return
	}
	s.ended = true
	s.stopRecording()
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if s.engine.calls[s.id] == s {
		delete(s.engine.calls, s.id)
	}
}

// join makes the leg of a party, or finds it. A leg whose party speaks another profile now is begun anew. The caller
// holds mu.
func (s *session) join(party call.Party) (*leg, error) {
	if l := s.legs[party.Leg]; l != nil {
		if l.party.Profile == party.Profile && (l.party.Client == nil) == (party.Client == nil) {
			l.party.Host, l.party.Least, l.party.Keys, l.party.Client = party.Host, party.Least, party.Keys, party.Client
			return l, nil
		}
		s.remove(party.Leg)
	}
	return s.begin(party, 0)
}

// begin makes the leg of a party. Toward the PBX it has that port, or any for 0. The caller holds mu.
func (s *session) begin(party call.Party, port uint16) (*leg, error) {
	l := &leg{engine: s.engine, call: s.id, name: party.Leg, party: party, log: s.log.With("leg", party.Leg), made: max(s.engine.now(), 1)}
	// 62 bits of session id: RFC 9429 §5.2.1 has the first bit zero, so that it is a number in every parser.
	l.talk = talk{id: rand.Uint64() >> 2, version: 1, mid: "0", setup: "passive"}
	switch {
	case party.Profile == sdp.WebRTC && party.Client != nil:
		l.line = newClientLine(s.engine, l)
	case party.Profile == sdp.WebRTC:
		l.secure()
	case party.Profile == sdp.PCM:
		l.line = s.engine.openPCMLine(l)
	default:
		line, err := s.engine.openPlainLine(l, port)
		if err != nil {
			return nil, err
		}
		if l.line = line; port != 0 || party.Profile != sdp.RTP {
			line.listen()
		}
	}
	l.streams.begin(s.engine.now())
	s.legs[party.Leg] = l
	return l, nil
}

// overWebRTC says whether the leg's packets travel by ICE and DTLS, as toward browsers, and from us as toward a server.
func (l *leg) overWebRTC() bool {
	switch l.line.(type) {
	case *secureLine, *clientLine:
		return true
	}
	return false
}

// secure gives the leg a line with ICE.
func (l *leg) secure() {
	line := newSecureLine(l.engine, l)
	l.line, l.talk.local = line, l.engine.table.enroll(line)
}

// openPlainLine binds ports of the party's address family, that one and the next or for 0 any, and reads RTCP; RTP is read from
// listen on.
func (e *Engine) openPlainLine(l *leg, at uint16) (*plainLine, error) {
	network := "udp4"
	if e.addresses.toward(l.party.Host).Is6() {
		network = "udp6"
	}
	media, control, port, err := e.ports.open(network, at)
	if err != nil {
		return nil, err
	}
	s := &plainLine{engine: e, leg: l, media: media, control: control, port: port}
	s.dtls.line = s
	if !e.serve(control, s.receiveControl) {
		s.close()
		return nil, errClosed
	}
	return s, nil
}

// link makes two legs hear one another; other legs of the call that heard one of them don't any more. The caller holds
// mu.
func (s *session) link(a, b *leg, agreed types) {
	s.part(a, b)
	s.part(b, a)
	a.stopTone()
	b.stopTone()
	for _, c := range slices.Concat(a.says(), b.says()) {
		agreed.add(c.PT)
	}
	s.follow(a, b)
	for _, l := range []*leg{a, b} {
		if w := l.way.Load(); w != nil && w.peer != a && w.peer != b {
			l.streams.pause() // someone else speaks from now on, though it may be with the same numbers
		}
	}
	join(a, b, a.leads(&way{peer: b, types: agreed}), b.leads(&way{peer: a, types: agreed}))
	a.listen()
	b.listen()
	a.talk.read, b.talk.read = nil, nil // most calls need neither any more
}

// part makes no other leg but one pass anything to l; but may be nil. The caller holds mu.
func (s *session) part(l, but *leg) {
	for _, other := range s.legs {
		if other == l || other == but {
			continue
		}
		other.detach(l)
		if theirs, gone := other.video.Load(), l.video.Load(); theirs != nil && gone != nil {
			theirs.detach(gone)
		}
	}
}

// leads completes a way by what the leg's party agreed to.
func (l *leg) leads(w *way) *way {
	r := l.talk.agreed
	if r != nil && !r.Rejected {
		w.talks = r.Direction == "sendrecv" || r.Direction == "sendonly"
		w.hears = r.Direction == "sendrecv" || r.Direction == "recvonly"
		if w.peer != nil {
			w.types.join(l.accompanying())
		}
		w.hearing = l.hearing(r, w.types)
		w.rates.note(r.Codecs)
	}
	if w.peer != nil && w.peer.talk.agreed != nil {
		w.rates.note(w.peer.talk.agreed.Codecs)
	}
	w.since, w.formats = l.engine.now(), l.formats(w)
	once(&l.count.agreed, w.since)
	w.feedback = r != nil && r.Feedback
	w.reduced = w.feedback && l.party.Profile == sdp.WebRTC && r.ReducedSize
	l.heardBy(w)
	return w
}

// detach ends what a leg passes to another one.
func (l *leg) detach(peer *leg) {
	if w := l.way.Load(); w != nil && w.peer == peer {
		alone := *w
		alone.peer, alone.via = nil, nil
		alone.unheard()
		l.way.Store(&alone)
		l.stopTranscoding()
	}
}

// stopTone ends the tone that the leg is played.
func (l *leg) stopTone() {
	if l.tone != nil {
		l.tone()
		l.tone = nil
	}
}

// startTone plays the tone to the leg from now on.
func (l *leg) startTone(play func(ctx context.Context)) {
	l.stopTone()
	ctx, cancel := context.WithCancel(l.engine.ctx)
	l.tone = cancel
	if !l.engine.spawn(func() { play(ctx) }) {
		cancel()
	}
}
