package signaling

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// yieldTime is how long our offer lets a browser's own go first, or a page that takes over by itself, and glareTime how long it waits for another one to be over, at least.
const (
	yieldTime = 200 * time.Millisecond
	glareTime = 100 * time.Millisecond
)

// returned is told that a browser has registered on a flow for the first time. Calls of a user with the same contact are the same
// program's: it kept its dialogs and has only connected again.
func (s *Server) returned(user string, b binding) {
	var rings []*bridge
	defer func() {
		for _, call := range rings {
			call.back()
		}
		s.around.returned(user, b)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.user != user {
			continue
		}
		l.mu.Lock()
		if l.confirmed && l.flow != b.flow && b.made(l.target) {
			l.move(b.flow, yieldTime)
		}
		if !l.confirmed && l.flow != b.flow {
			rings = append(rings, l.call)
			if l.device != "" && l.device == b.instance || b.made(l.target) { // it may have left the old one without a word
				l.flow.prove()
			}
		}
		l.mu.Unlock()
	}
}

// made says whether a dialog with that remote target is the device's: it names itself there by its contact or its public GRUU.
func (b binding) made(target sip.Uri) bool {
	if gr, ok := param(target.UriParams, "gr"); ok && gr != "" {
		return b.instance != "" && gr == escapeInstance(b.instance)
	}
	return target.User == b.contact.User && strings.EqualFold(target.Host, b.contact.Host) && target.Port == b.contact.Port
}

// move makes f the leg's flow: its browser is back, or on another network. The caller holds l.mu.
func (l *leg) move(f *flow, yield time.Duration) {
	l.flow = f
	l.found()
	if f.gone() {
		l.await()
		return
	}
	if l.cold && !l.warming {
		l.warming = true
		l.srv.routed.Go(func() { l.warm(yield) })
	}
}

// warm gives the party of a restored leg new keys, and a browser new ICE, by a re-INVITE once yield is over. When the flow closes before,
// the leg waits again. The call ends when it can't be done.
func (l *leg) warm(yield time.Duration) {
	ctx, stop := context.WithTimeout(l.call.life, lostTime)
	defer stop()
	for {
		select {
		case <-time.After(yield):
		case <-ctx.Done():
			l.failed(call.ReasonLost, reason(sip.StatusRequestTimeout, "Connection lost"))
			return
		}
		if done, _ := l.offerAnew(ctx); done || l.leave() {
			return
		}
		yield = glareTime + rand.N(glareTime)
	}
}

// leave ends the warming of a leg whose flow has closed.
func (l *leg) leave() bool {
	if l.pbx != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := l.flow.gone()
	l.warming = l.warming && !gone
	return gone
}

// offerAnew tries to give the party what its media needs, if it needs anything; done is false when that has to be tried again.
func (l *leg) offerAnew(ctx context.Context) (done, needed bool) {
	finish, ok := l.begin()
	if !ok {
		return false, true
	}
	defer finish()
	media, b := l.srv.deps.Media, l.call
	offer, err := media.Reoffer(ctx, b.id, l.token)
	needed = err != nil || len(offer) > 0
	if err == nil && needed {
		req := l.request(sip.INVITE)
		setSDP(req, offer)
		var res *sip.Response
		var sent *sip.Request
		if res, sent, err = l.srv.invite(ctx, l, req, func(*sip.Response) {}); err != nil {
			b.log.Info("party not reached", "party", nameOf(l), "error", err)
			return false, true
		}
		switch {
		case res.StatusCode == sip.StatusRequestPending, res.StatusCode == sip.StatusInternalServerError && res.GetHeader("Retry-After") != nil:
			return false, true
		case !res.IsSuccess(): // 481: it has hung up meanwhile
			b.log.Info("party takes no new offer", "party", nameOf(l), "status", res.StatusCode)
			l.failed(call.ReasonLost, reason(sip.StatusRequestTimeout, "Connection lost"))
			return true, needed
		}
		l.answered(res)
		if text, ok := sdpOf(res); ok && len(text) > 0 {
			err = media.Reanswer(ctx, b.id, l.token, text)
		} else {
			err = errNoDescription
		}
		l.sendAck(sent.CSeq().SeqNo, nil, credentialsOf(sent))
	}
	switch {
	case b.life.Err() != nil || l.isReplaced():
		return true, needed
	case err != nil:
		b.log.Warn("media not restored", "party", nameOf(l), "error", err)
		l.failed(call.ReasonNoSound, reason(sip.StatusNotAcceptableHere, "No common sound"))
		return true, needed
	}
	if l.pbx != nil {
		return true, needed
	}
	l.mu.Lock()
	l.cold, l.warming = false, false
	l.mu.Unlock()
	media.Wait(b.id, l.token, false)
	b.log.Info("browser is back", "user", l.user)
	return true, needed
}

// failed ends the call of a leg that can't be brought back, unless another one has taken its place.
func (l *leg) failed(why string, more sip.Header) {
	if !l.isReplaced() {
		l.call.endLater(nil, why, more)
	}
}

func (l *leg) isReplaced() bool {
	l.call.mu.Lock()
	defer l.call.mu.Unlock()
	return l != l.call.a && l != l.call.b
}

// isKnown says whether a user is registered on the flow.
func (r *registrar) isKnown(user string, f *flow, now time.Time) bool {
	return slices.ContainsFunc(r.all(user, now), func(b binding) bool { return b.flow == f })
}
