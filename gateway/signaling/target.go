package signaling

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
	"cordboard/gateway/nat"
)

// target is one of the servers of a PBX. What stands below state is guarded by pbx.mu.
type target struct {
	locate.Target
	local netip.Addr // ours toward it

	// state
	asked  bool
	err    error          // why it does not answer; nil while it does or before it was asked
	due    time.Time      // when it is asked the next time
	busy   time.Time      // until then it wants to be left alone (Retry-After)
	noTCP  time.Time      // until then it is not tried by TCP for a message too long for UDP
	public netip.AddrPort // how it sees us, where that is not how we see ourselves
	fresh  bool           // it may have forgotten us: the connection broke, or our public address is another
}

// resolve finds the PBX's servers (RFC 3263) and our address toward each. What was known stays when a name does not resolve.
func (p *pbx) resolve(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	found, err := p.srv.locator.Locate(ctx, queryOf(p.uri))
	for _, more := range p.cfg.Backup {
		q := queryOf(p.uri)
		q.Host, q.Port = splitHostPort(more)
		list, err := p.srv.locator.Locate(ctx, q)
		if err != nil {
			p.log.Debug("backup not found", "server", more, "error", err)
		}
		for _, t := range list {
			if !slices.Contains(found, t) {
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return err
	}
	locals := make([]netip.Addr, len(found))
	for i, f := range found {
		locals[i] = p.localToward(f.Addr.Addr())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*target, 0, len(found))
	for i, f := range found {
		t := &target{Target: f}
		if j := slices.IndexFunc(p.targets, func(t *target) bool { return t.Target == f }); j >= 0 {
			t = p.targets[j]
		}
		if t.local != locals[i] {
			t.local, t.public, t.fresh = locals[i], netip.AddrPort{}, t.asked
		}
		list = append(list, t)
	}
	p.targets = list
	if p.using == nil || !slices.Contains(list, p.using) {
		p.using = list[0]
	}
	return nil
}

// splitHostPort takes "host" and "host:port" apart; port is 0 when there is none.
func splitHostPort(text string) (host string, port int) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		return text, 0
	}
	port, _ = strconv.Atoi(number)
	return host, port
}

// queryOf asks for the servers of a SIP address.
func queryOf(uri sip.Uri) locate.Query {
	transport, _ := uri.UriParams.Get("transport")
	return locate.Query{Secure: uri.Scheme == "sips", Host: uri.Host, Port: uri.Port, Transport: transport}
}

// server is the target in use; one without an address while none is known.
func (p *pbx) server() *target {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.using == nil {
		return &target{Target: locate.Target{Transport: transportOf(p.uri)}, local: netip.IPv4Unspecified()}
	}
	return p.using
}

// targetOf is the server at an address, the one in use when none is there.
func (p *pbx) targetOf(at netip.AddrPort, transport string) *target {
	using := p.server()
	p.mu.Lock()
	defer p.mu.Unlock()
	same := func(ok func(t *target) bool) *target {
		if ok(using) {
			return using
		}
		if i := slices.IndexFunc(p.targets, ok); i >= 0 {
			return p.targets[i]
		}
		return nil
	}
	if t := same(func(t *target) bool { return t.Addr == at && t.Transport == transport }); t != nil {
		return t
	}
	if t := same(func(t *target) bool { return t.Addr.Addr() == at.Addr() }); t != nil {
		return t
	}
	return using
}

// secure says that the PBX is spoken to by TLS or WebSocket alone, so that what comes otherwise can't be from it.
func (p *pbx) secure() bool {
	return p.uri.Scheme == "sips" || transportOf(p.uri) == locate.TLS || p.web()
}

// owns says whether one of the PBX's servers has that address and may speak to us from it in that way, by TLS or without.
func (p *pbx) owns(addr netip.Addr, tls bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.targets, func(t *target) bool {
		return t.Addr.Addr() == addr && (t.Transport == locate.TLS) == tls && !isFlowTransport(t.Transport)
	})
}

// localToward is our address as a host of that address sees it.
func (p *pbx) localToward(addr netip.Addr) netip.Addr {
	if a, ok := p.advertised(addr); ok {
		return a
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(addr, 9).String()) // sends nothing; asks the kernel for a route
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
}

// advertised is our address toward addr, if the configuration says so.
func (p *pbx) advertised(addr netip.Addr) (netip.Addr, bool) {
	if addr.IsLoopback() || nat.Inside(addr, p.srv.cfg.Advertise) {
		return netip.Addr{}, false
	}
	i := slices.IndexFunc(p.srv.cfg.Advertise, func(a netip.Addr) bool { return a.Is4() == addr.Is4() })
	if i < 0 {
		return netip.Addr{}, false
	}
	return p.srv.cfg.Advertise[i], true
}

// contactAt is our address as the server t shall use it, user and all else left empty. RFC 5630 §3.1.3: sips when the PBX's
// address is, else sip with the transport.
func (p *pbx) contactAt(t *target) sip.Uri {
	if p.web() {
		return sip.Uri{Scheme: "sip", Host: p.host, UriParams: sip.HeaderParams{{K: "transport", V: "ws"}}}
	}
	uri := sip.Uri{Scheme: p.uri.Scheme, Host: t.local.String(), Port: p.srv.portToward(t.Target)}
	p.mu.Lock()
	if t.public.IsValid() {
		uri.Host, uri.Port = t.public.Addr().String(), int(t.public.Port())
	}
	p.mu.Unlock()
	if uri.Scheme != "sips" {
		uri.UriParams = sip.HeaderParams{{K: "transport", V: strings.ToLower(t.Transport)}}
	}
	return uri
}

// address sends req toward the PBX's server in use. A request with a route set, or inside a dialog, goes where that points.
func (p *pbx) address(req *sip.Request) { p.addressAt(req, p.server()) }

// addressAt sends req toward one server of the PBX, by WebSocket down that of the account which From names.
func (p *pbx) addressAt(req *sip.Request, t *target) {
	if p.web() {
		p.addressUplink(req, req.From().Address.User)
		return
	}
	req.RemoveHeader("Via")
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: t.Transport, Host: t.local.String(), Port: p.srv.portToward(t.Target)}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	req.PrependHeader(via)
	req.SetTransport(t.Transport)
	req.SetDestination("")
	if _, within := req.To().Params.Get("tag"); !within || req.Route() == nil && p.hasDomain(req.Recipient.Host) {
		req.SetDestination(t.Addr.String())
	}
	req.Laddr = sip.Addr{Hostname: p.key()} // sipgo keeps it with the request and, without an IP, does nothing with it
}

// pbxOf is the PBX that req was addressed to; nil when it goes to a browser.
func (s *Server) pbxOf(req *sip.Request) *pbx {
	if req.Laddr.Hostname == "" {
		return nil
	}
	return s.pbxOfKey(req.Laddr.Hostname)
}

// pbxOfKey is the PBX or neighbour that key names; nil when there is none any more.
func (s *Server) pbxOfKey(key string) *pbx {
	if id, ok := strings.CutPrefix(key, neighbourKey); ok {
		return s.neighbour(id)
	}
	all := s.roster().all
	i := slices.IndexFunc(all, func(p *pbx) bool { return p.id == key })
	if i < 0 {
		return nil
	}
	return all[i]
}
