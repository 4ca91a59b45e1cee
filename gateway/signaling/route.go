package signaling

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// plan is where a call goes: to the legs it forks to, or to a built-in callee.
type plan struct {
	branches []*leg
	builtin  string
	spare    []*leg      // to try one after the other when a branch did not reach its PBX
	users    []auth.User // whom it rings; all whom it is for when none of them has a device
	out      bool        // it goes to the PBX
}

// builtins are the callees that are always there.
var builtins = []string{"echo", "tone"}

// route decides who is called: names and built-ins are local, numbers and what has a PBX's domain go to a PBX when there is one,
// else to the local user with that extension. What comes from the PBX goes to the user whose extension it names.
func (s *Server) route(ctx context.Context, from caller, req *sip.Request) (plan, error) {
	switch {
	case from.pbx.isStrange():
		return s.toStrangersCallee(ctx, from, req)
	case from.guest != nil:
		return s.routeGuest(from, req)
	case from.pbx.passes():
		return s.toGuests(from, req)
	}
	if p, named, err := s.toPinned(ctx, from, req); named {
		return p, err
	}
	target := callee(req.Recipient.User)
	if from.pbx != nil {
		users, err := s.usersForPBX(ctx, from.pbx, target, req)
		if err == nil {
			return s.toUsers(from, users, req)
		}
		if slices.Contains(builtins, target) {
			return plan{builtin: target}, nil
		}
		if target == deskName {
			return s.toDesk(ctx, from, req)
		}
		return plan{}, err
	}
	if !s.isOurs(req.Recipient.Host, from.flow) {
		if p := s.neighbourAt(req.Recipient.Host); p != nil {
			return s.toNeighbour(ctx, from, p, cmp.Or(target, ownerName))
		}
		return plan{}, errNotOurs
	}
	ways := s.ways(target, req.Recipient.Host)
	if !IsNumber(target) && len(ways) > 0 && ways[0].pbx.hasDomain(req.Recipient.Host) {
		return s.toPBXes(from, ways)
	}
	if slices.Contains(builtins, target) {
		return plan{builtin: target}, nil
	}
	if target == deskName {
		return s.toDesk(ctx, from, req)
	}
	if !IsNumber(target) {
		user, err := s.deps.Users.User(ctx, strings.ToLower(target))
		if err == nil {
			return s.toUsers(from, []auth.User{user}, req)
		}
		if p := s.neighbourAt(target); p != nil {
			return s.toNeighbour(ctx, from, p, ownerName)
		}
		if len(ways) > 0 && ways[0].pbx.web() { // there people have names too
			return s.toPBXes(from, ways[:1])
		}
		return plan{}, errNotFound
	}
	if len(ways) > 0 {
		return s.toPBXes(from, ways)
	}
	user, err := s.deps.Users.ByExtension(ctx, target)
	if err != nil {
		return plan{}, errNotFound
	}
	return s.toUsers(from, []auth.User{user}, req)
}

// isOurs says whether a browser may name us by host: as the domain, by an address, as it opened the flow, or as one of the PBXs.
func (s *Server) isOurs(host string, f *flow) bool {
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, s.cfg.Domain) || strings.EqualFold(host, "localhost") {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil && (addr.IsLoopback() || addr.Unmap() == f.Local().Addr().Unmap()) {
		return true
	}
	return slices.ContainsFunc(s.pbxes(), func(p *pbx) bool { return !p.passes() && p.serves(host) })
}

