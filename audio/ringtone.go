package audio

import (
	"math"
	"sync"
	"time"
)

// Ringtone is what sounds when a call comes in: a broken chord as of a marimba, twice, and a pause. It is not safe for use by
// several goroutines.
type Ringtone struct {
	round []int16
	at    int
}

// NewRingtone makes one that begins at its beginning.
func NewRingtone() *Ringtone { return &Ringtone{round: ringtone()} }

// The ringtone's melody: notes in Hz, one each step, two times, and again after the pause.
var ringtoneNotes = [...]float64{659.26, 830.61, 987.77, 1318.51, 987.77, 830.61} // E major

const (
	ringtoneStep  = 125 * time.Millisecond
	ringtoneTurns = 2
	ringtoneEvery = 4 * time.Second
	ringtonePeak  = 12000.0
)

// ringtone is one round of it.
var ringtone = sync.OnceValue(func() []int16 {
	pcm := make([]float64, cardSound.Samples(ringtoneEvery))
	for n := range ringtoneTurns * len(ringtoneNotes) {
		strike(pcm[cardSound.Samples(time.Duration(n)*ringtoneStep):], ringtoneNotes[n%len(ringtoneNotes)])
	}
	loudest := 0.0
	for _, x := range pcm {
		loudest = max(loudest, math.Abs(x))
	}
	samples := make([]int16, len(pcm))
	for i, x := range pcm {
		samples[i] = int16(math.Round(x * ringtonePeak / loudest))
	}
	return samples
})

// strike adds a bar of a marimba that is struck: its fundamental, and the fourth and tenth partial, which die away sooner.
func strike(pcm []float64, frequency float64) {
	const rise, lasts = 0.003, 0.3 // seconds
	for _, partial := range [...]struct{ times, share, lasts float64 }{{1, 1, lasts}, {3.93, 0.25, lasts / 4}, {9.54, 0.08, lasts / 10}} {
		wave := newOscillator(frequency*partial.times, partial.share)
		for i := range pcm {
			t := float64(i) / CardRate
			loud := math.Exp(-t/partial.lasts) * min(1, t/rise)
			if t > rise && loud < 1e-4 {
				break
			}
			pcm[i] += wave.next() * loud
		}
	}
}

// Play fills the frame with what comes next.
func (r *Ringtone) Play(frame []int16) {
	for len(frame) > 0 {
		n := copy(frame, r.round[r.at:])
		frame, r.at = frame[n:], (r.at+n)%len(r.round)
	}
}
