package signaling

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/guard"
	"cordboard/gateway/locate"
)

// caller is who sent a request that makes a dialog: a user's browser or a PBX.
type caller struct {
	flow *flow
	user auth.User // of the flow
	pbx  *pbx
	req  *sip.Request

	guest *guest // of the flow, if its user is one of a PBX in mode passthrough
}

// name is the caller as the board shows it.
func (c caller) name() string {
	switch {
	case c.pbx != nil && c.pbx.neighbour != nil:
		uri := c.pbx.colleague(c.req.From()).uri
		return uri.User + "@" + uri.Host
	case c.pbx != nil:
		if asked, _ := privacyOf(c.req); asked&privateUser != 0 {
			return anonymousName
		}
		return c.req.From().Address.User
	}
	return c.user.Name
}

// leg is the caller's leg of the call that its INVITE asks for.
func (c caller) leg(req *sip.Request) *leg {
	if c.pbx != nil && c.pbx.web() {
		l := &leg{pbx: c.pbx, party: c.pbx.party(c.pbx.server().Addr.Addr())}
		if u := c.pbx.srv.uplinks.at(req.Source()); u != nil { // else it has closed just now
			l.creds = u.account()
		}
		return l
	}
	if c.pbx != nil {
		source, _ := netip.ParseAddrPort(req.Source())
		if l := c.pbx.srv.lines.at(locate.TLS, req.Source()); l != nil && c.pbx.neighbour != nil {
			return &leg{pbx: c.pbx, hop: l.target(), party: c.pbx.party(source.Addr().Unmap())}
		}
		return &leg{pbx: c.pbx, hop: c.pbx.targetOf(netip.AddrPortFrom(source.Addr().Unmap(), source.Port()), req.Transport()), party: c.pbx.party(source.Addr().Unmap())}
	}
	return &leg{flow: c.flow, guest: c.guest, user: c.user.Name, party: c.flow.media()}
}

// caller finds out who sent req. When nobody known did it answers the request itself and ok is false.
func (s *Server) caller(req *sip.Request, tx sip.ServerTransaction) (c caller, ok bool) {
	f := s.door.flow(req.Source())
	if f == nil {
		if p := s.pbxAt(req); p != nil {
			p.learnRequest(req)
			return caller{pbx: p, req: req}, true
		}
		s.reply(req, tx, sip.StatusForbidden, "Forbidden")
		return caller{}, false
	}
	if !s.authorize(f, req, tx) {
		return caller{}, false
	}
	if g := s.guests.of(f); g != nil {
		return caller{flow: f, user: auth.User{Name: g.name(), Display: req.From().DisplayName}, guest: g, req: req}, true
	}
	id, _ := f.Identity()
	user, err := s.deps.Users.User(context.Background(), id.User)
	if err != nil {
		s.log.Info("request of a removed account", "user", id.User)
		s.breach(f, req, tx, "account removed")
		return caller{}, false
	}
	return caller{flow: f, user: user, req: req}, true
}

// authorize lets a request of a browser pass if its flow belongs to somebody, by the handshake, by an earlier
// request or by digest in this one, and From names that somebody. Otherwise it answers and gives false.
func (s *Server) authorize(f *flow, req *sip.Request, tx sip.ServerTransaction) bool {
	if g := s.guestOf(f, req); g != nil {
		return s.authorizeGuest(g, f, req, tx)
	}
	now := time.Now()
	id, bound := f.Identity()
	if !bound {
		header, challenge := "Proxy-Authorization", "Proxy-Authenticate"
		status, text := sip.StatusProxyAuthRequired, "Proxy Authentication Required"
		if req.Method == sip.REGISTER {
			header, challenge = "Authorization", "WWW-Authenticate"
			status, text = sip.StatusUnauthorized, "Unauthorized"
		}
		given := ""
		if h := req.GetHeader(header); h != nil {
			given = h.Value()
		}
		var err error
		id, err = s.guess(f, given, req, now)
		switch {
		case err == nil:
			if req.From().Address.User != id.User && !anonymous(req.From()) || !f.Bind(id) {
				s.trespass(f, id.User, req, tx, "identity mismatch")
				return false
			}
			return true
		case errors.Is(err, auth.ErrNoCredentials), errors.Is(err, auth.ErrStale):
			res := sip.NewResponseFromRequest(req, status, text, nil)
			// The strongest first (RFC 8760 §2.4). JsSIP and SIP.js know MD5 only and keep the last challenge they read.
			for _, c := range s.deps.Digest.Challenges(now, errors.Is(err, auth.ErrStale)) {
				res.AppendHeader(sip.NewHeader(challenge, c))
			}
			s.respond(tx, res)
		case errors.Is(err, errTooManyTries):
			s.reply(req, tx, sip.StatusServiceUnavailable, "Too Many Tries", sip.NewHeader("Retry-After", "60"))
		case errors.Is(err, auth.ErrMalformed):
			s.reply(req, tx, sip.StatusBadRequest, "Malformed Credentials")
		default:
			s.log.Info("sign-in refused", "address", f.Remote().Addr(), "error", err)
			s.reply(req, tx, sip.StatusForbidden, "Forbidden", warning(err.Error())...)
		}
		return false
	}
	if !id.Expiry.IsZero() && now.After(id.Expiry) {
		s.breach(f, req, tx, "credential expired")
		return false
	}
	if from := req.From(); from == nil || from.Address.User != id.User && !(f.inside && from.Address.User == deskName) && (req.Method == sip.REGISTER || !anonymous(from)) {
		s.trespass(f, id.User, req, tx, "From of another user")
		return false
	}
	return true
}

var errTooManyTries = errors.New("too many tries")

// guess checks digest credentials, but only so many wrong ones of an address.
func (s *Server) guess(f *flow, given string, req *sip.Request, now time.Time) (auth.Identity, error) {
	key := auth.LimitKey(f.Remote().Addr(), req.From().Address.User)
	if given != "" {
		if _, ok := s.tries.Allow(key, now); !ok {
			return auth.Identity{}, errTooManyTries
		}
	}
	id, err := s.deps.Digest.Check(context.Background(), given, req.Method.String(), req.Recipient.String(), req.Body(), s.deps.Users, s.deps.Ephemeral, now)
	switch {
	case err == nil && s.deps.Bans.User(id.User, now):
		return auth.Identity{}, errBanned
	case err == nil:
		s.tries.Success(key)
	case errors.Is(err, auth.ErrWrongPassword):
		s.tries.Fail(key, now)
		s.deps.Bans.BlameAddress(f.Remote().Addr(), guard.WrongPassword, "wrong passwords", now)
	}
	return id, err
}

// breach answers 403 and closes the flow: its owner tried what it may not.
func (s *Server) breach(f *flow, req *sip.Request, tx sip.ServerTransaction, why string) {
	s.log.Warn("flow closed", "address", f.Remote().Addr(), "why", why)
	if !req.IsAck() {
		s.reply(req, tx, sip.StatusForbidden, "Forbidden", warning(why)...)
	}
	f.Close(websocket.StatusPolicyViolation, why)
}
