package device

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/audio"
)

const (
	// frameTime is how long a frame sounds.
	frameTime = time.Second * audio.CardFrame / audio.CardRate
	// patience is how long a device may be late, beside twice what it takes or gives at a time, before a line goes on without it, and
	// every so much it is looked: at the same moments for all lines, as that costs a wake-up.
	patience = 50 * time.Millisecond
	// backlogTime is in how much time a device that was late hands over what it has gathered meanwhile.
	backlogTime = 20 * time.Millisecond
)

// line is one direction of sound: it cuts what a device gives or takes into frames for whom it is, and stands in for the device
// while there is none, so that frames go on at an even pace. The device's thread allocates nothing, and waits for nobody while it keeps
// the pace.
type line struct {
	base time.Time // since when times are counted
	gain atomic.Int64
	mute atomic.Bool
	loud meter

	works atomic.Bool  // a device keeps the pace; else fill does
	last  atomic.Int64 // when the device came last, as a time.Duration
	chunk atomic.Int64 // the most samples that it gave or took at a time

	mu    sync.Mutex
	frame func([]int16) // nil: nobody talks
	buf   [audio.CardFrame]int16
	n     int           // samples in buf: gathered from a microphone, or not yet sounded by a loudspeaker
	due   time.Duration // when fill owes the next frame
	owed  int           // frames that fill gave in place of a device
	back  time.Duration // when a device came, or came back
}

// unity is a gain of 0 dB: gains are fractions of 1<<16.
const unity = 1 << 16

func newLine(base time.Time) *line {
	l := &line{base: base}
	l.gain.Store(unity)
	l.loud.reset()
	return l
}

// setGain makes the line louder by dB.
func (l *line) setGain(dB float64) { l.gain.Store(int64(math.Round(unity * math.Pow(10, dB/20)))) }

// begin hands frames to whoever talks now.
func (l *line) begin(frame func([]int16)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frame, l.n, l.owed = frame, 0, 0
	l.works.Store(false)
	l.due = time.Since(l.base) + frameTime
}

// end returns when nobody gets frames any more.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frame = nil
	l.works.Store(false)
	l.loud.reset()
}

// joined says that another device is about to come. What it gives or takes at first is paid by what fill gave already.
func (l *line) joined() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n = 0
	l.chunk.Store(0)
}

// left says that the device comes no more.
func (l *line) left() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.works.CompareAndSwap(true, false) {
		l.due = l.heard() + frameTime
	}
	l.loud.reset()
}

// heard is when a device came last.
func (l *line) heard() time.Duration { return time.Duration(l.last.Load()) }

// late is when a device that keeps the pace counts as late.
func (l *line) late() time.Duration {
	return l.heard() + patience + 2*time.Duration(l.chunk.Load())*frameTime/audio.CardFrame
}

// look is after how long it is looked again whether a device that is in time is late.
func (l *line) look(now time.Duration) time.Duration {
	return (l.late() + patience - 1).Truncate(patience) - now
}

// come notes that the device is here with n samples. The caller holds l.mu.
func (l *line) come(n int) (now time.Duration) {
	now = time.Since(l.base)
	if !l.works.Load() {
		l.works.Store(true)
		l.back = now
	}
	l.last.Store(int64(now))
	l.chunk.Store(max(l.chunk.Load(), int64(n)))
	return now
}

// paid reports whether a frame was given by fill already: a device that comes back after a stall brings, or asks for, what it
// missed, and a new one fills its buffer, all ahead of the pace. The caller holds l.mu.
func (l *line) paid(now time.Duration) bool {
	if l.owed > 0 && now-l.back > backlogTime {
		l.owed = 0
	}
	if l.owed == 0 {
		return false
	}
	if now < l.due {
		l.owed--
		return true
	}
	l.due += frameTime
	return false
}

// capture takes what a microphone gives. It is called by the device's thread.
func (l *line) capture(samples []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frame == nil {
		return
	}
	now := l.come(len(samples))
	for len(samples) > 0 {
		n := copy(l.buf[l.n:], samples)
		samples = samples[n:]
		if l.n += n; l.n < len(l.buf) {
			return
		}
		l.n = 0
		if l.paid(now) {
			continue
		}
		if l.mute.Load() {
			clear(l.buf[:])
		}
		amplify(l.buf[:], l.gain.Load())
		l.loud.add(l.buf[:])
		l.frame(l.buf[:])
	}
}

// play gives what a loudspeaker sounds next. It is called by the device's thread.
func (l *line) play(samples []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frame == nil {
		clear(samples)
		return
	}
	now := l.come(len(samples))
	for len(samples) > 0 {
		if l.n == 0 {
			clear(l.buf[:])
			if !l.paid(now) {
				l.frame(l.buf[:])
			}
			amplify(l.buf[:], l.gain.Load())
			l.loud.add(l.buf[:])
			l.n = len(l.buf)
		}
		n := copy(samples, l.buf[len(l.buf)-l.n:])
		samples, l.n = samples[n:], l.n-n
	}
}

// fill gives the frames that are due while no device comes, silence from a microphone, and returns after how long to call it
// again; negative: when a device has left.
func (l *line) fill() time.Duration {
	if now := time.Since(l.base); l.late() > now && l.works.Load() {
		return l.look(now)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frame == nil {
		return -1
	}
	now := time.Since(l.base)
	if l.works.Load() {
		if l.late() > now {
			return l.look(now)
		}
		l.works.Store(false)
		l.due = l.heard() + frameTime
	}
	if now < l.due {
		return l.due - now
	}
	l.n = 0
	for ; l.due <= now; l.due += frameTime {
		clear(l.buf[:])
		l.frame(l.buf[:])
		l.owed++
	}
	return l.due - now
}

// amplify multiplies samples by gain, a fraction of unity, and clips.
func amplify(samples []int16, gain int64) {
	if gain == unity {
		return
	}
	for i, s := range samples {
		samples[i] = int16(max(math.MinInt16, min(int64(s)*gain/unity, math.MaxInt16)))
	}
}
