package media

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"cordboard/gateway/sdp"
)

// handshakes is the DTLS side of a line toward the PBX (RFC 5764 §3): an association for each of its ports, or for the first one
// alone with rtcp-mux. There is no ICE, so that the peer is where its description says, or where its first datagram comes from.
type handshakes struct {
	line *plainLine

	mu     sync.Mutex
	media  *dtlsPort       // nil: no DTLS
	rtcp   *dtlsPort       // nil with rtcp-mux
	ctx    context.Context // ends with them
	cancel context.CancelFunc
	early  []datagram // came before the answer that lets them in
}

// maxEarlyDatagrams bounds those that wait for an answer: one ClientHello.
const maxEarlyDatagrams = maxHelloPart

// datagram is one that was kept.
type datagram struct {
	data    []byte
	src     netip.AddrPort
	control bool
}

// dtlsPort is one port of a line toward the PBX as a carrier.
type dtlsPort struct {
	line     *plainLine
	control  bool
	security security
	rivals   []*rival // guarded by the handshakes' mutex
}

// settle takes what an exchange of descriptions agreed on. Whether RTCP has a port of its own stays as it was agreed first with a phone.
func (d *handshakes) settle(client bool, remote *sdp.Remote) {
	d.mu.Lock()
	if d.media != nil && d.line.muxed.Load() != remote.Mux && d.media.security.expects() != remote.Fingerprint {
		d.end() // it is another phone
	}
	if d.media == nil {
		d.line.muxed.Store(remote.Mux)
		d.line.secret.Store(new(secret))
		d.ctx, d.cancel = context.WithCancel(d.line.engine.ctx)
		d.media = d.port(d.ctx, false)
		if !remote.Mux {
			d.rtcp = d.port(d.ctx, true)
		}
	}
	ports, early := []*dtlsPort{d.media, d.rtcp}, d.early
	d.early = nil
	for _, p := range ports {
		if p != nil && p.security.expects() != remote.Fingerprint {
			p.dismiss() // they were of another phone
		}
	}
	d.mu.Unlock()
	for _, p := range ports {
		if p != nil {
			p.security.settle(client, remote.Fingerprint)
		}
	}
	for _, one := range early {
		d.receive(one.data, one.src, one.control)
	}
}

func (d *handshakes) port(ctx context.Context, control bool) *dtlsPort {
	p := &dtlsPort{line: d.line, control: control}
	p.security = security{engine: d.line.engine, leg: d.line.leg, ctx: ctx, line: p, known: make(chan struct{})}
	return p
}

// forget ends what there is of DTLS.
func (d *handshakes) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end()
}

// end is forget for who holds mu.
func (d *handshakes) end() {
	if d.cancel != nil {
		d.cancel()
	}
	d.line.muxed.Store(false)
	d.media, d.rtcp, d.cancel, d.early = nil, nil, nil, nil
}

// receive takes a datagram of DTLS from one of the ports; false when it is nobody's.
func (d *handshakes) receive(p []byte, src netip.AddrPort, control bool) bool {
	d.mu.Lock()
	if d.media == nil {
		kept := len(d.early) < maxEarlyDatagrams
		if kept {
			d.early = append(d.early, datagram{slices.Clone(p), src, control})
		}
		d.mu.Unlock()
		return kept
	}
	port := d.media
	if control {
		port = d.rtcp
	}
	d.mu.Unlock()
	if port == nil {
		return false
	}
	if port.compete(p, src) {
		return true
	}
	if !port.target().opens(src) {
		return false
	}
	port.security.receive(p)
	return true
}

// first is the port of media, nil without DTLS.
func (d *handshakes) first() *dtlsPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.media
}

// begun says whether there is an association, or soon will be.
func (d *handshakes) begun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.media != nil
}

// broken says whether the peer showed a certificate that is not its own.
func (d *handshakes) broken() bool {
	d.mu.Lock()
	ports := []*dtlsPort{d.media, d.rtcp}
	d.mu.Unlock()
	return slices.ContainsFunc(ports, func(p *dtlsPort) bool { return p != nil && p.security.isBroken() })
}

// isBroken says whether the peer showed a certificate that is not its own.
func (s *security) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// target is where the port's peer is.
func (p *dtlsPort) target() *latch {
	if p.control {
		return &p.line.rtcp
	}
	return &p.line.rtp
}

// at implements carrier.
func (p *dtlsPort) at() *netip.AddrPort {
	if t := p.target().target.Load(); t != nil && t.addr.IsValid() {
		return &t.addr
	}
	return nil
}

// write implements carrier.
func (p *dtlsPort) write(data []byte) error {
	return write(p.socket(), p.target(), data)
}

func (p *dtlsPort) socket() *socket {
	if p.control {
		return p.line.control
	}
	return p.line.media
}

// keyed implements carrier.
func (p *dtlsPort) keyed() bool {
	k := p.line.secret.Load()
	return k != nil && (p.control && k.control.in != nil || !p.control && k.media.in != nil)
}

// install implements carrier.
func (p *dtlsPort) install(k *keys) {
	for {
		old := p.line.secret.Load()
		if old == nil {
			return // the party has given up encryption meanwhile
		}
		next := *old
		if !p.control {
			next.media = sides{k, k}
		}
		if p.control || p.line.muxed.Load() {
			next.control = sides{k, k}
		}
		if p.line.secret.CompareAndSwap(old, &next) {
			once(&p.line.leg.count.keyed, p.line.engine.now())
			return
		}
	}
}
