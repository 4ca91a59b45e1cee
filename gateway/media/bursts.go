package media

import "time"

const (
	burstGap    = 4 * time.Millisecond // between two frames that a card gives one after the other
	burstsAlike = 50                   // bursts of two frames: a second of them
)

// bursts learns whether a card gives its frames of 10 ms one by one, or always two at a time.
type bursts struct {
	run int // frames of the present burst
	two int // bursts of two frames in a row
}

// frame takes the time that has passed since the frame before, and says how much sound comes at a time: a frame or two.
func (b *bursts) frame(away time.Duration) time.Duration {
	if away >= burstGap {
		if b.two++; b.run != 2 {
			b.two = 0
		}
		b.run = 0
	}
	if b.run++; b.run > 2 {
		b.two = 0
	}
	if b.two < burstsAlike {
		return voiceTime
	}
	return 2 * voiceTime
}
