package signaling

import (
	"context"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// takeOver lets the leg that req asks for take the place of old, which the same user has already (RFC 3891): after a page
// reload, on another network, or to move a call to another device. The far end notices nothing.
func (s *Server) takeOver(ctx context.Context, from caller, req *sip.Request, tx sip.ServerTransaction, old *leg, offer []byte) {
	if len(offer) == 0 {
		f := statusOf(errNoDescription)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	b := old.call
	old.mu.Lock()
	hides := old.hides
	old.mu.Unlock()
	n := from.leg(req)
	s.join(b, n)
	n.asked(req)
	finish, _ := n.beginOf(true) // until its ACK
	defer finish()
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	n.mu.Lock()
	n.local.tag, _ = res.To().Params.Get("tag")
	n.hides = n.hides || hides
	n.mu.Unlock()
	sdp, err := b.mediaOf(ctx, old, n, offer)
	if err == nil && !b.replace(old, n) {
		err = errAbandoned // ended, or taken over by another at the same moment
	}
	if err != nil {
		n.drop()
		f := statusOf(err)
		s.reply(req, tx, f.status, f.reason, f.headers...)
		return
	}
	res.AppendHeader(n.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	appendAll(res, b.introduce(ctx, n))
	setSDP(res, sdp)
	b.log.Info("call taken over", "user", n.user)
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		old.bye(ctx, []sip.Header{reason(sip.StatusOK, "Taken over")})
	})
	old.drop()
	s.settle(b, n, req, tx, res)
}

// introduce asserts toward n, the leg of a user who asked for another's place in the call and not for whom it is with, who that is (RFC
// 3325 §9.1).
func (b *bridge) introduce(ctx context.Context, n *leg) []sip.Header {
	if n.pbx != nil || n.guest != nil { // they know
		return nil
	}
	b.mu.Lock()
	builtin := b.builtin
	b.mu.Unlock()
	far := b.peer(n)
	if far == nil {
		return []sip.Header{assertedIdentity("", sip.Uri{Scheme: "sip", User: builtin, Host: b.srv.cfg.Domain})}
	}
	far.mu.Lock()
	who, hides, asked := far.remote, far.hides, !far.owner
	far.mu.Unlock()
	switch {
	case hides:
		return []sip.Header{assertedIdentity("Anonymous", sip.Uri{Scheme: "sip", User: "anonymous", Host: anonymousHost})}
	case asked && far.pbx == nil && far.guest == nil: // the name is the browser's own claim
		who.display, who.uri.User = "", far.user
		if u, err := b.srv.deps.Users.User(ctx, far.user); err == nil {
			who.display = u.Display
		}
	case asked && far.pbx != nil && far.pbx.neighbour != nil:
		who = far.pbx.colleague(&sip.FromHeader{DisplayName: who.display, Address: who.uri})
	}
	return []sip.Header{assertedIdentity(who.display, b.srv.renamed(far, n, who.uri))}
}

// replaced is the established leg of the caller's own that a Replaces header names; nil when there is none.
func (s *Server) replaced(from caller, d dialogID) *leg {
	if from.flow == nil {
		return nil
	}
	if _, bound := from.flow.Identity(); !bound { // a guest that its PBX has not taken yet
		return nil
	}
	return s.own(from.user.Name, d)
}

// own is the established leg of a user that d names; nil when there is none.
func (s *Server) own(user string, d dialogID) *leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.user != user {
			continue
		}
		l.mu.Lock()
		same := l.confirmed && d.is(l)
		l.mu.Unlock()
		if same {
			return l
		}
	}
	return nil
}

// mediaOf answers the offer of the leg n, which takes old's place, for whom old hears.
func (b *bridge) mediaOf(ctx context.Context, old, n *leg, offer []byte) ([]byte, error) {
	b.mu.Lock()
	builtin := b.builtin
	b.mu.Unlock()
	if builtin != "" {
		return b.srv.deps.Media.Local(ctx, b.id, n.party, builtin, offer)
	}
	return b.srv.deps.Media.Replace(ctx, b.id, old.token, n.party, offer)
}

// replace puts leg n in the place of old; false when old is no more part of the call or the call is not up.
func (b *bridge) replace(old, n *leg) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.info.State != call.Talking {
		return false
	}
	switch old {
	case b.a:
		b.a = n
	case b.b:
		b.b = n
	default:
		return false
	}
	b.tape()
	return true
}
