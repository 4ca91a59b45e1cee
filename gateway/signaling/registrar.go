package signaling

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Lifetimes of a registration. A flow that closes ends its registrations at once, so they need not be short.
const (
	defaultExpires = 600 * time.Second
	minExpires     = 60 * time.Second
	maxExpires     = 7200 * time.Second
	maxBindings    = 10 // of one user
)

// binding says that a user is reached by a contact down a flow (RFC 3261 §10, RFC 5626 §5).
type binding struct {
	contact sip.Uri
	flow    *flow
	expires time.Time

	instance string    // the device, +sip.instance; empty when it has no name
	regID    uint32    // which of the device's flows it is; 0: the client knows nothing of flows
	path     []sip.Uri // proxies in between, the nearest to us first
	callID   string    // of the registration,
	seq      uint32    // and its last CSeq number
	epoch    uint64    // all temporary GRUUs of one registration have it (RFC 5627 §5.4)
	backups  []binding // other flows of the same device, as far as of gives them
}

// replaces says whether b takes the place of o (RFC 5626 §6: as the same flow of a device; RFC 3261 §10.3: as the same contact).
func (b binding) replaces(o binding) bool {
	if b.regID != 0 || o.regID != 0 {
		return b.regID == o.regID && b.instance == o.instance
	}
	return sameURI(b.contact, o.contact)
}

// sameURI compares two addresses (RFC 3261 §19.1.4).
func sameURI(a, b sip.Uri) bool {
	if a.Scheme != b.Scheme || a.User != b.User || a.Password != b.Password || !strings.EqualFold(a.Host, b.Host) || a.Port != b.Port {
		return false
	}
	for _, pair := range [][2]sip.Uri{{a, b}, {b, a}} {
		for _, p := range pair[0].UriParams {
			other, there := param(pair[1].UriParams, strings.ToLower(p.K))
			switch {
			case there && !strings.EqualFold(p.V, other):
				return false
			case !there && slices.Contains([]string{"user", "ttl", "method", "maddr", "transport"}, strings.ToLower(p.K)):
				return false
			}
		}
	}
	return true
}

// Why a registration is refused.
var (
	errTooManyDevices = errors.New("too many devices")
	errOldRegister    = errors.New("a later REGISTER came before")
)

// registrar knows where each user's browsers are. The zero registrar is empty and ready.
type registrar struct {
	mu     sync.Mutex
	users  map[string][]binding
	epochs map[uint64]string // user by epoch, as long as a binding of the epoch is there
	last   uint64            // epoch
}

// update sets the bindings asked for and takes those without expiry away, all or none (RFC 3261 §10.3 step 7). It gives what
// is known of the user then, newest first.
func (r *registrar) update(user string, asked []binding, now time.Time) ([]binding, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(r.users[user]), func(b binding) bool { return !now.Before(b.expires) })
	for _, b := range asked {
		gone := func(o binding) bool { return b.contact.Wildcard || b.replaces(o) }
		for _, o := range list {
			switch {
			case gone(o) && o.callID == b.callID && o.seq >= b.seq:
				return nil, errOldRegister
			case b.instance != "" && o.instance == b.instance && o.callID == b.callID:
				b.epoch = o.epoch
			}
		}
		list = slices.DeleteFunc(list, gone)
		if b.expires.IsZero() {
			continue
		}
		if len(list) >= maxBindings {
			return nil, errTooManyDevices
		}
		if b.epoch == 0 && b.instance != "" {
			r.last++
			b.epoch = r.last
		}
		list = append(list, b)
	}
	r.keep(user, list)
	list = slices.Clone(list)
	slices.Reverse(list)
	return list, nil
}

// remove takes the bindings of a user away for which match holds.
func (r *registrar) remove(user string, match func(binding) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(user, slices.DeleteFunc(slices.Clone(r.users[user]), match))
}

// keep stores a user's list; the caller holds r.mu.
func (r *registrar) keep(user string, list []binding) {
	if r.users == nil {
		r.users, r.epochs = make(map[string][]binding), make(map[uint64]string)
	}
	for _, b := range r.users[user] {
		delete(r.epochs, b.epoch)
	}
	for _, b := range list {
		if b.epoch != 0 {
			r.epochs[b.epoch] = user
		}
	}
	if len(list) == 0 {
		delete(r.users, user)
		return
	}
	r.users[user] = list
}

// all lists the bindings of a user, newest first.
func (r *registrar) all(user string, now time.Time) []binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []binding
	for _, b := range slices.Backward(r.users[user]) {
		if now.Before(b.expires) {
			list = append(list, b)
		}
	}
	return list
}

// of lists the devices by which a user is reached now, newest first; each by its newest flow, the others are its backups.
func (r *registrar) of(user string, now time.Time) []binding { return byDevice(r.all(user, now)) }

// owner finds the user to whose registration an epoch belongs; false when it has ended.
func (r *registrar) owner(epoch uint64) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, ok := r.epochs[epoch]
	return user, ok
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
	if g := s.guests.of(f); g != nil {
		s.registerGuest(g, req, tx)
		return
	}
	id, _ := f.Identity()
	if req.To() == nil || req.To().Address.User != id.User {
		s.trespass(f, id.User, req, tx, "registration for another user")
		return
	}
	now := time.Now()
	can := optionsOf(req)
	asked, no := s.asked(f, req, can, now)
	if no != nil {
		s.reply(req, tx, no.status, no.reason, no.headers...)
		return
	}
	known := s.reg.isKnown(id.User, f, now)
	list, err := s.reg.update(id.User, asked, now)
	switch {
	case errors.Is(err, errOldRegister):
		s.reply(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
		return
	case err != nil:
		s.reply(req, tx, sip.StatusForbidden, "Too Many Devices", warning(err.Error())...)
		return
	}
	if f.gone() { // closed meanwhile, so flowClosed came too early for these bindings
		s.unregister(f)
	}
	s.around.moved(id.User)
	s.respond(tx, s.registered(f, req, can, asked, list, now))
	for _, b := range list {
		if !known && b.flow == f {
			s.returned(id.User, b)
		}
	}
}

// expiresOf is how long a contact asks to be known: its parameter, else the header, else our default.
func expiresOf(req *sip.Request, c *sip.ContactHeader) time.Duration {
	text, ok := param(c.Params, "expires")
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
	s.around.flowClosed(f)
	s.guestClosed(f)
	s.mu.Lock()
	legs := slices.Collect(maps.Values(s.legs))
	s.mu.Unlock()
	for _, l := range legs { // whose media may keep us waiting
		l.mu.Lock()
		if l.flow == f && l.confirmed {
			l.await()
		}
		l.mu.Unlock()
	}
}

// Silent has the browser of a leg whose media has stopped show that it lives. A network that went without a goodbye is so known
// within seconds, and the other side hears that somebody is waited for.
func (s *Server) Silent(id, leg string) {
	s.mu.Lock()
	l := s.legs[leg]
	s.mu.Unlock()
	if l == nil || l.call.id != id {
		return
	}
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	if f != nil {
		f.prove()
	}
}

// unregister forgets what came in on a flow.
func (s *Server) unregister(f *flow) {
	if id, ok := f.Identity(); ok {
		s.reg.remove(id.User, func(b binding) bool { return b.flow == f })
		s.around.moved(id.User)
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
	if !l.cold {
		l.srv.deps.Media.Wait(l.call.id, l.token, false)
	}
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
