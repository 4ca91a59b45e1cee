package media

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// askTime is the time between two wishes for a restart of ICE that nobody has fulfilled.
const askTime = 5 * time.Second

// Restarts is told that a leg's way to its server is lost, or about to be, and that Reoffer and Reanswer would give it another one.
type Restarts func(id, leg string)

// ask tells that a leg wants another way to its server. What is forgotten is asked for again.
func (e *Engine) ask(l *leg) {
	if e.restarts == nil {
		return
	}
	select {
	case e.restarts <- l:
	default:
	}
}

// tellRestarts tells of the ways that are wanted until the engine ends.
func (e *Engine) tellRestarts() {
	for {
		select {
		case l := <-e.restarts:
			e.renew(l.call, l.name)
		case <-e.ctx.Done():
			return
		}
	}
}

// clientLine carries the media of a party whose WebRTC client we are: full ICE by pion, our own DTLS-SRTP, and rtcp-mux.
//
// A path is told in a description, is agreed on with the other one, connects, and then is used until the next one connects: a
// restart of ICE interrupts nothing (RFC 8445 §9).
type clientLine struct {
	engine *Engine
	leg    *leg
	ctx    context.Context // ends with the line
	cancel context.CancelFunc

	mu     sync.Mutex
	next   *path         // for the next restart, or the beginning; nil: none
	agreed *path         // what the two descriptions are of; nil: none yet
	told   *path         // what our last description is of
	ours   bool          // that was an offer
	stale  bool          // the next offer restarts ICE
	follow bool          // and so does our next answer, as the offer did
	asked  time.Duration // when a restart was asked for last; 0: never

	using    atomic.Pointer[path] // what we send by; nil: none has connected
	keys     atomic.Pointer[keys] // nil: no media
	up       chan struct{}        // closed with the first keys
	once     sync.Once
	security security
	behind   behind

	reading sync.Mutex // two paths may bring packets at a time
}

func newClientLine(e *Engine, l *leg) *clientLine {
	s := &clientLine{engine: e, leg: l, up: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(e.ctx)
	s.security = security{engine: e, leg: l, ctx: s.ctx, line: s, known: make(chan struct{})}
	return s
}

// proposed takes the server's offer, which restarts ICE or not. Candidates for our answer are gathered from now on. The caller holds
// the call's mutex.
func (s *clientLine) proposed(restarts bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follow = restarts; restarts || s.agreed == nil {
		return s.prepare()
	}
	return nil
}

// prepare makes the next path, if there is none. The caller holds mu.
func (s *clientLine) prepare() error {
	if s.next != nil {
		return nil
	}
	next, err := newPath(s)
	if err != nil {
		return err
	}
	s.next = next
	return nil
}

// describe fills in our side of ICE and DTLS for an offer or an answer. It may wait for candidates. The caller holds the call's mutex.
func (s *clientLine) describe(local *sdp.Local, offer bool) error {
	s.mu.Lock()
	p := s.agreed
	if p == nil || offer && (s.stale || s.next != nil) || !offer && s.follow {
		if err := s.prepare(); err != nil {
			s.mu.Unlock()
			return err
		}
		p = s.next
	}
	s.told, s.ours = p, offer
	s.mu.Unlock()
	local.Full, local.Gathered = true, p.gathered()
	local.ICEUfrag, local.ICEPwd = p.own.ufrag, p.own.pwd
	local.Audio = netip.AddrPortFrom(netip.IPv4Unspecified(), 9) // RFC 9429 §5.2.1
	if f := strings.Fields(strings.Join(local.Gathered[:min(1, len(local.Gathered))], "")); len(f) > 5 {
		if at, err := netip.ParseAddrPort(net.JoinHostPort(f[4], f[5])); err == nil {
			local.Audio = at
		}
	}
	local.RTCP = local.Audio
	return nil
}

// apply implements line.
func (s *clientLine) apply(remote *sdp.Remote, client bool) {
	if remote.Rejected || remote.ICEUfrag == "" {
		return
	}
	s.mu.Lock()
	p := s.told
	known := p != nil && p == s.agreed && p.theirs == credentials{remote.ICEUfrag, remote.ICEPwd}
	if before := s.security.expects(); !known && before != "" && before != remote.Fingerprint {
		s.leave() // what is there is another one's
	}
	switch {
	case p == nil: // nothing was told yet
	case known:
		p.add(remote)
	case p != s.agreed:
		if old := s.agreed; old != nil && old != s.using.Load() {
			old.close() // it has never connected
		}
		s.agreed, s.next, s.stale, s.follow = p, nil, false, false
		p.connect(remote, s.ours || remote.ICELite)
	default: // another branch of a fork has answered: its ICE needs another path
		s.stale = true
	}
	s.mu.Unlock()
	s.security.settle(client, remote.Fingerprint)
}

// leave ends what was agreed on. The caller holds mu.
func (s *clientLine) leave() {
	if old := s.using.Swap(nil); old != nil {
		old.close()
	}
	if s.agreed != nil {
		s.agreed.close()
	}
}

// expects is the fingerprint that the peer must have, empty while that is not known.
func (s *security) expects() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fingerprint
}

