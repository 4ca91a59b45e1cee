package media

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// The tone by which both parties hear that they are recorded: when it begins or goes on, and again and again.
const (
	beepFrequency = 1400.0 // Hz, that of recorder warning tones
	beepLevel     = -18.0  // dBm0
	beepTime      = 200 * time.Millisecond
	beepRamp      = 10 * time.Millisecond // in and out
	beepEvery     = 15 * time.Second
)

// beepFrames is how many packets of packetTime the tone takes.
const beepFrames = int(beepTime / packetTime)

// beepSettles is how many packets of silence come before the tone in a codec that adapts.
const beepSettles = 2

// beeper puts the tone into what a party says to its peer: mixed with it in G.711, in its place in G.722 and Opus. It
// belongs to the thread that reads the leg's packets.
type beeper struct {
	paused *atomic.Bool                     // the recording's
	tones  atomic.Pointer[map[uint8]beeped] // by payload type
	due    time.Duration                    // when the next one is, on the engine's clock
	busy   atomic.Bool                      // with a packet, on another thread than this one
	at     int                              // how far the one that sounds has come, in octets or frames
	sounds bool
}

// beeped is the tone in a codec.
type beeped struct {
	law    codec.Law // mixes; 0: it replaces
	stream []byte    // any part of it is a payload, as in G.722; nil: frames
	frames [][]byte  // Opus, each of packetTime
}

// learn takes note of the codecs of the leg.
func (b *beeper) learn(codecs []sdp.Codec) {
	tones := make(map[uint8]beeped)
	for _, c := range codecs {
		if _, known := tones[c.PT]; known {
			continue
		}
		switch {
		case takes(Tone, c):
			law, _ := codec.ByName(c.Name) // see takes
			tones[c.PT] = beeped{law: law}
		case strings.EqualFold(c.Name, "G722"):
			if frames := beepG722(); frames != nil {
				tones[c.PT] = beeped{stream: slices.Concat(frames...)}
			}
		case strings.EqualFold(c.Name, "opus"):
			if frames := beepOpus(); frames != nil {
				tones[c.PT] = beeped{frames: frames}
			}
		}
	}
	b.tones.Store(&tones)
}

// over gives a packet with the tone in it, if it is due. p is changed, in its buffer.
func (b *beeper) over(p []byte, h rtpHeader, now time.Duration) []byte {
	if !b.busy.CompareAndSwap(false, true) {
		return p
	}
	defer b.busy.Store(false)
	paused := b.paused.Load()
	if paused {
		if b.due = 0; !b.sounds { // else it sounds out
			return p
		}
	}
	tone, ok := (*b.tones.Load())[h.pt]
	if !ok {
		return p
	}
	if !b.sounds {
		if now < b.due {
			return p
		}
		b.due, b.at, b.sounds = now+beepEvery, 0, true
	}
	payload := h.content(p)
	switch {
	case tone.law != 0:
		b.mix(tone.law, payload)
	case tone.stream != nil:
		b.at += copy(payload, tone.stream[b.at:])
		b.sounds = b.at < len(tone.stream)
	case isFrame(payload) && h.size+len(tone.frames[b.at]) <= cap(p):
		p = append(p[:h.size], tone.frames[b.at]...)
		p[0] &^= 0x20
		b.at++
		b.sounds = b.at < len(tone.frames)
	}
	return p
}

// mix adds the tone to a payload.
func (b *beeper) mix(law codec.Law, payload []byte) {
	tone := beepSamples()
	n := min(len(payload), len(tone)-b.at)
	for i := range n {
		var sample [1]int16
		var octet [1]byte
		sum := int(law.Decode(sample[:0], payload[i:i+1])[0]) + int(tone[b.at+i])
		sample[0] = int16(max(math.MinInt16, min(math.MaxInt16, sum)))
		payload[i] = law.Encode(octet[:0], sample[:])[0]
	}
	b.at += n
	b.sounds = b.at < len(tone)
}

// isFrame says whether a payload of Opus is one frame of packetTime (RFC 6716 §3.1).
func isFrame(payload []byte) bool {
	if len(payload) < 1 || payload[0]&3 != 0 {
		return false
	}
	config := payload[0] >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return config%4 == 1
	case config < 16: // both: 10, 20 ms
		return config%2 == 1
	}
	return config%4 == 3 // CELT: 2.5, 5, 10, 20 ms
}

// beepIn is the tone at a sampling rate.
func beepIn(rate int) []int16 {
	pcm := make([]int16, int(beepTime)*rate/int(time.Second))
	audio.NewTone(beepFrequency, rate, amplitude(codec.PCMU, beepLevel)).Fill(pcm)
	soften(pcm, int(beepRamp)*rate/int(time.Second), true, true)
	return pcm
}

var (
	beepSamples = sync.OnceValue(func() []int16 { return beepIn(codec.G711Rate) })
	beepG722    = sync.OnceValue(func() [][]byte { return beepPayloads("G722", 8000, 1) })
	beepOpus    = sync.OnceValue(func() [][]byte { return beepPayloads("opus", 48000, 2) })
)

// beepPayloads is the tone in packets of packetTime; nil when this build has no encoder for the codec.
func beepPayloads(name string, clock uint32, channels int) [][]byte {
	encoder, rate, err := codec.NewEncoder(name, clock, channels)
	if err != nil {
		return nil
	}
	mono := beepIn(rate)
	size := len(mono) / beepFrames
	if adapts(sdp.Codec{Name: name}) {
		mono = append(make([]int16, beepSettles*size), mono...)
	}
	frames := make([][]byte, 0, len(mono)/size)
	for i := range cap(frames) {
		var pcm []int16
		for _, s := range mono[i*size : (i+1)*size] {
			for range channels {
				pcm = append(pcm, s)
			}
		}
		frame, err := encoder.Encode(nil, pcm)
		if err != nil {
			return nil
		}
		frames = append(frames, frame)
	}
	return frames
}
