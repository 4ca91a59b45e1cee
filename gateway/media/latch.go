package media

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// When a party's packets may come from another address than they did. A packet that goes on with its stream, which nobody
// guesses who doesn't see it, proves itself; others must come in a row when nothing else has come for long.
const (
	moveSilence    = 250 * time.Millisecond // of the old address, before the same stream is taken from another one
	replaceSilence = 2 * time.Second        // before another stream is
	controlSilence = 12 * time.Second       // before RTCP of the party's source is: two of its intervals (RFC 3550 §6.2)
	witnesses      = 5                      // packets in a row that another stream needs
	maxMoves       = 6                      // changes of address a minute
)

// latch follows the address that a party's packets come from, and says where to send. Ports are changed by NAT and by
// phones that send from another port than they listen on, so the first packet from the host that was signaled counts
// (symmetric RTP, RFC 4961); other hosts never do. Later packets from elsewhere count only when the address fell silent.
//
// The target may be read and retargeted by anyone; the rest belongs to the goroutine that reads the port.
type latch struct {
	target atomic.Pointer[target]
	heard  time.Duration           // when the last packet of the party came
	last   numbers                 // of RTP; for RTCP only the source
	moved  [maxMoves]time.Duration // the last changes; 0 for none
	next   int                     // of moved
	rival  struct {                // who may become the party's address
		addr netip.AddrPort
		last numbers
		run  int // packets in a row
	}
}

// target is where a line's packets go, and whose packets it takes. It never changes; it is replaced.
type target struct {
	signaled netip.AddrPort // in the party's description; may be invalid
	host     netip.Addr     // the party's signaling address; may be invalid
	addr     netip.AddrPort // where to send; may be invalid
	latched  bool           // addr is where the party really sends from
}

// admits says whether packets may come from that host at all. Of a link's own addresses only what comes has a zone for sure.
func (t *target) admits(src netip.AddrPort) bool {
	if t == nil {
		return false
	}
	addr := src.Addr().WithZone("")
	return addr == t.signaled.Addr().WithZone("") || addr == t.host.WithZone("")
}

// retarget is the target after a new description: free to latch again when it names another address.
func (t *target) retarget(signaled netip.AddrPort, host netip.Addr) *target {
	signaled = netip.AddrPortFrom(signaled.Addr().Unmap(), signaled.Port())
	if a := signaled.Addr(); !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || signaled.Port() == 0 {
		signaled = netip.AddrPort{}
	} else if a.IsLinkLocalUnicast() && a.Is6() && host.IsLinkLocalUnicast() { // by the same link
		signaled = netip.AddrPortFrom(a.WithZone(host.Zone()), signaled.Port())
	}
	next := &target{signaled: signaled, host: host.Unmap(), addr: signaled}
	if t != nil && t.latched && t.signaled == signaled && next.admits(t.addr) {
		next.addr, next.latched = t.addr, true
	}
	return next
}

// aim takes a new description.
func (l *latch) aim(signaled netip.AddrPort, host netip.Addr) {
	for {
		old := l.target.Load()
		if l.target.CompareAndSwap(old, old.retarget(signaled, host)) {
			return
		}
	}
}

// set latches to an address. It says false when a new description came between.
func (l *latch) set(old *target, src netip.AddrPort) bool {
	return l.target.CompareAndSwap(old, &target{signaled: old.signaled, host: old.host, addr: src, latched: true})
}

// admit says whether an RTP packet from src is the party's.
func (l *latch) admit(src netip.AddrPort, n numbers, now time.Duration) bool {
	t := l.target.Load()
	if t == nil || (!t.latched || src != t.addr) && !l.follow(t, src, now, func() bool { return l.believes(src, n, now) }) {
		return false
	}
	l.heard, l.last, l.rival.run = now, n, 0
	return true
}

// admitControl says whether an RTCP packet from src, of a source, is the party's; playing is the source of its RTP.
func (l *latch) admitControl(src netip.AddrPort, source, playing uint32, now time.Duration) bool {
	t := l.target.Load()
	if t == nil || (!t.latched || src != t.addr) && !l.follow(t, src, now, func() bool {
		return source == playing && now-l.heard >= controlSilence
	}) {
		return false
	}
	l.heard = now
	return true
}

// opens says whether a datagram of a DTLS handshake is the party's; the first one counts as its packets do.
func (l *latch) opens(src netip.AddrPort) bool {
	t := l.target.Load()
	return t.admits(src) && (t.latched && src == t.addr || !t.latched && l.set(t, src))
}

// from says whether src is where the party's RTP comes from, or may come from.
func (l *latch) from(src netip.AddrPort) bool {
	t := l.target.Load()
	return t.admits(src) && (!t.latched || src == t.addr)
}

// follow latches to another address than the present one, if there was none or if what came is believed.
func (l *latch) follow(t *target, src netip.AddrPort, now time.Duration, believed func() bool) bool {
	switch {
	case !t.admits(src):
		return false
	case !t.latched:
		return l.set(t, src)
	case l.moved[l.next] != 0 && now-l.moved[l.next] < time.Minute, !believed(), !l.set(t, src):
		return false
	}
	l.moved[l.next] = now
	l.next = (l.next + 1) % maxMoves
	return true
}

// believes says whether the party may have moved to src, as its packets show.
func (l *latch) believes(src netip.AddrPort, n numbers, now time.Duration) bool {
	silence := now - l.heard
	if n.ssrc == l.last.ssrc && n.seq != l.last.seq && n.seq-l.last.seq <= maxGap {
		return silence >= moveSilence
	}
	r := &l.rival
	if silence < replaceSilence || r.addr != src || r.last.ssrc != n.ssrc || n.seq != r.last.seq+1 {
		r.run = 0
	}
	r.addr, r.last = src, n
	if silence >= replaceSilence {
		r.run++
	}
	return r.run >= witnesses
}