// connected is told that a path is up.
func (s *clientLine) connected(p *path) {
	s.mu.Lock()
	if p != s.agreed || p.ctx.Err() != nil {
		s.mu.Unlock()
		p.close() // there is, or will be, a newer one
		return
	}
	if old := s.using.Swap(p); old != nil && old != p {
		old.close()
	}
	s.mu.Unlock()
	once(&s.leg.count.checked, s.engine.now())
	s.security.ready()
}

// look asks for another path when the one in use is faint, or none comes up, and tries DTLS again. The watch calls it.
func (s *clientLine) look(now time.Duration) {
	if s.using.Load() != nil {
		s.security.ready()
	}
	if s.wishes(now) {
		s.engine.ask(s.leg)
	}
}

// wishes says whether to ask for a restart now.
func (s *clientLine) wishes(now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch used := s.using.Load(); {
	case s.agreed == nil:
		return false
	case s.stale:
	case used != s.agreed: // another one is coming up
		s.stale = s.agreed.lost()
	default:
		s.stale = used.faint()
	}
	if !s.stale || s.asked != 0 && now-s.asked < askTime {
		return false
	}
	s.asked = max(now, 1)
	return true
}

// wants says whether the line needs a new offer.
func (s *clientLine) wants() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agreed == nil || s.stale
}

// receive takes a datagram that a path brought.
func (s *clientLine) receive(p []byte, now time.Duration) {
	s.reading.Lock()
	defer s.reading.Unlock()
	what := sort(p)
	if what == kindDTLS {
		s.security.receive(p)
		return
	}
	s.behind.receive(&s.security, p, what, s.keys.Load(), now)
}

// send implements line.
func (s *clientLine) send(p []byte, h rtpHeader, _ time.Duration) error {
	k := s.keys.Load()
	if k == nil {
		return errNotUp
	}
	sealed, err := k.out.seal(p, h)
	if err != nil {
		return err
	}
	return s.write(sealed)
}

// sendControl implements line.
func (s *clientLine) sendControl(p []byte, _ time.Duration) error {
	k := s.keys.Load()
	if k == nil {
		return errNotUp
	}
	sealed, err := k.out.sealControl(p)
	if err != nil {
		return err
	}
	return s.write(sealed)
}

// write implements carrier.
func (s *clientLine) write(p []byte) error {
	used := s.using.Load()
	if used == nil {
		return errNotUp
	}
	return used.send(p)
}

// ends are the addresses in use: ours and the server's; invalid while there are none.
func (s *clientLine) ends() (ours, theirs netip.AddrPort) {
	if used := s.using.Load(); used != nil {
		if ends := used.ends.Load(); ends != nil {
			return ends[0], ends[1]
		}
	}
	return ours, theirs
}

// at implements carrier.
func (s *clientLine) at() *netip.AddrPort {
	if s.using.Load() == nil {
		return nil
	}
	_, theirs := s.ends()
	return &theirs
}

// keyed implements carrier.
func (s *clientLine) keyed() bool { return s.keys.Load() != nil }

// install implements carrier.
func (s *clientLine) install(k *keys) {
	s.keys.Store(k)
	if k != nil {
		once(&s.leg.count.keyed, s.engine.now())
		s.once.Do(func() { close(s.up) })
	}
}

// state implements line.
func (s *clientLine) state(time.Duration) string {
	s.security.mu.Lock()
	broken := s.security.broken
	s.security.mu.Unlock()
	used := s.using.Load()
	switch {
	case broken:
		return "failed"
	case used == nil:
		return "ice"
	case used.lost():
		return "lost"
	case s.keys.Load() == nil:
		return "dtls"
	}
	return "up"
}

// close implements line.
func (s *clientLine) close() { s.cancel() }
