package jitter

import (
	"math"
	"strings"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// Codec is what a payload type means, as an rtpmap names it (RFC 8866 §6.6). CN is comfort noise (RFC 3389).
type Codec struct {
	Type     uint8
	Name     string
	Clock    int // Hz
	Channels int
}

// same says whether the decoder of one is good for the other.
func (c Codec) same(o Codec) bool {
	return strings.EqualFold(c.Name, o.Name) && c.Clock == o.Clock && max(c.Channels, 1) == max(o.Channels, 1)
}

// table are the sources by payload type.
type table struct {
	codecs  []Codec
	sources [128]*source
}

// newTable makes one; what the former has of the same codecs goes on.
func newTable(codecs []Codec, former *table) *table {
	t := &table{codecs: codecs}
	for _, c := range codecs {
		var s *source
		for _, old := range former.codecs {
			if c.same(old) {
				s = former.sources[old.Type&0x7F]
				break
			}
		}
		if s == nil {
			s = newSource(c)
		}
		t.sources[c.Type&0x7F] = s
	}
	return t
}

// longest is the most that a packet may hold, in samples: what Opus can have.
const longest = 120 * millisecond

// source decodes one codec.
type source struct {
	clock  int64 // Hz
	noise  bool  // comfort noise: no sound, but its level
	decode codec.Decoder
	opus   *codec.OpusDecoder // decode, if it is that
	rate   int64              // of what decode gives, in Hz
	scaler *codec.Resampler   // nil: rate is the card's
	pcm    []int16
}

// newSource makes one; nil for a codec that is not known.
func newSource(c Codec) *source {
	s := &source{clock: int64(c.Clock), pcm: make([]int16, 0, 2*longest)}
	if c.Clock <= 0 || audio.CardRate%c.Clock != 0 {
		return nil
	}
	if s.noise = strings.EqualFold(c.Name, "CN"); s.noise {
		return s
	}
	d, rate, err := codec.NewDecoder(c.Name, uint32(c.Clock), 1)
	if err != nil {
		return nil
	}
	s.decode, s.rate = d, int64(rate)
	s.opus, _ = d.(*codec.OpusDecoder)
	if rate != audio.CardRate {
		if s.scaler, err = codec.NewResampler(rate, audio.CardRate); err != nil {
			return nil
		}
	}
	return s
}

// places is how many of the card's samples so many ticks of the RTP clock are.
func (s *source) places(ticks int64) int64 { return ticks * (audio.CardRate / s.clock) }

// say appends the sound of a payload, nil for one that was lost, and says how long it is, in the card's samples. It is false for what
// can't be decoded.
func (s *source) say(sound []int16, payload []byte) ([]int16, int, bool) {
	pcm, err := s.decode.Decode(s.pcm[:0], payload)
	return s.scale(sound, pcm, err)
}

// repair is say for a packet that was lost, by the one after it.
func (s *source) repair(sound []int16, next []byte) ([]int16, int, bool) {
	pcm, err := s.opus.Repair(s.pcm[:0], next)
	return s.scale(sound, pcm, err)
}

func (s *source) scale(sound, pcm []int16, err error) ([]int16, int, bool) {
	n := len(pcm) * int(audio.CardRate/s.rate)
	if err != nil || n == 0 || n > longest {
		return sound, 0, false
	}
	s.pcm = pcm
	if s.scaler == nil {
		return append(sound, pcm...), n, true
	}
	return s.scaler.Resample(sound, pcm), n, true
}

// Levels of noise, as RMS in steps of a sample.
const (
	faintest = 3.0
	loudest  = 40.0 // -58 dBFS: louder "silence" is somebody's voice
)

// air is the noise of a line on which nobody speaks: below it silence sounds dead.
type air struct {
	floor float64 // RMS of the quietest that was heard of late
	level float64 // RMS of the noise
	gain  float64 // of it at the moment, 0 to 1
	state uint32
	low   float64
}

// hear follows how quiet it is when nobody speaks.
func (a *air) hear(rms float64) {
	if rms < a.floor {
		a.floor += (rms - a.floor) / 4
	} else {
		a.floor *= 1.003
	}
	a.floor = max(faintest, min(a.floor, loudest))
}

// smooth is the share of a new sample in the noise: above 1 kHz it falls off, as the noise of rooms does.
const smooth = 0.12

// mix adds noise, which comes on or goes within 20 ms.
func (a *air) mix(sound []int16, on bool) {
	if a.gain == 0 && !on {
		return
	}
	// White noise of equal shares has an RMS of peak/√3; of its power the filter passes smooth/(2-smooth).
	peak := a.level * math.Sqrt(3*(2-smooth)/smooth)
	step := -1.0 / (20 * millisecond)
	if on {
		step = -step
	}
	for i := range sound {
		a.gain = max(0, min(a.gain+step, 1))
		a.state = a.state*1664525 + 1013904223
		a.low += smooth * (peak*(float64(a.state)/(1<<31)-1) - a.low)
		sound[i] = clip(float64(sound[i]) + a.gain*a.low)
	}
}

// decibels is the RMS of a level in dBov: 0 is a square wave as loud as can be (RFC 3389 §3.1).
func decibels(dB float64) float64 { return math.MaxInt16 * math.Pow(10, dB/20) }

func clip(x float64) int16 { return int16(max(math.MinInt16, min(math.RoundToEven(x), math.MaxInt16))) }
