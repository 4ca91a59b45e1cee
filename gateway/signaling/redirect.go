package signaling

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// maxRedirects is how many targets of redirections a call tries at most.
const maxRedirects = 5

// errLoop is a redirection to where the call has been already.
var errLoop = errors.New("redirected in a circle")

// trail is the way of a call that is redirected (RFC 3261 §8.1.3.4). The set-up's goroutine owns it.
type trail struct {
	tried   map[string]bool
	count   int
	waiting []redirection
	active  *leg                 // the branch of the last redirection
	rights  map[*leg]caller      // on whose behalf a branch was called, where that is not the caller
	past    map[*leg][]diversion // what led to a branch, oldest first
}

// redirection is a target still to be tried.
type redirection struct {
	to   sip.Uri
	by   *leg
	as   caller // who may call it: the user whose browser redirects, or the caller whom the PBX redirects
	past []diversion
}

// diversion tells of one redirection.
type diversion struct {
	by     *leg
	uri    sip.Uri // of whom the call was for
	status int
	reason string // RFC 5806 §4
}

// began notes whom the call is for at first, so that it is never redirected there.
func (t *trail) began(from caller, p plan) {
	t.tried, t.rights, t.past = make(map[string]bool), make(map[*leg]caller), make(map[*leg][]diversion)
	for _, l := range slices.Concat(p.branches, p.spare) {
		t.tried[stopOf(l)] = true
		t.rights[l] = from
	}
}

// instead lets a branch take the place of another to the same callee.
func (t *trail) instead(old, next *leg) {
	t.rights[next], t.past[next] = t.rights[old], t.past[old]
	if t.active == old {
		t.active = next
	}
}

// stopOf names where a branch goes: a user, or a number at a PBX.
func stopOf(l *leg) string {
	if l.pbx != nil {
		return "pbx " + l.pbx.cfg.Name + " " + strings.ToLower(l.target.User)
	}
	return "user " + l.user
}

// redirected notes where a 3xx leads, best first; false when it leads nowhere. 305 names a proxy that nobody has asked for
// (RFC 3261 §21.3.4) and is not followed; nor is a neighbour, which could name a number that costs.
func (u *setup) redirected(e event) bool {
	if e.res == nil || e.res.StatusCode < 300 || e.res.StatusCode >= 400 || e.res.StatusCode == sip.StatusUseProxy || e.leg.pbx != nil && e.leg.pbx.neighbour != nil {
		return false
	}
	as := u.trail.rights[e.leg]
	if e.leg.pbx == nil {
		user, err := u.srv.deps.Users.User(context.Background(), e.leg.user)
		if err != nil {
			return false
		}
		e.leg.mu.Lock()
		as = caller{flow: e.leg.flow, user: user, req: u.req}
		e.leg.mu.Unlock()
	}
	past := append(slices.Clone(u.trail.past[e.leg]), u.diversion(e))
	var next []redirection
	for _, to := range contacts(e.res) {
		if to, ok := u.srv.redirectTarget(e.leg, to); ok {
			next = append(next, redirection{to, e.leg, as, past})
		}
	}
	u.trail.waiting = append(next, u.trail.waiting...)
	return len(next) > 0
}

// contacts are the addresses of a 3xx by their q, highest first (RFC 3261 §20.10).
func contacts(res *sip.Response) []sip.Uri {
	type contact struct {
		uri sip.Uri
		q   float64
	}
	var list []contact
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.Wildcard {
			continue
		}
		q := 1.0
		if text, ok := c.Params.Get("q"); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				q = 0
			}
		}
		list = append(list, contact{*c.Address.Clone(), q})
	}
	slices.SortStableFunc(list, func(a, b contact) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	var uris []sip.Uri
	for _, c := range list[:min(len(list), maxRedirects)] {
		uris = append(uris, c.uri)
	}
	return uris
}

// redirectTarget is a Contact of a 3xx as somebody would dial it: a tel: address is its number, and a number that a PBX gives is one of its own,
// on whatever host the phone lives.
func (s *Server) redirectTarget(by *leg, uri sip.Uri) (sip.Uri, bool) {
	to := sip.Uri{Scheme: "sip", Host: s.cfg.Domain}
	switch uri.Scheme {
	case "tel":
		number, _, _ := strings.Cut(strings.TrimPrefix(uri.String(), "tel:"), ";")
		if to.User = callee(number); !IsNumber(to.User) {
			return sip.Uri{}, false
		}
		return to, true
	case "sip", "sips":
		if to.User = callee(uri.User); to.User == "" {
			return sip.Uri{}, false
		}
		if by.pbx == nil || !IsNumber(to.User) {
			to.Host = uri.Host
		}
		return to, true
	}
	return sip.Uri{}, false
}

