// Package jitter plays the packets of a network on a sound card: it puts them in order, holds them back as long as the network makes
// them arrive unevenly, hides those that are lost, and follows the difference between the sender's clock and the card's.
//
// # How
//
// All positions are samples at audio.CardRate. The card's clock counts the samples that were played. A packet's place is its
// timestamp; its earliness is its place less the card's clock when it could be had. The place of what is played at a time less the
// card's clock is the offset: packets are in time as long as it is below their earliness. So the least earliness of the last
// seconds says where the offset should be, whatever the two clocks do, and no clock but the card's is needed.
//
// The offset is moved toward there in four ways. Small differences, as drift makes them, by resampling, which nobody hears. When
// nothing is left to play, by waiting for the packet that is late: what hides the gap then counts as inserted. When packets
// were overtaken, by inserting more of that. In silence and after pauses by leaving out or adding what is not heard.
package jitter

import (
	"sync"
	"time"

	"cordboard/audio"
)

// Sizes.
const (
	maxPayload  = 1280 // octets; the largest packet of Opus has 1275
	maxPackets  = 128  // that wait, in both places together
	millisecond = audio.CardRate / 1000
)

// Packet is one of RTP (RFC 3550 §5.1).
type Packet struct {
	Type    uint8 // payload type
	Seq     uint16
	Stamp   uint32
	SSRC    uint32
	Payload []byte // without padding; not kept
}

// packet is one that waits.
type packet struct {
	mark
	kind    uint8
	payload []byte
	room    [maxPayload]byte
}

// mark is where a packet belongs.
type mark struct {
	seq    uint16
	stamp  uint32
	ssrc   uint32
	place  int64
	source *source // who decodes it
}

// Stats is how a buffer did so far.
type Stats struct {
	Packets    uint64        // that came
	Played     uint64        // of them
	Late       uint64        // of them, too late to be played
	Overflowed uint64        // of them, for which there was no room
	Concealed  time.Duration // made up for what was missing
	Inserted   time.Duration // of that, to hold packets back longer
	Skipped    time.Duration // left out to hold packets back less
	Depth      time.Duration // of sound that waits at the moment
	Delay      time.Duration // by which packets are held back at the moment: the one that comes last of the last seconds by the reserve alone
}

// Buffer is for one stream at a time. Put, Use and Stats may be called by any goroutine and wait for nobody; Play and Reset are for
// one at a time.
type Buffer struct {
	mu    sync.Mutex
	inbox []*packet // that came since the last Play
	free  []*packet
	given *table // for the next Play; nil: nothing new
	count struct{ packets, overflowed uint64 }
	shown Stats // as of the last Play

	using sync.Mutex // held by Use
	last  *table     // that Use gave; guarded by using

	came   []*packet // the inbox before
	player player
}

// New makes an empty buffer. It plays silence until Use says how packets are decoded.
func New() *Buffer {
	b := &Buffer{
		inbox: make([]*packet, 0, maxPackets), came: make([]*packet, 0, maxPackets), free: make([]*packet, 0, maxPackets),
		last: new(table), player: newPlayer(),
	}
	all := make([]packet, maxPackets)
	for i := range all {
		b.free = append(b.free, &all[i])
	}
	return b
}

// Use says what the payload types mean from now on. Decoders that stay go on undisturbed; codecs that are not known are left out, and
// their packets too.
func (b *Buffer) Use(codecs []Codec) {
	b.using.Lock()
	defer b.using.Unlock()
	b.last = newTable(codecs, b.last)
	b.mu.Lock()
	b.given = b.last
	b.mu.Unlock()
}

// Put takes a packet. If there is no room it takes the place of the oldest one. It costs a copy.
func (b *Buffer) Put(p Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count.packets++
	if len(p.Payload) == 0 || len(p.Payload) > maxPayload {
		return
	}
	var k *packet
	switch n := len(b.free); {
	case n > 0:
		k, b.free = b.free[n-1], b.free[:n-1]
	case len(b.inbox) > 0:
		k = b.inbox[0]
		b.inbox = b.inbox[:copy(b.inbox, b.inbox[1:])]
		b.count.overflowed++
	default:
		b.count.overflowed++
		return
	}
	k.kind, k.seq, k.stamp, k.ssrc = p.Type, p.Seq, p.Stamp, p.SSRC
	k.payload = k.room[:copy(k.room[:], p.Payload)]
	b.inbox = append(b.inbox, k)
}

// Play fills a frame with what is to be heard next. now is a time of any clock, which tells when the card has paused.
func (b *Buffer) Play(frame []int16, now time.Duration) {
	p := &b.player
	b.mu.Lock()
	b.came, b.inbox = b.inbox, b.came[:0]
	if b.given != nil {
		p.table, b.given = b.given, nil
	}
	b.mu.Unlock()
	opened := p.wake(now)
	for _, k := range b.came {
		if opened { // it is old
			p.drop(k)
		} else {
			p.take(k)
		}
	}
	b.came = b.came[:0]
	p.play(frame)
	b.mu.Lock()
	b.free = append(b.free, p.done...)
	b.shown = p.stats()
	b.mu.Unlock()
	p.done = p.done[:0]
}

// Reset forgets what waits: the next packet begins anew.
func (b *Buffer) Reset() {
	b.player.reset()
	b.mu.Lock()
	b.free = append(append(b.free, b.inbox...), b.player.done...)
	b.inbox = b.inbox[:0]
	b.mu.Unlock()
	b.player.done = b.player.done[:0]
}

// Stats says how it goes.
func (b *Buffer) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shown
	s.Packets, s.Overflowed = b.count.packets, b.count.overflowed
	return s
}
