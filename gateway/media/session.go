package media

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
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

// talk is what one leg's party and we said in SDP.
type talk struct {
	id, version uint64      // of our description (RFC 8866 §5.2)
	sent        []byte      // our last description
	read        *sdp.Remote // what sent says; nil: it was not asked for since the last exchange
	local       credentials // our ICE credentials
	fresh       credentials // for the answer to an offer that restarts ICE; empty for others
	mid         string      // of the audio stream
	setup       string      // our side of DTLS in an answer: "passive", or "active" when the party said "passive"

	offer    []byte           // the party's last offer
	heard    *sdp.Description // what offer says; nil once it was answered
	proposed *sdp.Remote      // of that offer; in force when it is answered
	agreed   *sdp.Remote      // what is in force
	said     []byte           // the party's description that is in force
	wish     string           // the direction that the party would have, whatever the other side lets it
	final    []sdp.Codec      // those in use
}

// actpass is what our offers say of DTLS: the browser chooses (RFC 8842 §5.2).
const actpass = "actpass"

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

// hear takes a description from the leg's party. The caller holds the session's mutex.
func (l *leg) hear(text []byte) (*sdp.Description, *sdp.Remote, error) {
	said, err := sdp.Read(text)
	if err != nil {
		return nil, nil, err
	}
	remote := said.Remote()
	if !l.overWebRTC() {
		if remote.Profile == sdp.WebRTC { // the ICE of a phone may be passed over
			remote.Profile = sdp.DTLS
		}
		if err := l.suits(&remote); err != nil {
			return nil, nil, err
		}
	} else if !remote.Rejected {
		if remote.ICEUfrag == "" || remote.ICEPwd == "" || remote.Fingerprint == "" {
			return nil, nil, fmt.Errorf("read a WebRTC description without ICE or fingerprint: %w", sdp.ErrMalformed)
		}
	}
	if remote.MID != "" {
		l.talk.mid = remote.MID
	}
	return said, &remote, nil
}

// propose takes an offer from the leg's party. The caller holds the session's mutex.
func (l *leg) propose(text []byte) (*sdp.Remote, error) {
	said, remote, err := l.hear(text)
	if err != nil {
		return nil, err
	}
	t := &l.talk
	before := t.proposed
	t.offer, t.heard, t.proposed = text, said, remote
	l.overICE(remote)
	if line, ok := l.line.(*secureLine); ok {
		if before == nil || before.ICEUfrag != remote.ICEUfrag { // else the same offer, for another branch of a fork
			l.forgo()
			if t.agreed != nil && t.agreed.ICEUfrag != remote.ICEUfrag {
				t.fresh = l.engine.table.enroll(line) // ICE restarts; the old ones are good until the new ones are used (RFC 8445 §9)
			}
		}
	}
	anew := t.agreed == nil || t.agreed.Fingerprint != remote.Fingerprint
	line, client := l.line.(*clientLine)
	if client {
		if err := line.proposed(t.agreed != nil && t.agreed.ICEUfrag != remote.ICEUfrag); err != nil {
			return nil, err
		}
	}
	if remote.Setup == "passive" || client && anew && remote.Setup != "active" { // a client begins at once (RFC 8842 §5.3)
		t.setup = "active"
	} else if remote.Setup == "active" || anew {
		t.setup = "passive" // else the association goes on in the roles it has (RFC 8842 §5.5)
	}
	return remote, nil
}

// forgo drops credentials for a restart of ICE that was never answered. The caller holds the session's mutex.
func (l *leg) forgo() {
	if line, ok := l.line.(*secureLine); ok && l.talk.fresh != (credentials{}) {
		l.engine.table.dismiss(line, l.talk.fresh.ufrag)
		l.talk.fresh = credentials{}
	}
}

// accept puts the party's answer in force. The caller holds the session's mutex.
func (l *leg) accept(text []byte, answer *sdp.Remote) {
	l.forgo()
	l.talk.said = text
	l.wishes(answer.Direction)
	if l.talk.setup = "passive"; answer.Setup == "passive" {
		l.talk.setup = "active"
	}
	l.agree(answer)
}

// wishes takes the direction of the party's answer as its wish, unless our offer left it no better one.
func (l *leg) wishes(direction string) {
	if l.talk.wish == "" {
		l.talk.wish = "sendrecv"
	}
	if offered, err := l.talk.told(); err != nil || direction == "sendrecv" || direction != sdp.Reverse(offered.Direction) {
		l.talk.wish = direction
	}
}

