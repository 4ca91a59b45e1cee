package media

import (
	"encoding/binary"
	"errors"
	"time"
)

// maxMisorder is how many packets behind the newest one of its source a packet may come and still count as late; beyond
// it the source began anew (MAX_MISORDER of RFC 3550 appendix A.1).
const maxMisorder = 100

// How far a source is believed.
const (
	restartPause = 500 * time.Millisecond // after it a jump of sequence numbers needs no second packet for a witness
	latePause    = time.Second            // for so long late packets of the source before are taken
	maxAhead     = 10 * time.Second       // by which timestamps may run ahead of the clock
	maxBack      = time.Second            // by which they may go back
	longestShare = 5                      // of a second, that a packet may last; what is more is a pause
)

// errMisplaced reports a packet that is not sent: its place in the stream is taken or long past, or its source jumped
// and no second packet shows yet that it means it.
var errMisplaced = errors.New("no place in the stream")

// outgoing is the one RTP stream that a leg's party is sent in all the leg's life (RFC 3550 §5.1), whoever speaks in it:
// the peer of the moment, its successor after a transfer, a tone. The SSRC stays; sequence numbers go on without a jump,
// timestamps with the time that passes. What a source loses, reorders or repeats on its way to us stays lost, out of
// order and repeated, so that the party can conceal and report it.
type outgoing struct {
	ssrc   uint32
	former uint32 // the SSRC that we gave up and have not said goodbye for; 0: none
	looped bool   // one was given up already
	began  bool
	cut    bool // the next packet begins a talk spurt, though its source may be the same
	video  bool // the marker ends a picture, which only the source knows (RFC 6184 §5.1, RFC 7741 §4.1)

	source, before flow          // who is heard at the moment, and who was before
	turned         time.Duration // when source followed before
	doubted        bool          // a packet jumped, and
	suspect        uint16        // its successor has this number

	kind    uint8         // of the newest packet: payload type,
	top     uint16        // sequence number,
	stamp   uint32        // timestamp,
	at      time.Duration // and when the first packet with that timestamp was sent
	last    time.Duration // when any packet was
	rate    uint32        // of timestamps, in Hz
	step    uint32        // by which they go on with each packet
	packets uint32        // sent with this SSRC
	octets  uint32        // of payload in them
	clock   moment        // as the source's reports tell it
}

// flow is how the numbers of one source become ours.
type flow struct {
	numbers        // of its newest packet
	live    bool   // false: there is none
	seqBy   uint16 // ours less its
	stampBy uint32 // the same of timestamps
	behind  uint16 // packets before the newest one that have a place in the stream, maxGap at most
}

// numbers are what tells a packet of a source from the others.
type numbers struct {
	ssrc  uint32
	seq   uint16
	stamp uint32
}

func numbersOf(p []byte, h rtpHeader) numbers {
	return numbers{h.ssrc, h.seq, binary.BigEndian.Uint32(p[4:])}
}

// place is where a packet goes.
type place struct {
	seq    uint16
	stamp  uint32
	newest bool // none that was sent comes after it
	begins bool // it begins a talk spurt (RFC 3551 §4.1)
}

// moment is a timestamp of ours and when it is.
type moment struct {
	known bool
	stamp uint32
	at    time.Duration
}

// newOutgoing draws the numbers that a stream begins with.
func newOutgoing() outgoing {
	return outgoing{ssrc: random32(), top: newSequence(), stamp: random32()}
}

// newSequence is the number before the first one of a stream. It is low, so that lost packets can't make a receiver guess the roll-over
// count of SRTP wrong (RFC 3711 §3.3.1).
func newSequence() uint16 { return uint16(random32() & 0x7FFF) }

// ticks is how far timestamps of a rate in Hz go on in d; not at all when d is negative.
func ticks(d time.Duration, rate uint32) uint32 {
	return uint32(uint64(max(d, 0)/time.Microsecond) * uint64(rate) / 1e6)
}

// send writes our numbers into a packet without header extension and hands it to a line. One that the line refuses takes
// no place.
func (o *outgoing) send(p []byte, h rtpHeader, rate uint32, now time.Duration, by line) error {
	theirs := numbersOf(p, h)
	at, ok := o.find(theirs, rate, now)
	if !ok {
		return errMisplaced
	}
	h.seq, h.ssrc = at.seq, o.ssrc
	binary.BigEndian.PutUint16(p[2:], at.seq)
	binary.BigEndian.PutUint32(p[4:], at.stamp)
	binary.BigEndian.PutUint32(p[8:], o.ssrc)
	if at.begins && !o.video {
		p[1] |= 0x80
	}
	octets := h.payload(p)
	if err := by.send(p, h, now); err != nil {
		return err
	}
	o.packets++
	o.octets += uint32(octets)
	o.last = now
	if at.newest {
		o.kind = h.pt
		o.take(theirs, at, rate, now)
	}
	return nil
}

