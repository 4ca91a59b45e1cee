package jitter

import "math"

// taps is how many samples the interpolation looks at, steps how many places between two samples it knows.
const (
	taps  = 16
	steps = 64
)

// kernel is a windowed sinc at each of the places between two samples, and at the next sample.
var kernel = func() (k [steps + 1][taps]float32) {
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
}

// needs is how much sound there must be for n samples.
func (s *stretcher) needs(n int) int { return int(s.at+float64(n-1)*s.speed) + taps }

// play fills a frame from sound, of which there is enough, and says how much of that is over.
func (s *stretcher) play(frame, sound []int16) int {
	at := s.at
	for n := range frame {
		i := int(at)
		between := (at - float64(i)) * steps
		k := int(between)
		share := float32(between - float64(k))
		a, b, window := &kernel[k], &kernel[k+1], sound[i:i+taps]
		var x, y float32
		for j, v := range window {
			f := float32(v)
			x += a[j] * f
			y += b[j] * f
		}
		frame[n] = clip(float64(x + share*(y-x)))
		at += s.speed
	}
	over := int(at)
	s.at = at - float64(over)
	return over
}
