package media

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// What is heard of a party that is waited for: a soft beep every few seconds, and between them the faint noise of a
// line that is up, since dead silence makes people hang up.
const (
	comfortGap       = 200 * time.Millisecond // without packets, before it begins
	comfortFrequency = 425.0                  // Hz, that of European call progress tones
	comfortLevel     = -24.0                  // dBm0
	comfortNoise     = -60.0                  // dBm0
	comfortBeep      = 200 * time.Millisecond
	comfortRamp      = 25 * time.Millisecond // in and out, in the beep
	comfortCycle     = 3 * time.Second       // whole packets
	comfortLead      = 8 * packetTime        // of noise before the first beep, in a codec that adapts
)

// The beep may end with any of its packets, as the party is heard at once. comfortFrequency has 8½ periods in a packet, so each of them
// ends where the sine passes through zero, and nothing clicks.

// Wait says that a leg's party is waited for, or not any more. While it is, and nothing came from it for comfortGap,
// its peer hears a comfort tone in place of dead silence; not while one of the two holds the other. It stops at once
// when the party is heard again. Replace and Delete end the waiting too. A call or a leg that is unknown is passed over.
//
// The tone is in whichever codec the two agreed on.
func (e *Engine) Wait(id, leg string, waiting bool) {
	s, err := e.lock(id, false)
	if err != nil {
		return
	}
	defer s.mu.Unlock()
	l := s.legs[leg]
	switch {
	case l == nil:
	case !waiting:
		l.stopWaiting()
	case l.comfort == nil:
		var ctx context.Context
		ctx, l.comfort = context.WithCancel(e.ctx)
		if !e.spawn(func() { comfort(ctx, l) }) {
			l.stopWaiting()
		}
	}
}

// stopWaiting ends the comfort tone. The caller holds the call's mutex.
func (l *leg) stopWaiting() {
	if l.comfort != nil {
		l.comfort()
		l.comfort = nil
	}
}

// comfort plays the comfort tone for a leg, whenever its party is silent, until ctx ends.
func comfort(ctx context.Context, l *leg) {
	c := comforter{leg: l, voice: newSpeaker()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(c.step(l.engine.now()))
		case <-ctx.Done():
			return
		}
	}
}

// comforter stands in for a leg that says nothing. Its numbers are its own; the peer's leg makes them part of the one
// stream that the peer is sent.
type comforter struct {
	leg     *leg
	voice   *speaker
	playing bool
	codec   sdp.Codec     // while playing
	due     time.Duration // of the engine's clock: when the next packet is, if playing, else when the last one ended
	place   time.Duration // in the cycle, of the next packet
}

// step sends what is due and says how long to wait for the next step.
func (c *comforter) step(now time.Duration) time.Duration {
	quiet := now - time.Duration(c.leg.count.last.Load())
	peer, in, ok := c.leg.comforts()
	switch {
	case quiet < comfortGap:
		c.playing = false
		return comfortGap - quiet
	case !ok:
		c.playing = false
		return comfortGap
	}
	begins := !c.playing || in != c.codec
	if begins {
		c.begin(in, now)
	}
	if behind := now - c.due; behind > maxCatchUp*packetTime {
		c.skip(behind)
	}
	cycle := comfortCycles[strings.ToLower(in.Name)]()
	for ; c.due <= now; begins = false {
		payload := cycle[c.place/packetTime]
		if begins && adapts(in) {
			payload = silenceG722()
		} else {
			c.place = (c.place + packetTime) % comfortCycle
		}
		p, h := c.voice.say(payload, ticks(packetTime, in.ClockRate), begins)
		peer.send(p, h, now)
		c.due += packetTime
	}
	return c.due - now
}

// begin begins a talk spurt.
func (c *comforter) begin(in sdp.Codec, now time.Duration) {
	if c.due > 0 {
		pause := now - c.due
		c.voice.stamp += ticks(pause, in.ClockRate)
		if c.place += pause.Truncate(packetTime); c.place >= comfortCycle { // media that stutters doesn't beep more often
			c.place = 0
		}
		c.passBeep()
	}
	if c.place == 0 && adapts(in) {
		c.place = comfortCycle - comfortLead
	}
	c.playing, c.codec, c.due = true, in, now
	c.voice.header.pt = in.PT
}

// skip passes over packets that come too late to be of use.
func (c *comforter) skip(behind time.Duration) {
	behind = behind.Truncate(packetTime)
	c.due += behind
	c.place = (c.place + behind) % comfortCycle
	c.passBeep()
	c.voice.stamp += ticks(behind, c.codec.ClockRate)
}

// passBeep leaves out a beep whose beginning was passed over: it would burst in.
func (c *comforter) passBeep() {
	if c.place > 0 && c.place < comfortBeep {
		c.place = comfortBeep
	}
}

// comforts says who hears the leg, and in which codec; false when nobody does, or holds or is held at the moment. That
// which its peer heard last is best.
func (l *leg) comforts() (*leg, sdp.Codec, bool) {
	w := l.way.Load()
	if w == nil || w.peer == nil || !w.talks || !w.hears {
		return nil, sdp.Codec{}, false
	}
	there := w.peer.way.Load()
	if there == nil || !there.talks || !there.hears || len(there.hearing.voices) == 0 {
		return nil, sdp.Codec{}, false
	}
	last, any := w.peer.streams.kind()
	i := max(0, slices.IndexFunc(there.hearing.voices, func(c sdp.Codec) bool { return any && c.PT == last }))
	return w.peer, there.hearing.voices[i], true
}

// comfortCycles are the comfort tone in each codec, by its name in lower case, a payload a packet.
var comfortCycles = func() map[string]func() [][]byte {
	cycles := make(map[string]func() [][]byte)
	for _, c := range convertible {
		cycles[strings.ToLower(c.Name)] = sync.OnceValue(func() [][]byte { return comfortIn(c) })
	}
	return cycles
}()

// comfortIn makes one cycle of the comfort tone. It is encoded twice over, so that its end leads to its beginning.
func comfortIn(c sdp.Codec) (cycle [][]byte) {
	encoder, rate, err := encoderOf(c)
	if err != nil {
		panic(err) // of a codec of ours
	}
	pcm := comfortSound(lawOf(c), rate)
	size := int(packetTime) * rate / int(time.Second)
	for range 2 {
		cycle = cycle[:0]
		for at := 0; at < len(pcm); at += size {
			payload, err := encoder.Encode(nil, pcm[at:at+size])
			if err != nil {
				panic(err) // of a sound of ours
			}
			cycle = append(cycle, payload)
		}
	}
	return cycle
}

// comfortSound is one cycle in samples.
func comfortSound(law codec.Law, rate int) []int16 {
	samples := func(d time.Duration) int { return int(int64(d) * int64(rate) / int64(time.Second)) }
	pcm := make([]int16, samples(comfortCycle))
	beep := pcm[:samples(comfortBeep)]
	audio.NewTone(comfortFrequency, rate, amplitude(law, comfortLevel)).Fill(beep)
	soften(beep, samples(comfortRamp), true, true)
	// Noise of equal shares up to peak has an RMS of peak/√3, a sine one of its amplitude/√2.
	peak := amplitude(law, comfortNoise) * math.Sqrt(3.0/2)
	noise := rand.New(rand.NewPCG(1, 2)) // any will do: nobody guesses at noise
	for i := range pcm {
		pcm[i] += int16(math.Round(peak * (2*noise.Float64() - 1)))
	}
	return pcm
}
