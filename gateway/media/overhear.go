package media

import (
	"context"
	"strings"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// overhearer is a tap that hears keys as tones in the voice of a party that has no events, for a peer that wants them otherwise. It
// only hands packets over; a goroutine of its own listens.
type overhearer struct {
	leg     *leg
	peer    *leg
	informs bool // the peer takes keys by INFO
	voices  []sdp.Codec
	packets chan overheard

	decoders map[uint8]*listening // by payload type; the goroutine's
	pcm      []int16
	number   uint64 // of the key that the peer is played
	played   bool   // there is one
}

// overheard is a packet of voice, in its first octets.
type overheard struct {
	pt   uint8
	size int
	data [640]byte // 80 ms of G.711 and G.722
	at   time.Duration
}

// listening is how one codec is listened to.
type listening struct {
	decode codec.Decoder
	keys   *audio.KeyDetector
}

// maxOverheard is how many packets may wait; more are not listened to.
const maxOverheard = 16

// overhear begins to listen for keys in the voice of l, if its peer needs that: the peer is no browser, which hears tones well enough.
// The caller holds the call's mutex.
func (l *leg) overhear(mine *way, peer *leg, its *way) {
	l.stopOverhearing()
	informs := its.hearing.informs(peer.party.Keys)
	if l.party.Profile == sdp.WebRTC || peer.party.Profile == sdp.WebRTC || len(mine.hearing.events) > 0 || len(its.hearing.events) == 0 && !informs {
		return
	}
	o := &overhearer{leg: l, peer: peer, informs: informs, packets: make(chan overheard, maxOverheard), decoders: make(map[uint8]*listening)}
	for _, c := range l.talk.agreed.Codecs {
		if isRecut(c) {
			o.voices = append(o.voices, c)
		}
	}
	if len(o.voices) == 0 || !informs && peer.keypad() == nil {
		return
	}
	ctx, cancel := context.WithCancel(l.engine.ctx)
	if !l.engine.spawn(func() { o.listen(ctx) }) {
		cancel()
		return
	}
	l.overhearing = cancel
	mine.taps = append(mine.taps, o)
}

// stopOverhearing ends the listening for keys. The caller holds the call's mutex.
func (l *leg) stopOverhearing() {
	if l.overhearing != nil {
		l.overhearing()
		l.overhearing = nil
	}
}

// hear implements tap.
func (o *overhearer) hear(p []byte, h rtpHeader, now time.Duration) {
	one := overheard{pt: h.pt, at: now}
	one.size = copy(one.data[:], h.content(p))
	select {
	case o.packets <- one:
	default:
	}
}

// listen listens until ctx ends.
func (o *overhearer) listen(ctx context.Context) {
	for {
		select {
		case one := <-o.packets:
			o.take(&one)
		case <-ctx.Done():
			return
		}
	}
}

// take listens to a packet.
func (o *overhearer) take(one *overheard) {
	by := o.decoders[one.pt]
	if by == nil {
		for _, c := range o.voices {
			if decode, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1); c.PT == one.pt && err == nil {
				by = &listening{decode, audio.NewKeyDetector(rate)}
				o.decoders[one.pt] = by
			}
		}
	}
	if by == nil {
		return
	}
	pcm, err := by.decode.Decode(o.pcm[:0], one.data[:one.size])
	if err != nil {
		return
	}
	o.pcm = pcm
	by.keys.Hear(pcm, func(p audio.KeyPress) { o.pressed(p, one.at) })
	if pad := o.peer.keys.Load(); o.played && pad != nil {
		pad.hold(o.number, 0, false, one.at) // still
	}
}

// pressed does with a key what the peer wants.
func (o *overhearer) pressed(p audio.KeyPress, now time.Duration) {
	code := uint8(strings.IndexRune(keyNames, p.Key))
	if p.Up {
		o.leg.engine.heard(o.leg, key{code: code, ends: true, length: p.Length}, !o.informs)
	}
	pad := o.peer.keys.Load()
	if o.informs || pad == nil {
		return
	}
	if !p.Up {
		o.number, o.played = pad.begin(press{code: code, length: p.Length, heard: now})
	} else if o.played {
		pad.hold(o.number, p.Length, true, now)
		o.played = false
	}
}
