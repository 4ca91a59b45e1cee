package signaling

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// guestExpires is for how long a guest is registered at most, unless the PBX wants longer: when a browser vanishes and the PBX would ask
// for its password again to forget it, the registration runs out by itself.
const guestExpires = 120 * time.Second

// guestParam is the parameter of our Contact that names a guest to us. Phones have used this one for long, so PBXs keep it. The user
// part stays the account's: some PBXs use a Path only then.
const guestParam = "line"

// registerGuest carries a REGISTER of a guest's browser to its PBX and the answer back.
func (s *Server) registerGuest(g *guest, req *sip.Request, tx sip.ServerTransaction) {
	if !g.is(req.To().Address) {
		s.breach(g.flow, req, tx, "registration for another user")
		return
	}
	contact, expires, ok := guestContact(req)
	switch {
	case !ok:
		s.reply(req, tx, sip.StatusBadRequest, "One Contact Wanted")
		return
	case !g.pbx.serves(req.Recipient.Host):
		s.reply(req, tx, sip.StatusNotFound, "Not Found")
		return
	case !s.mayTry(g, req):
		s.replyFailure(req, tx, statusOf(errTooManyTries))
		return
	}
	if err := g.pbx.down(); err != nil {
		s.replyFailure(req, tx, statusOf(err))
		return
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	if g.ended {
		s.reply(req, tx, sip.StatusTemporarilyUnavailable, "Connection Lost")
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), answerTime)
	defer stop()
	expires = min(expires, max(guestExpires, g.pbx.minExpires()))
	res, err := s.sendRegister(ctx, g, req, contact, expires)
	if err != nil {
		s.replyFailure(req, tx, statusOf(err))
		return
	}
	s.judged(g, req, res)
	out := sip.NewResponseFromRequest(req, res.StatusCode, res.Reason, nil)
	for _, h := range challengesOf(res) {
		out.AppendHeader(h)
	}
	passHeaders(res, out)
	out.RemoveHeader("Path")
	for _, name := range []string{"Min-Expires", "Retry-After", "Warning"} {
		if h := res.GetHeader(name); h != nil {
			out.AppendHeader(sip.HeaderClone(h))
		}
	}
	if res.IsSuccess() && contact != nil {
		if !s.proved(g, req) {
			s.log.Warn("registration refused", "pbx", g.pbx.cfg.Name, "user", g.name(), "why", "the PBX takes registrations without a password")
			s.unregisterGuest(ctx, g)
			s.reply(req, tx, sip.StatusForbidden, "Forbidden", warning(g.pbx.cfg.Name+" takes registrations without a password")...)
			return
		}
		_, known := g.registered(time.Now())
		g.credentials = credentialsOf(req)
		g.hold(contact, expires, g.grantedBy(res, expires), out)
		if !known && expires > 0 {
			defer s.returned(g.name(), binding{contact: contact.Address, flow: g.flow})
		}
	}
	s.respond(tx, out)
}

// proved says whether the PBX has found out who the guest's user is, and gives it the flow if so. A PBX that never asks for a password
// trusts our address, and would take anybody for anybody.
func (s *Server) proved(g *guest, req *sip.Request) bool {
	if _, bound := g.flow.Identity(); bound {
		return true
	}
	if len(credentialsOf(req)) == 0 || len(g.pbx.facts.get(call.FactAuthentication)) == 0 {
		return false
	}
	return g.flow.Bind(auth.Identity{User: g.name()})
}

// guestContact is the Contact of a browser's REGISTER and for how long it shall be known: nil for a mere question, 0 for its end.
func guestContact(req *sip.Request) (contact *sip.ContactHeader, expires time.Duration, ok bool) {
	list := req.GetHeaders("Contact")
	if len(list) == 0 {
		return nil, 0, true
	}
	c, ok := list[0].(*sip.ContactHeader)
	if !ok || len(list) > 1 {
		return nil, 0, false
	}
	if c.Address.Wildcard { // all that it could end here is its own
		return c, 0, true
	}
	return c, expiresOf(req, c), true
}

