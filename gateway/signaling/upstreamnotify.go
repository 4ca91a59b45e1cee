package signaling

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/presence"
)

// onNotify takes NOTIFY: of a subscription of ours at a PBX, of a voice mail box without one, or of a REFER in a call.
func (s *Server) onNotify(req *sip.Request, tx sip.ServerTransaction) {
	if s.door.flow(req.Source()) == nil {
		if p := s.pbxAt(req); p != nil {
			if u := s.around.upstreamAt(req.Recipient.User); u != nil {
				u.notified(p, req, tx)
				return
			}
			if way := s.passages.at(req.Recipient.User); way != nil {
				s.notifiedThrough(way, p, req, tx)
				return
			}
			event, _ := eventOf(req)
			switch {
			case within(req):
			case p.passes():
				s.tellGuests(p, req, tx)
				return
			case event == eventSummary:
				s.onSummary(p, req, tx)
				return
			}
		}
	}
	s.onPassed(req, tx)
}

func (a *around) upstreamAt(token string) *upstream {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ups[token]
}

// onSummary takes a message summary that nobody asked for, as many PBXs send it to whoever is registered. Only a PBX may tell,
// and only of one user.
func (s *Server) onSummary(p *pbx, req *sip.Request, tx sip.ServerTransaction) {
	users, err := s.usersForPBX(context.Background(), p, req.Recipient.User, req)
	if err != nil || len(users) != 1 {
		s.reply(req, tx, sip.StatusNotFound, "Not Found")
		return
	}
	summary, f, ok := summaryOf(req)
	if !ok {
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	s.around.setBox(users[0].Name, summary)
}

func summaryOf(req *sip.Request) (presence.Summary, failure, bool) {
	if !hasType(req, presence.SummaryType) {
		return presence.Summary{}, wrongType(presence.SummaryType), false
	}
	summary, err := presence.ParseSummary(req.Body())
	if err != nil {
		return presence.Summary{}, badDocument(err), false
	}
	return summary, failure{}, true
}

// hasType says whether a message's body is of a type.
func hasType(req *sip.Request, want string) bool {
	ct := req.ContentType()
	if ct == nil {
		return false
	}
	kind, _, _ := strings.Cut(ct.Value(), ";")
	return strings.EqualFold(strings.TrimSpace(kind), want)
}

func wrongType(want string) failure {
	return failure{status: sip.StatusUnsupportedMediaType, reason: "Unsupported Media Type", headers: []sip.Header{sip.NewHeader("Accept", want)}}
}

func badDocument(err error) failure {
	if errors.Is(err, presence.ErrTooLarge) {
		return failure{status: sip.StatusRequestEntityTooLarge, reason: "Request Entity Too Large"}
	}
	return failure{status: sip.StatusBadRequest, reason: "Bad Document", headers: warning(err.Error())}
}

// setBox keeps what waits for a user.
func (a *around) setBox(user string, s presence.Summary) {
	a.mu.Lock()
	same := a.boxes[user] == s
	a.boxes[user] = s
	a.mu.Unlock()
	if !same {
		a.touch(topicKey{voicemailTopic, user})
	}
}

func (a *around) box(user string) (s presence.Summary, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, known = a.boxes[user]
	return s, known
}

// notified takes a NOTIFY of the subscription (RFC 6665 §4.1.3).
func (u *upstream) notified(from *pbx, req *sip.Request, tx sip.ServerTransaction) {
	s := u.around.srv
	if from != u.pbx || !u.matches(req) {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	if event, _ := eventOf(req); event != u.event {
		s.reply(req, tx, statusBadEvent, "Bad Event", allowEvents())
		return
	}
	state, reason, after := subscriptionState(req)
	if state != "terminated" || len(req.Body()) > 0 {
		f, ok := u.learn(req)
		if !ok {
			u.around.log.Info("PBX tells what we can't read", "pbx", u.pbx.cfg.Name, "event", u.event, "of", u.number, "status", f.status)
			s.reply(req, tx, f.status, f.reason, f.headers...)
			return
		}
		u.around.mu.Lock()
		u.around.tells[refused{u.pbx, u.event}] = true
		u.around.mu.Unlock()
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	if state != "terminated" {
		return
	}
	switch reason {
	case "rejected", "noresource", "invariant":
		after = max(after, refusedWait)
	}
	select {
	case u.ended <- after:
	default:
	}
}

// matches says whether a NOTIFY belongs to the subscription's dialog and comes in order. The first one may overtake the answer to
// SUBSCRIBE; then it makes the dialog (RFC 6665 §4.4.1).
func (u *upstream) matches(req *sip.Request) bool {
	from, _ := req.From().Params.Get("tag")
	to, _ := req.To().Params.Get("tag")
	u.mu.Lock()
	d := u.dialog
	u.mu.Unlock()
	if d == nil || from == "" {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	seq := req.CSeq().SeqNo
	if req.CallID().Value() != d.callID || to != d.local.tag || d.remote.tag != "" && from != d.remote.tag || seq <= d.remoteSeq && seq > 0 {
		return false
	}
	d.remote.tag, d.remoteSeq = from, seq
	return true
}

// learn takes what a NOTIFY tells; a failure is its answer.
func (u *upstream) learn(req *sip.Request) (failure, bool) {
	if len(req.Body()) == 0 { // how Kamailio says that there is nothing to tell
		u.mu.Lock()
		u.dialogs, u.known = nil, true
		u.mu.Unlock()
		u.around.touch(u.key)
		return failure{}, true
	}
	if u.event == eventSummary {
		summary, f, ok := summaryOf(req)
		if ok {
			u.around.setBox(u.key.name, summary)
		}
		return f, ok
	}
	if !hasType(req, presence.DialogInfoType) {
		return wrongType(presence.DialogInfoType), false
	}
	doc, err := presence.ParseDialogInfo(req.Body())
	if err != nil {
		return badDocument(err), false
	}
	u.mu.Lock()
	missed := doc.Partial && (!u.known || doc.Version != u.version+1)
	old := missed && u.known && doc.Version <= u.version
	if !missed {
		u.dialogs, u.version, u.known = doc.Apply(u.dialogs), doc.Version, true
	}
	u.mu.Unlock()
	switch {
	case !missed:
		u.around.touch(u.key)
	case !old: // a refresh brings the full state (RFC 4235 §3.9)
		select {
		case u.stale <- struct{}{}:
		default:
		}
	}
	return failure{}, true
}

// subscriptionState takes a Subscription-State header apart (RFC 6665 §8.2.3).
func subscriptionState(req *sip.Request) (state, reason string, after time.Duration) {
	state, params, _ := strings.Cut(valueOf(req, "Subscription-State"), ";")
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(key) {
		case "reason":
			reason = strings.ToLower(value)
		case "retry-after":
			if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
				after = min(time.Duration(seconds)*time.Second, noEvents)
			}
		}
	}
	return strings.ToLower(strings.TrimSpace(state)), reason, after
}
