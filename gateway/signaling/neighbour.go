package signaling

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/locate"
)

// Neighbour is another Cordboard, whose users are called by name. Toward it we are a peer over TLS: the connection says who it is,
// so no address in a message matters. On the way each side's own users live on the host that is its ID.
type Neighbour struct {
	ID      string // of its certificate
	Address string // by which our users call it: alice@front-office, or front-office for whoever owns it
	Name    string // as people know it
}

// ownerName is the user part of a request for whoever owns the neighbour. No account has such a name.
const ownerName = "~owner"

// neighbours are those that may be called and may call. The zero neighbours is ready.
type neighbours struct {
	mu  sync.Mutex
	own string // our ID
	by  map[string]*pbx

	strangers map[string]*pbx // not paired ones with whom there are calls, or were
}

// SetNeighbours says who may be called and may call from now on, and own, the ID by which they know us. Connections of others end.
func (s *Server) SetNeighbours(own string, list []Neighbour) {
	by := make(map[string]*pbx, len(list))
	var gone []*pbx
	s.near.mu.Lock()
	for _, n := range list {
		p := s.near.by[n.ID]
		if p == nil || p.neighbour.Address != n.Address { // its name means nothing to calls
			p = s.newNeighbour(n)
		}
		by[n.ID] = p
	}
	for id, p := range s.near.strangers {
		if by[id] != nil {
			gone = append(gone, p)
			delete(s.near.strangers, id)
		}
	}
	for id, p := range s.near.by {
		if by[id] != p {
			gone = append(gone, p)
		}
	}
	s.near.own, s.near.by = own, by
	s.near.mu.Unlock()
	for _, p := range gone {
		s.lines.closeOf(p)
	}
}

func (s *Server) newNeighbour(n Neighbour) *pbx {
	return &pbx{
		cfg: PBX{Name: n.Address, URI: "sips:" + n.ID, Mode: ModePeer, Media: "dtls"}, neighbour: &n,
		srv: s, log: s.log.With("neighbour", n.Address), uri: sip.Uri{Scheme: "sips", Host: n.ID}, near: onOurNetwork,
		wake: make(chan struct{}, 1), changed: make(chan struct{}), regs: make(map[string]*registration),
	}
}

// ownID is the host of our users in messages to neighbours.
func (s *Server) ownID() string {
	s.near.mu.Lock()
	defer s.near.mu.Unlock()
	return s.near.own
}

// neighbour is that of an ID, paired or not; nil when it is none.
func (s *Server) neighbour(id string) *pbx {
	s.near.mu.Lock()
	defer s.near.mu.Unlock()
	if p := s.near.by[id]; p != nil {
		return p
	}
	return s.near.strangers[id]
}

// neighbourAt is the neighbour with that address, which may be a stranger; nil when there is none.
func (s *Server) neighbourAt(address string) *pbx {
	if p := s.pairedAt(address); p != nil || s.deps.Neighbours == nil || address == "" {
		return p
	}
	if n, ok := s.deps.Neighbours.Stranger(address); ok {
		return s.stranger(n)
	}
	return nil
}

func (s *Server) pairedAt(address string) *pbx {
	s.near.mu.Lock()
	defer s.near.mu.Unlock()
	for _, p := range s.near.by {
		if strings.EqualFold(p.neighbour.Address, address) {
			return p
		}
	}
	return nil
}

// Link takes a connection that the neighbour of that ID has opened, whose certificate was checked, and returns when it has ended.
func (s *Server) Link(conn net.Conn, id string) {
	p := s.neighbour(id)
	if p == nil || p.strange {
		conn.Close()
		return
	}
	s.serveLink(p, conn)
}

// serveLink gives sipgo a connection that a neighbour has opened, and waits for its end.
func (s *Server) serveLink(p *pbx, conn net.Conn) {
	l, err := s.linked(p, conn)
	if err != nil {
		p.log.Debug("connection not taken", "error", err)
		return
	}
	<-l.gone
}

// Unlink ends the connections with a neighbour that can't be heard any more, so that no call waits for an answer by a dead one.
func (s *Server) Unlink(id string) {
	if p := s.neighbour(id); p != nil {
		s.lines.closeOf(p)
	}
}

// linked gives sipgo a connection with a neighbour, which closes it.
func (s *Server) linked(p *pbx, conn net.Conn) (*line, error) {
	l, ok := s.lines.add(conn, p, locate.Target{}, locate.TLS)
	if !ok {
		conn.Close()
		return nil, net.ErrClosed
	}
	if !s.lines.tls.put(l) {
		l.Close()
		return nil, net.ErrClosed
	}
	l.taken.Store(true)
	t := l.target()
	p.mu.Lock()
	p.targets, p.using = []*target{t}, t
	p.mu.Unlock()
	return l, nil
}

// target is the far end of a connection with a neighbour.
func (l *line) target() *target {
	remote, _ := netip.ParseAddrPort(l.RemoteAddr().String())
	local, _ := netip.ParseAddrPort(l.LocalAddr().String())
	return &target{Target: locate.Target{Transport: locate.TLS, Addr: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())},
		local: local.Addr().Unmap().WithZone("")}
}

