package media

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// Built-in callees that Local takes.
const (
	Echo = "echo" // sends back what it hears
	Tone = "tone" // 1004 Hz at -16 dBm0, in PCMU or PCMA, else in G.722 or Opus
)

// Offer takes from's offer and returns what to offer to to. A second Offer on the same pair is a re-offer: sockets, ICE
// credentials, DTLS and SSRCs stay, but a browser that restarts ICE gets new credentials. With several to (forking)
// each gets its own leg and from's is shared. What is offered comes into force with its Answer. Descriptions that come or go are kept
// for as long as the call, so nobody changes them any more; this is so for all methods. A party that is held and offers to hear alone would
// be heard as well, as others would say (RFC 6337 §5.3); a browser is offered no more than its user wishes at the moment.
func (e *Engine) Offer(ctx context.Context, id string, from, to call.Party, offer []byte) ([]byte, error) {
	if from.Leg == to.Leg {
		return nil, fmt.Errorf("offer media from leg %q to itself", from.Leg)
	}
	text, err := e.offer(ctx, id, from, to, offer, func(t *talk) string {
		if t.proposed.Direction == "recvonly" && t.held {
			return t.wished()
		}
		return t.proposed.Direction
	})
	if err != nil {
		return nil, fmt.Errorf("offer media: %w", err)
	}
	return text, nil
}

// offer is Offer with another direction than that of from's offer.
func (e *Engine) offer(ctx context.Context, id string, from, to call.Party, offer []byte, direction func(*talk) string) ([]byte, error) {
	return e.negotiate(ctx, id, []call.Party{from, to}, func(s *session, legs []*leg) ([]byte, error) {
		remote, err := legs[0].propose(offer)
		if err != nil {
			return nil, err
		}
		if remote.Video != nil {
			s.see(legs[0], legs[1])
		}
		return legs[1].tell(actpass, func(local sdp.Local) ([]byte, error) {
			local.Direction = legs[1].allows(direction(&legs[0].talk))
			return legs[0].talk.heard.Translate(nil, local)
		})
	})
}

// Local answers party's offer by a built-in callee, Echo or Tone.
func (e *Engine) Local(ctx context.Context, id string, party call.Party, callee string, offer []byte) ([]byte, error) {
	if callee != Echo && callee != Tone {
		return nil, fmt.Errorf("answer by %q: no such built-in callee", callee)
	}
	text, err := e.negotiate(ctx, id, []call.Party{party}, func(s *session, legs []*leg) ([]byte, error) {
		return s.serve(legs[0], callee, offer)
	})
	if err != nil {
		return nil, fmt.Errorf("answer by %s: %w", callee, err)
	}
	return text, nil
}

// Answer takes from's answer and returns the answer for to, and lets their media flow. When several parties answer, the
// last one is heard. The same answer again gives the same text again.
func (e *Engine) Answer(ctx context.Context, id string, from, to call.Party, answer []byte) ([]byte, error) {
	text, err := e.answer(ctx, id, from, to, answer)
	if err != nil {
		return nil, fmt.Errorf("answer media: %w", err)
	}
	return text, nil
}

func (e *Engine) answer(ctx context.Context, id string, from, to call.Party, answer []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := e.lock(id, false)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	a, b := s.legs[from.Leg], s.legs[to.Leg]
	if a == nil || b == nil || b.talk.proposed == nil {
		return nil, fmt.Errorf("%w %q: no offer between %q and %q", ErrUnknownCall, id, to.Leg, from.Leg)
	}
	said, remote, err := a.hear(answer)
	if err != nil {
		return nil, err
	}
	if err := a.answers(remote); err != nil {
		return nil, err
	}
	asked, err := b.talk.asked()
	if err != nil {
		return nil, err
	}
	text, err := b.tell(b.talk.setup, func(local sdp.Local) ([]byte, error) { return said.Translate(asked, local) })
	if err != nil {
		return nil, err
	}
	told, err := b.talk.told()
	if err != nil {
		return nil, err
	}
	a.accept(answer, remote)
	b.answered()
	b.talk.final = told.Codecs
	a.talk.final = slices.DeleteFunc(slices.Clone(told.Codecs), func(c sdp.Codec) bool {
		_, ok := twinOf(c, remote.Codecs) // b may have events that a has not
		return !ok
	})
	if !slices.ContainsFunc(a.talk.final, carriesSound) {
		a.talk.final = remote.Codecs // what they say is converted
	}
	s.link(a, b, common(told.Codecs, b.talk.proposed.Codecs))
	s.show(a, b, told)
	return text, nil
}

