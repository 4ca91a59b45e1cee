package jitter

import (
	"testing"
	"time"

	"cordboard/audio"
)

// BenchmarkPlay is what a frame costs, with the packet that every other frame takes.
func BenchmarkPlay(b *testing.B) {
	for _, c := range []Codec{pcmu, g722, opus} {
		for name, loss := range map[string]int{"": 0, "/loss": 10} {
			b.Run(c.Name+name, func(b *testing.B) {
				buffer := New()
				buffer.Use(all)
				s := newSender(b, c, tone(440))
				packets := make([]Packet, 100)
				for i := range packets {
					packets[i] = s.next(b)
				}
				var frame [audio.CardFrame]int16
				n := 0
				play := func() {
					if n%2 == 0 && (loss == 0 || n/2%loss != 0) {
						p := packets[n/2%len(packets)]
						p.Seq, p.Stamp = uint16(n/2), uint32(n/2)*s.step
						buffer.Put(p)
					}
					n++
					buffer.Play(frame[:], time.Duration(n)*frameTime)
				}
				for range 200 {
					play()
				}
				b.ReportAllocs()
				for b.Loop() {
					play()
				}
			})
		}
	}
}

// BenchmarkPut is what a packet costs the thread that carries it.
func BenchmarkPut(b *testing.B) {
	buffer := New()
	buffer.Use(all)
	p := Packet{Type: 0, SSRC: 1, Payload: make([]byte, 160)}
	b.ReportAllocs()
	for b.Loop() {
		p.Seq++
		p.Stamp += 160
		buffer.Put(p)
	}
}
