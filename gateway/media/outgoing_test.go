package media

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// pen is a line that writes down what it is sent.
type pen struct {
	line
	sent     []rtp.Header
	control  [][]byte
	refusing bool
}

func (n *pen) send(p []byte, h rtpHeader, _ time.Duration) error {
	if n.refusing {
		return errNotUp
	}
	var got rtp.Header
	if _, err := got.Unmarshal(p); err != nil {
		return err
	}
	if got.SequenceNumber != h.seq || got.SSRC != h.ssrc || got.PayloadType != h.pt {
		panic("the packet differs from what is said of it")
	}
	n.sent = append(n.sent, got)
	return nil
}

func (n *pen) sendControl(p []byte, _ time.Duration) error {
	if n.refusing {
		return errNotUp
	}
	n.control = append(n.control, append([]byte(nil), p...))
	return nil
}

// raw is a packet of 160 octets of payload.
func raw(n numbers, pt uint8) ([]byte, rtpHeader) {
	p := make([]byte, rtpHeaderSize+160, bufferSize)
	p[0], p[1] = 2<<6, pt
	binary.BigEndian.PutUint16(p[2:], n.seq)
	binary.BigEndian.PutUint32(p[4:], n.stamp)
	binary.BigEndian.PutUint32(p[8:], n.ssrc)
	h, _ := parseRTP(p)
	return p, h
}

