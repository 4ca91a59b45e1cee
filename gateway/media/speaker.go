package media

import "encoding/binary"

// speaker numbers the RTP packets of a sound that the engine itself makes: a stream with an SSRC of its own.
type speaker struct {
	header rtpHeader
	stamp  uint32 // of the next packet, in samples
	buf    []byte
}

func newSpeaker() *speaker {
	return &speaker{
		header: rtpHeader{size: rtpHeaderSize, seq: uint16(random32()), ssrc: random32()},
		stamp:  random32(), buf: make([]byte, 0, bufferSize),
	}
}

// say gives a packet of payload, which lasts for so many ticks of the RTP clock, to send before say is called again. It begins a
// talk spurt (RFC 3551 §4.1) if begins says so.
func (s *speaker) say(payload []byte, ticks uint32, begins bool) ([]byte, rtpHeader) {
	p, h := s.packet(payload, begins, s.stamp)
	s.stamp += ticks
	return p, h
}

// packet gives a packet of payload with a timestamp, to send before the next one is made.
func (s *speaker) packet(payload []byte, begins bool, stamp uint32) ([]byte, rtpHeader) {
	h := s.header
	mark := h.pt
	if begins {
		mark |= 0x80
	}
	p := append(s.buf[:0], 2<<6, mark)
	p = binary.BigEndian.AppendUint16(p, h.seq)
	p = binary.BigEndian.AppendUint32(p, stamp)
	p = binary.BigEndian.AppendUint32(p, h.ssrc)
	s.header.seq++
	return append(p, payload...), h
}