// sendRegister sends a REGISTER for a guest and gives its answer. req is the browser's; nil: it is gone. It is sent with Path unless the
// PBX is known not to take it.
func (s *Server) sendRegister(ctx context.Context, g *guest, req *sip.Request, contact *sip.ContactHeader, expires time.Duration) (*sip.Response, error) {
	p := g.pbx
	for {
		g.seq++
		out := p.request(sip.REGISTER, g.aor, g.callID, g.tag, g.seq)
		out.Recipient = sip.Uri{Scheme: "sip", Host: g.aor.Host, Port: g.aor.Port}
		given := g.credentials
		if req != nil {
			out.Recipient = *req.Recipient.Clone()
			out.Recipient.UriParams.Remove("transport")
			passHeaders(req, out)
			out.RemoveHeader("Path")
			given = credentialsOf(req)
		}
		for _, h := range given {
			out.AppendHeader(sip.HeaderClone(h))
		}
		withPath := contact != nil && !p.facts.refuses("path")
		if contact != nil {
			out.AppendHeader(&sip.ContactHeader{Address: g.maskedContact(), Params: contactParams(contact, expires)})
			seconds := sip.ExpiresHeader(expires / time.Second)
			out.AppendHeader(&seconds)
		}
		if withPath {
			out.AppendHeader(sip.NewHeader("Supported", "path"))
			out.AppendHeader(sip.NewHeader("Path", "<"+g.path()+">"))
		}
		out.AppendHeader(sip.NewHeader("Allow", allow))
		out.SetBody(nil)
		res, err := s.once(ctx, out)
		if err != nil {
			return nil, err
		}
		switch {
		case !withPath:
		case res.StatusCode == sip.StatusBadExtension && p.facts.refuses("path"):
			continue
		case res.IsSuccess() && expires > 0:
			p.learnPath(res)
		}
		return res, nil
	}
}

// learnPath keeps whether the PBX takes Path: it says so by giving it back (RFC 3327 §5.3).
func (p *pbx) learnPath(res *sip.Response) {
	switch {
	case res.GetHeader("Path") != nil:
		p.accepted("path")
	case !p.facts.refuses("path"):
		p.refused("path")
		p.srv.noteFacts()
	}
}

// maskedContact is where the PBX reaches the guest: the account's name at our address.
func (g *guest) maskedContact() sip.Uri {
	uri := g.pbx.contactAt(g.pbx.server())
	uri.User = g.aor.User
	uri.UriParams = append(uri.UriParams, sip.HeaderKV{K: guestParam, V: g.token})
	return uri
}

// path is the way to the guest, for the PBX to put before its Contact (RFC 3327).
func (g *guest) path() string {
	uri := g.maskedContact()
	uri.User = g.token
	uri.UriParams = sip.HeaderParams{uri.UriParams[0], {K: "lr"}}
	return uri.String()
}

// contactParams are what the PBX may know of a browser's Contact: which device it is and how it is preferred, but nothing of its WebSocket.
func contactParams(c *sip.ContactHeader, expires time.Duration) sip.HeaderParams {
	params := sip.HeaderParams{{K: "expires", V: strconv.Itoa(int(expires / time.Second))}}
	for _, name := range []string{"q", "+sip.instance"} {
		if v, ok := c.Params.Get(name); ok {
			params = append(params, sip.HeaderKV{K: name, V: v})
		}
	}
	return params
}

// grantedBy is for how long the PBX has registered the guest.
func (g *guest) grantedBy(res *sip.Response, asked time.Duration) time.Duration {
	text := valueOf(res, "Expires")
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			continue
		}
		if v, _ := c.Address.UriParams.Get(guestParam); strings.EqualFold(v, g.token) {
			if own, ok := c.Params.Get("expires"); ok {
				text = own
			}
		}
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil || seconds == 0 {
		return asked
	}
	return time.Duration(seconds) * time.Second
}

// hold keeps where a registered browser is reached and tells it so. What other devices the PBX knows is not its affair.
func (g *guest) hold(contact *sip.ContactHeader, asked, granted time.Duration, out *sip.Response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if asked == 0 {
		g.expires = time.Time{}
		return
	}
	g.contact, g.expires = *contact.Address.Clone(), time.Now().Add(granted)
	back := contact.Clone()
	back.Params.Remove("expires")
	back.Params.Add("expires", strconv.Itoa(int(granted/time.Second)))
	out.AppendHeader(back)
}

// endGuest ends a guest's registration for good: its flow is gone, or we stop.
func (s *Server) endGuest(ctx context.Context, g *guest) {
	g.turn.Lock()
	defer g.turn.Unlock()
	g.ended = true
	if _, ok := g.registered(time.Now()); ok {
		s.unregisterGuest(ctx, g)
	}
}

// unregisterGuest ends a guest's registration at the PBX. If that asks for the password again it runs out by itself soon. The
// caller holds g.turn.
func (s *Server) unregisterGuest(ctx context.Context, g *guest) {
	g.mu.Lock()
	g.expires = time.Time{}
	g.mu.Unlock()
	res, err := s.sendRegister(ctx, g, nil, &sip.ContactHeader{}, 0)
	switch {
	case err != nil:
		s.log.Info("registration not ended", "pbx", g.pbx.cfg.Name, "user", g.name(), "error", err)
	case !res.IsSuccess():
		s.log.Info("registration left to run out", "pbx", g.pbx.cfg.Name, "user", g.name(), "status", res.StatusCode)
	}
}

// minExpires is the shortest registration that the PBX is known to take.
func (p *pbx) minExpires() time.Duration {
	values := p.facts.get(call.FactMinExpires)
	if len(values) == 0 {
		return 0
	}
	seconds, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxExpires)
}

func (s *Server) replyFailure(req *sip.Request, tx sip.ServerTransaction, f failure) {
	s.reply(req, tx, f.status, f.reason, f.headers...)
}
