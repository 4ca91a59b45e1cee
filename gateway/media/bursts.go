package media

import "time"

const (
	burstGap    = 4 * time.Millisecond // between two frames that a card gives one after the other
	burstsAlike = 50                   // bursts of two frames: a second of them
	burstsOdd   = 40                   // of which a burst of another size undoes so many
)

// bursts learns whether a card gives its frames of 10 ms one by one, or two at a time, but for some: what a card that is timed by another clock
// gives at once is a little more or less than that.
type bursts struct {
	run  int  // frames of the present burst
	two  int  // bursts of two frames, less what others undo
	left bool // one frame may be left of the burst before
}

// frame takes the time that has passed since the frame before, and says how much sound comes at a time: a frame or two. Nothing of a burst
// is kept for the next one but a frame that came alone.
func (b *bursts) frame(away time.Duration) time.Duration {
	if away >= burstGap {
		b.left = b.run == 1
		if b.run == 2 {
			b.two = min(b.two+1, 2*burstsAlike)
		} else {
			b.two = max(0, b.two-burstsOdd)
		}
		b.run = 0
	}
	if b.run++; b.run > 2 || b.left || b.two < burstsAlike {
		return voiceTime
	}
	return 2 * voiceTime
}
