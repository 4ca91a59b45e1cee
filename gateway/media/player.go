package media

import (
	"math"
	"math/rand/v2"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// Levels of the tones of a key, in dBm0: as loud as telephones press, and the column 2 dB above the row, since lines weaken it more
// (ITU-T Q.23, Q.24).
const (
	rowLevel    = -10.0
	columnLevel = -8.0
)

// keyRamp is how long the tones of a key take to rise and to fall, of the 40 ms that they must be there.
const keyRamp = 5 * time.Millisecond

// endPackets is how often the end of an event is told (RFC 4733 §2.5.1.4).
const endPackets = 3

// hearing is what a leg's party can be played, by what it agreed to.
type hearing struct {
	events []sdp.Codec   // telephone-event; none for a party that shall get none
	voices []sdp.Codec   // that we encode, in the party's order of preference
	frame  time.Duration // of sound in a packet
	asked  bool          // the party asked for packets of some size
}

// hearing reads what a party agreed to.
func (l *leg) hearing(agreed *sdp.Remote, set types) (h hearing) {
	h.frame, h.asked = packetTime, agreed.PTime != 0
	if d := agreed.PTime.Truncate(10 * time.Millisecond); d >= packetTime/2 && d <= 3*packetTime {
		h.frame = d
	}
	for _, c := range agreed.Codecs {
		switch {
		case c.Events() && l.party.Keys.Events():
			h.events = append(h.events, c)
		case set.has(c.PT) && codec.Encodes(c.Name, c.ClockRate, 1):
			h.voices = append(h.voices, c)
		}
	}
	return h
}

// eventsFor is the events of a voice's clock, else any (RFC 4733 §2.1 wants the clocks alike); false for none.
func (h *hearing) eventsFor(clock uint32) (sdp.Codec, bool) {
	for _, e := range h.events {
		if e.ClockRate == clock {
			return e, true
		}
	}
	if len(h.events) > 0 {
		return h.events[0], true
	}
	return sdp.Codec{}, false
}

// choose is how a key is played: by the events of the voice's clock, or for false in that voice. Without either, ok is false.
func (h *hearing) choose() (c sdp.Codec, events, ok bool) {
	clock := uint32(codec.G711Rate)
	if len(h.voices) > 0 {
		clock = h.voices[0].ClockRate
	}
	if e, ok := h.eventsFor(clock); ok {
		return e, true, true
	}
	if len(h.voices) > 0 {
		return h.voices[0], false, true
	}
	return sdp.Codec{}, false, false
}

// player is what a keypad plays at the moment. It speaks as a stream of its own, which goes on with the time.
type player struct {
	pad   *keypad
	voice *speaker
	due   time.Duration // of the engine's clock: when the next packet is
	doing activity

	codec   sdp.Codec // while doing anything
	events  bool      // codec is one of events
	frame   time.Duration
	began   bool          // a packet went out
	place   time.Duration // into the key, the pause after it, or noise
	ends    int           // packets of the end that went out
	stamp   uint32        // of the event
	before  uint32        // ticks of the event's earlier segments
	encoder codec.Encoder // of codec, unless events
	rate    int           // that it takes
	tone    *audio.KeyTone
	pcm     []int16
	octets  []byte
}

// activity is what a player does.
type activity int

const (
	resting activity = iota
	pressing
	pausing
	hushing
)

// step sends what is due, and says how long to wait for the next step; false when there is nothing to do until the keypad is roused.
func (p *player) step(now time.Duration) (wait time.Duration, more bool) {
	for {
		if p.doing == resting && !p.rise(now) {
			return 0, false
		}
		if behind := now - p.due; behind > maxCatchUp*packetTime { // the machine slept
			p.due = now
			p.voice.stamp += ticks(behind, p.codec.ClockRate)
		}
		if p.due > now {
			return p.due - now, true
		}
		p.packet(now)
	}
}

// rise begins what there is to do; false for nothing.
func (p *player) rise(now time.Duration) bool {
	_, key := p.pad.current(now)
	if !key && p.pad.noise.Load() == 0 {
		return false
	}
	w := p.pad.leg.way.Load()
	if w == nil {
		p.giveUp()
		return false
	}
	c, events, ok := w.hearing.choose()
	if !key {
		events, ok = false, len(w.hearing.voices) > 0
		if ok {
			c = w.hearing.voices[0]
		}
	}
	if !ok || !p.speak(c, events) {
		p.giveUp()
		return false
	}
	if p.voice == nil {
		p.voice = newSpeaker()
	} else {
		p.voice.stamp += ticks(max(now-p.due, 0), p.codec.ClockRate)
	}
	p.voice.header.pt = c.PT
	p.due, p.began = now, false
	p.frame = w.hearing.frame
	switch {
	case !key:
		p.doing = hushing
	case !events && adapts(c):
		p.doing, p.place = pausing, 0 // see adapts
	default:
		p.press(now)
	}
	return true
}

// giveUp drops what can't be played.
func (p *player) giveUp() {
	p.pad.noise.Store(0)
	for {
		if _, ok := p.pad.current(0); !ok {
			return
		}
		p.pad.done()
	}
}

// speak prepares for a codec.
func (p *player) speak(c sdp.Codec, events bool) bool {
	if !events && (p.encoder == nil || p.codec != c) {
		encoder, rate, err := codec.NewEncoder(c.Name, c.ClockRate, 1)
		if err != nil {
			return false
		}
		p.encoder, p.rate = encoder, rate
	} else if events {
		p.encoder = nil
	}
	p.codec, p.events = c, events
	return true
}

// press begins the next key.
func (p *player) press(now time.Duration) {
	k, _ := p.pad.current(now)
	p.doing, p.place, p.ends, p.stamp, p.before = pressing, 0, 0, p.voice.stamp, 0
	if !p.events {
		p.tone, _ = audio.NewKeyTone(rune(keyNames[k.code]), p.rate, amplitude(codec.PCMU, rowLevel), amplitude(codec.PCMU, columnLevel))
	}
}

// packet sends the packet that is due, or leaves it out in a pause of events, and moves on.
func (p *player) packet(now time.Duration) {
	switch p.doing {
	case pressing:
		if p.events {
			p.event(now)
		} else {
			p.sound(now)
		}
	case pausing:
		if !p.events && p.pad.busy.Load() { // else the peer is heard again
			p.say(now, nil)
		}
		if p.place += p.frame; p.place >= pressGap {
			if _, more := p.pad.current(now); more {
				p.next()
				p.press(now)
				return
			}
			p.doing = resting
		}
	case hushing:
		_, key := p.pad.current(now)
		level := p.pad.noise.Load()
		if key || level == 0 {
			p.doing = resting
			return
		}
		p.say(now, func(pcm []int16) { rustle(pcm, int(level-1)) })
	}
	p.next()
}

// next moves on by a packet.
func (p *player) next() {
	p.due += p.frame
	p.voice.stamp += ticks(p.frame, p.codec.ClockRate)
}

// event sends a packet of the key's event. All of them have the time of its beginning, the first one is marked, and the last one is
// sent three times (RFC 4733 §2.5.1).
func (p *player) event(now time.Duration) {
	k, _ := p.pad.current(now)
	if p.ends == 0 {
		p.place += p.frame
	}
	if k.up && p.place >= k.length {
		p.ends++
	}
	lasted := ticks(p.place, p.codec.ClockRate)
	for lasted-p.before > math.MaxUint16 { // the next segment (RFC 4733 §2.5.1.3)
		segment := uint32(math.MaxUint16) / ticks(p.frame, p.codec.ClockRate) * ticks(p.frame, p.codec.ClockRate)
		p.before += segment
		p.stamp += segment
	}
	p.octets = appendEvent(p.octets[:0], k.code, p.ends > 0, uint16(lasted-p.before))
	p.send(now, p.octets, p.place == p.frame, p.stamp)
	if p.ends == endPackets {
		p.doing, p.place = pausing, (endPackets-1)*p.frame
		p.pad.done()
	}
}

// sound sends a packet of the key's tones, which rise and fall.
func (p *player) sound(now time.Duration) {
	k, _ := p.pad.current(now)
	first, last := p.place == 0, k.up && p.place+p.frame >= k.length
	p.say(now, func(pcm []int16) {
		p.tone.Fill(pcm)
		soften(pcm, int(keyRamp)*p.rate/int(time.Second), first, last)
	})
	p.place += p.frame
	if last {
		p.doing, p.place = pausing, 0
		p.pad.done()
	}
}

// say sends a packet of sound; nil: silence.
func (p *player) say(now time.Duration, fill func([]int16)) {
	n := audio.Format{Rate: p.rate, Channels: 1}.Samples(p.frame)
	if cap(p.pcm) < n {
		p.pcm = make([]int16, n)
	}
	pcm := p.pcm[:n]
	if clear(pcm); fill != nil {
		fill(pcm)
	}
	octets, err := p.encoder.Encode(p.octets[:0], pcm)
	if err != nil {
		return // a gap
	}
	p.octets = octets
	p.send(now, octets, !p.began, p.voice.stamp)
}

// send sends a packet.
func (p *player) send(now time.Duration, payload []byte, begins bool, stamp uint32) {
	packet, h := p.voice.packet(payload, begins, stamp)
	p.began = true
	p.pad.leg.send(packet, h, now)
}

// rustle fills a packet with noise of a level in -dBov: dB under a square wave that is as loud as can be (RFC 3389 §3).
func rustle(pcm []int16, level int) {
	peak := 32768 * math.Pow(10, -float64(level)/20) * math.Sqrt(3) // of equal shares; their RMS is that over √3
	for i := range pcm {
		pcm[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(peak*(2*rand.Float64()-1)))))
	}
}
