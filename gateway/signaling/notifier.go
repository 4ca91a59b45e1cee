package signaling

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/presence"
)

// Limits of subscriptions and publications.
const (
	eventExpires     = 3600 * time.Second // where none is asked
	minEventExpires  = 60 * time.Second
	maxSubscriptions = 500 // down one flow
)

// eventPackage is an event package that browsers may subscribe to.
type eventPackage struct {
	name    string
	content string // type of its documents
	topic   string
	private bool // a user may know only their own
}

// packages are those we know (RFC 4235, RFC 3856, RFC 3842, RFC 3680).
var packages = map[string]eventPackage{
	eventDialog:   {eventDialog, presence.DialogInfoType, lampTopic, false},
	eventPresence: {eventPresence, presence.PIDFType, lampTopic, false},
	eventSummary:  {eventSummary, presence.SummaryType, voicemailTopic, true},
	eventReg:      {eventReg, presence.RegInfoType, registrationTopic, true},
}

// allowEvents lists the packages (RFC 6665 §8.2.2).
func allowEvents() sip.Header {
	return sip.NewHeader("Allow-Events", strings.Join([]string{eventDialog, eventPresence, eventSummary, eventReg}, ", "))
}

const statusBadEvent = 489 // RFC 6665 §8.3.2

// onSubscribe takes a subscription of a browser, or its refresh.
func (s *Server) onSubscribe(req *sip.Request, tx sip.ServerTransaction) {
	if _, tagged := req.To().Params.Get("tag"); tagged {
		s.onResubscribe(req, tx)
		return
	}
	from, ok := s.watcherOf(req, tx)
	if !ok {
		return
	}
	if from.guest != nil {
		s.subscribeThrough(from, req, tx)
		return
	}
	pack, id, ok := s.packageOf(req, tx)
	if !ok {
		return
	}
	if req.Contact() == nil {
		s.reply(req, tx, sip.StatusBadRequest, "Contact Missing")
		return
	}
	lifetime, ok := s.lifetimeOf(req, tx)
	if !ok {
		return
	}
	target := callee(req.Recipient.User)
	name, err := s.around.resolve(context.Background(), target)
	switch {
	case err != nil || !s.isOurs(req.Recipient.Host, from.flow):
		s.reply(req, tx, sip.StatusNotFound, "Not Found")
		return
	case pack.private && name != from.user.Name:
		s.reply(req, tx, sip.StatusForbidden, "Only Your Own")
		return
	}
	sub := &subscription{around: s.around, pack: pack, event: pack.name, target: target, key: topicKey{pack.topic, name}, user: from.user.Name,
		urgent: make(chan struct{}, 1)}
	if id != "" {
		sub.event += ";id=" + id
	}
	sub.dialog = from.leg(req)
	sub.dialog.srv, sub.dialog.token = s, token()
	sub.dialog.asked(req)
	sub.watcher = &watcher{sub.poke}
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	sub.dialog.local.tag, _ = res.To().Params.Get("tag")
	if !s.around.admit(sub) {
		s.reply(req, tx, sip.StatusForbidden, "Too Many Subscriptions")
		return
	}
	s.around.watch(context.Background(), sub.key, sub.watcher)
	s.accepted(sub, res, tx, lifetime)
}

