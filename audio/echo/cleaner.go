package echo

import (
	"math"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// The band below 7 kHz is worked on at half its rate again, in frames of the card's length.
const (
	bandRate  = audio.BandRate
	bandFrame = audio.BandFrame
	bandRatio = audio.CardRate / bandRate

	// engineFrame is what the engine works on at a time, and by which its sound comes later: 5 ms.
	engineFrame = bandFrame / 2
)

// band is a frame of the lower band.
type band [bandFrame]int16

// cleaner cleans one microphone's sound. It's not safe for use by several goroutines.
type cleaner struct {
	engine *engine
	align  *aligner // nil: no reference is needed

	down, downReference, up *codec.Resampler
	delay                   int // of the card's samples: what the resamplers and the engine take

	late  []int16    // the last of the microphone's at its own rate: so many that the one that is delay late is the first
	gains [3]float64 // of what is beside the band: at the beginning of the last frame, at that of this one, and at its end

	// Frames of the lower band.
	now  band // of the microphone's
	last band // of the microphone's, as late as what the engine makes of it
	due  band // of the reference
	made band // by the engine of the last one

	samples, rise []int16 // for the resamplers
	silence       [audio.CardFrame]int16
}

// newCleaner makes one that does what the configuration says.
func newCleaner(config Config) *cleaner {
	c := &cleaner{engine: newEngine(config), gains: [3]float64{1, 1, 1}}
	c.down, c.up = resampler(audio.CardRate, bandRate), resampler(bandRate, audio.CardRate)
	if config.Echo {
		c.downReference = resampler(audio.CardRate, bandRate)
		c.align = newAligner()
	}
	c.delay = engineFrame*bandRatio + int(c.down.Delay()+c.up.Delay())
	c.late = make([]int16, c.delay+audio.CardFrame)
	c.samples, c.rise = make([]int16, 0, bandFrame), make([]int16, 0, audio.CardFrame)
	return c
}

// resampler makes one between two rates for which there is one.
func resampler(from, to int) *codec.Resampler {
	r, err := codec.NewResampler(from, to)
	if err != nil {
		panic(err) // both rates are constants here
	}
	return r
}

// skip takes a frame that was played, beside the one that band takes: one of the loudspeaker's was late, and now it is in time again.
func (c *cleaner) skip(reference *[audio.CardFrame]int16) {
	if c.align != nil {
		c.align.skip((*band)(c.downReference.Resample(c.samples, reference[:])))
	}
}

// band gives what is left of a frame's lower band, good until it is called again. The reference is nil when it's late.
func (c *cleaner) band(frame, reference *[audio.CardFrame]int16) *band {
	copy(c.late, c.late[audio.CardFrame:])
	copy(c.late[c.delay:], frame[:])

	copy(c.last[:], c.now[bandFrame-engineFrame:])
	copy(c.now[:], c.down.Resample(c.samples, frame[:]))
	copy(c.last[engineFrame:], c.now[:])
	if c.align != nil {
		var played *band
		switch {
		case reference != nil:
			played = (*band)(c.downReference.Resample(c.samples, reference[:]))
		case !c.align.canWait():
			played = (*band)(c.downReference.Resample(c.samples, c.silence[:]))
		}
		if c.align.hear(played, &c.now) {
			c.engine.forget()
		}
		c.due = *c.align.due()
	}
	c.engine.process(&c.now, &c.due, &c.made)
	return &c.made
}

// whole puts what is left of the frame that band has cleaned in its place. After a pause its first 8 ms are of what came before that.
func (c *cleaner) whole(frame *[audio.CardFrame]int16) {
	// What was taken out of the lower band, or added to it, is taken out of or added to the whole in the same share: the whole
	// times that share, and what the clean lower band has more or less than the lower band times that share.
	c.gains[0], c.gains[1], c.gains[2] = c.gains[1], c.gains[2], share(&c.made, &c.last)
	samples := c.samples[:bandFrame]
	gain, step := ramp(c.gains[1], c.gains[2], 0, bandFrame)
	for i := range samples {
		samples[i] = sample(float32(c.made[i]) - gain*float32(c.last[i]))
		gain += step
	}
	rise := c.up.Resample(c.rise, samples)
	behind := int(c.up.Delay())
	gain, step = ramp(c.gains[0], c.gains[1], audio.CardFrame-behind, audio.CardFrame)
	late := c.late[:len(frame)]
	for i := range frame {
		if i == behind {
			gain, step = ramp(c.gains[1], c.gains[2], 0, audio.CardFrame)
		}
		frame[i] = sample(gain*float32(late[i]) + float32(rise[i]))
		gain += step
	}
}

// ramp is what goes from one gain to the other in n steps: that after so many of them, and a step.
func ramp(from, to float64, after, n int) (gain, step float32) {
	each := (to - from) / float64(n)
	return float32(from + each*float64(after)), float32(each)
}

// share is how loud a sound is that was made from another.
func share(made, from *band) float64 {
	const most = 4 // as loud as a soft voice gets
	var a, b int64
	for i := range made {
		a += int64(made[i]) * int64(made[i])
		b += int64(from[i]) * int64(from[i])
	}
	return min(most, math.Sqrt(float64(a+bandFrame)/float64(b+bandFrame)))
}

// sample rounds to the nearest, and limits.
func sample(x float32) int16 {
	const up = 1 << 15 // above zero, where what is cut off rounds down
	return int16(int32(max(0, min(x+up+0.5, 2*up-1))) - up)
}
