package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// level is the peak of a sine of so many dBm0.
func level(dBm0 float64) float64 { return zeroLevel * math.Pow(10, dBm0/20) }

// hears gives the keys that a detector hears, each with its length in ms.
func hears(rate int, samples []int16) (keys string, lengths []time.Duration) {
	d := NewKeyDetector(rate)
	for len(samples) > 0 { // as packets come
		n := min(len(samples), rate/50)
		d.Hear(samples[:n], func(p KeyPress) {
			if p.Up {
				lengths = append(lengths, p.Length)
			} else {
				keys += string(p.Key)
			}
		})
		samples = samples[n:]
	}
	return keys, lengths
}

// press appends a key of d, and a pause of as much, to a sound. Row and column are in dBm0, off is how far their frequencies are off.
func press(samples []int16, rate int, key rune, row, column, off float64, d time.Duration) []int16 {
	n := Format{rate, 1}.Samples(d)
	piece := make([]int16, 2*n)
	for i := range keyPad {
		if rune(keyPad[i]) != key {
			continue
		}
		other := make([]int16, n)
		NewTone(keyRows[i/4]*(1+off), rate, level(row)).Fill(piece[:n])
		NewTone(keyColumns[i%4]*(1+off), rate, level(column)).Fill(other)
		for j, s := range other {
			piece[j] += s
		}
	}
	return append(samples, piece...)
}

func TestKeysHeard(t *testing.T) {
	for _, tt := range []struct {
		name             string
		row, column, off float64
		length           time.Duration
	}{
		{"usual", -10, -8, 0, 100 * time.Millisecond},
		{"loudest", -3, -3, 0, 100 * time.Millisecond},
		{"weakest", -25, -25, 0, 100 * time.Millisecond},
		{"shortest", -10, -8, 0, 40 * time.Millisecond},
		{"shortest and weakest", -25, -25, 0, 40 * time.Millisecond},
		{"weak column", -8, -16, 0, 60 * time.Millisecond},
		{"weak row", -12, -8, 0, 60 * time.Millisecond},
		{"too high", -10, -8, 0.015, 60 * time.Millisecond},
		{"too low", -10, -8, -0.015, 60 * time.Millisecond},
		{"long", -10, -8, 0, time.Second},
	} {
		for _, rate := range []int{8000, 16000, 48000} {
			if rate == 48000 && tt.name != "usual" {
				continue // as at 16 kHz, only slower
			}
			t.Run(fmt.Sprint(tt.name, " ", rate), func(t *testing.T) {
				var sound []int16
				for i, key := range keyPad {
					sound = append(sound, make([]int16, 7*i*rate/8000)...) // pieces begin anywhere
					sound = press(sound, rate, key, tt.row, tt.column, tt.off, tt.length)
				}
				keys, lengths := hears(rate, sound)
				if keys != keyPad {
					t.Errorf("heard %q, want %q", keys, keyPad)
				}
				for _, length := range lengths {
					if off := length - tt.length; off > 13*time.Millisecond || off < -26*time.Millisecond {
						t.Errorf("length %v, want %v", length, tt.length)
					}
				}
			})
		}
	}
}

func TestNoKeysHeard(t *testing.T) {
	const rate = 8000
	for name, sound := range map[string][]int16{
		"too short":      press(nil, rate, '5', -10, -8, 0, 22*time.Millisecond),
		"too weak":       press(nil, rate, '5', -45, -45, 0, time.Second),
		"column alone":   press(nil, rate, '5', -90, -8, 0, time.Second),
		"row alone":      press(nil, rate, '5', -8, -90, 0, time.Second),
		"too much twist": press(nil, rate, '5', -8, -20, 0, time.Second),
		"off by 5 %":     press(nil, rate, '5', -10, -8, 0.05, time.Second),
		"noise":          noise(10 * rate),
		"babble":         babble(60*rate, rate),
		"music":          music(60*rate, rate),
		"dial tone":      mix(rate, 10*rate, 350, 440),
		"busy tone":      mix(rate, 10*rate, 480, 620),
		"two of a row":   mix(rate, rate, 1209, 1336),
		"three tones":    mix(rate, rate, 697, 1209, 1477),
	} {
		if keys, _ := hears(rate, sound); keys != "" {
			t.Errorf("%s: heard %q", name, keys)
		}
	}
}

// A line may be noisy: 15 dB under the tones (Q.24).
func TestKeysInNoise(t *testing.T) {
	var sound []int16
	for _, key := range keyPad {
		sound = press(sound, 8000, key, -10, -8, 0, 80*time.Millisecond)
	}
	r, rms := source(), level(-5.9-15)/math.Sqrt2
	for i := range sound {
		sound[i] += int16(rms * r.NormFloat64())
	}
	if keys, _ := hears(8000, sound); keys != keyPad {
		t.Errorf("heard %q", keys)
	}
}

