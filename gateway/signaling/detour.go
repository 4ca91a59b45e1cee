package signaling

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// awayTime is for how long a server that failed a request inside a dialog is passed over where there is another.
const awayTime = 30 * time.Second

// away are servers that a request inside a dialog found silent or busy (RFC 3263 §4.3), or that know nothing of it. The zero away is empty and ready.
type away struct {
	mu    sync.Mutex
	until map[awayFor]time.Time
}

// awayFor is a server and the Call-ID that it does not know; empty: it is away for all.
type awayFor struct {
	addr   netip.AddrPort
	callID string
}

func (a *away) add(addr netip.AddrPort, callID string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, until := range a.until {
		if now.After(until) {
			delete(a.until, k)
		}
	}
	if a.until == nil {
		a.until = make(map[awayFor]time.Time)
	}
	a.until[awayFor{addr, callID}] = now.Add(awayTime)
}

func (a *away) has(addr netip.AddrPort, callID string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.until[awayFor{addr, callID}]
	return ok && !now.After(until)
}

// within says whether a request belongs to a dialog.
func within(req *sip.Request) bool {
	_, tagged := req.To().Params.Get("tag")
	return tagged
}

// best is the first of several servers that is not away and knows the call; where there is none, the first that knows it.
func (a *away) best(list []locate.Target, callID string) locate.Target {
	now := time.Now()
	knows := func(t locate.Target) bool { return !a.has(t.Addr, callID, now) }
	if i := slices.IndexFunc(list, func(t locate.Target) bool { return knows(t) && !a.has(t.Addr, "", now) }); i >= 0 {
		return list[i]
	}
	if i := slices.IndexFunc(list, knows); i >= 0 {
		return list[i]
	}
	return list[0]
}

// beside are a server of the PBX and after it the others that have the name of its address too, which do as well for what is sent to that name.
func (p *pbx) beside(ctx context.Context, given locate.Target) []locate.Target {
	list := []locate.Target{given}
	found, err := p.locate(ctx, queryOf(p.uri))
	if err != nil {
		return list
	}
	for _, t := range found {
		if t != given {
			list = append(list, t)
		}
	}
	return list
}

// named says whether what is sent to a host goes to the PBX by its name, behind which there may be several servers.
func (p *pbx) named(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && p.hasDomain(host)
}

// severalHops says whether a request inside a dialog has somewhere else to go when the first server fails it.
func (s *Server) severalHops(ctx context.Context, req *sip.Request) bool {
	if !within(req) || req.IsCancel() {
		return false
	}
	p := s.pbxOf(req)
	if p == nil || p.web() || p.neighbour != nil {
		return false
	}
	list, err := p.hops(ctx, req)
	return err == nil && len(list) > 1
}

// detour is a request inside a dialog as it goes to the next server of those to which its route set or its target leads, after the one it was
// sent to has failed it; nil when that was no failure of a server, or there is no other. It is the same request on another way, so its
// number stays (RFC 3263 §4.3).
func (s *Server) detour(ctx context.Context, req *sip.Request, res *sip.Response, err error) *sip.Request {
	switch {
	case !within(req), req.IsCancel(), ctx.Err() != nil:
		return nil
	case err == nil:
		if res.StatusCode != sip.StatusServiceUnavailable {
			return nil
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAbandoned):
		return nil
	}
	p := s.pbxOf(req)
	failed, bad := netip.ParseAddrPort(req.MessageData.Destination())
	if p == nil || p.web() || p.neighbour != nil || bad != nil {
		return nil
	}
	again := req.Clone()
	again.Via().Params.Add("branch", sip.GenerateBranchN(16))
	if again.Route() != nil || !p.named(again.Recipient.Host) {
		again.SetDestination("")
	}
	list, err := p.hops(ctx, again)
	if err != nil || len(list) < 2 {
		return nil
	}
	now, id := time.Now(), req.CallID().Value()
	s.away.add(failed, "", now)
	hop := s.away.best(list, id)
	if s.away.has(hop.Addr, "", now) || s.away.has(hop.Addr, id, now) {
		return nil
	}
	p.log.Info("next server inside a call", "method", req.Method, "from", failed, "to", hop)
	return again
}

// back is a request inside a dialog as it goes to a server before the one that it was sent to, which says that it does not know the dialog: it only
// stood in for that one, and others may share its name but not its calls. So the dialog is over when its own server says that (RFC 3261 §12.2.1.2), and
// lives on when nobody is there who knows it. It is nil when res is something else, or final; given is where the dialog's requests go by themselves.
func (s *Server) back(ctx context.Context, req *sip.Request, given string, res *sip.Response) *sip.Request {
	if res == nil || res.StatusCode != sip.StatusCallTransactionDoesNotExists || !within(req) || req.IsCancel() || ctx.Err() != nil {
		return nil
	}
	p := s.pbxOf(req)
	stranger, bad := netip.ParseAddrPort(req.MessageData.Destination())
	if p == nil || p.web() || p.neighbour != nil || bad != nil {
		return nil
	}
	again := req.Clone()
	again.Via().Params.Add("branch", sip.GenerateBranchN(16))
	again.SetDestination(given)
	list, err := p.hops(ctx, again)
	if err != nil {
		return nil
	}
	own := slices.IndexFunc(list, func(t locate.Target) bool { return t.Addr == stranger })
	now, id := time.Now(), req.CallID().Value()
	if own < 1 || !slices.ContainsFunc(list[:own], func(t locate.Target) bool { return !s.away.has(t.Addr, id, now) }) {
		return nil
	}
	s.away.add(stranger, id, now)
	p.log.Info("server does not know the call", "method", req.Method, "server", stranger, "next", s.away.best(list, id))
	return again
}
