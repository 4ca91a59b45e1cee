package signaling

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/guard"
)

var (
	errBanned        = errors.New("banned for a while")
	errReferTo       = errors.New("not one Refer-To") // RFC 3515 §2.4.2
	errAddressBanned = &doorRefusal{http.StatusForbidden, "banned", "This address has misbehaved and is kept out for a while.", 0}
	errUserBanned    = &doorRefusal{http.StatusForbidden, "banned", "This user has misbehaved and is kept out for a while.", 0}
)

// spare keeps the PBXs and trusted proxies from ever being banned.
func (s *Server) spare() {
	s.deps.Bans.Exempt(func(addr netip.Addr) bool {
		for _, network := range s.cfg.TrustedProxies {
			if network.Contains(addr) {
				return true
			}
		}
		for _, p := range s.roster().all {
			if p.owns(addr, false) || p.owns(addr, true) {
				return true
			}
		}
		return false
	})
}

// trespass is the breach of a user who spoke as another one.
func (s *Server) trespass(f *flow, user string, req *sip.Request, tx sip.ServerTransaction, why string) {
	now := time.Now()
	s.deps.Bans.BlameAddress(f.Remote().Addr(), guard.Breach, why, now)
	s.deps.Bans.BlameUser(user, guard.Breach, why, now)
	s.breach(f, req, tx, why)
}

// judge blames the address of a flow for the way in which the flow has ended.
func (s *Server) judge(f *flow) {
	v := f.verdict
	_, bound := f.Identity()
	offence := guard.Stray
	switch {
	case v.code == websocket.StatusPolicyViolation && strings.HasPrefix(v.reason, "too many"), v.code == websocket.StatusMessageTooBig:
		offence = guard.Malformed
	case bound, v.reason == stopping:
		return
	}
	s.deps.Bans.BlameAddress(f.Remote().Addr(), offence, v.reason, time.Now())
}

// gate lets into the TCP side of the SIP port only whom we know. Others are closed before they cost more than that.
type gate struct {
	net.Listener
	srv *Server
}

// Accept gives the next connection of a PBX or of the far end of a call.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr, now := hostOf(conn.RemoteAddr().String()), time.Now()
		if g.srv.knows(addr) && !g.srv.deps.Bans.Address(addr, now) {
			return g.srv.misread.candid(conn), nil
		}
		_ = conn.Close()
		g.srv.deps.Bans.BlameAddress(addr, guard.Scan, "knocked on the SIP port", now)
	}
}

// mayLeave says whether the branch l may go out. Whoever called, and however the call came to this branch: toward a PBX it goes on
// the account of the user who makes or forwards it, and what a PBX sends goes to no PBX by itself.
func (u *setup) mayLeave(ctx context.Context, l *leg) error {
	if l.pbx != nil && u.from.pbx.isStrange() { // whoever it was that was to be rung
		return errNotFound
	}
	if l.pbx != nil && slices.Contains(u.srv.roster().leaving, l.pbx) {
		return errNotFound
	}
	if l.pbx == nil || l.pbx.neighbour != nil { // calls among colleagues cost nothing, and a neighbour's go no further
		return nil
	}
	if l.payer == "" {
		return errNotFound
	}
	return u.srv.deps.Toll.Enter(ctx, u.id, l.payer, l.target.User, time.Now())
}

// meterTime is how long a talking call goes on at most until its user's talk time is looked at again: another call may use it up too.
const meterTime = 10 * time.Second

// meter ends the call when its user's talk time is used up.
func (b *bridge) meter() {
	left, err := b.srv.deps.Toll.Left(b.id, time.Now())
	switch {
	case err != nil:
		b.endLater(nil, err.Error(), reason(sip.StatusForbidden, err.Error()))
	case left > 0:
		again := time.AfterFunc(min(left, meterTime), b.meter)
		context.AfterFunc(b.life, func() { again.Stop() })
	}
}

// mayRefer says whether a browser may have its peer call the number in Refer-To: whom its user may not call it may not
// have called either. Refer-To the other end of a call that the user has (RFC 3891) makes no new call.
func (s *Server) mayRefer(l *leg, req *sip.Request) error {
	if req.Method != sip.REFER {
		return nil
	}
	h := req.GetHeader("Refer-To")
	if len(req.GetHeaders("Refer-To")) != 1 {
		return errReferTo
	}
	near := l.pbx != nil && l.pbx.neighbour != nil
	if l.user == "" && !near {
		return nil
	}
	var uri sip.Uri
	var params sip.HeaderParams
	if _, err := sip.ParseAddressValue(h.Value(), &uri, &params); err != nil {
		return nil // answered with 400 later
	}
	number := guard.Number(uri.User)
	if near { // it may send a user of ours to its own numbers, but to none that costs
		if IsNumber(number) && !strings.EqualFold(uri.Host, l.pbx.neighbour.ID) {
			return errNotOurs
		}
		return nil
	}
	if !IsNumber(number) || s.consults(l.user, uri) {
		return nil
	}
	return s.deps.Toll.Permits(l.user, number)
}

// consults says whether an address names, by a Replaces header in it, a call of the user's that is up, and its other end.
func (s *Server) consults(user string, uri sip.Uri) bool {
	value, _ := uri.Headers.Get("Replaces")
	value, err := url.PathUnescape(value)
	id, _, _ := strings.Cut(value, ";")
	if id == "" || err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.user != user {
			continue
		}
		l.mu.Lock()
		same := l.confirmed && l.callID == id && guard.Number(l.local.uri.User) == guard.Number(uri.User)
		l.mu.Unlock()
		if same {
			return true
		}
	}
	return false
}
