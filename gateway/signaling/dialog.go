package signaling

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/locate"
)

// dialog finds the leg that a request inside a dialog is for, by the token in our Contact, and checks that it comes
// from the leg's peer. Otherwise it answers the request and gives nil.
func (s *Server) dialog(req *sip.Request, tx sip.ServerTransaction) *leg {
	l, _ := s.dialogOf(req, tx, false)
	return l
}

// dialogOf is dialog for a request that is sent on, if sentOn: those after it wait until release.
func (s *Server) dialogOf(req *sip.Request, tx sip.ServerTransaction, sentOn bool) (l *leg, release func()) {
	f := s.door.flow(req.Source())
	if f != nil && !s.authorize(f, req, tx) {
		return nil, nil
	}
	s.mu.Lock()
	l = s.legs[req.Recipient.User]
	s.mu.Unlock()
	if l == nil || l.call.life.Err() != nil || !l.accepts(req, f) { // unknown, or of a call that has ended
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return nil, nil
	}
	release, ok := l.inOrder(req, sentOn)
	if !ok {
		s.reply(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
		return nil, nil
	}
	if l.pbx != nil {
		l.pbx.learnRequest(req)
	}
	return l, release
}

// accepts says whether a request belongs to the leg's dialog. A browser that lost its flow comes back on another of the same user.
func (l *leg) accepts(req *sip.Request, f *flow) bool {
	from, _ := req.From().Params.Get("tag")
	to, _ := req.To().Params.Get("tag")
	l.mu.Lock()
	defer l.mu.Unlock()
	if req.CallID().Value() != l.callID || !l.inside(from, to) {
		return false
	}
	if l.pbx != nil && l.pbx.web() {
		return l.srv.pbxAt(req) == l.pbx
	}
	if l.pbx != nil {
		return !isFlowTransport(req.Transport()) && (!l.pbx.secure() || req.Transport() == locate.TLS) && (l.pbx.trusted() || l.srv.pbxAt(req) == l.pbx)
	}
	if f == nil {
		return false
	}
	if f != l.flow {
		if id, ok := f.Identity(); !ok || id.User != l.user {
			return false
		}
		yield := time.Duration(0)
		if req.IsInvite() { // its own offer brings new ICE and DTLS too
			yield = yieldTime
		}
		l.move(f, yield)
	}
	return true
}

// onAck takes the ACK of a 2xx.
func (s *Server) onAck(req *sip.Request, _ sip.ServerTransaction) {
	f := s.door.flow(req.Source())
	s.mu.Lock()
	l := s.legs[req.Recipient.User]
	s.mu.Unlock()
	if l != nil && l.accepts(req, f) {
		l.acknowledged(req)
	}
}

// onBye ends a call.
func (s *Server) onBye(req *sip.Request, tx sip.ServerTransaction) {
	l := s.dialog(req, tx)
	if l == nil {
		return
	}
	if peer := l.call.peer(l); l.guest != nil && peer != nil && peer.pbx == l.guest.pbx {
		s.byeThrough(l, peer, req, tx)
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	l.mu.Lock()
	answered := l.confirmed
	l.mu.Unlock()
	if answered { // who sends BYE knows of that, even if it overtakes the ACK; a caller may send it before (RFC 3261 §15)
		l.call.enter(call.Talking)
	}
	l.call.endLater(l, "", passing(req)...)
}

// onReinvite changes a call's media (RFC 3261 §14): hold, resume, another address.
func (s *Server) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	l := s.dialog(req, tx)
	if l == nil {
		return
	}
	offer, ok := sdpOf(req)
	if !ok {
		s.reply(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", sdpType))
		return
	}
	b := l.call
	peer := b.peer(l)
	b.mu.Lock()
	builtin := b.builtin
	b.mu.Unlock()
	if peer == nil && builtin == "" { // the first INVITE is not answered yet
		s.reply(req, tx, sip.StatusInternalServerError, "Call Being Set Up", sip.NewHeader("Retry-After", "2"))
		return
	}
	if s.tooShort(req, tx) {
		return
	}
	l.heardOf(req)
	if builtin == "" {
		c := &change{srv: s, l: l, peer: peer, req: req, tx: tx, offer: offer}
		c.run()
		return
	}
	ctx, stop := context.WithTimeout(b.life, 64*sip.T1)
	defer stop()
	finish, ok := l.beginFor(ctx, l)
	if !ok {
		s.replyFailure(req, tx, l.pending(rand.Float64()))
		return
	}
	defer finish()
	l.refresh(req)
	s.reofferBuiltin(l, builtin, offer, req, tx)
}

func (s *Server) reofferBuiltin(l *leg, callee string, offer []byte, req *sip.Request, tx sip.ServerTransaction) {
	if len(offer) == 0 {
		f := statusOf(errNoDescription)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	sdp, err := s.deps.Media.Local(context.Background(), l.call.id, l.party, callee, offer)
	if err != nil {
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	if _, ok := s.confirm(l.call.life, l, req, tx, l.accept(req, sdp)); !ok {
		l.call.endLater(nil, call.ReasonLost, reason(sip.StatusRequestTimeout, "Not confirmed"))
	}
}

// accept is the 2xx to an INVITE inside the dialog.
func (l *leg) accept(req *sip.Request, sdp []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	res.AppendHeader(l.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	setSDP(res, sdp)
	return res
}
