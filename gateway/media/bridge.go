package media

import (
	"slices"
	"strings"
	"time"

	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// bridge chooses what stands between one party and its peer, for the way of from to to: a gate, and behind it what else has to be
// done with the voice. The caller holds the call's mutex.
func bridge(from, to *leg, there *way) *gate {
	g := &gate{from: from, next: recutFor(to), turn: from.transcodes(to, there.hearing.frame)}
	for pt := range g.types {
		g.types[pt].pt = uint8(pt)
	}
	agreed := to.talk.agreed
	if agreed == nil || from.talk.agreed == nil {
		return g
	}
	needs := false
	for _, c := range from.spoken() {
		r := &g.types[c.PT]
		twin, ok := twinOf(c, agreed.Codecs)
		if ok {
			r.pt = twin.PT
		}
		r.rate = uint8(min(c.ClockRate/1000, 255))
		switch {
		case c.Events() && ok && to.party.Keys.Events():
			r.kind = eventsPass
		case c.Events():
			r.kind = eventsTurn
			needs = needs || !there.hearing.informs(to.party.Keys)
		case c.Noise() && ok && g.turn == nil:
			r.kind = noisePasses
		case c.Noise():
			r.kind = noiseTurns
			needs = true
		case g.turn != nil && g.turn.plan.converts(c.PT):
			r.kind, r.pt = voiceTurns, c.PT
		default:
			r.kind = voicePasses
		}
	}
	if needs {
		to.keypad()
	}
	return g
}

// join lets two legs hear one another by their ways. The caller holds the call's mutex.
func join(a, b *leg, ofA, ofB *way) {
	toB, toA := bridge(a, b, ofB), bridge(b, a, ofA)
	toB.overhear(b, ofA, ofB)
	toA.overhear(a, ofB, ofA)
	ofA.via, ofB.via = toB, toA
	a.way.Store(ofA)
	b.way.Store(ofB)
}

// spoken lists the codecs that a party may send, by the numbers it may use: its own, and before those what it was told, which it ought to
// use (RFC 3264 §6.1).
func (l *leg) spoken() []sdp.Codec {
	list := slices.Clone(l.talk.agreed.Codecs)
	if told, err := l.talk.told(); err == nil {
		list = append(list, told.Codecs...) // later ones win
	}
	return list
}

// accompanying are the payload types of events and noise by which a party may speak, whatever its peer knows of them.
func (l *leg) accompanying() (set types) {
	if l.talk.agreed == nil {
		return set
	}
	for _, c := range l.spoken() {
		if _, said := twinOf(c, l.talk.agreed.Codecs); said && (c.Noise() || c.Events()) {
			set.add(c.PT)
		}
	}
	return set
}

// twinOf finds a codec among others, best under the same number.
func twinOf(c sdp.Codec, others []sdp.Codec) (twin sdp.Codec, ok bool) {
	for _, o := range others {
		if !strings.EqualFold(o.Name, c.Name) || o.ClockRate != c.ClockRate || max(o.Channels, 1) != max(c.Channels, 1) {
			continue
		}
		if !ok || o.PT == c.PT {
			twin, ok = o, true
		}
	}
	return twin, ok
}

// passage is what becomes of a payload type.
type passage uint8

const (
	voicePasses passage = iota
	voiceTurns          // it is converted
	eventsPass          // both parties know events of this clock
	eventsTurn          // they become what the peer takes
	noisePasses         // both know comfort noise
	noiseTurns          // it becomes a sound, also beside a voice that is converted: its clock is another one
)

// treatment is what a gate does with a payload type.
type treatment struct {
	kind passage
	pt   uint8 // the peer's number for it (RFC 3264 §6.1)
	rate uint8 // kHz
}

// gate is the adapter that all of a party's packets pass first. It gives each the number by which the peer knows its codec,
// turns keys and comfort noise into what the peer takes, and keeps the voice back while the peer is played something else. It
// belongs to the thread that reads the party's packets, but what is behind its ears to those.
type gate struct {
	from   *leg
	types  [128]treatment
	ears   *overhearer // listens for tones before the peer does, nil for none
	next   adapter     // for what the peer shall hear; nil: the peer itself
	turn   *transcoder // nil: nothing is converted
	keys   eventReader
	clock  uint32 // of keys
	passed bool   // keys go to the peer as they are
	number uint64 // of the key that the peer is played
	played bool   // there is one
}

// pass implements adapter.
func (g *gate) pass(p []byte, h rtpHeader, now time.Duration, to *leg) {
	r := &g.types[h.pt]
	pad := to.keys.Load()
	switch r.kind {
	case voicePasses, voiceTurns:
		if g.keys.open() {
			g.press(g.keys.lose(g.clock), to, now)
		}
		if g.ears == nil && pad != nil && !pad.voice() {
			return
		}
	case eventsPass, eventsTurn:
		g.clock, g.passed = 1000*uint32(r.rate), r.kind == eventsPass
		g.event(p, h, to, now)
		if r.kind == eventsTurn {
			return
		}
	case noiseTurns:
		if pad != nil && len(p) > h.size {
			pad.hush(p[h.size])
		}
		return
	}
	if g.ears != nil {
		g.ears.pass(p, h, now)
		return
	}
	g.forward(p, h, now, to)
}

// forward sends a packet on to the peer.
func (g *gate) forward(p []byte, h rtpHeader, now time.Duration, to *leg) {
	r := &g.types[h.pt]
	if r.kind == voiceTurns {
		g.turn.pass(p, h, now, to)
		return
	}
	if r.pt != h.pt {
		h.pt = r.pt
		p[1] = p[1]&0x80 | r.pt
	}
	if g.next != nil {
		g.next.pass(p, h, now, to)
		return
	}
	to.send(p, h, now)
}

// event takes a packet of an event.
func (g *gate) event(p []byte, h rtpHeader, to *leg, now time.Duration) {
	before := g.keys
	k, ok := g.keys.read(p[h.size:], h.ssrc, stampOf(p), g.clock)
	if !ok {
		return
	}
	if k.begins && before.open() {
		g.press(before.lose(g.clock), to, now)
	}
	g.press(k, to, now)
}

// press does with a key what the peer wants.
func (g *gate) press(k key, to *leg, now time.Duration) {
	w := to.way.Load()
	informs := !g.passed && w != nil && w.hearing.informs(to.party.Keys)
	if k.ends {
		g.from.engine.heard(g.from, k, !informs)
	}
	pad := to.keys.Load()
	if g.passed || informs || pad == nil {
		return
	}
	switch {
	case k.begins:
		g.number, g.played = pad.begin(press{code: k.code, up: k.ends, length: k.length, heard: now})
	case g.played:
		pad.hold(g.number, k.length, k.ends, now)
	}
}

// isRecut says whether the payload of a codec can be cut anywhere: an octet for each tick of its clock (RFC 3551 §4.5).
func isRecut(c sdp.Codec) bool {
	_, law := codec.ByName(c.Name)
	return (law || strings.EqualFold(c.Name, "G722")) && c.ClockRate == codec.G711Rate && c.Channels <= 1
}
