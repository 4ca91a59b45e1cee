package audio

import "testing"

// The loudspeaker's clock and the microphone's differ, and cards work in bursts: what a party says still reaches the other,
// with few gaps, and late by no more than 40 ms.
func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		name        string
		play, every int // the loudspeaker plays so many frames at once, each so many captures
		more        int // once in so many captures, one more or (negative) one less is captured
		gaps        int
	}{
		{"same clock", 1, 1, 0, 1},
		{"bursts of four", 4, 4, 0, 4},
		{"microphone slow", 1, 1, 100, 1},
		{"microphone fast", 1, 1, -100, 13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Frames
			var in, out [CardFrame]int16
			gaps, late := 0, int16(0)
			for i := range 1000 {
				if i%tt.every == 0 {
					for range tt.play {
						in[0]++
						f.Put(&in)
					}
				}
				if tt.more > 0 && i%tt.more == 0 {
					continue // the loudspeaker is ahead
				}
				takes := 1
				if tt.more < 0 && i%-tt.more == 0 {
					takes = 2
				}
				for range takes {
					due := f.Take(&out)
					if due > 1 {
						due = f.Take(&out)
					}
					if due == 0 != (out[0] == 0) {
						t.Errorf("%d frames due, and a frame of %d", due, out[0])
					}
					if due == 0 {
						gaps++
					} else {
						late = max(late, in[0]-out[0])
					}
				}
			}
			if gaps > tt.gaps || late > 5 {
				t.Errorf("%d gaps, at most %d frames late", gaps, late)
			}
		})
	}
}