// link is an open connection with a neighbour, made when there is none: the one to at, if that is still open.
func (p *pbx) link(ctx context.Context, at string) (*line, error) {
	ls := p.srv.lines
	if l := ls.of(p, at); l != nil {
		return l, nil
	}
	if p.srv.deps.Neighbours == nil {
		return nil, errNoServer
	}
	done := ls.dials.DoChan(neighbourKey+p.neighbour.ID, func() (any, error) {
		if l := ls.of(p, ""); l != nil { // opened just now
			return l, nil
		}
		ctx, stop := context.WithTimeout(ls.life, dialTime) // not the caller's: others may wait for the same
		defer stop()
		conn, err := p.srv.deps.Neighbours.Dial(ctx, p.neighbour.ID)
		if err != nil {
			return nil, err
		}
		return p.srv.linked(p, conn)
	})
	select {
	case result := <-done:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*line), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// prepareLink sends req by the connection with its neighbour, wherever its addresses point.
func (s *Server) prepareLink(ctx context.Context, p *pbx, req *sip.Request) error {
	l, err := p.link(ctx, req.MessageData.Destination())
	if err != nil {
		return err
	}
	req.SetTransport(locate.TLS)
	req.SetDestination(l.RemoteAddr().String())
	req.Laddr.IP, req.Laddr.Port = nil, 0
	return nil
}

// of is an open connection with p, the one with the remote address at when there is such; nil: none.
func (ls *lines) of(p *pbx, at string) *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.open[lineKey(locate.TLS, at)]; l != nil && l.pbx.Load() == p && l.taken.Load() {
		return l
	}
	for _, l := range ls.open {
		if l.pbx.Load() == p && l.taken.Load() {
			return l
		}
	}
	return nil
}

// with lists the connections with p.
func (ls *lines) with(p *pbx) []*line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var all []*line
	for _, l := range ls.open {
		if l.pbx.Load() == p {
			all = append(all, l)
		}
	}
	return all
}

// closeOf ends all connections with p.
func (ls *lines) closeOf(p *pbx) {
	for _, l := range ls.with(p) {
		l.Close()
	}
}

// neighbourKey begins the key of a neighbour.
const neighbourKey = "neighbour "

// key names a PBX or neighbour while the program runs; no two have the same.
func (p *pbx) key() string {
	if p.neighbour != nil {
		return neighbourKey + p.neighbour.ID
	}
	return p.id
}

// trusted says that who p is says who people are, and may make phones act by themselves: a PBX may, a neighbour and a browser (nil) not.
func (p *pbx) trusted() bool { return p != nil && p.neighbour == nil }

// toNeighbour calls a user of a neighbour.
func (s *Server) toNeighbour(ctx context.Context, from caller, p *pbx, user string) (plan, error) {
	l, err := p.link(ctx, "")
	if err != nil {
		return plan{out: true}, &downError{p.cfg.Name, err}
	}
	hop := l.target()
	to := sip.Uri{Scheme: "sips", User: user, Host: p.neighbour.ID}
	return plan{out: true, branches: []*leg{{
		pbx: p, hop: hop, target: to,
		local:  address{display: from.user.Display, uri: sip.Uri{Scheme: "sip", User: from.user.Name, Host: s.ownID()}},
		remote: address{uri: to},
		party:  p.party(hop.Addr.Addr()),
	}}}, nil
}

// colleague is the caller as our users see it: at the neighbour's address, whatever host it claims.
func (p *pbx) colleague(from *sip.FromHeader) address {
	user, display := strings.ToLower(from.Address.User), from.DisplayName
	if p.strange { // people's names are believed of no stranger
		display = p.neighbour.Name + ", not paired"
	}
	if auth.ValidateName(user) != nil {
		user = "anonymous"
		if !p.strange {
			display = ""
		}
	}
	return address{display: display, uri: sip.Uri{Scheme: "sip", User: user, Host: p.neighbour.Address}}
}

// dialed is whom a request is for, as its sender would write it.
func (s *Server) dialed(from caller, req *sip.Request) string {
	if from.pbx == nil && s.neighbourAt(req.Recipient.Host) != nil && req.Recipient.User != "" {
		return req.Recipient.User + "@" + strings.ToLower(req.Recipient.Host)
	}
	return req.Recipient.User
}

// barred answers what a neighbour may not send, and gives true: outside of a call it may only begin one.
func (s *Server) barred(req *sip.Request, tx sip.ServerTransaction) bool {
	if req.Transport() != locate.TLS {
		return false
	}
	p := s.pbxAt(req)
	if p == nil || p.neighbour == nil {
		return false
	}
	if p.strange {
		return s.barsStranger(p, req, tx)
	}
	switch req.Method {
	case sip.INVITE, sip.ACK, sip.CANCEL, sip.OPTIONS:
		return false
	}
	if to := req.To(); to != nil && to.Params.Has("tag") {
		return false
	}
	s.reply(req, tx, sip.StatusForbidden, "Forbidden")
	return true
}

// renameNear translates the hosts by which a neighbour and we know each other's users; done says that there is nothing more to do.
func (s *Server) renameNear(from, to *leg, uri *sip.Uri) (done bool) {
	if n := from.pbx; n != nil && n.neighbour != nil {
		switch {
		case strings.EqualFold(uri.Host, s.ownID()):
			uri.Host, uri.Port = s.cfg.Domain, 0
		case strings.EqualFold(uri.Host, n.neighbour.ID):
			uri.Host, uri.Port = n.neighbour.Address, 0
		}
	}
	if to.pbx == nil {
		return from.pbx != nil && from.pbx.neighbour != nil
	}
	if to.pbx.neighbour == nil {
		return false
	}
	switch {
	case strings.EqualFold(uri.Host, s.cfg.Domain), from.pbx != nil && strings.EqualFold(uri.Host, from.pbx.uri.Host):
		uri.Host, uri.Port = s.ownID(), 0
	case strings.EqualFold(uri.Host, to.pbx.neighbour.Address):
		uri.Host, uri.Port = to.pbx.neighbour.ID, 0
	}
	return true
}
