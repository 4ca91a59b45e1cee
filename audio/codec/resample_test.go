package codec

import (
	"fmt"
	"math"
	"testing"

	"cordboard/audio"
)

// resampled gives 120 ms of a sine at another rate, without its ends, where the filter has only half of what it needs.
func resampled(t *testing.T, from, to int, freq, amplitude float64) []int16 {
	t.Helper()
	r, err := NewResampler(from, to)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, from/50)
	tone := audio.NewTone(freq, from, amplitude)
	var out []int16
	for range 8 {
		tone.Fill(pcm)
		out = r.Resample(out, pcm)
	}
	if len(out) != 8*to/50 {
		t.Errorf("%d Hz to %d Hz: 160 ms have %d samples", from, to, len(out))
	}
	return out[to/50 : len(out)-to/50]
}

func TestResampler(t *testing.T) {
	const amplitude = 16000.0
	level := func(pcm []int16) float64 { return 20 * math.Log10(audio.RMS(pcm)*math.Sqrt2/amplitude) }
	for _, tt := range []struct{ from, to int }{{8000, 16000}, {16000, 8000}, {8000, 48000}, {48000, 8000}, {16000, 48000}, {48000, 16000}} {
		low := float64(min(tt.from, tt.to))
		ripple := 0.0
		for freq := 100.0; freq <= resamplePass*low; freq += low / 40 {
			out := resampled(t, tt.from, tt.to, freq, amplitude)
			ripple = max(ripple, math.Abs(level(out)))
			if share := audio.Goertzel(out, tt.to, freq); share < 0.999 {
				t.Errorf("%d Hz to %d Hz: of %.0f Hz only %.5f is at that frequency", tt.from, tt.to, freq, share)
			}
		}
		if ripple > 0.01 {
			t.Errorf("%d Hz to %d Hz: pass band within %.4f dB, want 0.01", tt.from, tt.to, ripple)
		}
		stop := math.Inf(-1)
		for freq := resampleStop * low; freq < float64(tt.from)/2; freq += low / 20 { // what would fold back
			stop = max(stop, level(resampled(t, tt.from, tt.to, freq, amplitude)))
		}
		if stop > -70 {
			t.Errorf("%d Hz to %d Hz: stop band at %.1f dB, want -70", tt.from, tt.to, stop)
		}
		image := math.Inf(-1)
		for freq := 100.0; freq <= resamplePass*low; freq += 100 { // what is mirrored above half the rate it had
			out := resampled(t, tt.from, tt.to, freq, amplitude)
			for mirror := float64(tt.from) - freq; mirror < float64(tt.to)/2; mirror += float64(tt.from) {
				image = max(image, 10*math.Log10(audio.Goertzel(out, tt.to, mirror)))
			}
		}
		if image > -70 {
			t.Errorf("%d Hz to %d Hz: images at %.1f dB, want -70", tt.from, tt.to, image)
		}
		t.Logf("%d Hz to %d Hz: pass band within %.4f dB, stop band %.1f dB, images %.1f dB", tt.from, tt.to, ripple, stop, image)
	}
	if _, err := NewResampler(44100, 8000); err == nil {
		t.Error("a resampler from 44100 Hz to 8000 Hz was made")
	}
}

// There and back again, sound is as much later as the two say.
func TestResamplerDelay(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		down, _ := NewResampler(48000, rate)
		up, _ := NewResampler(rate, 48000)
		delay := down.Delay() + up.Delay()
		if delay != math.Trunc(delay) {
			t.Fatalf("%d Hz: %v samples are not whole", rate, delay)
		}
		pcm := make([]int16, 4800)
		audio.NewTone(440, 48000, 10000).Fill(pcm)
		out := up.Resample(nil, down.Resample(nil, pcm))
		for i := 1000; i < len(out); i++ {
			if off := int(out[i]) - int(pcm[i-int(delay)]); off < -8 || off > 8 {
				t.Fatalf("%d Hz: sample %d is off by %d", rate, i, off)
			}
		}
	}
}

// Cut into whatever pieces, a stream gives the same samples.
func TestResamplerPieces(t *testing.T) {
	pcm := make([]int16, 1600)
	audio.NewTone(1000, 16000, 9000).Fill(pcm)
	whole, _ := NewResampler(16000, 8000)
	want := whole.Resample(nil, pcm)
	pieces, _ := NewResampler(16000, 8000)
	var got []int16
	for n := 1; len(pcm) > 0; n++ {
		n := min(n, len(pcm))
		got = pieces.Resample(got, pcm[:n])
		pcm = pcm[n:]
	}
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("sample %d is %d, want %d", i, got[i], want[i])
		}
	}
}

func BenchmarkResampler(b *testing.B) {
	for _, tt := range []struct{ from, to int }{
		{8000, 16000}, {16000, 8000}, {48000, 8000}, {8000, 48000}, {48000, 16000}, {16000, 48000}, {48000, 48000},
	} {
		b.Run(fmt.Sprintf("%dto%d", tt.from/1000, tt.to/1000), func(b *testing.B) {
			r, err := NewResampler(tt.from, tt.to)
			if err != nil {
				b.Fatal(err)
			}
			in, out := make([]int16, tt.from/50), make([]int16, 0, tt.to/50+1)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Resample(out[:0], in)
			}
		})
	}
}
