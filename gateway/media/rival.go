package media

import (
	"context"
	"net/netip"
	"slices"
)

// maxRivals bounds the other addresses of a phone's host from which a handshake may go on at the same time.
const maxRivals = 3

// rival is an address of the phone's host from which a ClientHello came, other than where the phone is expected. It may be the phone behind a NAT, or
// somebody who writes its host's address on datagrams: so each has a handshake of its own, and the one that ends with the announced certificate is the
// phone's. As a carrier it is its port, but for where it is.
type rival struct {
	port     *dtlsPort
	src      netip.AddrPort
	cancel   context.CancelFunc
	security security
}

// compete gives a datagram to the rival at its source; false when it is for the port itself. The caller does not hold the handshakes' mutex.
func (p *dtlsPort) compete(data []byte, src netip.AddrPort) bool {
	d := &p.line.dtls
	d.mu.Lock()
	r := p.rivalAt(src)
	if r == nil {
		t := p.target().target.Load()
		fingerprint, serves := p.security.serves()
		if !serves || p.keyed() || !t.admits(src) || t.addr == src || !new(hello).take(data) || !p.yields() {
			d.mu.Unlock()
			return false
		}
		r = p.rival(d.ctx, src, fingerprint)
	}
	d.mu.Unlock()
	r.security.receive(data)
	return true
}

// rivalAt is the rival at an address, nil for none. The caller holds the handshakes' mutex, as for those below.
func (p *dtlsPort) rivalAt(src netip.AddrPort) *rival {
	if i := slices.IndexFunc(p.rivals, func(r *rival) bool { return r.src == src }); i >= 0 {
		return p.rivals[i]
	}
	return nil
}

// rival makes one.
func (p *dtlsPort) rival(ctx context.Context, src netip.AddrPort, fingerprint string) *rival {
	ctx, cancel := context.WithCancel(ctx)
	r := &rival{port: p, src: src, cancel: cancel}
	r.security = security{engine: p.line.engine, leg: p.line.leg, ctx: ctx, line: r, known: make(chan struct{})}
	r.security.settle(false, fingerprint)
	p.rivals = append(p.rivals, r)
	return r
}

// yields makes place for one more: that of the oldest who has said nothing since its ClientHello. Who only pretends to be at an address never does.
func (p *dtlsPort) yields() bool {
	if len(p.rivals) < maxRivals {
		return true
	}
	i := slices.IndexFunc(p.rivals, func(r *rival) bool { return !r.security.goesOn() })
	if i < 0 {
		return false
	}
	p.rivals[i].cancel()
	p.rivals = slices.Delete(p.rivals, i, i+1)
	return true
}

// dismiss ends all rivals.
func (p *dtlsPort) dismiss() {
	for _, r := range p.rivals {
		r.cancel()
	}
	p.rivals = nil
}

// serves says whether we are the server of a handshake, and which fingerprint the client must have.
func (s *security) serves() (fingerprint string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fingerprint, s.settled && !s.client
}

// goesOn says whether the peer has answered our first flight.
func (s *security) goesOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.far >= 2<<16
}

// at implements carrier.
func (r *rival) at() *netip.AddrPort { return &r.src }

// write implements carrier.
func (r *rival) write(data []byte) error { return r.port.socket().send(data, r.src) }

// keyed implements carrier.
func (r *rival) keyed() bool { return r.port.keyed() }

// install implements carrier: the phone is here.
func (r *rival) install(k *keys) {
	if k == nil || r.port.keyed() {
		return
	}
	to := r.port.target()
	for t := to.target.Load(); t.admits(r.src) && !to.set(t, r.src); t = to.target.Load() {
	}
	r.port.install(k)
}
