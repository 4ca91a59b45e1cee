package media

import (
	"context"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// overhearer listens for keys that a party without events presses as tones, for a peer that wants them otherwise. What the party says
// goes on from a goroutine of its own, when it is known to be no key: a machine that hears a tone as well as the event takes it for
// two. People at a browser hear everything until the key is sure, for what sounds like one may be a voice.
type overhearer struct {
	gate    *gate
	peer    *leg
	informs bool // the peer takes keys by INFO
	people  bool // the peer may hear tones
	free    chan *overheard
	full    chan *overheard

	ears   map[uint8]*ear4733 // by payload type
	pcm    []int16
	number uint64 // of the key that the peer is played
	played bool   // there is one
	since  time.Duration
}

// overheard is a packet on its way.
type overheard struct {
	h    rtpHeader
	at   time.Duration
	size int
	data [bufferSize]byte
}

// ear4733 listens to one codec.
type ear4733 struct {
	decode codec.Decoder
	keys   *audio.KeyDetector
}

// maxOverheard is how many packets may wait; more are lost.
const maxOverheard = 16

// overhear begins to listen for keys in what passes a gate to peer, if that is needed: at a browser or the machine's own phone nobody
// presses tones, and at the latter they are heard well enough. The caller holds the call's mutex.
func (g *gate) overhear(peer *leg, mine, its *way) {
	l := g.from
	l.stopOverhearing()
	informs := its.hearing.informs(peer.party.Keys)
	if !l.presses() || peer.party.Profile == sdp.PCM || len(mine.hearing.events) > 0 || len(its.hearing.events) == 0 && !informs ||
		l.talk.agreed == nil {
		return
	}
	o := &overhearer{gate: g, peer: peer, informs: informs, people: peer.side() == sideBrowser, free: make(chan *overheard, maxOverheard), full: make(chan *overheard, maxOverheard),
		ears: make(map[uint8]*ear4733)}
	for _, c := range l.talk.agreed.Codecs {
		decode, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
		if err == nil && isRecut(c) {
			o.ears[c.PT] = &ear4733{decode, audio.NewKeyDetector(rate)}
		}
	}
	if len(o.ears) == 0 {
		return
	}
	if !informs {
		peer.keypad()
	}
	for range maxOverheard {
		o.free <- new(overheard)
	}
	ctx, cancel := context.WithCancel(l.engine.ctx)
	if !l.engine.spawn(func() { o.listen(ctx) }) {
		cancel()
		return
	}
	l.overhearing = cancel
	g.ears = o
}

// presses says whether the leg's party may press keys as tones.
func (l *leg) presses() bool { return l.party.Profile != sdp.WebRTC && l.party.Profile != sdp.PCM }

// stopOverhearing ends the listening for keys. The caller holds the call's mutex.
func (l *leg) stopOverhearing() {
	if l.overhearing != nil {
		l.overhearing()
		l.overhearing = nil
	}
}

// pass takes a packet that the peer shall get.
func (o *overhearer) pass(p []byte, h rtpHeader, now time.Duration) {
	select {
	case one := <-o.free:
		one.h, one.at, one.size = h, now, copy(one.data[:], p)
		o.full <- one // has room for all that there are
	default:
		o.gate.from.count.dropped.Add(1)
	}
}

// listen takes packets until ctx ends.
func (o *overhearer) listen(ctx context.Context) {
	for {
		select {
		case one := <-o.full:
			if p := one.data[:one.size]; o.take(p, one.h, one.at) {
				o.gate.forward(p, one.h, one.at, o.peer)
			}
			o.free <- one
		case <-ctx.Done():
			return
		}
	}
}

// take listens to a packet, and says whether the peer shall hear it.
func (o *overhearer) take(p []byte, h rtpHeader, now time.Duration) bool {
	pad := o.peer.keys.Load()
	ears := o.ears[h.pt]
	if ears == nil {
		kind := o.gate.types[h.pt].kind
		return kind != voicePasses && kind != voiceTurns || pad == nil || pad.voice()
	}
	pcm, err := ears.decode.Decode(o.pcm[:0], h.content(p))
	if err != nil {
		return true
	}
	o.pcm = pcm
	ears.keys.Hear(pcm, func(k audio.KeyPress) { o.pressed(k, pad, now) })
	if o.played {
		pad.hold(o.number, now-o.since, false, now)
	}
	return (o.people || !ears.keys.Likely()) && (pad == nil || pad.voice())
}

// pressed does with a key what the peer wants.
func (o *overhearer) pressed(p audio.KeyPress, pad *keypad, now time.Duration) {
	code, _ := keyCode(p.Key)
	if p.Up {
		o.gate.from.engine.heard(o.gate.from, key{code: code, ends: true, length: p.Length}, !o.informs)
	}
	switch {
	case o.informs || pad == nil:
	case !p.Up:
		o.number, o.played = pad.begin(press{code: code, length: p.Length, heard: now})
		o.since = now - p.Length
	case o.played:
		pad.hold(o.number, p.Length, true, now)
		o.played = false
	}
}
