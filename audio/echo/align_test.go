package echo

import (
	"fmt"
	"math"
	"testing"

	"cordboard/audio"
)

// lower gives the band of a sound that is worked on, frame by frame.
func lower(x []float64) []band {
	down := resampler(audio.CardRate, bandRate)
	var frames []band
	in, out := make([]int16, audio.CardFrame), make([]int16, 0, bandFrame)
	for i := 0; i+len(in) <= len(x); i += len(in) {
		for j := range in {
			in[j] = sample16(x[i+j])
		}
		frames = append(frames, band(down.Resample(out, in)))
	}
	return frames
}

// However late a card is, the reference comes before its echo, and the echo begins in the first third of the engine's filter.
func TestAligner(t *testing.T) {
	far := voice(1, 4, 120, 3000)
	played := lower(far)
	for _, ms := range []float64{3, 12, 20, 40, 60, 90, 130, 170, 200, 240} {
		t.Run(fmt.Sprintf("%.0f ms", ms), func(t *testing.T) {
			t.Parallel()
			heard := lower(room(far, 5, ms/1000, 0.2, 0.3))
			a := newAligner()
			settled, moves := 0.0, 0
			for i := range heard {
				if a.hear(&played[i], &heard[i]) {
					settled, moves = float64(i)/100, moves+1
				}
			}
			begins := ms - 10*float64(a.delay)
			t.Logf("the reference is %d0 ms late after %.1f s, %d moves", a.delay, settled, moves)
			if begins < alignFirst || begins > alignLast || moves > 1 || settled > 2.5 {
				t.Errorf("%.0f ms: the reference is %d0 ms late, in the end after %.1f s, after %d moves", ms, a.delay, settled, moves)
			}
		})
	}
}

// What has nothing to do with what is played moves nothing.
func TestAlignerStays(t *testing.T) {
	far, near := voice(1, 6, 120, 3000), voice(2, 6, 200, 3000)
	tone := make([]float64, len(far))
	for i := range tone {
		tone[i] = 5000 * math.Sin(2*math.Pi*440*float64(i)/audio.CardRate)
	}
	for _, tt := range []struct {
		name          string
		played, heard []float64
	}{
		{"another voice", far, near},
		{"nobody is heard", far, make([]float64, len(far))},
		{"nothing is played", make([]float64, len(far)), near},
		{"a tone", tone, tone},
		{"a tone while somebody talks", tone, near},
	} {
		played, heard := lower(tt.played), lower(tt.heard)
		a := newAligner()
		for i := range heard {
			if a.hear(&played[i], &heard[i]) {
				t.Errorf("%s: the reference is %d0 ms late after %.1f s", tt.name, a.delay, float64(i)/100)
			}
		}
	}
}

func BenchmarkAligner(b *testing.B) {
	far := voice(1, 4, 120, 3000)
	played, heard := lower(far), lower(room(far, 5, 0.1, 0.2, 0.3))
	a, i := newAligner(), 0
	b.ReportAllocs()
	for b.Loop() {
		a.hear(&played[i], &heard[i])
		i = (i + 1) % len(played)
	}
}

// When the loudspeaker's thread falls behind the microphone's by a frame or two, and later is in time again, what the engine gets goes on as before.
func TestLateReference(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	const late, intime, end = 5.0, 8.0, 11.0
	far := voice(1, end, 120, 3000)
	microphone := room(far, 5, 0.06, 0.15, 0.4)
	p := &phone{says: append([]float64(nil), far...)}
	d := Wrap(p, Config{Echo: true})
	var frame [audio.CardFrame]int16
	behind := 0
	for at := 0; at+len(frame) <= len(microphone); at += len(frame) {
		now := float64(at) / audio.CardRate
		owes := 0
		if now >= late && now < intime {
			owes = 3
		}
		for ; behind > owes; behind-- {
			d.Play(frame[:])
		}
		if behind < owes {
			behind++
		} else {
			d.Play(frame[:])
		}
		for i := range frame {
			frame[i] = sample16(microphone[at+i])
		}
		d.Capture(frame[:])
	}
	erle := func(from, to float64) float64 {
		return decibel(energy(span(microphone, from, to)) / (energy(span(p.hears, from, to)) + 1))
	}
	worst := 100.0
	for from := late - 1; from+0.5 <= end; from += 0.5 {
		worst = min(worst, erle(from, from+0.5))
	}
	t.Logf("ERLE %.1f dB before, %.1f while the reference is late, %.1f once it is in time; in the worst half second %.1f", erle(late-1, late), erle(late, intime), erle(intime, end), worst)
	if worst < 20 {
		t.Errorf("ERLE falls to %.1f dB when the reference comes late or is in time again, want 20", worst)
	}
}
