package signaling

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/locate"
	"cordboard/gateway/sdp"
)

// routeGuest sends a call of a guest's browser to its PBX and nowhere else. The Request-URI stays as the browser wrote it, because its
// credentials are made for that one (RFC 7616 §3.4.6). Only who is registered may try the built-in callees, under our own domain.
func (s *Server) routeGuest(from caller, req *sip.Request) (plan, error) {
	g := from.guest
	if strings.EqualFold(req.Recipient.Host, s.cfg.Domain) {
		if _, bound := g.flow.Identity(); bound && slices.Contains(builtins, req.Recipient.User) {
			return plan{builtin: req.Recipient.User}, nil
		}
	}
	if !g.pbx.serves(req.Recipient.Host) {
		return plan{out: true}, errNotOurs
	}
	if err := g.pbx.down(); err != nil {
		return plan{out: true}, err
	}
	if !s.mayTry(g, req) {
		return plan{out: true}, errTooManyTries
	}
	hop := g.pbx.server()
	target, to := *req.Recipient.Clone(), *req.To().Address.Clone()
	target.UriParams.Remove("transport")
	to.UriParams.Remove("transport")
	return plan{out: true, branches: []*leg{{
		pbx: g.pbx, payer: g.name(), hop: hop, target: target,
		localSeq: req.CSeq().SeqNo - 1, // an INVITE that answers a challenge comes under the next number here as there
		local:    address{display: req.From().DisplayName, uri: g.aor},
		remote:   address{display: req.To().DisplayName, uri: to},
		party:    g.pbx.party(hop.Addr.Addr()),
	}}}, nil
}

// toGuests sends a call of a PBX to the guests it means: the one whose token stands in the Request-URI or in the Route made of our
// Path, else all guests of the user that it names.
func (s *Server) toGuests(from caller, req *sip.Request) (plan, error) {
	now := time.Now()
	var p plan
	caller := *req.From().Address.Clone()
	caller.UriParams, caller.Headers = nil, nil
	for _, g := range s.guestsFor(from.pbx, req) {
		contact, ok := g.registered(now)
		if !ok {
			continue
		}
		contact.Headers = nil
		p.users = []auth.User{{Name: g.name()}}
		p.branches = append(p.branches, &leg{
			guest: g, user: g.name(), flow: g.flow, target: contact,
			local:  address{display: req.From().DisplayName, uri: caller},
			remote: address{uri: g.aor},
			party:  call.Party{Profile: sdp.WebRTC, Host: g.flow.Remote().Addr().Unmap()},
		})
	}
	if len(p.branches) == 0 {
		return p, errNotRegistered
	}
	return p, nil
}

// guestsFor are the guests that a request of the PBX is for.
func (s *Server) guestsFor(p *pbx, req *sip.Request) []*guest {
	name, named := req.Recipient.UriParams.Get(guestParam)
	for _, h := range req.GetHeaders("Route") {
		if r, ok := h.(*sip.RouteHeader); ok && !named && r.Address.User != "" {
			name, named = r.Address.User, true
		}
	}
	if !named {
		return s.guests.all(func(g *guest) bool { return g.pbx == p && g.aor.User == req.Recipient.User })
	}
	id, ok := s.guests.tokens.open(name)
	return s.guests.all(func(g *guest) bool {
		return ok && g.id == id && g.pbx.owns(hostOf(req.Source()), req.Transport() == locate.TLS)
	})
}

// byeThrough ends a call of a guest's browser at its PBX first, because that may ask for the password again.
func (s *Server) byeThrough(l, peer *leg, req *sip.Request, tx sip.ServerTransaction) {
	ctx, stop := context.WithTimeout(context.Background(), answerTime)
	defer stop()
	out := peer.request(sip.BYE)
	out.RemoveHeader("Contact")
	passHeaders(req, out)
	passCredentials(l, peer, req, out)
	out.SetBody(nil)
	res, err := peer.do(ctx, out)
	if err == nil && (res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired) {
		s.reply(req, tx, res.StatusCode, res.Reason, challengesOf(res)...)
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	peer.mu.Lock()
	peer.confirmed = false // it has had its BYE
	peer.mu.Unlock()
	l.call.enter(call.Talking)
	l.call.endLater(l, "", reasons(req)...)
}
