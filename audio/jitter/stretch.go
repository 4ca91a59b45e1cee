package jitter

import (
	"math"

	"cordboard/audio"
	"cordboard/audio/vector"
)

const (
	taps  = vector.Taps
	steps = vector.Steps
)

// kernel is a windowed sinc at each of the places between two samples, and at the next sample.
var kernel = func() (k vector.Kernel) {
	for s := range k {
		var sum float64
		var row [taps]float64
		for i := range row {
			x := float64(i-(taps/2-1)) - float64(s)/steps
			w := x / (taps / 2)
			row[i] = sinc(x) * (0.42 + 0.5*math.Cos(math.Pi*w) + 0.08*math.Cos(2*math.Pi*w)) // Blackman's window
			sum += row[i]
		}
		for i := range row {
			k[s][i] = float32(row[i] / sum)
		}
	}
	return k
}()

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// stretcher plays sound a little faster or slower by interpolation, without a step in its phase.
type stretcher struct {
	at    float64 // of the next sample, after the first one of the sound: 0 to 1
	speed float64
	sound [audio.CardFrame + audio.CardFrame/100 + taps + 2]float32 // as maxSpeed is far below 1 %
}

// needs is how much sound there must be for n samples.
func (s *stretcher) needs(n int) int { return int(s.at+float64(n-1)*s.speed) + taps }

// play fills a frame, of at most CardFrame samples, from sound, of which there is enough, and says how much of that is over.
func (s *stretcher) play(frame, sound []int16) int {
	needs := s.needs(len(frame))
	for i, v := range sound[:needs] {
		s.sound[i] = float32(v)
	}
	at := vector.Interpolate(frame, &kernel, s.sound[:needs+1], s.at, s.speed) // whose sums may be off, so that it is one more
	over := int(at)
	s.at = at - float64(over)
	return over
}
