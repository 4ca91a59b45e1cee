package audio

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestToneIsFoundByGoertzel(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		tone := NewTone(440, rate, 10000)
		samples := make([]int16, rate/2)
		for rest := samples; len(rest) > 0; rest = rest[rate/50:] {
			tone.Fill(rest[:rate/50]) // packet by packet: the phase must go on
		}
		if got := Goertzel(samples, rate, 440); got < 0.999 {
			t.Errorf("%d Hz: share at 440 Hz = %.4f, want 1", rate, got)
		}
		if got := Goertzel(samples, rate, 1004); got > 0.001 {
			t.Errorf("%d Hz: share at 1004 Hz = %.4f, want 0", rate, got)
		}
		if got := RMS(samples); math.Abs(got-10000/math.Sqrt2) > 10 {
			t.Errorf("%d Hz: RMS = %.1f, want %.1f", rate, got, 10000/math.Sqrt2)
		}
	}
}

func TestGoertzelOfOtherSignals(t *testing.T) {
	noise := make([]int16, 8000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = int16(random.IntN(20000) - 10000)
	}
	two := make([]int16, 8000)
	NewTone(440, 8000, 8000).Fill(two)
	second := make([]int16, 8000)
	NewTone(1004, 8000, 8000).Fill(second)
	for i := range two {
		two[i] += second[i]
	}
	steady := make([]int16, 800)
	for i := range steady {
		steady[i] = 5
	}
	for _, tt := range []struct {
		name     string
		samples  []int16
		freq     float64
		min, max float64
	}{
		{"nothing", nil, 440, 0, 0},
		{"silence", make([]int16, 800), 440, 0, 0},
		{"noise", noise, 440, 0, 0.01},
		{"one of two tones", two, 440, 0.49, 0.51},
		{"the other", two, 1004, 0.49, 0.51},
		{"direct current", steady, 0, 1, 1},
		{"no tone in direct current", steady, 1000, 0, 0.001},
	} {
		if got := Goertzel(tt.samples, 8000, tt.freq); got < tt.min || got > tt.max {
			t.Errorf("%s: share = %.4f, want %v to %v", tt.name, got, tt.min, tt.max)
		}
	}
	if got := Goertzel(noise, 0, 440); got != 0 {
		t.Errorf("share without a rate = %v, want 0", got)
	}
}
