package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// How often a PBX is asked whether it lives (OPTIONS, RFC 3261 §11): seldom while it answers, often while it does not.
const (
	aliveInterval = 15 * time.Second
	downInterval  = 3 * time.Second
)

// States of a PBX, or of a registration at one, as people read them.
const (
	stateRegistering   = "registering"
	stateRegistered    = "registered"
	stateReachable     = "reachable" // a peer that answers
	stateWrongPassword = "wrong password"
	stateRefused       = "refused"
	stateUnreachable   = "unreachable"
)

// PBXStatus is how we stand with a PBX: one for the PBX or trunk, or one for each user that registers there.
type PBXStatus struct {
	Name   string `json:"name"`
	Mode   string `json:"mode"`
	URI    string `json:"uri"`
	User   string `json:"user,omitempty"` // mode extension: whose registration it is
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// pbx is a PBX that we know: where it is, whether it answers, and our registrations there.
type pbx struct {
	cfg       PBX
	srv       *Server
	log       *slog.Logger
	uri       sip.Uri
	transport string // "UDP" or "TCP"

	mu      sync.Mutex
	addrs   []netip.Addr // of uri's host
	local   netip.Addr   // ours toward it
	err     error        // why it does not answer; nil while it does or before it was asked
	asked   bool
	changed chan struct{} // closed and replaced when err comes or goes
	regs    map[string]*registration
}

// downError says that a PBX does not answer.
type downError struct {
	name string
	err  error
}

func (e *downError) Error() string { return e.name + " is unreachable: " + e.err.Error() }
func (e *downError) Unwrap() error { return e.err }

func newPBX(cfg PBX, s *Server) (*pbx, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	uri, err := cfg.uri()
	if err != nil {
		return nil, err
	}
	p := &pbx{cfg: cfg, srv: s, log: s.log.With("pbx", cfg.Name), transport: transportOf(uri),
		changed: make(chan struct{}), regs: make(map[string]*registration)}
	p.uri = sip.Uri{Scheme: "sip", Host: uri.Host, Port: uri.Port}
	if p.transport != "UDP" {
		p.uri.UriParams = sip.HeaderParams{{K: "transport", V: "tcp"}}
	}
	p.resolve(context.Background())
	return p, nil
}

// resolve looks the PBX's addresses up, and ours toward it. What was known stays when a name does not resolve.
func (p *pbx) resolve(ctx context.Context) error {
	host := strings.Trim(p.uri.Host, "[]")
	addrs := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, addr)
	} else {
		ctx, stop := context.WithTimeout(ctx, answerTime)
		defer stop()
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return fmt.Errorf("no address for %s", host)
		}
		for _, a := range found {
			addrs = append(addrs, a.Unmap())
		}
	}
	local := p.localToward(addrs[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addrs, p.local = addrs, local
	return nil
}

// localToward is our address as a host of that address sees it.
func (p *pbx) localToward(addr netip.Addr) netip.Addr {
	if !addr.IsLoopback() {
		for _, a := range p.srv.cfg.Advertise {
			if a.Is4() == addr.Is4() {
				return a
			}
		}
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(addr, 9).String()) // sends nothing; asks the kernel for a route
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

func (p *pbx) localHost() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.local.String()
}

func (p *pbx) remoteAddr() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.addrs) == 0 {
		return netip.Addr{}
	}
	return p.addrs[0]
}

func (p *pbx) owns(addr netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.addrs, addr)
}

// address sends req toward the PBX from our SIP port. A request with a route set goes where that points.
func (p *pbx) address(req *sip.Request) {
	req.SetTransport(p.transport)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: p.transport, Host: p.localHost(), Port: int(p.srv.sip.Port())}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	req.PrependHeader(via)
	if p.transport == "UDP" {
		own := p.srv.udp.LocalAddr().(*net.UDPAddr)
		req.Laddr = sip.Addr{IP: own.IP, Port: own.Port}
	}
}

// down tells why calls can't go to the PBX now; nil when they can.
func (p *pbx) down() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return &downError{p.cfg.Name, p.err}
}

