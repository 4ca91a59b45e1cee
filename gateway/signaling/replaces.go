package signaling

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// dialogID names a dialog as the one knows it who is asked to replace it: to is its own tag, from the other party's (RFC 3891 §6.1).
type dialogID struct{ callID, to, from string }

// parseReplaces reads the value of a Replaces header; early says that only a ringing call is meant.
func parseReplaces(text string) (d dialogID, early, ok bool) {
	id, params, _ := strings.Cut(text, ";")
	d.callID = strings.TrimSpace(id)
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "to-tag":
			ok = d.to == ""
			d.to = value
		case "from-tag":
			ok = d.from == ""
			d.from = value
		case "early-only":
			early = true
			continue
		default:
			continue
		}
		if !ok {
			return dialogID{}, false, false // a tag twice
		}
	}
	for _, s := range []string{d.callID, d.to, d.from} {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`;,?&<>`, r) }) {
			return dialogID{}, false, false
		}
	}
	return d, early, true
}

func (d dialogID) String() string { return d.callID + ";to-tag=" + d.to + ";from-tag=" + d.from }

// is says whether the leg is our end of the dialog d; the caller holds l.mu.
func (d dialogID) is(l *leg) bool {
	return l.callID == d.callID && l.local.tag == d.to && l.remote.tag == d.from
}

// across says whether l is the end of a call that d's far end talks to: then the leg on the other side is the one d names.
// The two differ only after that leg was taken over. The caller holds l.mu.
func (d dialogID) across(l *leg) bool {
	return l.callID == d.callID && l.remote.tag == d.to && l.local.tag == d.from
}

// onReplaces takes an INVITE with Replaces (RFC 3891); false when it is to be routed like any other, with its Replaces, because
// the dialog it names lives at the PBX.
//
// The caller's own leg it may always take over. A PBX may replace what it can name: it is known by its address, all its phones'
// transfers come from it, and Call-ID and tags are what it has learned from the dialog's parties. A user may replace the dialog
// of others only if a REFER that we passed to this user named it, and pick up a ringing call only with an extension of its own,
// as *8 does. Everybody else, as a neighbour, hears 481, like somebody who guesses. That a dialog has ended only hears who could have replaced it.
func (s *Server) onReplaces(ctx context.Context, from caller, req *sip.Request, tx sip.ServerTransaction, offer []byte) bool {
	unknown := func() bool {
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return true
	}
	d, early, ok := parseReplaces(req.GetHeader("Replaces").Value())
	if !ok || len(req.GetHeaders("Replaces")) > 1 {
		s.reply(req, tx, sip.StatusBadRequest, "Malformed Replaces")
		return true
	}
	if own := s.replaced(from, d); own != nil && !early {
		s.takeOver(ctx, from, req, tx, own, offer)
		return true
	}
	told := from.pbx.trusted() || s.grants.has(from.user.Name, d, time.Now())
	old, up := s.named(d)
	switch {
	case old == nil && s.past.has(d, from.user.Name, told, time.Now()): // RFC 3891 §3
		s.reply(req, tx, sip.StatusGlobalDecline, "Decline")
	case old == nil:
		if from.pbx == nil && (told || early && from.user.Extension != "") {
			return false
		}
		return unknown()
	case up && !told:
		return unknown()
	case up && early: // RFC 3891 §3
		s.reply(req, tx, sip.StatusBusyHere, "Busy Here")
	case up:
		s.replace(ctx, from, req, tx, old, offer)
	case old == old.call.caller(): // a ringing call that we did not begin is not for others (RFC 3891 §3)
		return unknown()
	case !told && from.user.Extension == "":
		return unknown()
	default:
		s.pickUp(ctx, from, req, tx, old, offer)
	}
	return true
}

// named finds the leg that d names and says whether its call is up. Through a PBX that is a proxy a call can be ours twice, with the
// same identifiers; then the leg across from a browser is meant.
func (s *Server) named(d dialogID) (found *leg, up bool) {
	s.mu.Lock()
	legs := slices.Collect(maps.Values(s.legs))
	s.mu.Unlock()
	for _, l := range legs {
		l.mu.Lock()
		named, opposite := d.is(l), l.confirmed && d.across(l)
		l.mu.Unlock()
		if opposite && !named {
			l = l.call.peer(l)
		}
		if l == nil || !named && !opposite {
			continue
		}
		if peer := l.call.peer(l); found == nil || peer != nil && peer.pbx == nil {
			l.mu.Lock()
			found, up = l, l.confirmed
			l.mu.Unlock()
		}
	}
	return found, up
}

// caller is the leg that asked for the call.
func (b *bridge) caller() *leg {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.a
}

