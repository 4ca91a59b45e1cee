package media

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// plainLine carries the media of the PBX or a phone: RTP on a pair of ports of its own (RFC 3550 §11), encrypted if that was agreed.
type plainLine struct {
	engine         *Engine
	leg            *leg
	media, control *socket
	port           uint16 // even, of media; control has the next one
	rtp, rtcp      latch
	reading        sync.Once // of media

	secret  atomic.Pointer[secret] // nil: in the clear
	muxed   atomic.Bool            // RTCP comes and goes at media
	bargain bargain
	dtls    handshakes
	behind  behind // of media
}

// receive takes a datagram from the RTP port. It belongs to the goroutine that reads it. Some PBXs send RTCP there too,
// though we never agree to that (RFC 5761 §5.1).
func (s *plainLine) receive(p []byte, src netip.AddrPort, now time.Duration) {
	if k := s.secret.Load(); k != nil {
		s.receiveSealed(k, p, src, now, false)
		return
	}
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
	if k := s.secret.Load(); k != nil {
		s.receiveSealed(k, p, src, now, true)
		return
	}
	if sort(p) != kindRTCP || len(p) < 8 || !s.rtcp.admitControl(src, binary.BigEndian.Uint32(p[4:]), s.leg.streams.heardFrom(), now) {
		s.leg.count.dropped.Add(1)
		return
	}
	s.leg.receiveControl(p, now)
}

// send implements line.
func (s *plainLine) send(p []byte, h rtpHeader, _ time.Duration) error {
	if k := s.secret.Load(); k != nil {
		sealed, err := k.seal(p, h)
		if err != nil {
			return err
		}
		p = sealed
	}
	return write(s.media, &s.rtp, p)
}

// sendControl implements line.
func (s *plainLine) sendControl(p []byte, _ time.Duration) error {
	if k := s.secret.Load(); k != nil {
		sealed, err := k.sealControl(p)
		if err != nil {
			return err
		}
		p = sealed
	}
	if s.muxed.Load() {
		return write(s.media, &s.rtp, p)
	}
	return write(s.control, &s.rtcp, p)
}

// write sends a datagram to where a latch points.
func write(s *socket, to *latch, p []byte) error {
	t := to.target.Load()
	if t == nil || !t.addr.IsValid() {
		return errNotUp
	}
	return s.send(p, t.addr)
}

// apply implements line.
func (s *plainLine) apply(remote *sdp.Remote, client bool) {
	s.aim(remote)
	if !remote.Rejected {
		s.encrypt(remote, client)
	}
}

// aim takes from a description where packets go.
func (s *plainLine) aim(remote *sdp.Remote) {
	s.rtp.aim(remote.Audio, s.leg.party.Host)
	s.rtcp.aim(remote.RTCP, s.leg.party.Host)
}

// state implements line.
func (s *plainLine) state(time.Duration) string {
	switch {
	case s.dtls.broken():
		return "failed"
	case !s.secret.Load().up():
		return "dtls"
	}
	return "up"
}

// close implements line.
func (s *plainLine) close() {
	s.dtls.forget()
	s.media.close()
	s.control.close()
}
