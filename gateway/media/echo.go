package media

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// echo is the built-in callee that sends back what it hears: its own stream, with its own SSRC and sequence numbers
// that go on without a gap when packets are lost or the caller's source changes. It belongs to the goroutine that reads
// the leg.
type echo struct {
	ssrc uint32
	seq  uint16
}

func newEcho() *echo { return &echo{ssrc: random32(), seq: uint16(random32())} }

// hear sends one packet back to where it came from, with its payload, timestamp and marker.
func (e *echo) hear(l *leg, p []byte, h rtpHeader, now time.Duration) {
	e.seq++
	h.seq, h.ssrc = e.seq, e.ssrc
	binary.BigEndian.PutUint16(p[2:], h.seq)
	binary.BigEndian.PutUint32(p[8:], h.ssrc)
	l.send(p, h, now)
}

// random32 is a number as RFC 3550 §5.1 wants for SSRCs and first sequence numbers: nobody guesses it.
func random32() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}
