package signaling

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"cordboard/gateway/auth"
)

// A stranger is a neighbour that is not paired. It may ring our users by their names, and whoever owns this machine, and learns nothing
// beside: every call that nobody takes fails in the same way, whether there is such a user or not.

// How often strangers may call: each machine by its certificate, each address, and all together.
const (
	strangerEvery  = 20 * time.Second
	strangerBurst  = 3
	strangersEvery = 5 * time.Second
	strangersBurst = 10
	maxLobby       = 1000 // certificates and addresses that are remembered
)

// lobby counts the calls of strangers. The zero lobby is ready.
type lobby struct {
	mu  sync.Mutex
	all *rate.Limiter
	by  map[string]*rate.Limiter // certificates' IDs and addresses
}

// admits says whether a machine may call once more.
func (o *lobby) admits(id string, addr netip.Addr, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil {
		o.all, o.by = rate.NewLimiter(rate.Every(strangersEvery), strangersBurst), make(map[string]*rate.Limiter)
	}
	for key, l := range o.by {
		if len(o.by) < maxLobby {
			break
		}
		if l.TokensAt(now) >= strangerBurst { // as good as new
			delete(o.by, key)
		}
	}
	for _, key := range []string{id, addr.Unmap().WithZone("").String()} {
		l := o.by[key]
		if l == nil {
			if len(o.by) >= maxLobby {
				return false
			}
			l = rate.NewLimiter(rate.Every(strangerEvery), strangerBurst)
			o.by[key] = l
		}
		if !l.AllowN(now, 1) {
			return false
		}
	}
	return o.all.AllowN(now, 1)
}

// stranger is the neighbour n, which is not paired. Those with whom no connection is open are forgotten.
func (s *Server) stranger(n Neighbour) *pbx {
	s.near.mu.Lock()
	defer s.near.mu.Unlock()
	if p := s.near.by[n.ID]; p != nil {
		return p
	}
	if p := s.near.strangers[n.ID]; p != nil && *p.neighbour == n {
		return p
	}
	for id, p := range s.near.strangers {
		if s.lines.of(p, "") == nil {
			delete(s.near.strangers, id)
		}
	}
	if s.near.strangers == nil {
		s.near.strangers = make(map[string]*pbx)
	}
	p := s.newNeighbour(n)
	p.strange = true
	s.near.strangers[n.ID] = p
	return p
}

// LinkStranger takes a connection that a neighbour has opened with which we are not paired, and whose certificate is that of its
// announcement. It returns when the connection has ended.
func (s *Server) LinkStranger(conn net.Conn, n Neighbour) {
	p := s.stranger(n)
	if !p.strange { // paired just now: it will connect as such
		conn.Close()
		return
	}
	s.serveLink(p, conn)
}

// barsStranger answers what a stranger may not send, and gives true: outside of a call it may only ring, and not too often; inside of
// one it may not send our users on.
func (s *Server) barsStranger(p *pbx, req *sip.Request, tx sip.ServerTransaction) bool {
	switch req.Method {
	case sip.INVITE:
		if req.To().Params.Has("tag") {
			return false
		}
		source, _ := netip.ParseAddrPort(req.Source())
		if req.GetHeader("Replaces") == nil && s.lobby.admits(p.neighbour.ID, source.Addr(), time.Now()) {
			return false
		}
		p.log.Info("call of a stranger refused", "address", source.Addr())
		s.reply(req, tx, sip.StatusTemporarilyUnavailable, strangersAnswer)
		return true
	case sip.ACK, sip.CANCEL:
		return false
	case sip.BYE, sip.PRACK, sip.UPDATE, sip.INFO:
		if req.To().Params.Has("tag") {
			return false
		}
	}
	s.reply(req, tx, sip.StatusForbidden, "Forbidden")
	return true
}

// strangersAnswer is all that a stranger hears when nobody takes its call.
const strangersAnswer = "Temporarily Unavailable"

// toStrangersCallee finds whom a stranger rings: a user by name, or the owner.
func (s *Server) toStrangersCallee(ctx context.Context, from caller, req *sip.Request) (plan, error) {
	find := func() (auth.User, error) { return s.deps.Users.User(ctx, strings.ToLower(req.Recipient.User)) }
	switch target := req.Recipient.User; {
	case target == ownerName && s.deps.Owner != nil:
		find = func() (auth.User, error) { return s.deps.Owner(ctx) }
	case IsNumber(callee(target)):
		return plan{}, errNotFound
	}
	user, err := find()
	if err != nil || user.Name == "" {
		return plan{}, errNotFound
	}
	return s.toUsers(from, []auth.User{user}, req)
}

// isStrange says whether p is a neighbour that is not paired.
func (p *pbx) isStrange() bool { return p != nil && p.strange }
