package audio

import "math"

// Tone is a sine generator. Successive calls of Fill continue its phase, so that a tone cut into packets has no clicks.
type Tone struct {
	amplitude float64 // peak, in steps of a 16-bit sample
	step      float64 // phase advance per sample, in radians
	phase     float64
}

// NewTone makes a sine of freq Hz with the given peak amplitude (at most 32767) at rate samples per second.
func NewTone(freq float64, rate int, amplitude float64) *Tone {
	return &Tone{amplitude: min(amplitude, math.MaxInt16), step: 2 * math.Pi * freq / float64(rate)}
}

// Fill writes the next len(samples) samples of the tone.
func (t *Tone) Fill(samples []int16) {
	for i := range samples {
		samples[i] = int16(math.Round(t.amplitude * math.Sin(t.phase)))
		t.phase = math.Mod(t.phase+t.step, 2*math.Pi)
	}
}

// Goertzel gives the share, 0 to 1, of the signal's energy that lies at freq Hz: 1 for a pure sine, near 0 for silence,
// noise or another tone. The wider apart two tones are than rate/len(samples) Hz, the cleaner they are told apart.
func Goertzel(samples []int16, rate int, freq float64) float64 {
	if rate <= 0 || len(samples) == 0 {
		return 0
	}
	var s1, s2, energy float64
	turn := 2 * math.Pi * freq / float64(rate)
	coeff := 2 * math.Cos(turn)
	for _, sample := range samples {
		x := float64(sample)
		energy += x * x
		s1, s2 = x+coeff*s1-s2, s1
	}
	if energy == 0 {
		return 0
	}
	power := s1*s1 + s2*s2 - coeff*s1*s2
	share := power / (energy * float64(len(samples)))
	if math.Abs(math.Sin(turn)) > 1e-9 {
		share *= 2 // a real sine has its other half at -freq; DC and half the rate have none
	}
	return max(0, min(share, 1))
}

// RMS is the root mean square of the samples, in steps of a 16-bit sample.
func RMS(samples []int16) float64 {
	if len(samples) == 0 {
		return 0
	}
	var energy float64
	for _, s := range samples {
		energy += float64(s) * float64(s)
	}
	return math.Sqrt(energy / float64(len(samples)))
}
