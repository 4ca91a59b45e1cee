package media

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// line is how the packets of one leg travel: secured toward a browser, in the clear toward the PBX.
type line interface {
	// send sends an RTP packet without header extension. The buffer behind p is the line's until send returns, and has
	// room for a tag.
	send(p []byte, h rtpHeader, now time.Duration) error
	// sendControl sends a compound RTCP packet.
	sendControl(p []byte, now time.Duration) error
	// apply takes what an exchange of descriptions agreed on: what the party said, and whether we are its DTLS client.
	apply(remote *sdp.Remote, client bool)
	// state is one word for LegStats.
	state(now time.Duration) string
	// close ends it and waits for no one.
	close()
}

// leg is one party's side of a call.
type leg struct {
	engine  *Engine
	call    string // its id
	name    string
	party   call.Party
	log     *slog.Logger
	line    line
	way     atomic.Pointer[way]
	video   atomic.Pointer[leg] // what goes on beside the sound; nil: nothing
	asked   atomic.Int64        // of video: when a whole picture was asked for last, time.Duration of the engine's clock
	count   counters
	talk    talk               // what was said in SDP; guarded by the call's mutex
	tone    context.CancelFunc // ends the tone, nil for none; guarded by the call's mutex
	playing uint8              // the payload type of the tone
	comfort context.CancelFunc // ends the waiting for the party, nil for none; guarded by the call's mutex
	channel side               // of the recording; guarded by the call's mutex
	ear     *ear               // of the recording, nil for none; guarded by the call's mutex
	beeper  *beeper            // announces the recording, nil for none; guarded by the call's mutex

	overhearing context.CancelFunc // ends the listening for keys, nil for none; guarded by the call's mutex

	transcoder *transcoder // converts what the party says, nil for none; guarded by the call's mutex

	keys    atomic.Pointer[keypad] // plays keys to the party; nil until the first one
	streams streams
	judge   judge         // how the leg does; guarded by the call's mutex
	made    time.Duration // of the engine's clock

	accounted [len(sum{})]uint64 // what the engine's sums have of the leg; guarded by the call's mutex
}

// way is how packets pass through a leg at the moment. It never changes; it is replaced.
type way struct {
	peer     *leg    // the other leg of the call, nil for none
	via      adapter // changes packets on their way to peer; nil: they pass as they are
	taps     []tap   // hear what the party says
	beeper   *beeper // mixes in that the call is recorded, nil for none
	echo     bool    // the party hears itself
	types    types   // the payload types agreed on
	talks    bool    // the party may send
	hears    bool    // the party wants to be sent to
	feedback bool    // the party speaks AVPF (RFC 4585)
	reduced  bool    // and may leave out reports before other RTCP (RFC 5506)
	rates    rates   // of the payload types
	hearing  hearing // what else the party can be played
	formats  []format
	since    time.Duration // of the engine's clock: when it began
}

// adapter changes what one party says into what its peer can hear: other packets, another codec.
type adapter interface {
	// pass takes a packet of the party without header extension and sends to its peer by to.send what it
	// becomes, now or later. It must not wait; p is free again when it returns.
	pass(p []byte, h rtpHeader, now time.Duration, to *leg)
}

// tap hears what a party says, packet by packet.
type tap interface {
	// hear takes a packet of the party in the clear. It must not wait or change p, which is free again when it returns.
	hear(p []byte, h rtpHeader, now time.Duration)
}

// receive takes an RTP packet in the clear from the leg's party and passes it on. It is where all ways of reading
// packets meet; p lies in a buffer of bufferSize that is free again when receive returns.
func (l *leg) receive(p []byte, h rtpHeader, now time.Duration) {
	w := l.way.Load()
	if w == nil || !w.types.has(h.pt) || !h.padded(p) {
		if w != nil && !w.types.has(h.pt) {
			l.unagreed(h.pt)
		}
		l.count.dropped.Add(1)
		return
	}
	l.count.heard(p, h, w, now)
	l.streams.heard(numbersOf(p, h), w.rates.of(h.pt), now)
	if !w.talks {
		l.count.dropped.Add(1)
		if w.peer != nil {
			w.peer.streams.pause()
		}
		return
	}
	p = h.strip(p)
	if w.beeper != nil {
		p = w.beeper.over(p, h, now)
	}
	for _, t := range w.taps {
		t.hear(p, h, now)
	}
	switch {
	case w.echo:
		l.send(p, h, now)
	case w.peer != nil:
		if w.via != nil {
			w.via.pass(p, h, now, w.peer)
			return
		}
		w.peer.send(p, h, now)
	}
}

// send passes an RTP packet without header extension to the leg's party, if it wants to hear, as part of the one stream that it
// gets: SSRC, sequence number and timestamp are made to fit in.
func (l *leg) send(p []byte, h rtpHeader, now time.Duration) {
	w := l.way.Load()
	if w == nil || !w.hears {
		l.count.held.Add(1)
		l.streams.pause()
		return
	}
	if err := l.streams.send(p, h, w.rates.of(h.pt), now, l.line); err != nil {
		l.count.unsent.Add(1)
		return
	}
	l.count.sent(len(p), now)
}

// close ends the leg. The caller holds the call's mutex and has taken the leg out of its peers' ways.
func (l *leg) close() {
	l.stopTone()
	l.stopWaiting()
	l.stopTranscoding()
	l.stopOverhearing()
	if k := l.keys.Load(); k != nil {
		k.stop()
	}
	l.farewell(l.engine.now())
	l.way.Store(nil)
	if v := l.video.Load(); v != nil {
		v.close()
	}
	l.line.close()
}