// A drop-out of 10 ms makes no second key, a pause of 40 ms does.
func TestKeyPauses(t *testing.T) {
	const rate = 8000
	for pause, want := range map[int]string{10: "5", 40: "55"} {
		for shift := range 20 {
			sound := press(make([]int16, 5*shift), rate, '5', -10, -8, 0, 150*time.Millisecond)
			begin := 5*shift + rate*60/1000
			clear(sound[begin : begin+rate*pause/1000])
			if keys, _ := hears(rate, sound); keys != want {
				t.Errorf("pause of %d ms at %d: heard %q, want %q", pause, begin, keys, want)
			}
		}
	}
}

func TestKeyTone(t *testing.T) {
	var sound []int16
	for _, key := range keyPad {
		k, ok := NewKeyTone(key, 8000, level(-10), level(-8))
		if !ok {
			t.Fatalf("no tone for %c", key)
		}
		piece := make([]int16, 960)
		k.Fill(piece[:160])
		k.Fill(piece[160:480])
		sound = append(sound, piece...)
	}
	if keys, _ := hears(8000, sound); keys != keyPad {
		t.Errorf("heard %q", keys)
	}
	for _, key := range "a x\x00é" {
		if _, ok := NewKeyTone(key, 8000, 1, 1); ok {
			t.Errorf("a tone for %q", key)
		}
	}
}

// What is louder than can be is cut off, and doesn't turn over.
func TestKeyToneIsCut(t *testing.T) {
	k, _ := NewKeyTone('5', 8000, math.MaxInt16, math.MaxInt16)
	loud := make([]int16, 800)
	k.Fill(loud)
	if slices.Max(loud) != math.MaxInt16 || slices.Min(loud) != math.MinInt16 {
		t.Errorf("from %d to %d", slices.Min(loud), slices.Max(loud))
	}
}

// source is where the test sounds come from: the same each time.
func source() *rand.Rand { return rand.New(rand.NewPCG(7, 11)) }

func noise(n int) []int16 {
	r := source()
	samples := make([]int16, n)
	for i := range samples {
		samples[i] = int16(r.NormFloat64() * 3000)
	}
	return samples
}

// mix is a sum of steady tones.
func mix(rate, n int, freqs ...float64) []int16 {
	samples, one := make([]int16, n), make([]int16, n)
	for _, f := range freqs {
		NewTone(f, rate, 6000).Fill(one)
		for i, s := range one {
			samples[i] += s
		}
	}
	return samples
}

// babble is like people speaking: syllables of harmonics of a gliding pitch, loudest near two formants, and hisses between.
func babble(n, rate int) []int16 {
	r := source()
	samples := make([]int16, 0, n)
	for len(samples) < n {
		length := rate * (60 + r.IntN(240)) / 1000
		pitch, glide := 80+180*r.Float64(), (r.Float64()-0.5)*40
		formants := [2]float64{300 + 600*r.Float64(), 900 + 1500*r.Float64()}
		hiss, phase := r.Float64() < 0.2, 0.0
		for i := range length {
			at := float64(i) / float64(length)
			swell := math.Sin(math.Pi * at)
			if hiss {
				samples = append(samples, int16(1500*swell*r.NormFloat64()))
				continue
			}
			f := pitch + glide*at
			phase += 2 * math.Pi * f / float64(rate)
			sum := 0.0
			for h := 1.0; h*f < 3400; h++ {
				gain := 0.02
				for _, center := range formants {
					gain += 1 / (1 + math.Pow((h*f-center)/90, 2))
				}
				sum += gain * math.Sin(h*phase)
			}
			samples = append(samples, int16(max(-30000, min(30000, 5000*swell*sum))))
		}
		samples = append(samples, make([]int16, r.IntN(rate/20))...)
	}
	return samples[:n]
}

// music is chords of the tempered scale with overtones, some of them of two notes that lie near the tones of keys.
func music(n, rate int) []int16 {
	r := source()
	samples := make([]int16, 0, n)
	for len(samples) < n {
		length := rate * (100 + r.IntN(400)) / 1000
		var notes []float64
		for range 2 + r.IntN(3) {
			notes = append(notes, 220*math.Pow(2, float64(r.IntN(36))/12))
		}
		for i := range length {
			sum, at := 0.0, float64(i)/float64(rate)
			for _, f := range notes {
				for h := 1.0; h <= 3; h++ {
					sum += math.Sin(2*math.Pi*f*h*at) / (h * h)
				}
			}
			samples = append(samples, int16(4000*math.Exp(-3*at)*sum))
		}
	}
	return samples[:n]
}

func BenchmarkKeyDetector(b *testing.B) {
	d, sound := NewKeyDetector(8000), noise(160)
	b.ReportAllocs()
	for b.Loop() {
		d.Hear(sound, func(KeyPress) {})
	}
}
