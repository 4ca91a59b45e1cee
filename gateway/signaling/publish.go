package signaling

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/presence"
)

// maxPublications is how many devices of a user may publish to one event package.
const maxPublications = 10

// statusConditionalRequestFailed answers an entity tag that we don't know (RFC 3903 §11.2.1).
const statusConditionalRequestFailed = 412

// publisher names whose publications to which event package.
type publisher struct{ user, event string }

// publication is what a device of a user has told of its user (RFC 3903).
type publication struct {
	etag     string
	expires  time.Time
	end      *time.Timer
	presence presence.Presence // of event package presence
	dialogs  []presence.Dialog // of event package dialog
}

// onPublish takes what a user tells of itself (RFC 3903 §6).
func (s *Server) onPublish(req *sip.Request, tx sip.ServerTransaction) {
	from, ok := s.watcherOf(req, tx)
	if !ok {
		return
	}
	if from.guest != nil { // its PBX knows what to do with it
		plan, err := s.routeGuest(from, req)
		s.passOut(from, plan, err, req, tx)
		return
	}
	if req.To().Address.User != from.user.Name {
		s.breach(from.flow, req, tx, "publication for another user")
		return
	}
	pack, _, ok := s.packageOf(req, tx)
	if !ok {
		return
	}
	if !isSelf(from.user, req.Recipient.User) {
		s.reply(req, tx, sip.StatusForbidden, "Only Your Own")
		return
	}
	if pack.name != eventPresence && pack.name != eventDialog {
		s.reply(req, tx, statusBadEvent, "Bad Event", sip.NewHeader("Allow-Events", eventPresence+", "+eventDialog))
		return
	}
	lifetime, ok := s.lifetimeOf(req, tx)
	if !ok {
		return
	}
	p := publication{etag: token(), expires: time.Now().Add(lifetime)}
	body := len(req.Body()) > 0
	if body {
		if f, ok := p.read(pack, req); !ok {
			s.reply(req, tx, f.status, f.reason, f.headers...)
			return
		}
	}
	old := valueOf(req, "SIP-If-Match")
	if old == "" && !body {
		s.reply(req, tx, sip.StatusBadRequest, "Nothing Published")
		return
	}
	if f, ok := s.around.publish(publisher{from.user.Name, pack.name}, p, old, body, lifetime); !ok {
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	seconds := sip.ExpiresHeader(lifetime / time.Second)
	s.reply(req, tx, sip.StatusOK, "OK", sip.NewHeader("SIP-ETag", p.etag), &seconds)
}

// read takes the document in a PUBLISH; a failure is its answer.
func (p *publication) read(pack eventPackage, req *sip.Request) (failure, bool) {
	if !hasType(req, pack.content) {
		return wrongType(pack.content), false
	}
	var err error
	if pack.name == eventPresence {
		p.presence, err = presence.ParsePIDF(req.Body())
	} else {
		var doc presence.DialogInfo
		if doc, err = presence.ParseDialogInfo(req.Body()); err == nil && doc.Partial {
			err = presence.ErrMalformed // a publication stands for itself
		}
		p.dialogs = doc.Apply(nil)
	}
	if err != nil {
		return badDocument(err), false
	}
	return failure{}, true
}

// publish makes p the publication of a device in place of the one with the entity tag old, if there is one: with a document, or
// only for longer. No lifetime takes it away.
func (a *around) publish(by publisher, p publication, old string, body bool, lifetime time.Duration) (failure, bool) {
	a.mu.Lock()
	defer func() {
		a.mu.Unlock()
		a.moved(by.user)
	}()
	list := a.published[by]
	i := slices.IndexFunc(list, func(o publication) bool { return o.etag == old })
	switch {
	case old != "" && i < 0:
		return failure{status: statusConditionalRequestFailed, reason: "Conditional Request Failed"}, false
	case old == "" && len(list) >= maxPublications:
		return failure{status: sip.StatusForbidden, reason: "Too Many Publications"}, false
	case a.closed:
		return failure{status: sip.StatusServiceUnavailable, reason: "Cordboard Stops"}, false
	}
	if i >= 0 {
		if !body {
			p.presence, p.dialogs = list[i].presence, list[i].dialogs
		}
		list[i].end.Stop()
		list = slices.Delete(list, i, i+1)
	}
	if lifetime > 0 {
		p.end = time.AfterFunc(lifetime, func() { a.unpublish(by, p.etag) })
		list = append(list, p)
	}
	a.published[by] = list
	if len(list) == 0 {
		delete(a.published, by)
	}
	return failure{}, true
}

// unpublish takes a publication away whose time is over.
func (a *around) unpublish(by publisher, etag string) {
	a.mu.Lock()
	list := slices.DeleteFunc(a.published[by], func(p publication) bool { return p.etag == etag })
	a.published[by] = list
	if len(list) == 0 {
		delete(a.published, by)
	}
	a.mu.Unlock()
	a.moved(by.user)
}

// publishedDialogs are the dialogs that a user's devices tell of.
func (a *around) publishedDialogs(user string) []presence.Dialog {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []presence.Dialog
	for _, p := range a.published[publisher{user, eventDialog}] {
		list = append(list, p.dialogs...)
	}
	return list
}

// publishedPresence puts together what a user's devices tell: the newest note, all activities, and absent when every one says so.
func (a *around) publishedPresence(user string) (note string, activities []string, absent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.published[publisher{user, eventPresence}]
	absent = len(list) > 0
	for _, p := range list { // oldest first
		if p.presence.Note != "" {
			note = p.presence.Note
		}
		for _, x := range p.presence.Activities {
			activities = withActivity(activities, x)
		}
		absent = absent && p.presence.Basic == presence.Closed
	}
	return note, activities, absent
}

func withActivity(list []string, one string) []string {
	if slices.Contains(list, one) {
		return list
	}
	return append(slices.Clone(list), one)
}
