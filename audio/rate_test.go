package audio

import (
	"math"
	"testing"
)

func TestResampler(t *testing.T) {
	for _, tt := range []struct{ from, to int }{{8000, 16000}, {16000, 8000}, {48000, 16000}, {48000, 8000}, {8000, 48000}, {16000, 48000}} {
		for _, freq := range []float64{300, 1004, 3000} {
			tone, r := NewTone(freq, tt.from, 10000), NewResampler(tt.from, tt.to)
			piece, got := make([]int16, tt.from/50), []int16(nil)
			for range 50 {
				tone.Fill(piece)
				got = append(got, r.Resample(piece)...)
			}
			if len(got) != tt.to {
				t.Errorf("%d to %d Hz: %d samples of a second, want %d", tt.from, tt.to, len(got), tt.to)
			}
			got = got[tt.to/10:]
			if share := Goertzel(got, tt.to, freq); share < 0.999 {
				t.Errorf("%d to %d Hz: share at %v Hz = %.4f, want 1", tt.from, tt.to, freq, share)
			}
			if rms := RMS(got); math.Abs(rms-10000/math.Sqrt2) > 400 {
				t.Errorf("%d to %d Hz: RMS at %v Hz = %.0f, want %.0f", tt.from, tt.to, freq, rms, 10000/math.Sqrt2)
			}
		}
	}
}

// What the slower rate can't carry is left out and does not fold over.
func TestResamplerLeavesHighTonesOut(t *testing.T) {
	tone, r := NewTone(6000, 16000, 10000), NewResampler(16000, 8000)
	pcm := make([]int16, 16000)
	tone.Fill(pcm)
	if rms := RMS(r.Resample(pcm)[800:]); rms > 100 {
		t.Errorf("RMS of a tone of 6 kHz at 8 kHz = %.0f, want next to nothing", rms)
	}
}

func BenchmarkResample48to16(b *testing.B) {
	r, pcm := NewResampler(48000, 16000), make([]int16, 960)
	NewTone(1004, 48000, 10000).Fill(pcm)
	b.ReportAllocs()
	for b.Loop() {
		r.Resample(pcm)
	}
}
