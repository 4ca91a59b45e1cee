package media

import (
	"encoding/binary"
	"net/netip"
	"time"

	"cordboard/gateway/sdp"
)

// plainLine carries the media of the PBX or a phone: RTP/AVP on a pair of ports of its own (RFC 3550 §11).
type plainLine struct {
	engine         *Engine
	leg            *leg
	media, control *socket
	port           uint16 // even, of media; control has the next one
	rtp, rtcp      latch
}

// receive takes a datagram from the RTP port. It belongs to the goroutine that reads it. Some PBXs send RTCP there too,
// though we never agree to that (RFC 5761 §5.1).
func (s *plainLine) receive(p []byte, src netip.AddrPort, now time.Duration) {
	switch sort(p) {
	case kindRTP:
		h, ok := parseRTP(p)
		w := s.leg.way.Load()
		switch {
		case !ok || w == nil:
		case !w.types.has(h.pt):
			s.leg.unagreed(h.pt)
		case s.rtp.admit(src, numbersOf(p, h), now):
			s.leg.receive(p, h, now)
			return
		default:
			s.leg.foreign(src)
		}
	case kindRTCP:
		if s.rtp.from(src) {
			s.leg.receiveControl(p, now)
			return
		}
	}
	s.leg.count.dropped.Add(1)
}

// receiveControl takes a datagram from the RTCP port. It belongs to the goroutine that reads it.
func (s *plainLine) receiveControl(p []byte, src netip.AddrPort, now time.Duration) {
	if sort(p) != kindRTCP || len(p) < 8 || !s.rtcp.admitControl(src, binary.BigEndian.Uint32(p[4:]), s.leg.streams.heardFrom(), now) {
		s.leg.count.dropped.Add(1)
		return
	}
	s.leg.receiveControl(p, now)
}

// send implements line.
func (s *plainLine) send(p []byte, _ rtpHeader, _ time.Duration) error {
	return write(s.media, &s.rtp, p)
}

// sendControl implements line.
func (s *plainLine) sendControl(p []byte, _ time.Duration) error { return write(s.control, &s.rtcp, p) }

// write sends a datagram to where a latch points.
func write(s *socket, to *latch, p []byte) error {
	t := to.target.Load()
	if t == nil || !t.addr.IsValid() {
		return errNotUp
	}
	return s.send(p, t.addr)
}

// apply implements line.
func (s *plainLine) apply(remote *sdp.Remote, _ bool) {
	s.rtp.aim(remote.Audio, s.leg.party.Host)
	s.rtcp.aim(remote.RTCP, s.leg.party.Host)
}

// state implements line. There is nothing to set up.
func (s *plainLine) state(time.Duration) string { return "up" }

// close implements line.
func (s *plainLine) close() {
	s.media.close()
	s.control.close()
}
