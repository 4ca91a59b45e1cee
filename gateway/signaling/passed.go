package signaling

import (
	"context"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// maxPassing is how many requests of one party of a call may wait for the other's answer at a time.
const maxPassing = 50

// passes counts a request that waits for the other party's answer until done; false when too many do.
func (l *leg) passes() (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.passing == maxPassing {
		return nil, false
	}
	l.passing++
	return func() {
		l.mu.Lock()
		l.passing--
		l.mu.Unlock()
	}, true
}

// onPassed passes a request inside a dialog, other than INVITE and BYE, to the other leg and its answer back.
func (s *Server) onPassed(req *sip.Request, tx sip.ServerTransaction) {
	if _, tagged := req.To().Params.Get("tag"); req.Method == sip.REFER && !tagged {
		s.refuseReferral(req, tx)
		return
	}
	l, release := s.dialogOf(req, tx, req.Method != sip.UPDATE)
	if l == nil {
		return
	}
	defer release()
	if err := s.mayRefer(l, req); err != nil {
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	switch {
	case req.Method == sip.UPDATE:
		s.onUpdate(l, req, tx)
		return
	case trickles(req):
		s.trickled(l, req, tx)
		return
	}
	peer, tag := l.call.beyond(l, req)
	if peer == nil { // a built-in callee, or a call not answered yet
		s.answerHere(l, req, tx)
		return
	}
	if req.Method == sip.REFER && peer.pbx.isStrange() { // it would learn whom else there is to call
		s.reply(req, tx, sip.StatusForbidden, "Forbidden", warning("nobody who is not paired is sent on")...)
		return
	}
	if req.Method == sip.INFO && (s.pressed(l, peer, req, tx) || s.pictured(l, peer, req, tx)) {
		return
	}
	done, ok := l.passes()
	if !ok {
		s.reply(req, tx, sip.StatusInternalServerError, "Too Many at a Time", sip.NewHeader("Retry-After", "5"))
		return
	}
	defer done()
	out := peer.requestIn(req.Method, tag)
	out.RemoveHeader("Contact")
	passHeaders(req, out)
	s.cross(l, peer, req, out)
	passCredentials(l, peer, req, out)
	switch req.Method {
	case sip.REFER:
		defer peer.referred(out.CSeq().SeqNo, req.CSeq().SeqNo)()
	case sip.NOTIFY:
		l.renameSubscription(out)
		l.afterReferral(out)
	}
	if err := s.renameParties(l, peer, out); err != nil {
		s.reply(req, tx, sip.StatusBadRequest, "Bad Refer-To", warning(err.Error())...)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), limitOf(out))
	defer stop()
	passContent(req, out)
	out.SetBody(req.Body())
	res, err := peer.doThen(ctx, out, release)
	if err != nil {
		s.replyFailure(req, tx, silent)
		return
	}
	status, challenge := answerFor(peer, l, res)
	back := sip.NewResponseFromRequest(req, status, res.Reason, nil)
	for _, h := range challenge {
		back.AppendHeader(h)
	}
	passHeaders(res, back)
	s.cross(peer, l, res, back)
	passContent(res, back)
	back.SetBody(res.Body())
	s.respond(tx, back)
}

// passable is a status as the other leg may see it: a challenge is between us and the PBX.
func passable(status int) int {
	if status == sip.StatusUnauthorized || status == sip.StatusProxyAuthRequired {
		return sip.StatusForbidden
	}
	return status
}

// answerHere answers a request inside a dialog that has no other leg.
func (s *Server) answerHere(l *leg, req *sip.Request, tx sip.ServerTransaction) {
	switch req.Method {
	case sip.REFER: // nobody there who could call somebody else
		s.reply(req, tx, sip.StatusGlobalDecline, "Decline")
		return
	case sip.INFO:
		s.informed(req, tx)
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
}

// refresh takes a new remote target (RFC 3261 §12.2.2).
func (l *leg) refresh(req *sip.Request) {
	if c := req.Contact(); c != nil {
		l.mu.Lock()
		l.retarget(c.Address)
		l.mu.Unlock()
	}
}

// renameParties writes the addresses in Refer-To and Referred-By (RFC 3515, RFC 3892) as the other side knows them: a host that is
// ours becomes the PBX's and the other way round, and a local user its extension. Everything else stays; Replaces (RFC 3891) too,
// unless a leg was taken over: Call-ID and tags are the same on both sides.
func (s *Server) renameParties(from, to *leg, req *sip.Request) error {
	for _, name := range []string{"Refer-To", "Referred-By"} {
		h := req.GetHeader(name)
		if h == nil {
			continue
		}
		var uri sip.Uri
		var params sip.HeaderParams
		display, err := sip.ParseAddressValue(h.Value(), &uri, &params)
		if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" && uri.Scheme != "" {
			return errNotOurs
		}
		s.rename(from, to, &uri)
		if name == "Refer-To" {
			if err := s.renameReplaces(from, to, &uri); err != nil {
				return err
			}
		}
		c := sip.ContactHeader{DisplayName: display, Address: uri, Params: params}
		req.RemoveHeader(name)
		req.AppendHeader(sip.NewHeader(name, c.Value()))
	}
	return nil
}

func (s *Server) rename(from, to *leg, uri *sip.Uri) {
	if s.renameNear(from, to, uri) {
		return
	}
	own := strings.EqualFold(uri.Host, s.cfg.Domain) || from.pbx != nil && (from.pbx.web() || strings.EqualFold(uri.Host, from.pbx.uri.Host))
	if !own {
		return
	}
	uri.UriParams.Remove("transport")
	if to.pbx == nil {
		uri.Host, uri.Port = s.cfg.Domain, 0
		return
	}
	at := to.pbx.self()
	uri.Host, uri.Port = at.Host, at.Port
	if IsNumber(callee(uri.User)) {
		uri.User = callee(uri.User)
		return
	}
	u, err := s.deps.Users.User(context.Background(), strings.ToLower(uri.User))
	switch {
	case err != nil:
	case to.pbx.web() && s.home(u) == to.pbx && u.PBX.Username != "":
		uri.User = u.PBX.Username
	case u.Extension != "":
		uri.User = u.Extension
	}
}
