package media

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/gateway/sdp"
)

// wants is a leg whose party wants packets of a size, and what it is sent.
func wants(ptime, most time.Duration, codecs ...sdp.Codec) (*tape, *leg) {
	far := &tape{}
	l := &leg{line: far}
	l.talk.agreed = &sdp.Remote{Direction: "sendrecv", Codecs: codecs, PTime: ptime, MaxPTime: most}
	l.way.Store(&way{hears: true})
	return far, l
}

func TestRecut(t *testing.T) {
	const ms = time.Millisecond
	type sent struct{ seq, stamp, size int } // sizes in ms, stamps too
	in := func(size, n int) (list []sent) {
		for i := range n {
			list = append(list, sent{i, i * size, size})
		}
		return list
	}
	for _, tt := range []struct {
		name        string
		ptime, most time.Duration
		in, want    []sent // seq of want relative to the first one
	}{
		{"as wanted", 20 * ms, 0, in(20, 4), in(20, 4)},
		{"20 to 30", 30 * ms, 0, in(20, 6), in(30, 4)},
		{"20 to 40", 40 * ms, 0, in(20, 6), in(40, 3)},
		{"20 to 10", 10 * ms, 0, in(20, 2), in(10, 4)},
		{"30 to 20", 20 * ms, 0, in(30, 4), in(20, 6)},
		{"60 to 20", 20 * ms, 0, in(60, 2), in(20, 6)},
		{"at most 40", 0, 40 * ms, in(60, 2), in(40, 3)},
		{"at most 40, and less", 0, 40 * ms, in(20, 3), in(20, 3)},
		{"wanted is more than the most", 60 * ms, 20 * ms, in(40, 2), in(20, 4)},
		{"one is lost", 40 * ms, 0, []sent{{0, 0, 20}, {1, 20, 20}, {2, 40, 20}, {4, 80, 20}, {5, 100, 20}}, []sent{{0, 0, 40}, {1, 40, 20}, {3, 80, 40}}},
		{"many are lost", 40 * ms, 0, []sent{{0, 0, 20}, {1, 20, 20}, {12, 240, 20}, {13, 260, 20}}, []sent{{0, 0, 40}, {6, 240, 40}}},
		{"overtaken", 40 * ms, 0, []sent{{0, 0, 20}, {1, 20, 20}, {3, 60, 20}, {2, 40, 20}, {4, 80, 20}}, []sent{{0, 0, 40}, {2, 60, 40}}},
		{"a pause", 30 * ms, 0, []sent{{0, 0, 20}, {1, 20, 20}, {2, 1000, 20}, {3, 1020, 20}}, []sent{{0, 0, 30}, {1, 30, 10}, {2, 1000, 30}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			far, to := wants(tt.ptime, tt.most, pcmuCodec)
			r := recutFor(to)
			now := time.Minute
			for _, s := range tt.in {
				payload := make([]byte, 8*s.size)
				for i := range payload {
					payload[i] = byte(s.stamp + i/8)
				}
				p := packet(t, rtp.Header{SequenceNumber: 65534 + uint16(s.seq), Timestamp: 0xFFFFFF00 + 8*uint32(s.stamp), SSRC: 5}, string(payload))
				h, _ := parseRTP(p)
				r.pass(p, h, now, to)
				now += time.Duration(s.size) * ms
			}
			if len(far.packets) != len(tt.want) {
				t.Fatalf("%d packets, want %d", len(far.packets), len(tt.want))
			}
			for i, got := range far.packets {
				want := tt.want[i]
				stamp := got.Timestamp - far.packets[0].Timestamp
				if int(got.SequenceNumber-far.packets[0].SequenceNumber) != want.seq || stamp != 8*uint32(want.stamp) || len(got.Payload) != 8*want.size {
					t.Errorf("packet %d: number %d at %d ms with %d ms, want %v", i, got.SequenceNumber-far.packets[0].SequenceNumber, stamp/8, len(got.Payload)/8, want)
				}
				for j, b := range got.Payload {
					if b != byte(want.stamp+j/8) {
						t.Fatalf("packet %d has the sound of another time: %d at %d", i, b, j)
					}
				}
			}
		})
	}
}

func TestRecutLeavesOthers(t *testing.T) {
	far, to := wants(30*time.Millisecond, 0, pcmuCodec, opusCodec)
	r := recutFor(to)
	say := func(pt uint8, seq uint16, payload string) {
		p := packet(t, rtp.Header{PayloadType: pt, SequenceNumber: seq, Timestamp: 160 * uint32(seq), SSRC: 5}, payload)
		h, _ := parseRTP(p)
		r.pass(p, h, time.Minute, to)
	}
	say(111, 1, "opus")
	say(0, 2, string(make([]byte, 160)))
	say(111, 3, "again")
	if len(far.packets) != 3 || string(far.packets[0].Payload) != "opus" || len(far.packets[1].Payload) != 160 || string(far.packets[2].Payload) != "again" {
		t.Errorf("the party hears %v", far.packets)
	}
	for _, codecs := range [][]sdp.Codec{{opusCodec}, nil} {
		if _, to := wants(30*time.Millisecond, 0, codecs...); recutFor(to) != nil {
			t.Errorf("%v are cut", codecs)
		}
	}
	if _, to := wants(0, 0, pcmuCodec); recutFor(to) != nil {
		t.Error("cut for one who wants no size")
	}
}

// The end of a talk spurt that is long over is not sent with the next one.
func TestRecutForgets(t *testing.T) {
	far, to := wants(30*time.Millisecond, 0, g722Codec)
	r := recutFor(to)
	for i, now := range []time.Duration{0, 20 * time.Millisecond, 2 * time.Second, 2020 * time.Millisecond} {
		p := packet(t, rtp.Header{PayloadType: 9, SequenceNumber: uint16(i), Timestamp: ticks(now, 8000), SSRC: 5, Marker: i == 2}, string(bytes.Repeat([]byte{byte(i)}, 160)))
		h, _ := parseRTP(p)
		r.pass(p, h, now, to)
	}
	if len(far.packets) != 2 || far.packets[1].Timestamp != 16000 || !far.packets[1].Marker || far.packets[1].Payload[0] != 2 {
		t.Errorf("the party hears %v", far.packets)
	}
}

func BenchmarkRecut(b *testing.B) {
	_, to := wants(30*time.Millisecond, 0, pcmuCodec)
	to.line = deaf{}
	r := recutFor(to)
	p := packet(b, rtp.Header{SSRC: 5}, string(make([]byte, 160)))
	h, _ := parseRTP(p)
	b.ReportAllocs()
	for b.Loop() {
		h.seq++
		r.pass(p, h, 0, to)
	}
}
