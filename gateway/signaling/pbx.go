package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/locate"
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
	Server string `json:"server,omitempty"` // the one in use, as "tls:192.0.2.10:5061"
}

// pbx is a PBX that we know: where it is, whether it answers, and our registrations there.
type pbx struct {
	cfg  PBX
	srv  *Server
	id   string // see key
	log  *slog.Logger
	uri  sip.Uri
	near func(netip.Addr) bool // on a network of ours; onOurNetwork but for tests
	host string                // by WebSocket: our name in Via and Contact, which leads nowhere (RFC 7118 §5)
	wake chan struct{}         // has watch ask at once

	mu      sync.Mutex
	targets []*target // its servers, best first
	using   *target   // the one in use; nil while none is known
	err     error     // why it does not answer; nil while it does or before it was asked
	asked   bool
	changed chan struct{} // closed and replaced when err comes or goes
	renewed uint          // see renewals
	regs    map[string]*registration

	facts facts // what its messages have told

	neighbour *Neighbour // nil: it is a PBX
	strange   bool       // the neighbour is not paired
}

// downError says that a PBX does not answer.
type downError struct {
	name string
	err  error
}

func (e *downError) Error() string { return e.name + " is unreachable: " + e.err.Error() }
func (e *downError) Unwrap() error { return e.err }

// newPBX makes a PBX and looks for its servers. The caller holds s.setting.
func newPBX(cfg PBX, s *Server) (*pbx, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	uri, err := cfg.uri()
	if err != nil {
		return nil, err
	}
	s.made++
	p := &pbx{cfg: cfg, srv: s, id: fmt.Sprint("pbx ", s.made), log: s.log.With("pbx", cfg.Name), near: onOurNetwork, host: token() + ".invalid",
		wake: make(chan struct{}, 1), changed: make(chan struct{}), regs: make(map[string]*registration)}
	p.uri = sip.Uri{Scheme: uri.Scheme, Host: uri.Host, Port: uri.Port}
	if t, ok := uri.UriParams.Get("transport"); ok && t != "" {
		p.uri.UriParams = sip.HeaderParams{{K: "transport", V: strings.ToLower(t)}}
	}
	if err := p.resolve(context.Background()); err != nil {
		p.unresolved(err)
	}
	return p, nil
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

// self is the PBX's own address, as it stands in a request to it. By WebSocket it is its domain, however we got there.
func (p *pbx) self() sip.Uri {
	if p.web() {
		return sip.Uri{Scheme: "sip", Host: p.domain()}
	}
	return *p.uri.Clone()
}

// domain is the host of addresses at the PBX. Where a WebSocket is and what a server calls itself are two things.
func (p *pbx) domain() string {
	if p.web() && len(p.cfg.Domains) > 0 {
		return p.cfg.Domains[0]
	}
	return p.uri.Host
}

// request begins a request outside of a dialog, from and to an address of record.
func (p *pbx) request(method sip.RequestMethod, aor sip.Uri, callID, tag string, seq uint32) *sip.Request {
	req := sip.NewRequest(method, p.self())
	req.AppendHeader(&sip.FromHeader{Address: aor, Params: tagParam(tag)})
	to := aor
	if method == sip.OPTIONS {
		to = p.self()
	}
	req.AppendHeader(&sip.ToHeader{Address: to})
	id := sip.CallIDHeader(callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	if method != sip.REGISTER && method != sip.OPTIONS {
		for _, r := range p.serviceRoute(aor.User) {
			req.AppendHeader(&sip.RouteHeader{Address: r})
		}
	}
	req.AppendHeader(sip.NewHeader("User-Agent", p.srv.ua.Name()))
	p.address(req)
	return req
}

// change is closed when the PBX comes or goes.
func (p *pbx) change() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// renewals counts how often the PBX had to be told of us anew, because a connection broke or our address changed.
func (p *pbx) renewals() uint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renewed
}

// credentials are those with which a user calls through the PBX.
func (p *pbx) credentials(u auth.User) auth.Credentials {
	if p.cfg.mode() == ModeExtension {
		if p.srv.home(u) != p {
			return auth.Credentials{}
		}
		return u.PBX
	}
	return auth.Credentials{Username: p.cfg.Username, Password: p.cfg.Password}
}

// status tells how we stand with the PBX.
func (p *pbx) status() []PBXStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	base := PBXStatus{Name: p.cfg.Name, Mode: p.cfg.mode(), URI: p.cfg.URI, State: stateReachable}
	if p.using != nil {
		base.Server = p.using.String()
	}
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
	for _, p := range s.pbxes() {
		list = append(list, p.status()...)
	}
	return list
}

// pbxAt is the PBX that sent msg; nil when it was none, or came by a WebSocket that has closed since.
func (s *Server) pbxAt(msg sip.Message) *pbx {
	source := msg.Source()
	switch t := msg.Transport(); t {
	case locate.TLS:
		if l := s.lines.at(t, source); l != nil {
			return l.pbx.Load()
		}
		return nil
	case locate.WS, locate.WSS:
		if u := s.uplinks.at(source); u != nil {
			return u.pbx
		}
		return nil
	case locate.UDP, locate.TCP:
	default:
		return nil
	}
	addr := hostOf(source)
	at, _ := netip.ParseAddrPort(source)
	var found *pbx
	for _, p := range s.roster().all {
		if !p.owns(addr, false) {
			continue
		}
		if p.targetOf(netip.AddrPortFrom(addr, at.Port()), msg.Transport()).Addr.Port() == at.Port() {
			return p // of several PBXs on one machine
		}
		if found == nil {
			found = p
		}
	}
	return found
}

// fromPBX keeps everything out of the SIP port that comes neither from a PBX nor from the far end of a call: no answer, no state.
// What comes by TLS was looked at when the connection was made. What can't be read as it is was put right there where it came by a connection.
func (s *Server) fromPBX(at sip.TransportReadProps, data []byte) ([]byte, error) {
	switch at.Transport {
	case locate.UDP, locate.TCP:
	default:
		return data, nil
	}
	if addr := hostOf(at.RemoteAddr.String()); s.knows(addr) && !s.deps.Bans.Address(addr, time.Now()) {
		if at.Transport == locate.TCP {
			return data, nil
		}
		s.misread.heard(at.RemoteAddr)
		return squeezeMessage(data), nil
	}
	if at.Transport == locate.TCP {
		return nil, errNotOurs // ends the connection
	}
	return nil, nil
}

// knows says whether addr is that of a PBX or of the far end of a call.
func (s *Server) knows(addr netip.Addr) bool {
	for _, p := range s.roster().all {
		if p.owns(addr, false) {
			return true
		}
	}
	return s.hosts.has(addr)
}
