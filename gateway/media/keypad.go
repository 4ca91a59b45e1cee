package media

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of keys that are played.
const (
	maxPresses = 32                     // that wait
	minPress   = 80 * time.Millisecond  // so that every receiver takes it for one; Q.24 wants 40
	maxPress   = 10 * time.Second       // a party that never lets go
	pressGap   = 60 * time.Millisecond  // between two keys, whole packets; Q.24 wants 40
	lostPress  = 200 * time.Millisecond // without word of a key that is held: its end was lost
)

// errManyKeys reports more keys than can wait.
var errManyKeys = errors.New("too many keys wait to be played")

// press is a key to be played.
type press struct {
	code   uint8
	up     bool          // length is final
	length time.Duration // so far
	heard  time.Duration // of the engine's clock, when length was heard of last
}

// keypad plays keys to a leg's party, one after another, in the place of its peer's voice: as events (RFC 4733) if the party agreed on
// them, else as tones; and noise while its peer sends comfort noise that the party does not know. Whoever hears the keys puts them
// in, a goroutine of the keypad's own plays them.
type keypad struct {
	leg   *leg
	wake  chan struct{}
	busy  atomic.Bool  // a key is played or waits, so nobody else is heard
	noise atomic.Int32 // level in -dBov and 1 more; 0: none

	mu    sync.Mutex
	queue [maxPresses]press // those that are played or wait, first at number%maxPresses
	first uint64            // number of the one that is played
	next  uint64            // number of the next one to come
}

// keypad gives the leg's keypad, and begins it if there is none. It is nil when the engine has ended. The caller holds the
// call's mutex.
func (l *leg) keypad() *keypad {
	if k := l.keys.Load(); k != nil {
		return k
	}
	k := &keypad{leg: l, wake: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(l.engine.ctx)
	if !l.engine.spawn(func() { k.play(ctx) }) {
		cancel()
		return nil
	}
	l.stopKeys = cancel
	l.keys.Store(k)
	return k
}

// begin puts a key in that is held from now on, and gives its number for hold; false when too many wait.
func (k *keypad) begin(p press) (uint64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next-k.first == maxPresses {
		return 0, false
	}
	k.queue[k.next%maxPresses] = p
	k.next++
	k.busy.Store(true)
	k.rouse()
	return k.next - 1, true
}

// hold says how long a key is held by now.
func (k *keypad) hold(number uint64, length time.Duration, up bool, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if number < k.first || number >= k.next {
		return
	}
	p := &k.queue[number%maxPresses]
	if !p.up {
		p.length, p.up, p.heard = length, up, now
	}
}

// hush plays noise of a level in -dBov from now on (RFC 3389 §3.1).
func (k *keypad) hush(level uint8) {
	k.noise.Store(int32(level&0x7F) + 1)
	k.rouse()
}

// voice says that the peer speaks, and whether it is to be heard.
func (k *keypad) voice() bool {
	if k.noise.Load() != 0 {
		k.noise.Store(0)
	}
	return !k.busy.Load()
}

func (k *keypad) rouse() {
	select {
	case k.wake <- struct{}{}:
	default: // awake already
	}
}

// current is the key to play; false for none.
func (k *keypad) current(now time.Duration) (press, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.first == k.next {
		return press{}, false
	}
	p := &k.queue[k.first%maxPresses]
	if !p.up && now-p.heard > lostPress || p.length > maxPress {
		p.up = true
	}
	p.length = max(minPress, min(p.length, maxPress))
	return *p, true
}

// done drops the key that was played.
func (k *keypad) done() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.first++
	if k.first == k.next {
		k.busy.Store(false)
	}
}

// play plays what comes until ctx ends.
func (k *keypad) play(ctx context.Context) {
	p := player{pad: k}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-k.wake:
		case <-ctx.Done():
			return
		}
		if wait, more := p.step(k.leg.engine.now()); more {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}
