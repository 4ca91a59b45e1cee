package signaling

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Lifetimes of a registration. A flow that closes ends its registrations at once, so they need not be short.
const (
	defaultExpires = 600 * time.Second
	maxExpires     = 7200 * time.Second
	maxBindings    = 10 // of one user
)

// binding says that a user is reached by a contact down a flow (RFC 3261 §10, RFC 5626 §5).
type binding struct {
	contact sip.Uri
	flow    *flow
	expires time.Time
}

// registrar knows where each user's browsers are. The zero registrar is empty and ready.
type registrar struct {
	mu    sync.Mutex
	users map[string][]binding
}

// set adds or renews a contact of a user; false when the user has too many.
func (r *registrar) set(user string, b binding) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(r.users[user], func(o binding) bool { return o.flow == b.flow || o.contact.Addr() == b.contact.Addr() })
	if len(list) >= maxBindings {
		r.keep(user, list)
		return false
	}
	r.keep(user, append(list, b))
	return true
}

// remove takes the bindings of a user away for which match holds.
func (r *registrar) remove(user string, match func(binding) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(user, slices.DeleteFunc(r.users[user], match))
}

// keep stores a user's list; the caller holds r.mu.
func (r *registrar) keep(user string, list []binding) {
	if r.users == nil {
		r.users = make(map[string][]binding)
	}
	if len(list) == 0 {
		delete(r.users, user)
		return
	}
	r.users[user] = list
}

// of lists where a user is reached now, newest first.
func (r *registrar) of(user string, now time.Time) []binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []binding
	for _, b := range r.users[user] {
		if now.Before(b.expires) {
			list = append(list, b)
		}
	}
	slices.Reverse(list)
	return list
}

// onRegister takes a browser's registration (RFC 3261 §10.3).
func (s *Server) onRegister(req *sip.Request, tx sip.ServerTransaction) {
	f := s.door.flow(req.Source())
	if f == nil { // only browsers register here
		s.reply(req, tx, sip.StatusForbidden, "Forbidden")
		return
	}
	if !s.authorize(f, req, tx) {
		return
	}
	id, _ := f.Identity()
	if req.To() == nil || req.To().Address.User != id.User {
		s.trespass(f, id.User, req, tx, "registration for another user")
		return
	}
	contacts := req.GetHeaders("Contact")
	if len(contacts) > maxBindings {
		s.reply(req, tx, sip.StatusBadRequest, "Too Many Contacts")
		return
	}
	now := time.Now()
	for _, h := range contacts {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			s.reply(req, tx, sip.StatusBadRequest, "Malformed Contact")
			return
		}
		if c.Address.Wildcard {
			s.reg.remove(id.User, func(b binding) bool { return b.flow == f })
			continue
		}
		expires := expiresOf(req, c)
		if expires == 0 {
			s.reg.remove(id.User, func(b binding) bool { return b.contact.Addr() == c.Address.Addr() })
			continue
		}
		if !s.reg.set(id.User, binding{*c.Address.Clone(), f, now.Add(expires)}) {
			s.reply(req, tx, sip.StatusForbidden, "Too Many Devices")
			return
		}
	}
	if f.gone() { // closed meanwhile, so flowClosed came too early for these bindings
		s.unregister(f)
	}
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	for _, b := range s.reg.of(id.User, now) {
		c := &sip.ContactHeader{Address: b.contact}
		c.Params.Add("expires", strconv.Itoa(int(b.expires.Sub(now)/time.Second)))
		res.AppendHeader(c)
	}
	s.respond(tx, res)
}

// expiresOf is how long a contact asks to be known: its parameter, else the header, else our default.
func expiresOf(req *sip.Request, c *sip.ContactHeader) time.Duration {
	text, ok := c.Params.Get("expires")
	if !ok {
		h := req.GetHeader("Expires")
		if h == nil {
			return defaultExpires
		}
		text = h.Value()
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return defaultExpires
	}
	return min(time.Duration(seconds)*time.Second, maxExpires)
}

// flowClosed unregisters what came in on a flow and gives its calls time to come back on another.
func (s *Server) flowClosed(f *flow) {
	s.judge(f)
	s.unregister(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		l.mu.Lock()
		if l.flow == f && l.confirmed {
			l.await()
		}
		l.mu.Unlock()
	}
}

// unregister forgets what came in on a flow.
func (s *Server) unregister(f *flow) {
	if id, ok := f.Identity(); ok {
		s.reg.remove(id.User, func(b binding) bool { return b.flow == f })
	}
}

// gone says whether the flow has closed.
func (f *flow) gone() bool {
	select {
	case <-f.Done():
		return true
	default:
		return false
	}
}

// await gives the browser time to come back on another flow. The caller holds l.mu.
func (l *leg) await() {
	f := l.flow
	if l.lost != nil {
		l.lost.Stop()
	}
	l.lost = time.AfterFunc(lostTime, func() { l.giveUpOn(f) })
	l.srv.deps.Media.Wait(l.call.id, l.token, true)
}

// found ends the waiting: the browser is back. The caller holds l.mu.
func (l *leg) found() {
	if l.lost == nil {
		return
	}
	l.lost.Stop()
	l.lost = nil
	l.srv.deps.Media.Wait(l.call.id, l.token, false)
}

// giveUpOn ends the call of a leg whose browser did not come back.
func (l *leg) giveUpOn(f *flow) {
	l.mu.Lock()
	back := l.flow != f
	l.mu.Unlock()
	if !back {
		l.call.log.Info("browser did not come back", "user", l.user)
		l.call.endLater(l, call.ReasonLost, reason(sip.StatusRequestTimeout, "Connection lost"))
	}
}
