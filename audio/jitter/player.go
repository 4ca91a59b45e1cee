package jitter

import (
	"slices"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// What is done when, in the card's samples unless said otherwise.
const (
	pauseTime   = 200 * time.Millisecond // between two frames: the card was closed
	burstTime   = 4 * time.Millisecond   // between two frames: the card takes them together
	maxBurst    = 4                      // frames
	burstMemory = 5 * audio.CardRate

	slack      = 2 * millisecond   // in time, beyond what the card takes at once
	firstGuess = 5 * millisecond   // of jitter, before it is known
	maxLate    = 400 * millisecond // later packets are not waited for
	longerWay  = 10                // so many later packets in a row mean that all will be
	maxAhead   = audio.CardRate    // earlier packets mean that the sender began anew

	coverTime = 60 * millisecond   // that the codec hides a gap; then there is noise
	restTime  = 500 * millisecond  // that it makes silence which was left out, as it says; it tells of it each 400 ms (codec.OpusRest)
	speechGap = 100 * millisecond  // gaps up to this are in somebody's speech
	airTime   = 5 * audio.CardRate // without packets; then there is silence

	skipFrom = 30 * millisecond  // above it: silence is left out
	cutFrom  = 200 * millisecond // above it: sound is left out
	quiet    = 60.0              // RMS of what may be left out

	settleTime = 4 * audio.CardRate // in which resampling makes up for a difference
	maxSpeed   = 0.005              // by which sound may be faster or slower
	speedShare = 0.05               // of the difference to the speed that is wanted, with each frame

	maxJump = 3000 // packets by which numbers go on and the source is the same (RFC 3550 appendix A.1)
	maxBack = 100  // by which a packet may be behind
)

// player turns packets into frames. All of it belongs to who calls Play.
type player struct {
	table *table
	queue []*packet // in the order of their places
	done  []*packet // to be given back

	clock int64 // samples played
	woken time.Duration
	burst struct {
		run, most, before int // frames taken together: now, of late, and of late before that
		until             int64
		fills             bool // the card fills its buffer, which it has just opened
	}

	begun    bool
	newest   mark  // of the packet with the highest number
	end      int64 // the place behind it, if all are as long as the last one that was played
	length   int64 // of that one
	early    window
	outliers int // packets in a row that were very late

	next   int64 // place of the next packet to be played
	last   uint16
	held   int64 // made up since nothing waits, for which the time has not passed yet
	gap    int64 // made up since the last packet that was played
	hush   bool  // the last one was comfort noise
	rests  bool  // the last one was of Opus, and said that there is silence
	since  int   // packets since something was inserted
	source *source

	sound   []int16 // at the card's rate, not played yet
	stretch stretcher
	air     air
	total   Stats
}

func newPlayer() player {
	p := player{
		table: new(table), queue: make([]*packet, 0, maxPackets), done: make([]*packet, 0, 2*maxPackets),
		sound: make([]int16, 0, 4*longest), stretch: stretcher{speed: 1}, air: air{floor: faintest, level: faintest, state: 1},
	}
	p.burst.most = 1
	return p
}

// drop puts a packet aside.
func (p *player) drop(k *packet) { p.done = append(p.done, k) }

// reset forgets what waits and where it came from.
func (p *player) reset() {
	p.done = append(p.done, p.queue...)
	p.queue, p.sound = p.queue[:0], p.sound[:0]
	p.begun, p.source, p.held, p.gap = false, nil, 0, 0
	p.air.gain, p.stretch = 0, stretcher{speed: 1}
}

// wake says whether the card was closed, after which all begins anew: it has filled its buffer at once, which it will not do again, and
// what came until it wants more waited for that. Else it learns how many frames the card takes at once.
func (p *player) wake(now time.Duration) (opened bool) {
	b := &p.burst
	passed := now - p.woken
	p.woken = now
	fills := p.clock == 0 || passed > pauseTime || b.fills && passed < burstTime
	opened = fills || b.fills
	if b.fills = fills; opened {
		p.reset()
	}
	if b.run++; passed >= burstTime || opened {
		b.run = 1
	}
	b.most = max(b.most, min(b.run, maxBurst))
	if p.clock >= b.until {
		b.before, b.most, b.until = b.most, b.run, p.clock+burstMemory
	}
	return opened
}

// reserve is how much earlier than needed the last of the packets should be there.
func (p *player) reserve() int64 {
	return int64(max(p.burst.most, p.burst.before))*audio.CardFrame + slack
}

// target is the offset that would be right.
func (p *player) target() int64 { return p.early.long() - p.reserve() }

// excess is how much longer than needed sound is held back; below 0 it is too short.
func (p *player) excess() int64 { return p.clock + p.target() - (p.next - int64(len(p.sound))) }

// take takes a packet that came.
func (p *player) take(k *packet) {
	k.source = p.table.sources[k.kind&0x7F]
	ahead := int(int16(k.seq - p.newest.seq))
	switch {
	case k.source == nil:
		p.drop(k)
		return
	case !p.begun:
		p.begin(k)
	case k.ssrc != p.newest.ssrc:
		p.restart(k)
	case ahead <= 0 && ahead > -maxBack:
		k.place = p.newest.place + k.source.places(int64(int32(k.stamp-p.newest.stamp)))
		if k.source.clock != p.newest.source.clock || k.place >= p.newest.place || k.place < p.newest.place-maxAhead {
			// Repeated, or of the time before a new beginning.
			p.drop(k)
			return
		}
	case ahead <= -maxBack, ahead > maxJump, k.source.clock != p.newest.source.clock:
		p.restart(k)
	default:
		k.place = p.newest.place + k.source.places(int64(int32(k.stamp-p.newest.stamp)))
		if off := k.place - (p.next + p.held); k.place <= p.newest.place || off > maxAhead || off < -maxAhead {
			p.restart(k)
		}
	}
	if k.place >= p.newest.place {
		p.newest, p.end = k.mark, k.place+p.length
	}
	p.judge(k.place - p.clock)
	i, _ := slices.BinarySearchFunc(p.queue, k.place, func(q *packet, place int64) int { return int(q.place - place) })
	if k.place < p.next {
		p.total.Late++
		p.drop(k)
		return
	}
	if i < len(p.queue) && p.queue[i].place == k.place || len(p.queue) == cap(p.queue) {
		p.drop(k)
		return
	}
	p.queue = slices.Insert(p.queue, i, k)
}

// judge takes the earliness of a packet. A few that are very late are passed over; when all are, the way has become longer.
func (p *player) judge(earliness int64) {
	if earliness > p.early.long()-maxLate {
		p.outliers = 0
		p.early.note(earliness, p.clock)
		return
	}
	if p.outliers++; p.outliers >= longerWay {
		p.outliers = 0
		p.early.begin(earliness-firstGuess, p.clock)
	}
}

// begin takes the first packet.
func (p *player) begin(k *packet) {
	p.begun, p.length, p.hush, p.rests = true, 20*millisecond, false, false
	k.place = p.clock + maxAhead
	p.newest = mark{place: k.place}
	p.early.begin(k.place-p.clock-firstGuess, p.clock)
	p.next, p.held, p.gap = p.clock+p.target()+int64(len(p.sound)), 0, airTime
}

// restart takes the first packet of a source that began anew: it follows what is there.
func (p *player) restart(k *packet) {
	k.place = max(p.end, p.next+p.held)
	p.newest = mark{place: k.place}
	p.early.begin(k.place-p.clock-firstGuess, p.clock)
	p.last = k.seq - 1
}

// play fills a frame.
func (p *player) play(frame []int16) {
	for len(p.sound) < p.stretch.needs(len(frame)) {
		p.step()
	}
	over := p.stretch.play(frame, p.sound)
	p.sound = p.sound[:copy(p.sound, p.sound[over:])]
	p.clock += int64(len(frame))
	speed := 1.0
	if p.begun && p.held == 0 && p.gap < speechGap {
		speed += max(-maxSpeed, min(float64(p.excess())/settleTime, maxSpeed))
	}
	p.stretch.speed += (speed - p.stretch.speed) * speedShare
}

// step makes more sound, or finds out what it is to be made of.
func (p *player) step() {
	if len(p.queue) == 0 {
		p.held += p.cover(audio.CardRate, nil)
		return
	}
	k := p.queue[0]
	if p.held > 0 {
		p.resume(k.place)
	}
	if k.place > p.next {
		n := p.cover(k.place-p.next, k)
		p.next += n
		return
	}
	if least, ok := p.early.short(); ok && p.clock+least-p.reserve()-(p.next-int64(len(p.sound))) > cutFrom && len(p.queue) > 1 {
		p.cut(p.clock + least - p.reserve() + int64(len(p.sound)))
		return
	}
	if p.since >= 2 && p.gap == 0 && !p.hush && -p.excess() > p.reserve() {
		p.since = 0
		n := p.cover(audio.CardRate, nil)
		p.total.Inserted += duration(n)
		return
	}
	p.queue = p.queue[:copy(p.queue, p.queue[1:])]
	p.say(k)
	p.drop(k)
}

// resume says where in the stream to go on when nothing was there for a while and a packet with that place came. In speech what was
// made up stands for what is missing, or else is inserted; after a pause all is as it should be.
func (p *player) resume(place int64) {
	at := p.next + p.held
	if p.gap > speechGap {
		at = p.clock + p.target() + int64(len(p.sound))
	} else if at > place {
		p.total.Inserted += duration(at - place)
	}
	p.next, p.held = min(at, place), 0
}

// cut leaves out sound up to a place.
func (p *player) cut(place int64) {
	before := p.next
	for len(p.queue) > 1 && p.queue[1].place <= place {
		p.drop(p.queue[0])
		p.queue = p.queue[:copy(p.queue, p.queue[1:])]
	}
	p.cover(audio.CardRate, nil) // from which the codec blends over
	p.next = max(p.next, p.queue[0].place)
	p.total.Skipped += duration(p.next - before)
	p.early.begin(p.early.mean()-firstGuess, p.clock)
}

// say plays a packet.
func (p *player) say(k *packet) {
	s, from := k.source, len(p.sound)
	if p.last, p.source = k.seq, s; s.noise {
		p.hush, p.rests, p.next = true, false, k.place
		p.air.level = levelOf(k.payload[0])
		return
	}
	sound, n, ok := s.say(p.sound, k.payload)
	if !ok {
		return // as if it were lost
	}
	p.sound = sound
	p.air.mix(p.sound[from:], false)
	p.next, p.length = k.place+int64(n), int64(n)
	p.end = max(p.end, p.newest.place+p.length)
	p.hush, p.rests, p.gap = false, s.opus != nil && len(k.payload) <= codec.OpusHush, 0
	p.since++
	p.total.Played++
	rms := audio.RMS(p.sound[from:])
	p.air.hear(rms)
	if rms < quiet && p.excess() > skipFrom {
		p.sound = p.sound[:from]
		p.total.Skipped += duration(int64(n))
	}
}

// cover makes up at most so much sound for what is missing before the packet k, nil if nothing waits, and says how much.
func (p *player) cover(most int64, k *packet) int64 {
	from := len(p.sound)
	var n int
	ok := false
	covers := int64(coverTime)
	if p.rests {
		covers = restTime
	}
	if p.begun && p.source != nil && !p.hush && p.gap < covers && !p.source.noise {
		if s := p.source; k != nil && k.source == s && s.opus != nil && k.seq-p.last >= 2 && most <= p.length {
			p.sound, n, ok = s.repair(p.sound, k.payload)
		} else {
			p.sound, n, ok = s.say(p.sound, nil)
		}
	}
	if !ok {
		n = int(min(most, audio.CardFrame))
		for range n {
			p.sound = append(p.sound, 0)
		}
	}
	if int64(n) > most {
		p.sound = p.sound[:len(p.sound)-(n-int(most))]
		n = int(most)
	}
	if p.gap < covers && p.gap+int64(n) >= covers && !p.hush {
		p.air.level = p.air.floor
	}
	p.air.mix(p.sound[from:], p.begun && (p.hush || p.gap >= covers-coverTime/2) && p.gap < airTime)
	p.gap += int64(n)
	if ok && !p.rests {
		p.total.Concealed += duration(int64(n))
	}
	return int64(n)
}

// levelOf is the RMS of comfort noise of a level in -dBov (RFC 3389 §3.1).
func levelOf(octet byte) float64 { return decibels(-float64(octet & 0x7F)) }

// stats is how it goes.
func (p *player) stats() Stats {
	s := p.total
	s.Depth = duration(int64(len(p.sound)))
	for _, k := range p.queue {
		s.Depth = max(s.Depth, duration(k.place+p.length-p.next+int64(len(p.sound))))
	}
	if p.begun {
		s.Delay = duration(p.early.mean() - (p.next - int64(len(p.sound)) - p.clock))
	}
	return s
}

// duration is how long samples sound.
func duration(samples int64) time.Duration {
	return time.Duration(samples) * time.Second / audio.CardRate
}
