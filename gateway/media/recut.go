package media

import (
	"encoding/binary"
	"time"
)

// recutTicks is the clock of what is cut: octets, and ticks, in a millisecond.
const recutTicks = 8

// maxHeld is how long the rest of a talk spurt waits for more; a later one would only be thrown away by the peer.
const maxHeld = 200 * time.Millisecond

// recutFor gives the adapter that cuts packets of G.711 and G.722 to the size that a party wants, nil when it wants none.
func recutFor(to *leg) adapter {
	agreed := to.talk.agreed
	if agreed == nil || agreed.PTime == 0 && agreed.MaxPTime == 0 {
		return nil
	}
	r := &recut{wanted: int(agreed.PTime.Milliseconds()) * recutTicks, most: int(agreed.MaxPTime.Milliseconds()) * recutTicks}
	if r.most == 0 || r.most > maxPacket-rtpHeaderSize {
		r.most = maxPacket - rtpHeaderSize
	}
	any := false
	for _, c := range agreed.Codecs {
		if isRecut(c) {
			r.types.add(c.PT)
			any = true
		}
	}
	if !any {
		return nil
	}
	return r
}

// recut is an adapter that joins and parts packets. It passes them as they are as long as their size is right; from the first one
// that is not, what it sends is a stream of its own, with the timestamps of the party's. What is lost leaves a gap as
// long.
type recut struct {
	wanted, most int // octets; wanted 0: any up to most
	types        types

	out      *speaker // nil: nothing was cut yet
	held     []byte   // what waits to be sent
	stamp    uint32   // of its first octet
	begins   bool     // it begins a talk spurt
	pt       uint8
	arrived  time.Duration
	ssrc     uint32 // of the packets that come
	seq      uint16 // of the last one
	expected uint32 // timestamp of the next one
}

// size is the size of packets for one that comes with so many octets.
func (r *recut) size(came int) int {
	if r.wanted == 0 {
		return min(came, r.most)
	}
	return min(r.wanted, r.most)
}

// pass implements adapter.
func (r *recut) pass(p []byte, h rtpHeader, now time.Duration, to *leg) {
	if !r.types.has(h.pt) {
		r.flush(now, to)
		to.send(p, h, now)
		return
	}
	payload := h.content(p)
	if r.out == nil {
		if len(payload) == r.size(len(payload)) || len(payload) == 0 {
			to.send(p, h, now)
			return
		}
		r.out = newSpeaker()
		r.held = make([]byte, 0, 2*maxPacket)
		r.ssrc, r.seq, r.pt, r.stamp, r.expected = h.ssrc, h.seq-1, h.pt, stampOf(p), stampOf(p)
		r.begins = p[1]&0x80 != 0
	}
	r.take(payload, p[1]&0x80 != 0, h, stampOf(p), now, to)
}

// take takes the payload of a packet.
func (r *recut) take(payload []byte, marked bool, h rtpHeader, stamp uint32, now time.Duration, to *leg) {
	ahead := int16(h.seq - r.seq)
	same := h.ssrc == r.ssrc && ahead <= maxGap && ahead >= -maxGap
	if same && ahead <= 0 {
		return // overtaken, and its place is taken by a gap
	}
	if !same || marked || stamp != r.expected || h.pt != r.pt {
		r.flush(now, to)
		if same && ahead > 1 { // the peer shall know that something is lost
			lost := int(int32(stamp-r.expected)) / max(r.size(len(payload)), 1)
			r.out.header.seq += uint16(max(1, min(lost, maxGap)))
		}
		r.stamp, r.begins = stamp, r.begins || marked || !same || ahead == 1
	}
	r.ssrc, r.seq, r.pt, r.arrived, r.expected = h.ssrc, h.seq, h.pt, now, stamp+uint32(len(payload))
	size := r.size(len(payload))
	r.held = append(r.held, payload...)
	for size > 0 && len(r.held) >= size {
		r.send(size, now, to)
	}
}

// flush sends what waits as a short packet, the end of a talk spurt.
func (r *recut) flush(now time.Duration, to *leg) {
	if len(r.held) > 0 && now-r.arrived <= maxHeld {
		r.send(len(r.held), now, to)
	}
	r.held = r.held[:0]
}

// send sends the first octets of what waits.
func (r *recut) send(size int, now time.Duration, to *leg) {
	r.out.header.pt = r.pt
	p, h := r.out.packet(r.held[:size], r.begins, r.stamp)
	r.begins = false
	r.stamp += uint32(size)
	r.held = r.held[:copy(r.held, r.held[size:])]
	to.send(p, h, now)
}

// content is what a packet in the clear carries, without padding.
func (h rtpHeader) content(p []byte) []byte {
	end := len(p)
	if p[0]&0x20 != 0 {
		end -= int(p[end-1])
	}
	return p[h.size:max(end, h.size)]
}

// stampOf is the timestamp of a packet.
func stampOf(p []byte) uint32 { return binary.BigEndian.Uint32(p[4:]) }
