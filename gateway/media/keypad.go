package media

import (
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
// in, a timer plays them: most keypads never have anything to play, and a goroutine that waits for it takes 3 KB.
type keypad struct {
	leg   *leg
	timer *time.Timer  // runs play
	over  atomic.Bool  // nothing is played any more
	busy  atomic.Bool  // a key is played or waits, so nobody else is heard
	noise atomic.Int32 // level in -dBov and 1 more; 0: none

	mu    sync.Mutex
	queue *[maxPresses]press // those that are played or wait, first at number%maxPresses; nil until the first one
	first uint64             // number of the one that is played
	next  uint64             // number of the next one to come

	playing sync.Mutex
	player  *player // nil until there is something to play; guarded by playing
}

// keypad gives the leg's keypad, and makes it if there is none. The caller holds the call's mutex.
func (l *leg) keypad() *keypad {
	if k := l.keys.Load(); k != nil {
		return k
	}
	k := &keypad{leg: l}
	k.timer = time.AfterFunc(time.Hour, k.play)
	k.timer.Stop()
	l.keys.Store(k)
	return k
}

// stop ends the playing.
func (k *keypad) stop() {
	k.over.Store(true)
	k.timer.Stop()
}

// begin puts a key in that is held from now on, and gives its number for hold; false when too many wait.
func (k *keypad) begin(p press) (uint64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next-k.first == maxPresses {
		return 0, false
	}
	if k.queue == nil {
		k.queue = new([maxPresses]press)
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

func (k *keypad) rouse() { k.timer.Reset(0) }

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

// play plays what is due, and sees to it that it is called again when something will be.
func (k *keypad) play() {
	if k.over.Load() || !k.leg.engine.enter() {
		return
	}
	defer k.leg.engine.tasks.Done()
	k.playing.Lock()
	defer k.playing.Unlock()
	if k.player == nil {
		k.player = &player{pad: k}
	}
	if wait, more := k.player.step(k.leg.engine.now()); more {
		k.timer.Reset(wait)
	}
}