// find says where a packet goes, and false when nowhere.
func (o *outgoing) find(n numbers, rate uint32, now time.Duration) (place, bool) {
	if s := &o.source; s.live && !o.cut && n.ssrc == s.ssrc {
		switch ahead := int(int16(n.seq - s.seq)); {
		case ahead <= 0 && ahead > -maxMisorder:
			return s.late(n, ahead)
		case ahead <= 0 || ahead > maxGap:
			if !o.jumped(n.seq, now) {
				return place{}, false
			}
		case rate == o.rate && o.plausible(n.stamp-s.stamp, now):
			return place{seq: n.seq + s.seqBy, stamp: n.stamp + s.stampBy, newest: true}, true
		}
	} else if b := &o.before; b.live && !o.cut && n.ssrc == b.ssrc && now-o.turned < latePause {
		if ahead := int(int16(n.seq - b.seq)); ahead <= 0 && ahead > -maxMisorder {
			at, ok := b.late(n, ahead)
			return at, ok && o.top-at.seq < maxMisorder
		}
	}
	at := place{seq: o.top + 1, stamp: o.stamp, newest: true, begins: true}
	if o.began { // the time that passed counts at the rate that was (RFC 7160 §4.1)
		at.stamp += max(o.step, ticks(now-o.at, o.rate))
	}
	return at, true
}

// late finds the place of a packet that is not ahead of what came from its source.
func (f *flow) late(n numbers, ahead int) (place, bool) {
	return place{seq: n.seq + f.seqBy, stamp: n.stamp + f.stampBy}, -ahead <= int(f.behind)
}

// jumped says whether a source whose sequence numbers make no sense began anew, which the next packet or a pause shows
// (RFC 3550 appendix A.1).
func (o *outgoing) jumped(seq uint16, now time.Duration) bool {
	if now-o.last >= restartPause || (o.doubted && seq == o.suspect) {
		o.doubted = false
		return true
	}
	o.doubted, o.suspect = true, seq+1
	return false
}

// plausible says whether timestamps may have gone on by that much since the newest packet.
func (o *outgoing) plausible(by uint32, now time.Duration) bool {
	d := int64(int32(by)) * int64(time.Second/time.Microsecond)
	rate := int64(o.rate)
	return d >= -int64(maxBack/time.Microsecond)*rate && d <= int64((now-o.at+maxAhead)/time.Microsecond)*rate
}

// take makes a packet that was sent the newest one.
func (o *outgoing) take(n numbers, at place, rate uint32, now time.Duration) {
	if s := &o.source; at.begins {
		o.before = flow{}
		if !o.cut {
			o.before = *s
		}
		*s = flow{live: true, seqBy: at.seq - n.seq, stampBy: at.stamp - n.stamp}
		o.turned, o.cut, o.clock = now, false, moment{}
		o.rate, o.step = rate, ticks(packetTime, rate)
	} else {
		ahead := n.seq - s.seq
		s.behind = min(s.behind+ahead, maxGap)
		if by := n.stamp - s.stamp; ahead == 1 && by > 0 && by <= rate/longestShare {
			o.step = by
		}
	}
	o.source.numbers = n
	o.top = at.seq
	if !o.began || o.stamp != at.stamp { // events keep one timestamp (RFC 4733 §2.2)
		o.at = now
	}
	o.began, o.stamp = true, at.stamp
}

// renew takes another SSRC because the party has ours (RFC 3550 §8.2). That happens by chance once in a lifetime, so who
// has the next one as well sends back what we send: such a loop is left alone.
func (o *outgoing) renew() bool {
	if o.looped {
		return false
	}
	o.looped = true
	o.rename()
	return true
}

// rename takes another SSRC.
func (o *outgoing) rename() {
	o.former = o.ssrc
	for o.ssrc == o.former {
		o.ssrc = random32()
	}
	o.packets, o.octets = 0, 0
}

// restart takes another SSRC, whose sequence numbers begin low as newOutgoing's do.
func (o *outgoing) restart() {
	o.rename()
	o.cut, o.top = true, newSequence()
}

// synchronize takes from a report of the source which of its timestamps is at that moment. A report that contradicts the packets
// is passed over.
func (o *outgoing) synchronize(ssrc, stamp uint32, at, now time.Duration) {
	if !o.source.live || o.cut || o.source.ssrc != ssrc {
		return
	}
	m := moment{true, stamp + o.source.stampBy, at}
	off := int32(m.then(now, o.rate) - o.present(now))
	if off > -int32(2*o.rate) && off < int32(2*o.rate) {
		o.clock = m
	}
}

// then is the timestamp at a later or an earlier time.
func (m moment) then(now time.Duration, rate uint32) uint32 {
	if now < m.at {
		return m.stamp - ticks(m.at-now, rate)
	}
	return m.stamp + ticks(now-m.at, rate)
}

// present is the timestamp of what would be sent now.
func (o *outgoing) present(now time.Duration) uint32 {
	return moment{true, o.stamp, o.at}.then(now, o.rate)
}

// sourceOf gives the sequence number that a packet of ours had at its source; false for one of another source.
func (o *outgoing) sourceOf(seq uint16) (uint16, bool) {
	back := o.top - seq
	return seq - o.source.seqBy, o.source.live && back <= o.source.behind
}
