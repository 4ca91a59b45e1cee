package signaling

import (
	"context"
	"slices"
	"strings"

	"cordboard/gateway/auth"
)

// serves says whether a host names the PBX: it is that of its address, or one of its domains.
func (p *pbx) serves(host string) bool {
	host = strings.Trim(host, "[]")
	return strings.EqualFold(host, strings.Trim(p.uri.Host, "[]")) || p.hasDomain(host)
}

// hasDomain says whether a host is one of the domains that the configuration gives the PBX.
func (p *pbx) hasDomain(host string) bool {
	return slices.ContainsFunc(p.cfg.Domains, func(d string) bool { return strings.EqualFold(d, host) })
}

// prefix is the longest of the PBX's prefixes that number begins with; "" for none.
func (p *pbx) prefix(number string) string {
	number = strings.ReplaceAll(number, "%23", "#")
	best := ""
	for _, prefix := range p.cfg.Prefixes {
		if len(prefix) > len(best) && strings.HasPrefix(number, prefix) {
			best = prefix
		}
	}
	return best
}

// way is a PBX that a call may go to, and the number as that PBX wants it.
type way struct {
	pbx    *pbx
	number string
}

// ways lists the PBXs for a number, in the order in which to try them: those with the longest prefix of it, else those with the
// domain, else the first one. Nobody but its own users calls through a PBX in mode passthrough.
func (s *Server) ways(number, host string) []way {
	longest, list := "", s.pbxes()
	for _, p := range list {
		if prefix := p.prefix(number); len(prefix) > len(longest) && !p.passes() {
			longest = prefix
		}
	}
	var all []way
	for _, p := range list {
		switch {
		case p.passes():
		case longest != "" && p.prefix(number) == longest:
			w := way{p, number}
			if rest := strings.TrimPrefix(strings.ReplaceAll(number, "%23", "#"), longest); p.cfg.Strip && rest != "" {
				w.number = strings.ReplaceAll(rest, "#", "%23")
			}
			all = append(all, w)
		case longest == "" && p.hasDomain(host):
			all = append(all, way{p, number})
		}
	}
	if i := slices.IndexFunc(list, func(p *pbx) bool { return !p.passes() }); len(all) == 0 && i >= 0 {
		all = []way{{list[i], number}}
	}
	return all
}

// toPBXes calls through the first of several ways that is open; the others stand by.
func (s *Server) toPBXes(from caller, ways []way) (plan, error) {
	p, err := plan{out: true}, error(nil)
	for _, w := range ways {
		one, down := s.toPBX(from, w.pbx, w.number)
		switch {
		case down != nil && err == nil:
			err = down
		case down != nil:
		case len(p.branches) == 0:
			p.branches = one.branches
		default:
			p.spare = append(p.spare, one.branches...)
		}
	}
	if len(p.branches) > 0 {
		err = nil
	}
	return p, err
}

// next calls through the next of the ways that stand by, when none is being tried.
func (u *setup) next(ctx context.Context, p *plan, live map[*leg]bool) {
	for len(live) == 0 && len(p.spare) > 0 {
		l := p.spare[0]
		p.spare = p.spare[1:]
		u.log.Info("next PBX", "pbx", l.pbx.cfg.Name)
		_ = u.breadth.split(1) // ring says whether there is something left
		if err := u.ring(ctx, l, live); err != nil {
			u.log.Warn("next PBX not called", "pbx", l.pbx.cfg.Name, "error", err)
		}
	}
}

// unreached says whether a branch ended in a way that makes the next PBX worth a try: without an answer, or because it can't now
// (RFC 3261 §21.5.4).
func (e event) unreached() bool {
	return e.leg.pbx != nil && (e.err != nil || e.res.StatusCode == 503)
}

// home is the PBX in mode extension at which a user registers; nil when there is none.
func (s *Server) home(u auth.User) *pbx {
	all := s.pbxes()
	i := slices.IndexFunc(all, func(p *pbx) bool {
		return p.cfg.mode() == ModeExtension && (u.PBXName == "" || u.PBXName == p.cfg.Name)
	})
	if i < 0 {
		return nil
	}
	return all[i]
}