// answered puts the party's offer in force. The caller holds the session's mutex.
func (l *leg) answered() {
	l.talk.said, l.talk.heard = l.talk.offer, nil
	l.talk.wish = l.talk.proposed.Direction
	if l.talk.fresh != (credentials{}) {
		l.talk.local, l.talk.fresh = l.talk.fresh, credentials{}
	}
	l.agree(l.talk.proposed)
}

// agree puts a description of the party in force.
func (l *leg) agree(remote *sdp.Remote) {
	l.talk.agreed = remote
	l.line.apply(remote, l.talk.setup == "active")
}

// tell writes what the party is told, by way of write. The version in it goes up only when something else changes (RFC
// 3264 §8). The caller holds the session's mutex.
func (l *leg) tell(setup string, write func(sdp.Local) ([]byte, error)) ([]byte, error) {
	local, err := l.local(setup)
	if err != nil {
		return nil, err
	}
	text, err := write(local)
	if err != nil || bytes.Equal(text, l.talk.sent) {
		return text, err
	}
	if l.talk.sent != nil {
		l.talk.version++
		local.Version = l.talk.version
		if text, err = write(local); err != nil {
			return nil, err
		}
	}
	l.talk.sent, l.talk.read = text, nil
	return text, nil
}

// asked is the party's last offer.
func (t *talk) asked() (*sdp.Description, error) {
	if t.heard != nil {
		return t.heard, nil
	}
	said, err := sdp.Read(t.offer)
	if err != nil {
		return nil, fmt.Errorf("party's own offer: %w", err)
	}
	return said, nil
}

// told is our last description as its reader finds it. While one is agreed on much asks for it, so it is read once. Nobody changes it.
func (t *talk) told() (*sdp.Remote, error) {
	if t.read == nil {
		r, err := sdp.Parse(t.sent)
		if err != nil {
			return nil, err
		}
		t.read = &r
	}
	return t.read, nil
}

// local is our side of the leg.
func (l *leg) local(setup string) (sdp.Local, error) {
	t, e := &l.talk, l.engine
	local := sdp.Local{Profile: sdp.WebRTC, Session: t.id, Version: t.version, Previous: t.sent, Events: sdp.EventsAlways}
	if e.opus != OpusNever {
		local.Convert, local.Prefer = convertible, e.opus == OpusPrefer
	}
	if !l.party.Keys.Events() {
		local.Events = sdp.EventsNever
	}
	if line, ok := l.line.(*plainLine); ok {
		host := e.addresses.toward(l.party.Host)
		local.Audio = netip.AddrPortFrom(host, line.port)
		local.RTCP = netip.AddrPortFrom(host, line.port+1)
		l.place(&local)
		l.protect(line, &local, setup)
		return local, nil
	}
	if line, ok := l.line.(*pcmLine); ok {
		line.describe(&local)
		return local, nil
	}
	local.Setup, local.Fingerprint, local.MID, local.ReducedSize = setup, e.fingerprint, t.mid, true
	local.SSRC, local.CNAME = l.streams.identity()
	if line, ok := l.line.(*clientLine); ok {
		if err := line.describe(&local, setup == actpass); err != nil {
			return local, fmt.Errorf("gather ICE candidates: %w", err)
		}
		l.place(&local)
		return local, nil
	}
	for _, addr := range e.addresses.candidates(l.party.Host) {
		local.Candidates = append(local.Candidates, netip.AddrPortFrom(addr, e.port))
	}
	local.TCP = e.tcpCandidates(local.Candidates)
	local.Audio = local.Candidates[0]
	local.RTCP = local.Audio
	l.place(&local)
	own := t.local
	if setup != actpass && t.fresh != (credentials{}) {
		own = t.fresh
	}
	local.ICEUfrag, local.ICEPwd = own.ufrag, own.pwd
	return local, nil
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

// common is the set of payload types that an answer leaves: those it names, and those that the offer has for the same
// codecs (RFC 3264 §6.1 lets the two differ).
func common(answer, offer []sdp.Codec) (set types) {
	for _, a := range answer {
		set.add(a.PT)
	}
	for _, o := range offer {
		if slices.ContainsFunc(answer, func(a sdp.Codec) bool {
			return strings.EqualFold(a.Name, o.Name) && a.ClockRate == o.ClockRate && max(a.Channels, 1) == max(o.Channels, 1)
		}) {
			set.add(o.PT)
		}
	}
	return set
}
