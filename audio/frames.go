package audio

import "sync/atomic"

// Limits of Frames.
const (
	framesHeld  = 16 // at most: 160 ms, as some cards work in bursts
	framesWatch = 50 // takes, half a second, in which it is seen whether there are more than bursts need
)

// Frames hands sound from one of a card's threads to the other, neither of which waits; each has a clock of its own. When nothing
// is there silence comes instead, and from then on one more is held, so that it doesn't happen again. When more are held for a
// while than bursts need, one comes beside another, to be left out.
type Frames struct {
	// Spare is how many more than needed may be held. It's set before use.
	Spare int

	ring     [framesHeld][CardFrame]int16
	given    atomic.Uint32 // so many were put
	taken    atomic.Uint32 // so many were taken or left out
	least    uint32        // were held in the takes that are watched
	watching int           // that many takes
}

// Put adds a frame. It is lost when there is no room.
func (f *Frames) Put(frame *[CardFrame]int16) {
	if at := f.given.Load(); at-f.taken.Load() < framesHeld {
		f.ring[at%framesHeld] = *frame
		f.given.Store(at + 1)
	}
}

// Take gives the frame that is due. due is 0 when there is none and silence comes instead, and 2 when another is due at once.
func (f *Frames) Take(frame *[CardFrame]int16) (due int) {
	at := f.taken.Load()
	held := f.given.Load() - at
	f.least = min(f.least, held)
	due = 1
	if f.watching++; f.watching >= framesWatch {
		if f.least > uint32(1+f.Spare) {
			due = 2
		}
		f.least, f.watching = framesHeld, 0
	}
	if held == 0 {
		clear(frame[:])
		return 0
	}
	*frame = f.ring[at%framesHeld]
	f.taken.Store(at + 1)
	return due
}
