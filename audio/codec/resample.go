package codec

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"cordboard/audio/vector"
)

// Of the lower of the two rates this share is passed, and from that share on all is stopped: at 8 kHz up to 3500 Hz, at 16 kHz
// up to the 7 kHz of G.722, and what would fold back below it. Between them lies what telephony has no use for.
const (
	resamplePass      = 0.4375
	resampleStop      = 0.5625
	resampleAttenuate = 75.0 // dB, in the stop band
)

// Resampler changes the sampling rate of one stream by a polyphase filter with linear phase. It delays by half of the
// filter's length, 19 samples of the lower rate: 2.4 ms at 8 kHz.
type Resampler struct {
	up, down int
	phases   [][]float32 // the filter's taps, by phase, the newest sample's last
	samples  []float32   // what the next output may need
	at       int         // in samples: the newest one for the next output
	phase    int
}

// NewResampler makes one from a rate to another, in Hz. Their ratio is one of small numbers (8, 16, 24, 48 kHz).
func NewResampler(from, to int) (*Resampler, error) {
	if from <= 0 || to <= 0 || to/gcd(from, to) > 12 || from/gcd(from, to) > 12 {
		return nil, fmt.Errorf("make resampler from %d Hz to %d Hz: not a ratio of small numbers", from, to)
	}
	r := &Resampler{up: to / gcd(from, to), down: from / gcd(from, to)}
	r.phases = filterOf(r.up, r.down)
	length := len(r.phases[0])
	r.samples = make([]float32, length-1, length-1+from/50)
	r.at = length - 1
	return r, nil
}

// Delay is by how much sound comes later out of it than in, in samples of the higher of two rates of which one is a multiple of
// the other. There and back again, it is a whole number of samples.
func (r *Resampler) Delay() float64 {
	if r.up == r.down {
		return 0
	}
	return float64(r.up*lengthOf(r.up, r.down)-1) / 2
}

// Resample appends the samples that src gives at the new rate; over time their number is exactly that of the ratio.
func (r *Resampler) Resample(dst, src []int16) []int16 {
	if r.up == r.down {
		return append(dst, src...)
	}
	had := len(r.samples)
	r.samples = slices.Grow(r.samples, len(src))[:had+len(src)]
	for i, s := range src {
		r.samples[had+i] = float32(s)
	}
	length := len(r.phases[0])
	// Every up-th of the new samples is of the same phase.
	n := max(0, (len(r.samples)-r.at)*r.up-r.phase+r.down-1) / r.down
	made := len(dst)
	dst = slices.Grow(dst, n)[:made+n]
	for first := range min(n, r.up) {
		steps := r.phase + first*r.down
		vector.Filter(dst[made+first:], r.up, r.phases[steps%r.up], r.samples[r.at+steps/r.up-length+1:], r.down)
	}
	steps := r.phase + n*r.down
	r.at, r.phase = r.at+steps/r.up, steps%r.up
	used := min(r.at-length+1, len(r.samples))
	r.samples = r.samples[:copy(r.samples, r.samples[used:])]
	r.at -= used
	return dst
}

// filters are the filters that were asked for, by their ratio.
var filters sync.Map // [2]int -> [][]float32

// lengthOf is of how many taps a phase of a filter for a ratio is, by Kaiser's estimate.
func lengthOf(up, down int) int {
	width := (resampleStop - resamplePass) / float64(max(up, down))
	return 2 * int(math.Ceil((resampleAttenuate-7.95)/(14.36*width)/float64(2*up)))
}

// filterOf gives the phases of a filter for a ratio: a windowed sinc at the rate that is common to both (Kaiser's window).
func filterOf(up, down int) [][]float32 {
	if known, ok := filters.Load([2]int{up, down}); ok {
		return known.([][]float32)
	}
	wide := float64(max(up, down)) // the common rate, where the lower of the two rates is 1
	length := lengthOf(up, down)
	beta := 0.1102 * (resampleAttenuate - 8.7)
	phases := make([][]float32, up)
	n := length * up
	middle := float64(n-1) / 2
	for p := range phases {
		taps := make([]float64, length)
		var sum float64
		for k := range taps {
			i := float64(p + k*up)
			x := (i - middle) / middle
			taps[k] = sinc((i-middle)/wide) * bessel(beta*math.Sqrt(max(0, 1-x*x)))
			sum += taps[k]
		}
		phases[p] = make([]float32, (length+vector.Quad-1)/vector.Quad*vector.Quad) // what is more is of older samples, and 0
		newest := len(phases[p]) - 1
		for k, tap := range taps { // each phase alone passes a constant as it is
			phases[p][newest-k] = float32(tap / sum)
		}
	}
	known, _ := filters.LoadOrStore([2]int{up, down}, phases)
	return known.([][]float32)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of the first kind, order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