// onResubscribe takes SUBSCRIBE inside a dialog (RFC 6665 §4.2.1.4).
func (s *Server) onResubscribe(req *sip.Request, tx sip.ServerTransaction) {
	if p := s.passages.at(req.Recipient.User); p != nil {
		s.resubscribeThrough(p, req, tx)
		return
	}
	s.around.mu.Lock()
	sub := s.around.subs[req.Recipient.User]
	s.around.mu.Unlock()
	if sub == nil { // of a call, or of nothing
		s.onPassed(req, tx)
		return
	}
	from, ok := s.watcherOf(req, tx)
	if !ok {
		return
	}
	pack, id, ok := s.packageOf(req, tx)
	if !ok {
		return
	}
	event := pack.name
	if id != "" {
		event += ";id=" + id
	}
	if sub.ending() || from.flow != sub.flow() || event != sub.event || !sub.dialog.accepts(req, from.flow) {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	if _, ok := sub.dialog.inOrder(req, false); !ok {
		s.reply(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
		return
	}
	lifetime, ok := s.lifetimeOf(req, tx)
	if !ok {
		return
	}
	sub.dialog.refresh(req)
	s.accepted(sub, sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil), tx, lifetime)
}

// accepted answers SUBSCRIBE; NOTIFY with the state of now follows at once, and is the only one when no lifetime is asked.
func (s *Server) accepted(sub *subscription, res *sip.Response, tx sip.ServerTransaction, lifetime time.Duration) {
	res.AppendHeader(sub.dialog.contact())
	seconds := sip.ExpiresHeader(lifetime / time.Second)
	res.AppendHeader(&seconds)
	s.respond(tx, res)
	if lifetime == 0 {
		sub.end("timeout")
	} else {
		sub.keep(lifetime)
		sub.wake(true, "")
	}
	if sub.flow().gone() { // closed meanwhile, so flowClosed came too early
		s.around.await(sub)
	}
}

// admit takes a subscription in; false when its flow has too many, or the server stops.
func (a *around) admit(sub *subscription) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := sub.dialog.flow
	if a.closed || len(a.watching[f]) >= maxSubscriptions {
		return false
	}
	a.subs[sub.dialog.token] = sub
	a.enter(sub, f)
	return true
}

// watcherOf finds out which browser sent req; a PBX may not watch here. When it is none it answers the request itself.
func (s *Server) watcherOf(req *sip.Request, tx sip.ServerTransaction) (caller, bool) {
	from, ok := s.caller(req, tx)
	if ok && from.pbx != nil {
		s.reply(req, tx, sip.StatusForbidden, "Forbidden")
		return caller{}, false
	}
	return from, ok
}

// packageOf finds the event package that req is about and answers the request if we have not got it, or its sender does not
// take our documents.
func (s *Server) packageOf(req *sip.Request, tx sip.ServerTransaction) (pack eventPackage, id string, ok bool) {
	name, id := eventOf(req)
	pack, ok = packages[name]
	if !ok || strings.ContainsAny(id, " \t\"<>") {
		s.reply(req, tx, statusBadEvent, "Bad Event", allowEvents())
		return pack, "", false
	}
	if req.Method == sip.SUBSCRIBE && !takes(req, pack.content) {
		s.reply(req, tx, sip.StatusNotAcceptable, "Not Acceptable", sip.NewHeader("Accept", pack.content))
		return pack, "", false
	}
	return pack, id, true
}

// takes says whether the sender of a request wants documents of a type (RFC 3261 §20.1); without Accept it wants the package's own.
func takes(req *sip.Request, content string) bool {
	if req.GetHeader("Accept") == nil {
		return true
	}
	for _, kind := range listOf(req, "Accept") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case content, "application/*", "*/*":
			return true
		}
	}
	return false
}

// lifetimeOf is how long a subscription or publication is asked to last; too short a time is answered with 423 (RFC 6665 §4.2.1.1).
func (s *Server) lifetimeOf(req *sip.Request, tx sip.ServerTransaction) (time.Duration, bool) {
	text := valueOf(req, "Expires")
	seconds, err := strconv.ParseUint(text, 10, 32)
	if text == "" || err != nil {
		return eventExpires, true
	}
	lifetime := min(time.Duration(seconds)*time.Second, maxExpires)
	if lifetime > 0 && lifetime < minEventExpires {
		s.reply(req, tx, sip.StatusIntervalToBrief, "Interval Too Brief", sip.NewHeader("Min-Expires", itoa(int(minEventExpires/time.Second))))
		return 0, false
	}
	return lifetime, true
}

// isSelf says whether a request is about the user who sent it.
func isSelf(u auth.User, target string) bool {
	target = callee(target)
	return strings.EqualFold(target, u.Name) || u.Extension != "" && target == u.Extension
}

// addressText writes a SIP address as documents hold it.
func addressText(uri sip.Uri) string { return uri.String() }
