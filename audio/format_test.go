package audio

import (
	"slices"
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		format  Format
		time    time.Duration
		samples int
	}{
		{Format{8000, 1}, 20 * time.Millisecond, 160},
		{Format{48000, 2}, 20 * time.Millisecond, 1920},
		{Format{16000, 1}, time.Second, 16000},
	} {
		if got := tt.format.Samples(tt.time); got != tt.samples {
			t.Errorf("%v.Samples(%v) = %d, want %d", tt.format, tt.time, got, tt.samples)
		}
		if got := tt.format.Duration(tt.samples); got != tt.time {
			t.Errorf("%v.Duration(%d) = %v, want %v", tt.format, tt.samples, got, tt.time)
		}
	}
	if got := (Format{}).Duration(100); got != 0 {
		t.Errorf("Duration without a rate = %v, want 0", got)
	}
}

func TestMono(t *testing.T) {
	if got := Mono([]int16{32767, 32767, -100, 100, 1}, 2); !slices.Equal(got, []int16{32767, 0}) {
		t.Errorf("Mono = %v", got)
	}
	if got := Mono([]int16{1, 2}, 1); !slices.Equal(got, []int16{1, 2}) {
		t.Errorf("Mono of one channel = %v", got)
	}
}
