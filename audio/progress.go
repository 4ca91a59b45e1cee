package audio

import (
	"math"
	"time"
)

// Progress is a tone by which a telephone network says how a call goes (ITU-T E.180).
type Progress string

// The tones.
const (
	DialTone       Progress = "dial"       // a number may be dialled
	RingbackTone   Progress = "ringback"   // it rings at the other end
	BusyTone       Progress = "busy"       // who is called talks
	CongestionTone Progress = "congestion" // the call can't be made
	WaitingTone    Progress = "waiting"    // in a call: somebody else calls
)

// Levels of the tones, in dBm0 of their power. E.180 has -10 for a telephone; at an ear with a headset less is enough.
const (
	progressLevel = -15.0
	waitingLevel  = -22.0 // one talks while it sounds
)

// fade is how long a tone takes to rise and to fall, so that it does not click.
const fade = 5 * time.Millisecond

// cardSound is the format of a card.
var cardSound = Format{Rate: CardRate, Channels: 1}

// pattern is how a tone sounds: with which frequencies, and when.
type pattern struct {
	first, second float64 // Hz, together; a second one of 0 is none
	modulation    float64 // Hz, at which the first gets louder and softer, down to a tenth; 0: not at all
	beats         []int   // in ms it sounds, is silent, sounds and so on, and again from the beginning; none: it never stops
}

func tone(frequency float64, beats ...int) pattern { return pattern{first: frequency, beats: beats} }

func (p pattern) with(second float64) pattern {
	p.second = second
	return p
}

func (p pattern) modulated(frequency float64) pattern {
	p.modulation = frequency
	return p
}

// Cadence is a tone that is generated at CardRate for as long as somebody plays it. It is not safe for use by several
// goroutines.
type Cadence struct {
	waves []oscillator
	beats []int // samples
	beat  int   // the one that is played
	at    int   // samples of it that were played
	rise  int   // samples
}

// NewProgress makes a tone as it sounds in a country, which is named by its two letters (ISO 3166). In one that is not known it
// sounds as E.180 recommends.
func NewProgress(country string, p Progress) *Cadence {
	level := progressLevel
	if p == WaitingTone {
		level = waitingLevel
	}
	return patternOf(country, p).generator(zeroLevel * math.Pow(10, level/20))
}

// generator makes the tone, as powerful as a sine with that peak.
func (p pattern) generator(peak float64) *Cadence {
	c := &Cadence{rise: cardSound.Samples(fade)}
	for _, ms := range p.beats {
		c.beats = append(c.beats, cardSound.Samples(time.Duration(ms)*time.Millisecond))
	}
	switch {
	case p.modulation > 0: // is two weaker waves beside the first
		const depth = 0.9
		peak /= math.Sqrt(1 + depth*depth/2)
		c.waves = []oscillator{
			newOscillator(p.first, peak),
			newOscillator(p.first-p.modulation, peak*depth/2),
			newOscillator(p.first+p.modulation, peak*depth/2),
		}
	case p.second > 0:
		c.waves = []oscillator{newOscillator(p.first, peak/math.Sqrt2), newOscillator(p.second, peak/math.Sqrt2)}
	default:
		c.waves = []oscillator{newOscillator(p.first, peak)}
	}
	return c
}

// Play fills the frame with what comes next.
func (c *Cadence) Play(frame []int16) {
	for i := range frame {
		var x float64
		for w := range c.waves {
			x += c.waves[w].next()
		}
		frame[i] = int16(math.Round(x * c.loudness()))
		c.at++
		if len(c.beats) == 0 {
			c.at = min(c.at, c.rise)
		} else if c.at == c.beats[c.beat] {
			c.at, c.beat = 0, (c.beat+1)%len(c.beats)
		}
	}
}

// loudness is that of the sample that is due, 0 to 1.
func (c *Cadence) loudness() float64 {
	left := c.rise
	if len(c.beats) > 0 {
		left = c.beats[c.beat] - c.at
	}
	if c.beat%2 == 1 {
		return 0
	}
	return float64(min(c.at, left, c.rise)) / float64(c.rise)
}

// oscillator is a sine at CardRate that is made by turning a pointer.
type oscillator struct{ at, step complex128 }

func newOscillator(frequency, peak float64) oscillator {
	sin, cos := math.Sincos(2 * math.Pi * frequency / CardRate)
	return oscillator{at: complex(peak, 0), step: complex(cos, sin)}
}

// next gives its next sample. Its peak drifts by less than 1e-10 in an hour.
func (o *oscillator) next() float64 {
	x := imag(o.at)
	o.at *= o.step
	return x
}