// toUsers forks to every browser of the users.
func (s *Server) toUsers(from caller, users []auth.User, req *sip.Request) (plan, error) {
	var p plan
	local := address{display: from.user.Display, uri: sip.Uri{Scheme: "sip", User: from.user.Name, Host: s.cfg.Domain}}
	if from.pbx != nil {
		h := req.From()
		local = address{display: h.DisplayName, uri: sip.Uri{Scheme: "sip", User: h.Address.User, Host: s.cfg.Domain}}
		if from.pbx.neighbour != nil {
			local = from.pbx.colleague(h)
		}
	}
	for _, user := range users {
		bindings := s.devices(user.Name, req)
		if len(bindings) > 0 {
			p.users = append(p.users, user)
		}
		for _, b := range bindings {
			target := b.contact
			target.Headers = nil // they are no part of a Request-URI (RFC 3261 §19.1.1)
			p.branches = append(p.branches, &leg{
				user: user.Name, device: b.instance, flow: b.flow, routes: b.path, backups: b.backups, target: target, local: local,
				remote: address{display: user.Display, uri: sip.Uri{Scheme: "sip", User: user.Name, Host: s.cfg.Domain}},
				party:  b.flow.media(),
			})
		}
	}
	if len(p.branches) == 0 {
		p.users = users
		return p, errNotRegistered
	}
	return p, nil
}

// toPBX calls a number as the user's extension, or as the trunk.
func (s *Server) toPBX(from caller, p *pbx, number string) (plan, error) {
	if err := p.down(); err != nil {
		return plan{out: true}, err
	}
	creds := p.credentials(from.user)
	if p.web() {
		if err := p.open(creds); err != nil {
			return plan{out: true}, err
		}
	}
	identity := creds.Username
	if identity == "" {
		identity = from.user.Extension
	}
	if identity == "" {
		identity = from.user.Name
	}
	target := p.self()
	target.User = number
	hop := p.server()
	party := p.party(hop.Addr.Addr())
	if p.web() {
		hop = nil // the account's connection leads there
	}
	return plan{out: true, branches: []*leg{{
		pbx: p, payer: from.user.Name, hop: hop, routes: p.serviceRoute(creds.Username), creds: creds, target: target,
		local:  address{display: from.user.Display, uri: sip.Uri{Scheme: "sip", User: identity, Host: p.domain()}},
		remote: address{uri: sip.Uri{Scheme: "sip", User: number, Host: p.domain()}},
		party:  party,
	}}}, nil
}

// usersForPBX finds whom the PBX means: the user registered there by the name in the Request-URI, the user with that
// extension or name, or, when the Request-URI is the trunk's own contact, what To names; a trunk that names nobody means all.
func (s *Server) usersForPBX(ctx context.Context, p *pbx, target string, req *sip.Request) ([]auth.User, error) {
	if p.cfg.mode() == ModeTrunk && target == p.cfg.Username && req.To() != nil {
		target = callee(req.To().Address.User)
	}
	if p.neighbour != nil && target == ownerName && s.deps.Owner != nil {
		owner, err := s.deps.Owner(ctx)
		if err == nil && owner.Name == "" { // there is no account yet
			err = errNotFound
		}
		return []auth.User{owner}, err
	}
	users, err := s.deps.Users.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, same := range []func(auth.User) bool{
		func(u auth.User) bool { return s.home(u) == p && u.PBX.Username == target },
		func(u auth.User) bool { return u.Extension != "" && u.Extension == target },
		func(u auth.User) bool { return u.Name == strings.ToLower(target) },
	} {
		if i := slices.IndexFunc(users, same); i >= 0 {
			return users[i : i+1], nil
		}
	}
	if p.cfg.mode() == ModeTrunk && target == p.cfg.Username {
		return users, nil
	}
	return nil, errNotFound
}

// marks are those that people write between digits and a URI has escaped.
var marks = strings.NewReplacer("%20", "", "%2F", "/", "%2f", "/", "%28", "(", "%29", ")")

// callee is the user part of an address as dialed: numbers without the marks people write between digits.
func callee(user string) string {
	stripped := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, marks.Replace(user))
	if IsNumber(stripped) {
		return stripped
	}
	return user
}

// IsNumber says whether people would call it a number: digits, with + before and * or # (or %23) among them.
func IsNumber(s string) bool {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "+"), "%23", "#")
	return s != "" && strings.Trim(s, "0123456789*#") == ""
}

// hostOf is the address part of "ip:port".
func hostOf(source string) netip.Addr {
	host, _, err := net.SplitHostPort(source)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}
