package echo

import (
	"math"
	"math/rand/v2"

	"cordboard/audio"
)

// voice makes sound that is like speech: syllables of 120 to 280 ms, three of four voiced, in phrases with pauses between them.
// A voiced one is a train of pulses of wandering pitch through four resonances that differ from one to the next, with a breath
// of noise; the others are noise with more above 5 kHz than below. It has the given level, RMS while it sounds.
func voice(seed uint64, seconds, pitch, level float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]float64, int(seconds*audio.CardRate))
	between := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	phase := 0.0
	for i := 0; i < len(out); i += int(between(0.15, 0.6) * audio.CardRate) {
		for range 4 + r.IntN(8) {
			length := int(between(0.12, 0.28) * audio.CardRate)
			resonances := [...]struct{ hertz, width, strength float64 }{
				{between(300, 800), 70, 4}, {between(900, 2300), 100, 3}, {between(2400, 3000), 150, 2}, {between(3300, 4200), 250, 1},
			}
			voiced, hertz, glide := r.Float64() < 0.75, pitch*between(0.85, 1.15), between(-0.15, 0.15)
			var near, far [len(resonances)]float64
			last := 0.0
			for at := 0; at < length && i < len(out); at, i = at+1, i+1 {
				t := float64(at) / float64(length)
				envelope := math.Pow(math.Sin(math.Pi*t), 0.7)
				noise := r.NormFloat64()
				if !voiced {
					out[i] = envelope * 0.012 * (noise - 0.9*last)
					last = noise
					continue
				}
				pulse := 0.02 * noise
				if phase += hertz * (1 + glide*t) / audio.CardRate; phase >= 1 {
					phase--
					pulse++
				}
				for n, f := range resonances {
					ring := math.Exp(-math.Pi * f.width / audio.CardRate)
					y := pulse*(1-ring)*f.strength + 2*ring*math.Cos(2*math.Pi*f.hertz/audio.CardRate)*near[n] - ring*ring*far[n]
					near[n], far[n] = y, near[n]
					out[i] += envelope * y
				}
			}
		}
	}
	sounds := 0
	for _, x := range out {
		if x != 0 {
			sounds++
		}
	}
	factor := level / math.Sqrt(energy(out)/float64(sounds))
	for i := range out {
		out[i] *= factor
	}
	return out
}

// room gives what a microphone hears of what a loudspeaker sounds: delay seconds later, the loudspeaker itself and 600 echoes a
// second at random times, of random sign, which decay by 60 dB in rt60 seconds (velvet noise), with a level of coupling in all.
func room(sound []float64, seed uint64, delay, rt60, coupling float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	type echo struct {
		late  int
		times float64
	}
	echoes := []echo{{0, 1}}
	const density = 600
	for n := range int(rt60 * density) {
		t := 0.002 + (float64(n)+r.Float64())/density
		echoes = append(echoes, echo{int(t * audio.CardRate), 0.35 * math.Exp(-math.Log(1000)*t/rt60) * float64(2*r.IntN(2)-1)})
	}
	power := 0.0
	for _, e := range echoes {
		power += e.times * e.times
	}
	out := make([]float64, len(sound))
	for _, e := range echoes {
		times := e.times * coupling / math.Sqrt(power)
		late := e.late + int(delay*audio.CardRate)
		for i, x := range sound[:max(0, len(sound)-late)] {
			out[i+late] += times * x
		}
	}
	return out
}

// drifted gives a sound as one hears it whose clock is faster by that share.
func drifted(x []float64, by float64) []float64 {
	if by == 0 {
		return x
	}
	out := make([]float64, len(x))
	for i := range out {
		whole, part := math.Modf(float64(i) / (1 + by))
		at := int(whole)
		out[i] = x[at]*(1-part) + x[min(at+1, len(x)-1)]*part
	}
	return out
}

func energy(x []float64) float64 {
	e := 0.0
	for _, s := range x {
		e += s * s
	}
	return e
}

// span is the part of a sound between two times, in seconds.
func span(x []float64, from, to float64) []float64 {
	return x[int(from*audio.CardRate):int(to*audio.CardRate)]
}

// lasting silences a sound but for the time between two, in seconds.
func lasting(x []float64, from, to float64) []float64 {
	clear(span(x, 0, from))
	clear(x[int(to*audio.CardRate):])
	return x
}

func decibel(power float64) float64 { return 10 * math.Log10(power) }

// likeness says how much more of a sound is in what was made than of anything else, and how much louder it is there; both in dB.
func likeness(made, of []float64) (clear, gain float64) {
	both := 0.0
	for i, x := range of {
		both += x * made[i]
	}
	own := energy(of)
	common := both * both / own
	return decibel(common / max(energy(made)-common, 1)), 2 * decibel(both/own)
}
