package audio

import "math"

// rateTaps is how many samples of the slower rate a resampled one is made of. What folds over is 40 dB down but for the
// topmost tenth of the band.
const rateTaps = 32

// Resampler changes the sampling rate of one stream of sound that comes in pieces.
type Resampler struct {
	up, down int
	filter   []float32 // of the rate from·up, with gain up
	width    int       // of the filter, in samples of the input
	past     []int16   // the last width samples
	phase    int       // of the next sample, in steps of from·up
	out      []int16
}

// NewResampler makes one between two rates in Hz.
func NewResampler(from, to int) *Resampler {
	a, b := from, to
	for b != 0 {
		a, b = b, a%b
	}
	r := &Resampler{up: to / a, down: from / a}
	slow := max(r.up, r.down) // how many steps a sample of the slower rate takes
	n := rateTaps * slow
	r.width = (n + r.up - 1) / r.up
	r.filter = make([]float32, r.width*r.up)
	for i := range n {
		x := float64(i) - float64(n-1)/2
		arg := math.Pi * x * 0.92 / float64(slow)
		sinc := 1.0
		if arg != 0 {
			sinc = math.Sin(arg) / arg
		}
		window := 0.42 + 0.5*math.Cos(2*math.Pi*x/float64(n)) + 0.08*math.Cos(4*math.Pi*x/float64(n))
		r.filter[i] = float32(sinc * window * 0.92 * float64(r.up) / float64(slow))
	}
	r.past = make([]int16, r.width)
	return r
}

// Resample gives the sound at the other rate; it is good until the next call.
func (r *Resampler) Resample(pcm []int16) []int16 {
	in := append(r.past, pcm...)
	r.out = r.out[:0]
	end := len(pcm) * r.up
	for ; r.phase < end; r.phase += r.down {
		newest, offset := r.width+r.phase/r.up, r.phase%r.up
		var sum float32
		for i := range r.width {
			sum += float32(in[newest-i]) * r.filter[i*r.up+offset]
		}
		r.out = append(r.out, int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(sum))))))
	}
	r.phase -= end
	r.past = in[:copy(in, in[len(in)-r.width:])]
	return r.out
}
