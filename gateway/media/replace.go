package media

import (
	"context"
	"fmt"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// Replace lets party take the place of the leg old in a call (RFC 3891): its offer is answered by what the other leg has agreed to
// already, and that leg is told nothing. Old is parted from the call and stays until it is deleted; nobody waits for it
// any more.
func (e *Engine) Replace(ctx context.Context, id, old string, party call.Party, offer []byte) ([]byte, error) {
	text, err := e.negotiate(ctx, id, []call.Party{party}, func(s *session, legs []*leg) ([]byte, error) {
		return s.replace(old, legs[0], offer)
	})
	if err != nil {
		return nil, fmt.Errorf("replace media: %w", err)
	}
	return text, nil
}

// replace joins l to the peer of the leg old. The caller holds mu.
func (s *session) replace(old string, l *leg, offer []byte) ([]byte, error) {
	gone := s.legs[old]
	if gone == nil || gone == l {
		return nil, fmt.Errorf("%w %q: no leg %q to replace", ErrUnknownCall, s.id, old)
	}
	w := gone.way.Load()
	if w == nil || w.peer == nil {
		return nil, fmt.Errorf("%w %q: leg %q hears nobody", ErrUnknownCall, s.id, old)
	}
	peer := w.peer
	if _, err := l.propose(offer); err != nil {
		return nil, err
	}
	if peer.video.Load() != nil {
		s.see(l, peer)
	}
	text, err := l.tell(l.talk.setup, func(local sdp.Local) ([]byte, error) { return sdp.Translate(peer.talk.said, offer, local) })
	if err != nil {
		return nil, err
	}
	told, err := l.talk.told()
	if err != nil {
		return nil, err
	}
	l.answered()
	l.talk.final = told.Codecs
	gone.stopWaiting()
	l.judge.inherit(&gone.judge)
	s.link(l, peer, common(told.Codecs, l.talk.proposed.Codecs))
	s.show(peer, l, told)
	return text, nil
}

// Meet lets party join the call in which first has offered and nobody has answered yet, though party offers too: it picks up a call that
// rings elsewhere. Each is answered by what the other has offered.
func (e *Engine) Meet(ctx context.Context, id string, first, party call.Party, offer []byte) (toFirst, toParty []byte, err error) {
	toParty, err = e.negotiate(ctx, id, []call.Party{first, party}, func(s *session, legs []*leg) ([]byte, error) {
		a, l := legs[0], legs[1]
		if a.talk.proposed == nil {
			return nil, fmt.Errorf("%w %q: leg %q has offered nothing", ErrUnknownCall, id, first.Leg)
		}
		if _, err := l.propose(offer); err != nil {
			return nil, err
		}
		if a.talk.proposed.Video != nil && l.talk.proposed.Video != nil {
			s.see(a, l)
		}
		text, err := l.tell(l.talk.setup, func(local sdp.Local) ([]byte, error) { return sdp.Translate(a.talk.offer, offer, local) })
		if err != nil {
			return nil, err
		}
		told, err := l.talk.told()
		if err != nil {
			return nil, err
		}
		toFirst, err = a.tell(a.talk.setup, func(local sdp.Local) ([]byte, error) { return sdp.Translate(offer, a.talk.offer, local) })
		if err != nil {
			return nil, err
		}
		a.answered()
		l.answered()
		s.link(a, l, common(told.Codecs, l.talk.proposed.Codecs))
		s.show(a, l, told)
		return text, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("join media: %w", err)
	}
	return toFirst, toParty, nil
}