func TestOutgoing(t *testing.T) {
	const ms = time.Millisecond
	type packet struct {
		after time.Duration
		numbers
		pt     uint8
		rate   uint32 // 0: 8000
		cut    bool   // something was left out before
		none   bool   // it is not sent
		seq    int    // wanted, from the stream's first one
		stamp  int64  // wanted, from the stream's first one
		marker bool
	}
	from := func(ssrc uint32, seq uint16, stamp uint32) numbers { return numbers{ssrc, seq, stamp} }
	for _, tt := range []struct {
		name    string
		packets []packet
	}{
		{"goes on", []packet{
			{numbers: from(1, 100, 5000), marker: true}, {after: 20 * ms, numbers: from(1, 101, 5160), seq: 1, stamp: 160},
		}},
		{"numbers wrap", []packet{
			{numbers: from(1, 65535, 1<<32-100), marker: true}, {after: 20 * ms, numbers: from(1, 0, 60), seq: 1, stamp: 160},
		}},
		{"loss", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 100 * ms, numbers: from(1, 6, 800), seq: 5, stamp: 800},
		}},
		{"out of order and repeated", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 40 * ms, numbers: from(1, 3, 320), seq: 2, stamp: 320},
			{numbers: from(1, 2, 160), seq: 1, stamp: 160}, {numbers: from(1, 3, 320), seq: 2, stamp: 320}, {after: 20 * ms, numbers: from(1, 4, 480), seq: 3, stamp: 480},
		}},
		{"late from before the beginning", []packet{
			{numbers: from(1, 10, 1600), marker: true}, {numbers: from(1, 9, 1440), none: true}, {after: 20 * ms, numbers: from(1, 11, 1760), seq: 1, stamp: 160},
		}},
		{"another source", []packet{
			{numbers: from(1, 100, 5000), marker: true}, {after: 60 * ms, numbers: from(2, 9, 77), seq: 1, stamp: 480, marker: true},
			{after: 20 * ms, numbers: from(2, 10, 237), seq: 2, stamp: 640},
		}},
		{"another source at once", []packet{
			{numbers: from(1, 100, 5000), marker: true}, {after: 20 * ms, numbers: from(1, 101, 5240), seq: 1, stamp: 240},
			{after: 1 * ms, numbers: from(2, 9, 77), seq: 2, stamp: 480, marker: true},
		}},
		{"late from the source before", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 60 * ms, numbers: from(1, 4, 480), seq: 3, stamp: 480},
			{after: 20 * ms, numbers: from(2, 9, 77), seq: 4, stamp: 640, marker: true}, {numbers: from(1, 3, 320), seq: 2, stamp: 320},
			{numbers: from(1, 0, 0), none: true}, {after: 20 * ms, numbers: from(2, 10, 237), seq: 5, stamp: 800},
		}},
		{"late from the source before, and the newest one leapt since", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 60 * ms, numbers: from(1, 4, 480), seq: 3, stamp: 480},
			{after: 20 * ms, numbers: from(2, 9, 77), seq: 4, stamp: 640, marker: true}, {after: 20 * ms, numbers: from(2, 110, 237), seq: 105, stamp: 800},
			{numbers: from(1, 3, 320), none: true}, {after: 20 * ms, numbers: from(2, 111, 397), seq: 106, stamp: 960},
		}},
		{"back to the first source", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: time.Second, numbers: from(2, 9, 77), seq: 1, stamp: 8000, marker: true},
			{after: time.Second, numbers: from(1, 101, 16000), seq: 2, stamp: 16000, marker: true},
		}},
		{"hold", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 10 * time.Second, cut: true, numbers: from(1, 501, 80000), seq: 1, stamp: 80000, marker: true},
			{after: 20 * ms, numbers: from(1, 502, 80160), seq: 2, stamp: 80160},
		}},
		{"sequence numbers jump", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 20 * ms, numbers: from(1, 40000, 160), none: true},
			{after: 20 * ms, numbers: from(1, 40001, 320), seq: 1, stamp: 320, marker: true},
		}},
		{"one jumps that doesn't belong", []packet{
			{numbers: from(1, 5000, 0), marker: true}, {after: 20 * ms, numbers: from(1, 1, 160), none: true},
			{after: 20 * ms, numbers: from(1, 5002, 320), seq: 2, stamp: 320},
		}},
		{"begins anew after a pause", []packet{
			{numbers: from(1, 5000, 900), marker: true}, {after: time.Second, numbers: from(1, 1, 7), seq: 1, stamp: 8000, marker: true},
		}},
		{"timestamps jump ahead", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 20 * ms, numbers: from(1, 2, 1<<30), seq: 1, stamp: 160, marker: true},
		}},
		{"timestamps jump back", []packet{
			{numbers: from(1, 1, 1<<30), marker: true}, {after: 20 * ms, numbers: from(1, 2, 0), seq: 1, stamp: 160, marker: true},
		}},
		{"silence suppressed", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: time.Minute, numbers: from(1, 2, 480000), seq: 1, stamp: 480000},
		}},
		{"silence left out, and another source at once", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 400 * ms, numbers: from(1, 2, 3200), seq: 1, stamp: 3200},
			{after: 20 * ms, numbers: from(2, 9, 77), seq: 2, stamp: 3360, marker: true},
		}},
		{"codec of another clock rate", []packet{
			{rate: 48000, pt: 111, numbers: from(1, 1, 0), marker: true}, {after: 20 * ms, rate: 48000, pt: 111, numbers: from(1, 2, 960), seq: 1, stamp: 960},
			{after: 20 * ms, numbers: from(1, 3, 5000), seq: 2, stamp: 1920, marker: true}, {after: 20 * ms, numbers: from(1, 4, 5160), seq: 3, stamp: 2080},
		}},
		{"an event and the voice after it", []packet{
			{numbers: from(1, 1, 0), marker: true}, {after: 20 * ms, pt: 101, numbers: from(1, 2, 160), seq: 1, stamp: 160},
			{after: 500 * ms, pt: 101, numbers: from(1, 3, 160), seq: 2, stamp: 160}, {after: 20 * ms, numbers: from(2, 1, 0), seq: 3, stamp: 4320, marker: true},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOutgoing()
			out := &pen{}
			ssrc, first, begin := o.ssrc, o.top+1, o.stamp
			now := time.Hour
			for i, packet := range tt.packets {
				now += packet.after
				o.cut = o.cut || packet.cut
				rate := packet.rate
				if rate == 0 {
					rate = 8000
				}
				before := len(out.sent)
				p, h := raw(packet.numbers, packet.pt)
				err := o.send(p, h, rate, now, out)
				if packet.none {
					if err == nil {
						t.Errorf("packet %d is sent as %+v", i, out.sent[before])
					}
					continue
				}
				if err != nil {
					t.Errorf("packet %d: %v", i, err)
					continue
				}
				got := out.sent[before]
				if got.SSRC != ssrc || got.SequenceNumber-first != uint16(packet.seq) || got.Timestamp-begin != uint32(packet.stamp) ||
					got.Marker != packet.marker || got.PayloadType != packet.pt {
					t.Errorf("packet %d: %d after the first, %d later: %+v, want %+v", i, got.SequenceNumber-first, got.Timestamp-begin, got, packet)
				}
			}
			if int(o.packets) != len(out.sent) || int(o.octets) != 160*len(out.sent) {
				t.Errorf("counts %d packets and %d octets of %d", o.packets, o.octets, len(out.sent))
			}
		})
	}
}

// What a line refuses takes no place.
func TestOutgoingOverALineThatRefuses(t *testing.T) {
	o, out := newOutgoing(), &pen{refusing: true}
	first := o.top + 1
	for i := range 3 {
		p, h := raw(numbers{1, uint16(i), 0}, 0)
		if o.send(p, h, 8000, time.Hour, out) == nil {
			t.Error("sent")
		}
	}
	out.refusing = false
	p, h := raw(numbers{1, 3, 0}, 0)
	if err := o.send(p, h, 8000, time.Hour, out); err != nil || out.sent[0].SequenceNumber != first || o.packets != 1 {
		t.Errorf("%v, %+v", err, out.sent)
	}
}

