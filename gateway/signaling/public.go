package signaling

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// learn takes from a server's answer how it sees us (RFC 3581), when it is not on a network of ours: a router may have given us another
// address, and our Contact must have that.
func (s *Server) learn(req *sip.Request, res *sip.Response) {
	p := s.pbxOf(req)
	if p == nil || req.Method != sip.REGISTER && req.Method != sip.OPTIONS {
		return
	}
	at, _ := netip.ParseAddrPort(req.MessageData.Destination())
	t := p.targetOf(at, req.Transport())
	via := res.Via()
	if t.Addr != at || t.Transport != req.Transport() || via == nil || p.near(at.Addr()) {
		return
	}
	if _, set := p.advertised(at.Addr()); set {
		return
	}
	received, _ := via.Params.Get("received")
	rport, _ := via.Params.Get("rport")
	addr, err := netip.ParseAddr(strings.Trim(received, "[]"))
	if err != nil {
		addr = t.local
	}
	port, err := strconv.ParseUint(rport, 10, 16)
	if err != nil || port == 0 {
		return
	}
	seen := netip.AddrPortFrom(addr.Unmap(), uint16(port))
	if seen == netip.AddrPortFrom(t.local, uint16(s.portToward(t.Target))) || addr.Is4() != at.Addr().Is4() {
		seen = netip.AddrPort{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.public == seen {
		return
	}
	p.log.Info("public address learned", "server", t, "address", seen)
	t.public, t.fresh = seen, true
	if t.asked {
		p.settle()
	}
}

// onOurNetwork says whether addr is this machine's or on a network that it is a part of, so that no router between changes our address.
func onOurNetwork(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return true // then nothing is learned
	}
	for _, n := range nets {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil && prefix.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}
