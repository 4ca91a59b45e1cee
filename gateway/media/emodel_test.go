package media

import (
	"math"
	"testing"
	"time"
)

// The pairs of R and MOS are those of ITU-T G.107 table B.1.
func TestOpinion(t *testing.T) {
	for _, tt := range []struct{ r, mos float64 }{
		{90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}, {93.2, 4.41}, {0, 1}, {-20, 1}, {3, 1}, {100, 4.5}, {120, 4.5},
	} {
		if got := opinion(tt.r); math.Abs(got-tt.mos) > 0.01 {
			t.Errorf("opinion(%v) = %.3f, want %v", tt.r, got, tt.mos)
		}
	}
}

func TestRating(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec string
		loss  float64
		delay time.Duration
		r     float64
	}{
		{"nothing wrong", "PCMU", 0, 0, 93.2},
		{"100 ms cost nothing", "pcma", 0, 100 * time.Millisecond, 93.2},
		{"delay alone, figure of G.107 §7.4", "PCMU", 0, 200 * time.Millisecond, 90.15},
		{"400 ms", "PCMU", 0, 400 * time.Millisecond, 69.13},
		{"loss of 5 %", "PCMU", 0.05, 0, 93.2 - 95*5/30.1},
		{"G.729", "G729", 0, 0, 82.2},
		{"G.729 and loss", "G729", 0.02, 0, 82.2 - 84*2/21.0},
		{"an unknown codec", "x", 0.05, 0, 93.2 - 95*5/30.1},
		{"opus", "opus", 0, 0, 93.2},
		{"all lost", "PCMU", 1, 0, 93.2 - 9500/125.1},
	} {
		if got := rating(tt.codec, tt.loss, tt.delay); math.Abs(got-tt.r) > 0.1 {
			t.Errorf("%s: R = %.2f, want %.2f", tt.name, got, tt.r)
		}
	}
}

func TestScoreFallsWithAllThatIsBad(t *testing.T) {
	good := score("PCMU", 0, 0, 0)
	for name, bad := range map[string]float64{
		"loss": score("PCMU", 0.1, 0, 0), "jitter": score("PCMU", 0, 100*time.Millisecond, 0), "round trip": score("PCMU", 0, 0, time.Second),
	} {
		if bad >= good-0.05 || bad < 1 {
			t.Errorf("%s: %.2f, without %.2f", name, bad, good)
		}
	}
}