// Padding is no payload.
func TestOutgoingCountsPayload(t *testing.T) {
	o, out := newOutgoing(), &pen{}
	p, _ := raw(numbers{1, 1, 0}, 0)
	p[0] |= 0x20
	p[len(p)-1] = 60
	h, _ := parseRTP(p)
	if err := o.send(p, h, 8000, time.Hour, out); err != nil || o.octets != 100 {
		t.Errorf("%v, %d octets", err, o.octets)
	}
}

// A party that takes another source with each packet is heard as one all the same.
func TestManySources(t *testing.T) {
	c := newCouple()
	const packets = 1000
	for i := range uint32(packets) {
		c.say(1+i, uint16(7*i))
	}
	sent := c.farPen.sent
	if len(sent) != packets {
		t.Fatalf("%d of %d packets pass", len(sent), packets)
	}
	for i, h := range sent {
		if first := sent[0]; h.SSRC != first.SSRC || h.SequenceNumber != first.SequenceNumber+uint16(i) || h.Timestamp != first.Timestamp+160*uint32(i) {
			t.Fatalf("packet %d is %+v after %+v", i, h, first)
		}
	}
}

// Whatever comes, the stream is one: its newest packet never jumps, and no two packets of different sources or numbers
// have the same place.
func FuzzOutgoing(f *testing.F) {
	f.Add([]byte{0, 1, 0, 10, 0, 1, 0, 10, 3, 200, 1, 20, 1, 1, 0, 20, 0, 1, 0, 10, 8, 0, 0, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		type origin struct {
			ssrc uint32
			seq  uint16
		}
		o, out := newOutgoing(), &pen{}
		ssrc := o.ssrc
		now := time.Hour
		var seqs [4]uint16
		var stamps [4]uint32
		taken := make(map[int]origin) // by extended sequence number
		top := 0
		script = script[:min(len(script), 2000)]
		for ; len(script) >= 4; script = script[4:] {
			who := script[0] & 3
			seqs[who] += uint16(int8(script[1]))
			if script[0]&4 != 0 {
				seqs[who] += uint16(script[2]) << 8
			}
			stamps[who] += uint32(script[1]) * 160
			if script[0]&8 != 0 {
				stamps[who] += uint32(script[2]) << 24
			}
			o.cut = o.cut || script[0]&16 != 0
			now += time.Duration(script[3]) * 10 * time.Millisecond
			rate := uint32(8000)
			if script[0]&32 != 0 {
				rate = 48000
			}
			p, h := raw(numbers{uint32(who), seqs[who], stamps[who]}, 0)
			before := len(out.sent)
			if o.send(p, h, rate, now, out) != nil {
				continue
			}
			got := out.sent[before]
			if got.SSRC != ssrc {
				t.Fatalf("another SSRC: %+v", got)
			}
			if before == 0 {
				top = int(got.SequenceNumber)
			}
			seq := top + int(int16(got.SequenceNumber-uint16(top)))
			if seq-top > maxGap || top-seq >= maxMisorder {
				t.Fatalf("from %d to %d", top, seq)
			}
			top = max(top, seq)
			at := origin{ssrc: uint32(who), seq: seqs[who]}
			if other, ok := taken[seq]; ok && other != at {
				t.Fatalf("%+v has the place of %+v", at, other)
			}
			taken[seq] = at
		}
		if int(o.packets) != len(out.sent) {
			t.Errorf("counts %d of %d", o.packets, len(out.sent))
		}
	})
}

func TestSSRCCollision(t *testing.T) {
	var s streams
	s.begin(time.Hour)
	old := s.out.ssrc
	s.heard(numbers{old, 1, 1}, 8000, time.Hour)
	if s.out.ssrc == old || s.out.former != old || s.due > time.Hour {
		t.Fatalf("after the party spoke with our SSRC: %+v", s.out)
	}
	again := s.out.ssrc // and it comes back: the party only mirrors us
	for range 10 {
		s.heard(numbers{s.out.ssrc, 1, 1}, 8000, time.Hour)
	}
	if s.out.ssrc != again {
		t.Error("a loop makes us change SSRC for ever")
	}
}

func BenchmarkOutgoing(b *testing.B) {
	var s streams
	s.begin(time.Hour)
	n := numbers{ssrc: 1}
	p, h := raw(n, 0)
	b.ReportAllocs()
	for b.Loop() {
		h.seq++
		n.stamp += 160
		binary.BigEndian.PutUint32(p[4:], n.stamp)
		s.heard(numbers{1, h.seq, n.stamp}, 8000, time.Hour)
		s.send(p, h, 8000, time.Hour, deaf{})
	}
}