// watch asks the PBX whether it lives until ctx ends.
func (p *pbx) watch(ctx context.Context) {
	for {
		err := p.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		p.note(err)
		interval := aliveInterval
		if err != nil {
			interval = downInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// ask sends OPTIONS; any answer is a sign of life.
func (p *pbx) ask(ctx context.Context) error {
	if err := p.resolve(ctx); err != nil {
		return err
	}
	req := p.request(sip.OPTIONS, sip.Uri{Scheme: "sip", User: "cordboard", Host: p.localHost()}, token(), token(), 1)
	req.AppendHeader(sip.NewHeader("Accept", sdpType))
	req.SetBody(nil)
	_, err := p.srv.once(ctx, req)
	return err
}

// request begins a request outside of a dialog, from and to an address of record.
func (p *pbx) request(method sip.RequestMethod, aor sip.Uri, callID, tag string, seq uint32) *sip.Request {
	req := sip.NewRequest(method, *p.uri.Clone())
	req.AppendHeader(&sip.FromHeader{Address: aor, Params: tagParam(tag)})
	to := aor
	if method == sip.OPTIONS {
		to = *p.uri.Clone()
	}
	req.AppendHeader(&sip.ToHeader{Address: to})
	id := sip.CallIDHeader(callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", p.srv.ua.Name()))
	p.address(req)
	return req
}

// note keeps whether the PBX answers and wakes those who wait for a change.
func (p *pbx) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.asked && p.err == nil
	first := !p.asked
	p.err, p.asked = err, true
	if !first && was == (err == nil) {
		return
	}
	if err != nil {
		p.log.Warn("PBX unreachable", "uri", p.cfg.URI, "error", err)
	} else {
		p.log.Info("PBX reachable", "uri", p.cfg.URI)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// change is closed when the PBX comes or goes.
func (p *pbx) change() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// credentials are those with which a user calls through the PBX.
func (p *pbx) credentials(u auth.User) auth.Credentials {
	if p.cfg.mode() == ModeExtension {
		return u.PBX
	}
	return auth.Credentials{Username: p.cfg.Username, Password: p.cfg.Password}
}

// status tells how we stand with the PBX.
func (p *pbx) status() []PBXStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	base := PBXStatus{Name: p.cfg.Name, Mode: p.cfg.mode(), URI: p.cfg.URI, State: stateReachable}
	switch {
	case p.err != nil:
		base.State, base.Detail = stateUnreachable, p.err.Error()
	case !p.asked:
		base.State = stateRegistering
	}
	if p.cfg.mode() == ModePeer || len(p.regs) == 0 {
		return []PBXStatus{base}
	}
	var list []PBXStatus
	for user, r := range p.regs {
		st := base
		st.User = user
		if p.err == nil {
			st.State, st.Detail = r.state, r.detail
		}
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b PBXStatus) int { return strings.Compare(a.User, b.User) })
	return list
}

// PBXStatus tells how we stand with each PBX.
func (s *Server) PBXStatus() []PBXStatus {
	list := []PBXStatus{}
	for _, p := range s.pbxes {
		list = append(list, p.status()...)
	}
	return list
}

// pbxAt is the PBX that sent req; nil when it was none, or came by a WebSocket that has closed since.
func (s *Server) pbxAt(req *sip.Request) *pbx {
	if t := req.Transport(); t != "UDP" && t != "TCP" {
		return nil
	}
	source := req.Source()
	addr := hostOf(source)
	var found *pbx
	for _, p := range s.pbxes {
		if !p.owns(addr) {
			continue
		}
		if at, err := netip.ParseAddrPort(source); err == nil && int(at.Port()) == p.port() {
			return p // of several PBXs on one machine
		}
		if found == nil {
			found = p
		}
	}
	return found
}

func (p *pbx) port() int {
	if p.uri.Port > 0 {
		return p.uri.Port
	}
	return sip.DefaultUdpPort
}

// fromPBX keeps everything out of the SIP port that comes neither from a PBX nor from the far end of a call: no answer, no state.
func (s *Server) fromPBX(at sip.TransportReadProps, data []byte) ([]byte, error) {
	if at.Transport != "UDP" && at.Transport != "TCP" {
		return data, nil
	}
	if addr := hostOf(at.RemoteAddr.String()); s.knows(addr) && !s.deps.Bans.Address(addr, time.Now()) {
		if at.Transport == "UDP" { // by TCP a message comes in pieces
			data = squeezeDatagram(data)
		}
		return data, nil
	}
	if at.Transport == "TCP" {
		return nil, errNotOurs // ends the connection
	}
	return nil, nil
}

func (s *Server) knows(addr netip.Addr) bool {
	for _, p := range s.pbxes {
		if p.owns(addr) {
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.pbx == nil {
			continue
		}
		l.mu.Lock()
		same := l.host == addr
		l.mu.Unlock()
		if same {
			return true
		}
	}
	return false
}