// diversion is what the response says of why the call is redirected.
func (u *setup) diversion(e event) diversion {
	e.leg.mu.Lock()
	defer e.leg.mu.Unlock()
	d := diversion{by: e.leg, uri: *e.leg.remote.uri.Clone(), status: e.res.StatusCode, reason: "unconditional"}
	if e.leg.remote.tag != "" { // it rang
		d.reason = "deflection"
	}
	if h := e.res.GetHeader("Diversion"); h != nil {
		if list := splitList(h.Value()); len(list) > 0 {
			if a, ok := parseParty(list[0]); ok {
				if r, ok := a.params.Get("reason"); ok && isToken(r) {
					d.reason = r
				}
			}
		}
	}
	return d
}

// onward tries the next target of a redirection when the last one has failed, and gives the failures of those that can't be called.
func (u *setup) onward(ctx context.Context, live map[*leg]bool) (failed []failure) {
	t := &u.trail
	if t.active != nil && live[t.active] {
		return nil
	}
	for len(t.waiting) > 0 {
		r := t.waiting[0]
		t.waiting = t.waiting[1:]
		rung, err := u.try(ctx, r, live)
		if err != nil {
			failed = append(failed, statusOf(err))
		}
		if rung {
			return failed
		}
	}
	return failed
}

// try calls the target of a redirection with the rights of who redirects.
func (u *setup) try(ctx context.Context, r redirection, live map[*leg]bool) (rung bool, err error) {
	t := &u.trail
	if t.count++; t.count > maxRedirects {
		return false, errLoop
	}
	req := u.req.Clone()
	req.Recipient = r.to
	p, err := u.srv.route(ctx, r.as, req)
	if err == nil && p.builtin != "" {
		err = errNotFound
	}
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(p.branches, func(l *leg) bool { return t.tried[stopOf(l)] }) {
		return false, errLoop
	}
	if err := u.breadth.split(len(p.branches)); err != nil {
		return false, err
	}
	u.log.Info("call redirected", "by", nameOf(r.by), "to", r.to.User)
	u.mu.Lock()
	for _, user := range p.users {
		u.involve(user.Name)
	}
	u.mu.Unlock()
	for _, l := range slices.Concat(p.branches, p.spare) {
		t.tried[stopOf(l)] = true
		t.rights[l], t.past[l] = r.as, r.past
		shown := r.by.local
		switch { // the new callee sees who calls, not who redirects
		case r.by.pbx != nil:
		case l.pbx == nil:
			l.local = address{display: shown.display, uri: *shown.uri.Clone()}
		default: // the PBX wants the extension that pays
			l.local.display = shown.display
			if l.local.display == "" {
				l.local.display = shown.uri.User
			}
		}
		if err = u.ring(ctx, l, live); err == nil {
			t.active, rung = l, true
		}
	}
	return rung, err
}

// headers tell a branch what led to it: Diversion (RFC 5806), last redirection first, which goes before what there was already, and
// History-Info (RFC 7044), first one first, which goes behind it.
func (t *trail) headers(u *setup, l *leg) (diversions, history []sip.Header) {
	past := t.past[l]
	if len(past) == 0 {
		return nil, nil
	}
	for _, d := range slices.Backward(past) {
		uri := u.srv.renamed(d.by, l, d.uri)
		diversions = append(diversions, sip.NewHeader("Diversion", "<"+uri.String()+">;reason="+d.reason+";counter=1"))
	}
	index, from := u.historyIndex(), ""
	for _, d := range past {
		uri := u.srv.renamed(d.by, l, d.uri)
		uri.Headers = sip.HeaderParams{{K: "Reason", V: escapeHeader("SIP;cause=" + itoa(d.status))}}
		history = append(history, sip.NewHeader("History-Info", "<"+uri.String()+">;index="+index+from))
		from = ";mp=" + index
		index += ".1"
	}
	to := l.remote.uri
	return diversions, append(history, sip.NewHeader("History-Info", "<"+to.String()+">;index="+index+from))
}

// historyIndex is the index of the first entry that we add to the History-Info with which the call came, if that is believed.
func (u *setup) historyIndex() string {
	index := "1"
	if u.a.pbx == nil {
		return index
	}
	for _, h := range u.req.GetHeaders("History-Info") {
		for _, v := range splitList(h.Value()) {
			if p, ok := parseParty(v); ok {
				if i, ok := p.params.Get("index"); ok && isToken(i) {
					index = i + ".1"
				}
			}
		}
	}
	return index
}

// renamed is an address of the side of leg from as the side of leg to knows it.
func (s *Server) renamed(from, to *leg, uri sip.Uri) sip.Uri {
	uri = *uri.Clone()
	s.rename(from, to, &uri)
	return uri
}
