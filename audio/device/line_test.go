package device

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/audio"
)

// TestLineCutsFrames hands pieces of every size through: no sample is lost, doubled or moved.
func TestLineCutsFrames(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var in, out, captured, sounded int16
	l := newLine(time.Now())
	l.begin(func(frame []int16) {
		for _, s := range frame {
			if captured++; s != captured {
				t.Fatalf("captured %d, want %d", s, captured)
			}
		}
	})
	p := newLine(time.Now())
	p.begin(func(frame []int16) {
		for i := range frame {
			out++
			frame[i] = out
		}
	})
	for range 3000 {
		samples := make([]int16, random.IntN(3*audio.CardFrame))
		for i := range samples {
			in++
			samples[i] = in
		}
		l.capture(samples)
		p.play(samples)
		for _, s := range samples {
			if sounded++; s != sounded {
				t.Fatalf("sounded %d, want %d", s, sounded)
			}
		}
	}
	if in-captured >= audio.CardFrame {
		t.Errorf("%d samples given, %d captured", in, captured)
	}
}

// TestLineStall has a device that stalls and then makes up for it: what was filled meanwhile does not come twice.
func TestLineStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captured, played := 0, 0
		in, out := newLine(time.Now()), newLine(time.Now())
		in.begin(func([]int16) { captured++ })
		out.begin(func([]int16) { played++ })
		device := func(n int) {
			for range n {
				in.capture(make([]int16, audio.CardFrame))
				out.play(make([]int16, audio.CardFrame))
			}
		}
		fill := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				next := min(in.fill(), out.fill(), time.Until(end))
				time.Sleep(next)
			}
		}
		for range 100 {
			time.Sleep(frameTime)
			device(1)
		}
		fill(300 * time.Millisecond)
		if captured < 128 || captured > 130 || played != captured {
			t.Errorf("after a stall of 300 ms %d and %d frames", captured, played)
		}
		device(30) // the backlog
		if captured < 128 || captured > 131 || played != captured {
			t.Errorf("after its backlog %d and %d frames", captured, played)
		}
		for range 100 {
			time.Sleep(frameTime)
			device(1)
			in.fill()
			out.fill()
		}
		if captured < 228 || captured > 231 || played != captured {
			t.Errorf("a second later %d and %d frames", captured, played)
		}
		in.end()
		device(1)
		if in.fill() >= 0 || captured > 231 {
			t.Error("goes on after its end")
		}
	})
}

func TestLineAllocatesNothing(t *testing.T) {
	in, out := newLine(time.Now()), newLine(time.Now())
	in.begin(func([]int16) {})
	out.begin(func([]int16) {})
	in.setGain(3)
	samples := make([]int16, 441)
	if n := testing.AllocsPerRun(1000, func() { in.capture(samples); out.play(samples); in.fill(); out.fill() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCapture(b *testing.B) {
	l := newLine(time.Now())
	l.begin(func([]int16) {})
	l.setGain(3)
	samples := make([]int16, 441)
	b.ReportAllocs()
	for b.Loop() {
		l.capture(samples)
	}
}

func BenchmarkPlay(b *testing.B) {
	l := newLine(time.Now())
	l.begin(func([]int16) {})
	samples := make([]int16, 441)
	b.ReportAllocs()
	for b.Loop() {
		l.play(samples)
	}
}
