package media

import (
	"net/netip"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// plainLine carries the media of the PBX or a phone: RTP/AVP on a pair of ports of its own (RFC 3550 §11).
type plainLine struct {
	engine         *Engine
	leg            *leg
	media, control *socket
	port           uint16 // even, of media; control has the next one
	rtp, rtcp      atomic.Pointer[target]
}

// target is where a line's packets go, and whose packets it takes. It never changes; it is replaced.
type target struct {
	signaled netip.AddrPort // in the party's description; may be invalid
	host     netip.Addr     // the party's signaling address; may be invalid
	addr     netip.AddrPort // where to send; may be invalid
	latched  bool           // addr is where the party really sends from, and nobody else is heard
}

// latch says whether a packet from src is the party's, and what the target is after it. Ports are changed by NAT and by
// phones that send from another port than they listen on, so the first packet from the host that was signaled counts
// (symmetric RTP, RFC 4961); other hosts never do.
func (t *target) latch(src netip.AddrPort) (*target, bool) {
	switch {
	case t == nil:
		return nil, false
	case t.latched:
		return t, src == t.addr
	case src.Addr() != t.signaled.Addr() && src.Addr() != t.host:
		return t, false
	}
	return &target{signaled: t.signaled, host: t.host, addr: src, latched: true}, true
}

// retarget is the target after a new description: free to latch again, but sending where it was while that is not
// changed.
func (t *target) retarget(signaled netip.AddrPort, host netip.Addr) *target {
	signaled = netip.AddrPortFrom(signaled.Addr().Unmap(), signaled.Port())
	if a := signaled.Addr(); !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || signaled.Port() == 0 {
		signaled = netip.AddrPort{}
	}
	next := &target{signaled: signaled, host: host.Unmap(), addr: signaled}
	if t != nil && t.latched && t.signaled == signaled {
		next.addr = t.addr
	}
	return next
}

// receive takes a datagram from the RTP port. It belongs to the goroutine that reads it.
func (s *plainLine) receive(p []byte, src netip.AddrPort, now time.Duration) {
	h, ok := parseRTP(p)
	if ok && len(p) <= maxPacket {
		w := s.leg.way.Load()
		if ok = w != nil && w.types.has(h.pt); !ok && w != nil {
			s.leg.unagreed(h.pt)
		} else if ok && !s.admit(&s.rtp, src) {
			s.leg.foreign(src)
			ok = false
		}
	}
	if !ok || sort(p) != kindRTP {
		s.leg.count.dropped.Add(1)
		return
	}
	s.leg.receive(p, h, now)
}

// receiveControl takes a datagram from the RTCP port. It belongs to the goroutine that reads it.
func (s *plainLine) receiveControl(p []byte, src netip.AddrPort, now time.Duration) {
	if sort(p) != kindRTCP || !s.admit(&s.rtcp, src) {
		s.leg.count.dropped.Add(1)
		return
	}
	s.leg.receiveControl(p, now)
}

// admit says whether src may be heard, and latches.
func (s *plainLine) admit(to *atomic.Pointer[target], src netip.AddrPort) bool {
	for {
		old := to.Load()
		next, ok := old.latch(src)
		if next == old || to.CompareAndSwap(old, next) {
			return ok
		}
	}
}

// send implements line.
func (s *plainLine) send(p []byte, _ rtpHeader, _ time.Duration) error {
	return write(s.media, &s.rtp, p)
}

// sendControl implements line.
func (s *plainLine) sendControl(p []byte, _ time.Duration) error { return write(s.control, &s.rtcp, p) }

// write sends a datagram to a target.
func write(s *socket, to *atomic.Pointer[target], p []byte) error {
	t := to.Load()
	if t == nil || !t.addr.IsValid() {
		return errNotUp
	}
	return s.send(p, t.addr)
}

// apply implements line.
func (s *plainLine) apply(remote *sdp.Remote, _ bool) {
	host := s.leg.party.Host
	for {
		old := s.rtp.Load()
		if s.rtp.CompareAndSwap(old, old.retarget(remote.Audio, host)) {
			break
		}
	}
	for {
		old := s.rtcp.Load()
		if s.rtcp.CompareAndSwap(old, old.retarget(remote.RTCP, host)) {
			break
		}
	}
}

// state implements line. There is nothing to set up.
func (s *plainLine) state(time.Duration) string { return "up" }

// close implements line.
func (s *plainLine) close() {
	s.media.close()
	s.control.close()
}
