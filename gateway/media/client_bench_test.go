package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// BenchmarkClientLeg is a packet of a phone on its way to a server whose client we are, and there to another phone: of the client's leg
// and of the server's.
func BenchmarkClientLeg(b *testing.B) {
	o := newOffice(b, "21900-21919")
	o.out("sendrecv")
	o.talk("before")
	p := packet(b, rtp.Header{SSRC: o.near.ssrc, SequenceNumber: 5000}, string(make([]byte, 160)))
	buf := make([]byte, bufferSize)
	seq := uint16(5000)
	lost := 0
	b.ReportAllocs()
	for b.Loop() {
		seq++
		p[2], p[3] = byte(seq>>8), byte(seq)
		o.near.media.WriteToUDPAddrPort(p, o.near.remote.Audio)
		o.distant.media.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, _, err := o.distant.media.ReadFromUDPAddrPort(buf); err != nil {
			lost++
		}
	}
	b.ReportMetric(float64(lost), "lost")
}

// BenchmarkClientSetUp is a call through a server: two legs' ICE and DTLS, until sound passes.
func BenchmarkClientSetUp(b *testing.B) {
	o := newOffice(b, "21920-21999")
	b.ReportAllocs()
	for b.Loop() {
		o.out("sendrecv")
		o.talk("called")
		o.client.Delete("call", "")
		o.far.Delete("call", "")
	}
}
