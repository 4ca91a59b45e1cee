package media

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
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
)

// Wait says that a leg's party is waited for, or not any more. While it is, and nothing came from it for comfortGap,
// its peer hears a comfort tone in place of dead silence; not while one of the two holds the other. It stops at once
// when the party is heard again. Replace and Delete end the waiting too. A call or a leg that is unknown is passed over.
//
// The tone is in PCMU or PCMA, whichever the two agreed on. We encode nothing else, so a call that has only G.722 or
// Opus stays silent.
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

// law is one of the laws of G.711 by its payload type in a call.
type law struct {
	codec.Law
	pt uint8
}

// laws are those of a party's codecs that the tones can be played in.
func laws(codecs []sdp.Codec, agreed types) (list []law) {
	for _, c := range codecs {
		if agreed.has(c.PT) && takes(Tone, c) {
			l, _ := codec.ByName(c.Name) // see takes
			list = append(list, law{l, c.PT})
		}
	}
	return list
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
	law     law           // while playing
	due     time.Duration // of the engine's clock: when the next packet is, if playing, else when the last one ended
	place   time.Duration // in the cycle, of the next packet
}

// step sends what is due and says how long to wait for the next step.
func (c *comforter) step(now time.Duration) time.Duration {
	quiet := now - time.Duration(c.leg.count.last.Load())
	peer, law, ok := c.leg.comforts()
	switch {
	case quiet < comfortGap:
		c.playing = false
		return comfortGap - quiet
	case !ok:
		c.playing = false
		return comfortGap
	}
	begins := !c.playing || law != c.law
	if begins {
		c.begin(law, now)
	}
	if behind := now - c.due; behind > maxCatchUp*packetTime {
		c.skip(behind)
	}
	cycle := comfortCycles[law.Law]()
	for ; c.due <= now; begins = false {
		i := int(c.place/packetTime) * packetSamples
		p, h := c.voice.next(cycle[i:i+packetSamples], begins)
		peer.send(p, h, now)
		c.due += packetTime
		c.place = (c.place + packetTime) % comfortCycle
	}
	return c.due - now
}

// begin begins a talk spurt.
func (c *comforter) begin(law law, now time.Duration) {
	if c.due > 0 {
		pause := now - c.due
		c.voice.stamp += samples(pause)
		if c.place += pause.Truncate(packetTime); c.place >= comfortCycle { // media that stutters doesn't beep more often
			c.place = 0
		}
	}
	c.playing, c.law, c.due = true, law, now
	c.voice.header.pt = law.pt
}

// skip passes over packets that come too late to be of use.
func (c *comforter) skip(behind time.Duration) {
	behind = behind.Truncate(packetTime)
	c.due += behind
	c.place = (c.place + behind) % comfortCycle
	c.voice.stamp += samples(behind)
}

// comforts says who hears the leg, and in which law; false when nobody does, or holds or is held at the moment. The law
// that its peer heard last is best.
func (l *leg) comforts() (*leg, law, bool) {
	w := l.way.Load()
	if w == nil || w.peer == nil || !w.talks || !w.hears {
		return nil, law{}, false
	}
	there := w.peer.way.Load()
	if there == nil || !there.talks || !there.hears || len(there.laws) == 0 {
		return nil, law{}, false
	}
	last, any := w.peer.streams.kind()
	i := max(0, slices.IndexFunc(there.laws, func(one law) bool { return any && one.pt == last }))
	return w.peer, there.laws[i], true
}

// comfortCycles are the comfort tone in each law, an octet a sample.
var comfortCycles = map[codec.Law]func() []byte{
	codec.PCMU: sync.OnceValue(func() []byte { return comfortIn(codec.PCMU) }),
	codec.PCMA: sync.OnceValue(func() []byte { return comfortIn(codec.PCMA) }),
}

// comfortIn makes one cycle of the comfort tone.
func comfortIn(law codec.Law) []byte {
	pcm := make([]int16, samples(comfortCycle))
	beep := pcm[:samples(comfortBeep)]
	audio.NewTone(comfortFrequency, codec.G711Rate, amplitude(law, comfortLevel)).Fill(beep)
	ramp := int(samples(comfortRamp))
	for i := range ramp {
		gain := (1 - math.Cos(math.Pi*float64(i)/float64(ramp))) / 2
		beep[i] = int16(gain * float64(beep[i]))
		last := len(beep) - 1 - i
		beep[last] = int16(gain * float64(beep[last]))
	}
	// Noise of equal shares up to peak has an RMS of peak/√3, a sine one of its amplitude/√2.
	peak := amplitude(law, comfortNoise) * math.Sqrt(3.0/2)
	noise := rand.New(rand.NewPCG(1, 2)) // any will do: nobody guesses at noise
	for i := range pcm {
		pcm[i] += int16(math.Round(peak * (2*noise.Float64() - 1)))
	}
	return law.Encode(nil, pcm)
}
