package media

import (
	"context"
	"fmt"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// Changes says whether from's offer changes anything for to, with whom from's media is joined: anything but the address and the keys
// by which we reach from. An offer that can't be read does.
func (e *Engine) Changes(id string, from, to call.Party, offer []byte) bool {
	s, err := e.lock(id, false)
	if err != nil {
		return true
	}
	defer s.mu.Unlock()
	l, peer := s.legs[from.Leg], s.legs[to.Leg]
	if l == nil || peer == nil || l.talk.agreed == nil || peer.talk.said == nil || !l.hears(peer) {
		return true
	}
	remote, err := sdp.Parse(offer)
	return err != nil || !remote.Repeats(*l.talk.agreed, l.talk.final, l.talk.wish)
}

// hears says whether two legs are joined. The caller holds the session's mutex.
func (l *leg) hears(peer *leg) bool {
	w := l.way.Load()
	return w != nil && w.peer == peer
}

// Keep answers from's offer by what to has agreed to already, and to is told nothing: what from has changed takes effect as far as it
// can on this side alone. One that wants none of the codecs in use gets sdp.ErrNoCodec.
func (e *Engine) Keep(ctx context.Context, id string, from, to call.Party, offer []byte) ([]byte, error) {
	text, err := e.negotiate(ctx, id, []call.Party{from}, func(s *session, legs []*leg) ([]byte, error) {
		l, peer := legs[0], s.legs[to.Leg]
		if peer == nil || peer.talk.said == nil {
			return nil, fmt.Errorf("%w %q: nothing agreed with %q", ErrUnknownCall, id, to.Leg)
		}
		if _, err := l.propose(offer); err != nil {
			return nil, err
		}
		text, err := l.tell(l.talk.setup, func(local sdp.Local) ([]byte, error) { return sdp.Keep(peer.talk.said, offer, l.talk.final, local) })
		if err != nil {
			return nil, err
		}
		told, err := l.talk.told()
		if err != nil {
			return nil, err
		}
		l.answered()
		s.link(l, peer, common(told.Codecs, l.talk.proposed.Codecs))
		s.show(peer, l, told)
		return text, nil
	})
	if err != nil {
		return nil, fmt.Errorf("keep media: %w", err)
	}
	return text, nil
}

// Again offers to to once more what from said last, so that the session is refreshed. Its Answer is as after Offer; from need not be
// told.
func (e *Engine) Again(ctx context.Context, id string, from, to call.Party) ([]byte, error) {
	s, err := e.lock(id, false)
	if err != nil {
		return nil, err
	}
	var said []byte
	if l := s.legs[from.Leg]; l != nil {
		said = l.talk.said
	}
	s.mu.Unlock()
	if said == nil {
		return nil, fmt.Errorf("offer media again: %w %q: %q has said nothing", ErrUnknownCall, id, from.Leg)
	}
	text, err := e.offer(ctx, id, from, to, said, func(t *talk) string { return t.proposed.Direction })
	if err != nil {
		return nil, fmt.Errorf("offer media again: %w", err)
	}
	return text, nil
}
