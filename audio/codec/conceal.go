package codec

import (
	"math"
	"slices"
)

// How a lost packet is hidden, in milliseconds: the last pitch period is repeated, first one, then up to three of them
// lest it sound like a buzzer, and it fades (the method of G.711 Appendix I).
const (
	pitchShortest = 5  // 200 Hz; higher voices repeat a multiple of their period
	pitchLongest  = 15 // 66 Hz
	pitchWindow   = 20 // of the past, that is compared with itself
	loopPeriods   = 3  // at most
	loopGrows     = 10 // one period more after each
	fadeBegins    = 10 // full level until then
	fadeEnds      = 60 // silence from then on
	blendLongest  = 10 // from what was made up to what came
)

// concealer makes up what stands for lost packets of a waveform codec. Unlike Appendix I it delays nothing: where the
// sound that is repeated doesn't meet the end of what was heard, the step is faded out instead.
type concealer struct {
	rate    int     // samples per second
	history []int16 // the last samples heard
	loop    []int16 // what is repeated
	before  []int16 // of the loop before it grew, for the blend
	pitch   int     // samples
	at      int     // in loop
	lost    int     // samples made up since the last ones heard
	step    float64 // at the seam of what was heard and what is made up
}

func newConcealer(rate int) *concealer {
	longest := ms(pitchLongest, rate)
	return &concealer{
		rate: rate, history: make([]int16, (loopPeriods+1)*longest),
		loop: make([]int16, 0, loopPeriods*longest), before: make([]int16, 0, loopPeriods*longest),
	}
}

// ms is how many samples sound for n milliseconds.
func ms(n, rate int) int { return n * rate / 1000 }

// hear takes decoded samples and, after a loss, blends in their beginning.
func (c *concealer) hear(pcm []int16) {
	if c.lost > 0 {
		n := min(c.pitch/4+ms(4, c.rate)*c.lost/ms(loopGrows, c.rate), ms(blendLongest, c.rate), len(pcm))
		for i := range n {
			share := float64(i+1) / float64(n+1)
			pcm[i] = int16(math.Round(share*float64(pcm[i]) + (1-share)*c.next()))
		}
		c.lost = 0
	}
	if n := len(c.history); len(pcm) < n {
		copy(c.history, c.history[len(pcm):])
		copy(c.history[n-len(pcm):], pcm)
	} else {
		copy(c.history, pcm[len(pcm)-n:])
	}
}

// conceal appends n samples that stand for lost ones.
func (c *concealer) conceal(pcm []int16, n int) []int16 {
	if c.lost == 0 {
		c.begin()
	}
	for range n {
		pcm = append(pcm, int16(math.Round(c.next())))
	}
	return pcm
}

// begin prepares for a gap.
func (c *concealer) begin() {
	c.pitch = c.findPitch()
	c.before, c.at = c.before[:0], 0
	c.unroll(1)
	n := len(c.history)
	c.step = float64(c.history[n-1]) - float64(c.history[n-1-c.pitch])
}

// next makes up one sample.
func (c *concealer) next() float64 {
	grow := ms(loopGrows, c.rate)
	if c.lost > 0 && c.lost%grow == 0 && c.lost/grow < loopPeriods {
		c.before = append(c.before[:0], c.loop...)
		c.unroll(c.lost/grow + 1)
	}
	var v float64
	if c.lost < ms(fadeEnds, c.rate) {
		v = float64(c.loop[c.at%len(c.loop)])
		if k, n := c.lost%grow, c.pitch/4; len(c.before) > 0 && k < n && c.lost/grow < loopPeriods {
			share := float64(k+1) / float64(n+1)
			v = share*v + (1-share)*float64(c.before[c.at%len(c.before)])
		}
		if n := ms(2, c.rate); c.lost < n {
			v += c.step * float64(n-c.lost) / float64(n+1)
		}
		if begins := ms(fadeBegins, c.rate); c.lost > begins {
			v *= float64(ms(fadeEnds, c.rate)-c.lost) / float64(ms(fadeEnds, c.rate)-begins)
		}
	}
	c.at++
	c.lost++
	return max(math.MinInt16, min(v, math.MaxInt16))
}

// unroll makes the last so many periods the loop. Its end fades into what was heard before its beginning.
func (c *concealer) unroll(periods int) {
	n, size := len(c.history), periods*c.pitch
	c.loop = append(c.loop[:0], c.history[n-size:]...)
	seam := c.pitch / 4
	for i := range seam {
		share := float64(i+1) / float64(seam+1)
		k := size - seam + i
		c.loop[k] = int16(math.Round((1-share)*float64(c.loop[k]) + share*float64(c.history[n-size-seam+i])))
	}
}

// findPitch gives the lag, in samples, at which the end of the history resembles itself most: coarsely first, then
// around the best.
func (c *concealer) findPitch() int {
	shortest, longest := ms(pitchShortest, c.rate), ms(pitchLongest, c.rate)
	stride := max(1, c.rate/8000*2)
	best := c.likest(shortest, longest, stride, stride)
	return c.likest(max(shortest, best-stride+1), min(longest, best+stride-1), 1, max(1, stride/2))
}

// likest compares the last pitchWindow with what was heard each lag from first to last by stride before, every skip-th
// sample of it.
func (c *concealer) likest(first, last, stride, skip int) int {
	n := len(c.history)
	window := c.history[n-ms(pitchWindow, c.rate):]
	best, most := first, math.Inf(-1)
	for lag := first; lag <= last; lag += stride {
		past := c.history[n-len(window)-lag:]
		var product, energy float64
		for i := 0; i < len(window); i += skip {
			x, y := float64(window[i]), float64(past[i])
			product += x * y
			energy += y * y
		}
		if like := product / math.Sqrt(energy+1); like > most {
			best, most = lag, like
		}
	}
	return best
}

// concealed is a decoder of a waveform codec with concealment: decode appends the samples of one payload.
type concealed struct {
	decode func(pcm []int16, payload []byte) []int16
	cover  *concealer
	last   int // samples of the last payload
}

// Decode implements Decoder.
func (d *concealed) Decode(pcm []int16, payload []byte) ([]int16, error) {
	if payload == nil {
		return d.cover.conceal(slices.Grow(pcm, d.last), d.last), nil
	}
	had := len(pcm)
	pcm = d.decode(pcm, payload)
	d.last = len(pcm) - had
	d.cover.hear(pcm[had:])
	return pcm, nil
}
