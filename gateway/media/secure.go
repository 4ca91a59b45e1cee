package media

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// errNotUp reports a packet for a line that is not ready to carry it.
var errNotUp = errors.New("no address or no keys yet")

// secureLine carries a browser's media: ICE-lite, DTLS-SRTP and rtcp-mux on the engine's one socket.
type secureLine struct {
	engine *Engine
	leg    *leg
	ctx    context.Context // ends with the line
	cancel context.CancelFunc

	ufrags []string         // ours; guarded by the table's mutex
	addrs  []netip.AddrPort // bound to the line; guarded by the table's mutex
	gone   bool             // the line is closed; guarded by the table's mutex

	current   string                         // our user fragment that was nominated with last; the browser reader's
	nominated atomic.Bool                    // remote was nominated
	remote    atomic.Pointer[netip.AddrPort] // where to send
	tcp       atomic.Pointer[tcpFlow]        // how to send there; nil: by UDP
	lastCheck atomic.Int64                   // time.Duration of the engine's clock at the last connectivity check
	keys      atomic.Pointer[keys]           // nil: no media
	up        chan struct{}                  // closed with the first keys
	once      sync.Once
	security  security
	behind    behind
}

func newSecureLine(e *Engine, l *leg) *secureLine {
	s := &secureLine{engine: e, leg: l, up: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(e.ctx)
	s.security = security{engine: e, leg: l, ctx: s.ctx, line: s, known: make(chan struct{})}
	return s
}

// checked takes note of a connectivity check that proved itself (RFC 8445 §7.3.1). The last address that was nominated
// is sent to (§7.3.1.5); before the first nomination, the first one that was checked. The check came by the TCP
// connection via, nil for UDP.
func (s *secureLine) checked(src netip.AddrPort, via *tcpFlow, ufrag string, nominate bool, now time.Duration) {
	s.lastCheck.Store(int64(now))
	once(&s.leg.count.checked, now)
	if nominate {
		s.nominated.Store(true)
		if s.current != ufrag {
			s.current = ufrag
			s.engine.table.retire(s, ufrag)
		}
	}
	if flow := s.tcp.Load(); nominate || s.remote.Load() == nil || flow != nil && flow.closed() {
		s.aim(src, via)
	}
	s.security.ready()
}

// aim says where to send from now on.
func (s *secureLine) aim(src netip.AddrPort, via *tcpFlow) {
	if s.tcp.Load() != via {
		s.tcp.Store(via)
	}
	if old := s.remote.Load(); old == nil || *old != src {
		remote := src // src itself would be allocated for each packet
		s.remote.Store(&remote)
	}
}

// receive takes a datagram that came from an address bound to the line. It belongs to the goroutine that reads the
// socket.
func (s *secureLine) receive(p []byte, what kind, src netip.AddrPort, now time.Duration) {
	if what == kindDTLS {
		s.shake(p, src, nil)
		return
	}
	s.behind.receive(&s.security, p, what, s.keys.Load(), now)
}

// receiveSealed takes a packet that came under keys, nil while there are none, on a socket that RTP and RTCP share.
func (l *leg) receiveSealed(p []byte, what kind, k *keys, now time.Duration) {
	switch {
	case k == nil:
	case what == kindRTCP:
		if clear, err := k.in.openControl(p); err == nil {
			l.receiveBundled(clear, now)
			return
		}
	case what == kindRTP:
		h, ok := parseRTP(p)
		if !ok {
			break
		}
		clear, err := k.in.open(p, h)
		if err != nil {
			l.count.unopened.Add(1)
			break
		}
		l.stream(h.pt).receive(clear, h, now)
		return
	}
	l.count.dropped.Add(1)
}

// shake takes a datagram of the handshake, which before a nomination says where the browser is.
func (s *secureLine) shake(p []byte, src netip.AddrPort, via *tcpFlow) {
	if !s.nominated.Load() {
		s.aim(src, via)
	}
	if s.security.answers() {
		s.engine.inbox.put(&s.security, p)
	} else { // at once, as media may come right behind it
		s.security.receive(p)
	}
}

// send implements line.
func (s *secureLine) send(p []byte, h rtpHeader, now time.Duration) error {
	k := s.keys.Load()
	if k == nil || s.lost(now) {
		return errNotUp
	}
	sealed, err := k.out.seal(p, h)
	if err != nil {
		return err
	}
	return s.write(sealed)
}

// sendControl implements line.
func (s *secureLine) sendControl(p []byte, now time.Duration) error {
	k := s.keys.Load()
	if k == nil || s.lost(now) {
		return errNotUp
	}
	sealed, err := k.out.sealControl(p)
	if err != nil {
		return err
	}
	return s.write(sealed)
}

// write sends a datagram to the browser.
func (s *secureLine) write(p []byte) error {
	if flow := s.tcp.Load(); flow != nil {
		return flow.send(p)
	}
	remote := s.remote.Load()
	if remote == nil {
		return errNotUp
	}
	return s.engine.browsers.queue(p, *remote, &s.leg.count.unsent)
}

// lost says that the browser has let its consent to be sent to run out.
func (s *secureLine) lost(now time.Duration) bool {
	return now-time.Duration(s.lastCheck.Load()) > consent
}

// at implements carrier.
func (s *secureLine) at() *netip.AddrPort { return s.remote.Load() }

// keyed implements carrier.
func (s *secureLine) keyed() bool { return s.keys.Load() != nil }

// install implements carrier.
func (s *secureLine) install(k *keys) {
	if k != nil {
		s.leg.letSpeak() // before there are keys, so that nothing old is heard
	}
	s.keys.Store(k)
	if k != nil {
		s.leg.letSpeak() // who was joined meanwhile
		once(&s.leg.count.keyed, s.engine.now())
		s.once.Do(func() { close(s.up) })
	}
}

// apply implements line.
func (s *secureLine) apply(remote *sdp.Remote, client bool) {
	s.security.settle(client, remote.Fingerprint)
}

// state implements line.
func (s *secureLine) state(now time.Duration) string {
	s.security.mu.Lock()
	broken := s.security.broken
	s.security.mu.Unlock()
	switch {
	case broken:
		return "failed"
	case s.remote.Load() == nil:
		return "ice"
	case s.lost(now):
		return "lost"
	case s.keys.Load() == nil:
		return "dtls"
	}
	return "up"
}

// close implements line.
func (s *secureLine) close() {
	s.engine.table.remove(s)
	s.cancel()
}
