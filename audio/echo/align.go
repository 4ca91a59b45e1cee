package echo

import (
	"math"
	"math/cmplx"

	"cordboard/audio/codec"
)

// Between what is played and what of it is heard lie the buffers of two devices: 20 to 200 ms, which nobody tells. The aligner
// finds out: of the last half second it estimates the impulse response from the loudspeaker to the microphone, by their spectra
// averaged over the last seconds, and looks where its peak is.
const (
	alignRate   = 4000 // Hz: voices have enough below 2 kHz
	alignRatio  = bandRate / alignRate
	alignFrame  = bandFrame / alignRatio
	alignWindow = 2048                 // samples of the microphone's; of the loudspeaker's the first half: so long may the delay be
	alignEvery  = 512                  // samples, from one estimate to the next
	alignRest   = 4                    // times as many, while the echo comes when it may
	alignKeep   = 0.85                 // of the spectra, in alignEvery
	alignQuiet  = 20.0                 // RMS of the loudspeaker below which nothing can be learned
	alignPeak   = 25.0                 // times the mean power that the peak must have
	alignAgree  = alignRate * 3 / 1000 // samples by which two estimates may differ
)

// Where in the engine's filter the peak may be. The reference is delayed by whole frames, so that it is where it should; it
// stays as long as it's where it may be.
const (
	alignFirst  = 2.0  // ms
	alignShould = 10.0 // ms or up to a frame more
	alignLast   = 45.0 // ms
)

// alignFrames is how many frames the reference can be delayed by, plus one.
const alignFrames = alignWindow/2*100/alignRate + 1

// aligner delays a reference so that its echo comes soon after it.
type aligner struct {
	frames [alignFrames]band // of the reference; a ring
	newest int
	delay  int // frames

	downReference, downHeard *codec.Resampler
	reference, heard         []int16 // the last alignWindow samples
	fresh                    int     // that came since the last estimate

	cross   []complex128 // spectra: of both together
	power   []float64    // and of the reference's power
	scratch []complex128
	twiddle []complex128
	last    int // where the last peak was, in samples; -1: there was none
	every   int // samples from one estimate to the next at the moment
}

func newAligner() *aligner {
	a := &aligner{
		downReference: resampler(bandRate, alignRate), downHeard: resampler(bandRate, alignRate),
		reference: make([]int16, alignWindow, alignWindow+bandFrame), heard: make([]int16, alignWindow, alignWindow+bandFrame),
		cross: make([]complex128, alignWindow), power: make([]float64, alignWindow),
		scratch: make([]complex128, alignWindow), twiddle: make([]complex128, alignWindow/2),
		last: -1, every: alignEvery,
	}
	for i := range a.twiddle {
		a.twiddle[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/alignWindow)
	}
	return a
}

// put takes a frame that is played.
func (a *aligner) put(reference *band) {
	a.newest = (a.newest + 1) % alignFrames
	a.frames[a.newest] = *reference
	a.reference = a.downReference.Resample(a.reference, reference[:])
	a.reference = a.reference[:copy(a.reference, a.reference[len(a.reference)-alignWindow:])]
}

// skip takes a frame that is played beside the one that hear takes, and delays the reference by one more: for the engine nothing has changed.
func (a *aligner) skip(reference *band) {
	a.put(reference)
	if a.delay < alignFrames-1 {
		a.delay++
	}
	a.turn(alignFrame)
}

// canWait says whether hear may get no frame that is played.
func (a *aligner) canWait() bool { return a.delay > 0 }

// turn lets what was found out be so many samples later than it was.
func (a *aligner) turn(samples int) {
	for i := range a.cross {
		at := (i*samples%alignWindow + alignWindow) % alignWindow
		by := cmplx.Conj(a.twiddle[at%(alignWindow/2)])
		if at >= alignWindow/2 {
			by = -by
		}
		a.cross[i] *= by
	}
	if a.last >= 0 {
		a.last = max(-1, a.last+samples)
	}
}

// hear takes a frame that is played and one that is heard, and says whether the reference is delayed by another time from now on. Where the one that is
// played is late, nil, the reference is delayed by one less, so that for the engine nothing has changed.
func (a *aligner) hear(reference, heard *band) (moved bool) {
	if reference != nil {
		a.put(reference)
	} else {
		a.delay--
		a.turn(-alignFrame)
	}
	a.heard = a.downHeard.Resample(a.heard, heard[:])
	a.heard = a.heard[:copy(a.heard, a.heard[len(a.heard)-alignWindow:])]
	if a.fresh += alignFrame; a.fresh < a.every {
		return false
	}
	peak := a.peak(math.Pow(alignKeep, float64(a.fresh/alignEvery)))
	a.fresh, a.every = 0, alignEvery
	if peak < 0 {
		return false
	}
	sure := a.last >= 0 && max(peak-a.last, a.last-peak) <= alignAgree
	a.last = peak
	ms := float64(peak) * 1000 / alignRate
	if !sure {
		return false
	}
	if in := ms - 10*float64(a.delay); in >= alignFirst && in <= alignLast {
		a.every = alignRest * alignEvery
		return false
	}
	delay := max(0, min(alignFrames-1, int((ms-alignShould)/10)))
	moved = delay != a.delay
	a.delay = delay
	return moved
}

// due is the frame of the reference that is due.
func (a *aligner) due() *band {
	return &a.frames[(a.newest-a.delay+alignFrames)%alignFrames]
}

// peak is where the impulse response has its peak, in samples; -1 when it has none, or when nothing was played. So much of the spectra
// is kept.
func (a *aligner) peak(keep float64) int {
	loud := 0.0
	for i := range a.scratch { // both in one transform: one is the real part, one the imaginary
		x := 0.0
		if i < alignWindow/2 {
			x = float64(a.reference[i])
			loud += x * x
		}
		a.scratch[i] = complex(x, float64(a.heard[i]))
	}
	if loud < alignQuiet*alignQuiet*alignWindow/2 {
		return -1
	}
	a.transform()
	mean := 0.0
	for i, z := range a.scratch {
		mirror := cmplx.Conj(a.scratch[(alignWindow-i)%alignWindow])
		x, y := (z+mirror)/2, (z-mirror)/2i
		a.cross[i] = complex(keep*real(a.cross[i]), keep*imag(a.cross[i])) + x*cmplx.Conj(y) // turned round, as the way back is the same transform
		a.power[i] = keep*a.power[i] + real(x)*real(x) + imag(x)*imag(x)
		mean += a.power[i]
	}
	mean /= alignWindow
	for i := range a.scratch {
		share := 1 / (a.power[i] + mean/100)
		a.scratch[i] = complex(share*real(a.cross[i]), share*imag(a.cross[i]))
	}
	a.transform()
	best, most, all := -1, 0.0, 0.0
	for i, z := range a.scratch[:alignWindow/2] {
		power := real(z) * real(z)
		all += power
		if power > most {
			best, most = i, power
		}
	}
	if most < alignPeak*all/(alignWindow/2) {
		return -1
	}
	return best
}

// transform is Fourier's, in place.
func (a *aligner) transform() {
	s := a.scratch
	for i, j := 1, 0; i < len(s); i++ {
		bit := len(s) >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		if j ^= bit; i < j {
			s[i], s[j] = s[j], s[i]
		}
	}
	for half := 1; half < len(s); half *= 2 {
		stride := len(s) / 2 / half
		for from := 0; from < len(s); from += 2 * half {
			low, high := s[from:from+half], s[from+half:from+2*half]
			for i := range low {
				x, y := low[i], high[i]*a.twiddle[i*stride]
				low[i], high[i] = x+y, x-y
			}
		}
	}
}
