package signaling

import (
	"maps"
	"slices"

	"github.com/emiago/sipgo/sip"
)

// early is a dialog that a provisional response has begun (RFC 3261 §12.1). A forking PBX makes several of one INVITE, which differ in
// the callee's tag; since that passes from leg to leg, it names the dialog on both. The mutex of its leg guards it.
type early struct {
	branch    *leg      // on the caller's leg: whose dialog it is
	target    sip.Uri   // on the callee's leg: remote target
	routes    []sip.Uri // and route set
	remoteSeq uint32
	rseq      uint32 // on the callee's leg: of the last reliable response
	answer    []byte // the callee's last description
	settled   bool   // offer and answer have been exchanged reliably, so that either side may change them (RFC 3311 §5.1)
	changing  bool   // such a change is under way
	theirs    bool   // and the leg's peer has asked for it
	relay     *relay // on the caller's leg: sends the responses when the caller wants them reliably
}

// maxEarly is how many early dialogs a leg has at most.
const maxEarly = 32

// begun notes the early dialog of a provisional response on the callee's leg; nil when it makes none.
func (l *leg) begun(res *sip.Response) *early {
	tag, ok := res.To().Params.Get("tag")
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || l.confirmed {
		return nil
	}
	e := l.early[tag]
	if e == nil {
		if len(l.early) == maxEarly {
			return nil
		}
		e = &early{target: l.target}
		if l.early == nil {
			l.early = make(map[string]*early)
		}
		l.early[tag] = e
	}
	if c := res.Contact(); c != nil {
		e.target = *c.Address.Clone()
		e.target.Headers = nil
	}
	e.routes = routesOf(res)
	return e
}

// told notes on the caller's leg an early dialog that it is told of; nil when there are too many.
func (l *leg) told(tag string, branch *leg) *early {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.early[tag]
	if e == nil {
		if len(l.early) == maxEarly {
			return nil
		}
		e = &early{branch: branch, remoteSeq: l.remoteSeq}
		if l.early == nil {
			l.early = make(map[string]*early)
		}
		l.early[tag] = e
	}
	return e
}

// settle makes the early dialog with that tag the leg's dialog, as the call is answered in it. The caller holds l.mu.
func (l *leg) settle(tag string) {
	if e := l.early[tag]; e != nil {
		l.remoteSeq = max(l.remoteSeq, e.remoteSeq)
	}
}

// routesOf is the route set that a response gives to who sent the request (RFC 3261 §12.1.2).
func routesOf(res *sip.Response) []sip.Uri {
	var routes []sip.Uri
	rr := res.GetHeaders("Record-Route")
	for i := len(rr) - 1; i >= 0; i-- {
		if uri, ok := routeURI(rr[i]); ok {
			routes = append(routes, uri)
		}
	}
	return routes
}

// earlyTag is the tag by which a request of the leg's peer names an early dialog: the callee's.
func (l *leg) earlyTag(req *sip.Request) string {
	tag, _ := req.To().Params.Get("tag")
	if l.owner {
		tag, _ = req.From().Params.Get("tag")
	}
	return tag
}

// inside says whether tags are those of the leg's dialog, or of one of its early dialogs. The caller holds l.mu.
func (l *leg) inside(from, to string) bool {
	switch {
	case from == l.remote.tag && to == l.local.tag:
		return true
	case l.confirmed:
		return false
	case l.owner:
		return to == l.local.tag && l.early[from] != nil
	default:
		return from == l.remote.tag && l.early[to] != nil
	}
}

// order is where the number of the peer's last request in the dialog of req is kept. The caller holds l.mu.
func (l *leg) order(req *sip.Request) *uint32 {
	if e := l.early[l.earlyTag(req)]; e != nil && !l.confirmed {
		return &e.remoteSeq
	}
	return &l.remoteSeq
}

// beyond is the leg to which a request of l's peer goes on, and the tag of its dialog; nil when there is none (yet).
func (b *bridge) beyond(l *leg, req *sip.Request) (peer *leg, tag string) {
	tag = l.earlyTag(req)
	if peer = b.peer(l); peer != nil {
		return peer, tag
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.early[tag]; e != nil {
		peer = e.branch
	}
	return peer, tag
}

// requestIn begins a request inside the dialog with the callee's tag, which may be an early one.
func (l *leg) requestIn(method sip.RequestMethod, tag string) *sip.Request {
	l.mu.Lock()
	e := l.early[tag]
	if e == nil || l.confirmed {
		l.mu.Unlock()
		return l.request(method)
	}
	defer l.mu.Unlock()
	local, remote, target, routes := l.local, l.remote, l.target, l.routes
	if l.owner {
		l.remote.tag, l.target, l.routes = tag, e.target, e.routes
	} else {
		l.local.tag = tag
	}
	l.localSeq++
	req := l.build(method, l.localSeq)
	l.local, l.remote, l.target, l.routes = local, remote, target, routes
	return req
}

// statusEarlyDialogTerminated says that one of several early dialogs is over (RFC 6228).
const statusEarlyDialogTerminated = 199

// terminated takes the end of one of a branch's early dialogs. Only a caller that knows the status is told.
func (u *setup) terminated(e event) {
	tag, ok := e.res.To().Params.Get("tag")
	if !ok {
		return
	}
	e.leg.mu.Lock()
	delete(e.leg.early, tag)
	e.leg.mu.Unlock()
	u.endEarlyDialog(tag)
}

// endEarly ends a branch's early dialogs for the caller, while other branches live on.
func (u *setup) endEarly(branch *leg) {
	branch.mu.Lock()
	tags := slices.Collect(maps.Keys(branch.early))
	branch.mu.Unlock()
	for _, tag := range tags {
		u.endEarlyDialog(tag)
	}
}

func (u *setup) endEarlyDialog(tag string) {
	u.a.mu.Lock()
	e := u.a.early[tag]
	delete(u.a.early, tag)
	u.a.mu.Unlock()
	if e == nil {
		return
	}
	if e.relay != nil {
		e.relay.quit()
	}
	if hasOption(u.req, "Supported", "199") && !hasOption(u.req, "Require", reliable) {
		res := sip.NewResponseFromRequest(u.req, statusEarlyDialogTerminated, "Early Dialog Terminated", nil)
		res.To().Params.Add("tag", tag)
		res.AppendHeader(u.a.contact())
		u.srv.respond(u.tx, res)
	}
}