// negotiate runs f with the legs of the parties, which are made if there are none. When f fails, what was made for it
// is undone.
func (e *Engine) negotiate(ctx context.Context, id string, parties []call.Party, f func(*session, []*leg) ([]byte, error)) ([]byte, error) {
	s, err := e.lock(id, true)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	defer s.forget()
	if err := ctx.Err(); err != nil { // the call may have ended, and been deleted, before it was locked
		return nil, err
	}
	var legs []*leg
	var made []string
	text, err := func() ([]byte, error) {
		for _, party := range parties {
			before := s.legs[party.Leg]
			l, err := s.join(party)
			if err != nil {
				return nil, err
			}
			if l != before {
				made = append(made, party.Leg)
			}
			legs = append(legs, l)
		}
		return f(s, legs)
	}()
	if err != nil {
		for _, name := range made {
			s.remove(name)
		}
		return nil, err
	}
	return text, nil
}

// serve answers a leg's offer by a built-in callee. The caller holds mu.
func (s *session) serve(l *leg, callee string, offer []byte) ([]byte, error) {
	remote, err := l.propose(offer)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(remote.Codecs, func(c sdp.Codec) bool { return takes(callee, c) })
	if i < 0 && callee == Tone {
		i = slices.IndexFunc(remote.Codecs, converts)
	}
	if i < 0 {
		return nil, sdp.ErrNoCodec
	}
	chosen := remote.Codecs[i]
	text, err := l.tell(l.talk.setup, func(local sdp.Local) ([]byte, error) { return sdp.Answer(offer, chosen, local) })
	if err != nil {
		return nil, err
	}
	l.answered()
	s.part(l, nil)
	l.stopTranscoding()
	w := l.leads(new(way))
	w.types.add(chosen.PT)
	w.echo = callee == Echo
	l.way.Store(w)
	l.listen()
	l.play(callee, chosen)
	return text, nil
}

// play starts or stops the tone as the callee wants it; one that goes on in the same codec is not disturbed.
func (l *leg) play(callee string, c sdp.Codec) {
	if callee != Tone {
		l.stopTone()
		return
	}
	if l.tone != nil && l.playing == c.PT {
		return
	}
	l.playing = c.PT
	l.startTone(func(ctx context.Context) { playTone(ctx, l, c) })
}

// takes says whether a callee can use a codec: the echo any that carries sound, the tone the laws of G.711, and what
// else we encode only if there is none of them.
func takes(callee string, c sdp.Codec) bool {
	if callee == Tone {
		_, ok := codec.ByName(c.Name)
		return ok && c.ClockRate == codec.G711Rate && c.Channels <= 1
	}
	return callee == Echo && !c.Events() && !c.Noise() &&
		!strings.EqualFold(c.Name, "red")
}

// Delete ends one leg of a call, or with leg "" the whole call. What is gone already stays gone.
func (e *Engine) Delete(id, leg string) {
	s, err := e.lock(id, false)
	if err != nil {
		return
	}
	defer s.mu.Unlock()
	defer s.forget()
	if leg != "" {
		s.remove(leg)
		return
	}
	for name := range s.legs {
		s.remove(name)
	}
}

// Stats gives the counters of a call's legs, sorted by name; nothing for an unknown call.
func (e *Engine) Stats(id string) []LegStats {
	s, err := e.lock(id, false)
	if err != nil {
		return nil
	}
	defer s.mu.Unlock()
	var all []LegStats
	for _, l := range s.legs {
		all = append(all, l.stats(e.now()))
	}
	slices.SortFunc(all, func(a, b LegStats) int { return strings.Compare(a.Leg, b.Leg) })
	return all
}
