package signaling

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// maxUDP is the longest request, in bytes, that goes by UDP when the path's MTU is not known (RFC 3261 §18.1.1).
const maxUDP = 1300

// noTCPTime is for how long a server that refused TCP is spared another try.
const noTCPTime = 15 * time.Minute

// send begins a client transaction toward a PBX.
func (s *Server) send(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	if err := s.prepare(ctx, req); err != nil {
		return nil, err
	}
	return s.ua.TransactionLayer().Request(ctx, req)
}

// prepare decides where a request to a PBX goes, and over which transport, opens the connection if there is none, and writes
// the Via accordingly. Requests to browsers have their flow and stay as they are.
func (s *Server) prepare(ctx context.Context, req *sip.Request) error {
	p := s.pbxOf(req)
	if p == nil && req.Laddr.Hostname != "" { // forgotten; its Contact could be any address
		return errNoServer
	}
	if p == nil || p.web() {
		return nil
	}
	if p.neighbour != nil {
		return s.prepareLink(ctx, p, req)
	}
	hop, err := p.nextHop(ctx, req)
	if err != nil {
		return err
	}
	long := hop.Transport == locate.UDP && !req.IsCancel() && lengthOf(req) > maxUDP && s.tryTCP(ctx, p, hop)
	switch {
	case long:
		hop.Transport = locate.TCP
	case hop.Transport != locate.UDP:
		if err := s.connect(ctx, p, hop, serverName(p, req)); err != nil {
			req.SetTransport(hop.Transport)
			req.SetDestination(hop.Addr.String())
			return err
		}
	}
	req.SetTransport(hop.Transport)
	req.SetDestination(hop.Addr.String())
	if hop.Transport == locate.UDP {
		own := s.ports().udp.LocalAddr().(*net.UDPAddr)
		req.Laddr.IP, req.Laddr.Port = own.IP, own.Port
	} else {
		req.Laddr.IP, req.Laddr.Port = nil, 0
	}
	if !req.IsCancel() { // its Via is the INVITE's
		via := req.Via()
		via.Transport, via.Port = hop.Transport, s.portToward(hop)
	}
	return nil
}

// lengthOf is how long a request is on the wire, in bytes.
func lengthOf(req *sip.Request) int {
	var n length
	req.StringWrite(&n)
	return int(n)
}

// length counts what is written.
type length int

// WriteString implements io.StringWriter.
func (n *length) WriteString(s string) (int, error) {
	*n += length(len(s))
	return len(s), nil
}

// nextHop is where req goes: the best of its hops.
func (p *pbx) nextHop(ctx context.Context, req *sip.Request) (locate.Target, error) {
	list, err := p.hops(ctx, req)
	if err != nil {
		return locate.Target{}, err
	}
	return p.srv.away.best(list, req.CallID().Value()), nil
}

// hops are where req may go, best first: to the top of its route set, inside a dialog else to the remote target, outside to the server it was
// addressed to. A PBX that is spoken to by TLS is never spoken to otherwise.
func (p *pbx) hops(ctx context.Context, req *sip.Request) ([]locate.Target, error) {
	given := locate.Target{Transport: req.Transport()}
	given.Addr, _ = netip.ParseAddrPort(req.MessageData.Destination())
	route := req.Route()
	switch {
	case !given.Addr.IsValid() && route == nil && !within(req):
		return nil, errNoServer
	case !given.Addr.IsValid() || route != nil && !req.IsCancel():
	case within(req) && !req.IsCancel() && p.named(req.Recipient.Host):
		return p.beside(ctx, given), nil
	default:
		return []locate.Target{given}, nil
	}
	uri := req.Recipient
	if route != nil {
		uri = route.Address
	}
	q := queryOf(uri)
	switch transport := strings.ToUpper(q.Transport); {
	case p.secure() && transport != locate.TLS && !q.Secure:
		return []locate.Target{p.server().Target}, nil // it forgets to say TLS and means the connection there is
	case transport != locate.UDP && transport != locate.TCP && transport != locate.TLS:
		q.Transport = req.Transport()
	}
	return p.locate(ctx, q)
}

// locate finds servers, in no more time than a request may take.
func (p *pbx) locate(ctx context.Context, q locate.Query) ([]locate.Target, error) {
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	return p.srv.locator.Locate(ctx, q)
}

// serverName is whom the certificate at a request's next hop must be for: the PBX's domain (RFC 5922 §7), or a host that the PBX
// itself has named.
func serverName(p *pbx, req *sip.Request) string {
	uri := req.Recipient
	if route := req.Route(); route != nil {
		uri = route.Address
	}
	host := strings.Trim(uri.Host, "[]")
	if _, err := netip.ParseAddr(host); err == nil {
		return strings.Trim(p.uri.Host, "[]")
	}
	return host
}

// tryTCP opens a connection for a request too long for UDP; false when the server takes none.
func (s *Server) tryTCP(ctx context.Context, p *pbx, hop locate.Target) bool {
	t := p.targetOf(hop.Addr, hop.Transport)
	p.mu.Lock()
	spared := t.Addr == hop.Addr && time.Now().Before(t.noTCP)
	p.mu.Unlock()
	if spared {
		return false
	}
	err := s.connect(ctx, p, locate.Target{Transport: locate.TCP, Addr: hop.Addr}, "")
	if err == nil {
		return true
	}
	p.log.Debug("long message goes by UDP", "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.Addr == hop.Addr {
		t.noTCP = time.Now().Add(noTCPTime)
	}
	return false
}