// replace lets the sender of req take the place of the leg old of another's (RFC 3891 §3): the end of an attended transfer.
func (s *Server) replace(ctx context.Context, from caller, req *sip.Request, tx sip.ServerTransaction, old *leg, offer []byte) {
	if len(offer) == 0 {
		f := statusOf(errNoDescription)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	b := old.call
	n := from.leg(req)
	s.join(b, n)
	n.asked(req)
	finish, _ := n.beginOf(true) // until its ACK
	defer finish()
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	n.mu.Lock()
	n.local.tag, _ = res.To().Params.Get("tag")
	n.mu.Unlock()
	sdp, err := b.meet(ctx, from, old, n, offer)
	if err == nil && !b.replace(old, n) {
		err = errAbandoned // ended, or replaced by another at the same moment
	}
	if err != nil {
		n.drop()
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	b.changed(old, n, from)
	res.AppendHeader(n.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	appendAll(res, b.introduce(ctx, n))
	setSDP(res, sdp)
	b.log.Info("leg replaced", "old", nameOf(old), "new", nameOf(n))
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		old.bye(ctx, []sip.Header{reason(sip.StatusOK, "Replaced")})
	})
	old.drop()
	s.settle(b, n, req, tx, res)
}

// settle confirms the leg n, which has joined a call that is up. If that fails the call ends, and so does n's dialog: its party may
// have had the 2xx.
func (s *Server) settle(b *bridge, n *leg, req *sip.Request, tx sip.ServerTransaction, res *sip.Response) {
	if _, ok := s.confirm(b.life, n, req, tx, res); ok {
		return
	}
	b.endLater(n, call.ReasonLost, reason(sip.StatusRequestTimeout, "Connection lost"))
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		n.bye(ctx, []sip.Header{reason(sip.StatusRequestTimeout, "Not confirmed")})
	})
}

// meet answers the offer of the leg n, which takes old's place. Old may have put the far end on hold and may have agreed with it
// on what n can't speak, so the far end hears n's offer in a re-INVITE. Where that is not possible now it goes on as it is.
func (b *bridge) meet(ctx context.Context, from caller, old, n *leg, offer []byte) ([]byte, error) {
	peer := b.peer(old)
	if peer == nil {
		return b.mediaOf(ctx, old, n, offer)
	}
	answer, err := b.reinvite(ctx, from, n, peer, offer)
	if err == nil {
		return answer, nil
	}
	if ctx.Err() != nil {
		return nil, errAbandoned
	}
	b.log.Info("far end of a replaced leg keeps its media", "error", err)
	return b.mediaOf(ctx, old, n, offer)
}

// reinvite tells peer of the offer of n, who takes the place of the leg it talks to, and gives the answer for n.
func (b *bridge) reinvite(ctx context.Context, from caller, n, peer *leg, offer []byte) ([]byte, error) {
	finish, ok := peer.begin()
	if !ok {
		return nil, errBusyExchange
	}
	defer finish()
	ctx, stop := context.WithTimeout(ctx, 64*sip.T1)
	defer stop()
	sdp, err := b.srv.deps.Media.Offer(ctx, b.id, n.party, peer.party, offer)
	if err != nil {
		return nil, err
	}
	req := peer.request(sip.INVITE)
	appendAll(req, b.srv.identity(from, peer))
	peer.keepTimer(req)
	setSDP(req, sdp)
	res, sent, err := b.srv.invite(ctx, peer, req, func(*sip.Response) {})
	if err != nil {
		return nil, err
	}
	if !res.IsSuccess() {
		return nil, &refusedError{res.StatusCode}
	}
	peer.answered(res)
	peer.timedBy(res)
	said, _ := sdpOf(res)
	answer, err := b.across(peer, n, said, true)
	finish()
	peer.sendAck(sent.CSeq().SeqNo, nil, credentialsOf(sent))
	return answer, err
}

// changed shows on the board, and notes for the history, who has taken old's place.
func (b *bridge) changed(old, n *leg, from caller) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n == b.a {
		b.info.From = from.name()
	} else {
		b.info.To = from.name()
	}
	if n.user != "" {
		b.involve(n.user)
	}
	if !b.ended {
		b.srv.board.Set(b.info)
	}
}

// renameReplaces writes the dialog that Refer-To names (RFC 3891 §6.1) as the far end of our leg of it knows it, which differs only after
// a leg was taken over, and lets the user to whom the REFER goes replace it: if a PBX asks for that, or a user who gives its own
// place away.
func (s *Server) renameReplaces(from, to *leg, uri *sip.Uri) error {
	for i, h := range uri.Headers {
		if !strings.EqualFold(h.K, "replaces") {
			continue
		}
		text, err := url.PathUnescape(h.V)
		if err != nil {
			return errBadReplaces
		}
		d, early, ok := parseReplaces(text)
		if !ok {
			return errBadReplaces
		}
		entitles := to.user != "" && (from.pbx != nil || s.own(from.user, d) != nil)
		if far := s.farEnd(d); far != d {
			d, text = far, far.String()
			if early {
				text += ";early-only"
			}
			uri.Headers[i].V = escapeHeader(text)
		}
		if entitles {
			s.grants.add(to.user, d, time.Now())
		}
	}
	return nil
}

// farEnd is the dialog d as the party beyond our leg of it knows it; d itself when we have none or the two are the same.
func (s *Server) farEnd(d dialogID) dialogID {
	l, up := s.named(d)
	if l == nil || !up {
		return d
	}
	peer := l.call.peer(l)
	if peer == nil {
		return d
	}
	peer.mu.Lock()
	defer peer.mu.Unlock()
	return dialogID{callID: peer.callID, to: peer.remote.tag, from: peer.local.tag}
}

// escapeHeader writes a value as a header inside a SIP address (RFC 3261 §25.1, hvalue).
func escapeHeader(text string) string {
	const plain = "-_.!~*'()[]/?:+$"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// refuseReferral answers a REFER outside of a dialog (RFC 3515): it would have us, or a phone at the PBX, call whomever the sender likes at the cost of
// the one who is asked, and there is no call in which somebody has agreed to talk to the sender. Inside of a call it passes.
func (s *Server) refuseReferral(req *sip.Request, tx sip.ServerTransaction) {
	if _, ok := s.caller(req, tx); ok {
		s.reply(req, tx, sip.StatusForbidden, "Forbidden", warning("REFER only inside of a call")...)
	}
}
