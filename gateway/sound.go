package gateway

import (
	"context"
	"slices"
	"sync"

	"cordboard/gateway/call"
	"cordboard/gateway/media"
	"cordboard/gateway/metrics"
	"cordboard/gateway/signaling"
)

// waitingConcerns is how many concerns wait for a slow reader. One more, and the reader is sent away: it comes back and is told
// how things stand.
const waitingConcerns = 32

// sound passes on what the media engine finds out: to the users whose calls it is about, and to the metrics.
type sound struct {
	*metrics.Metrics
	media     *media.Engine
	signaling *signaling.Server

	mu      sync.Mutex
	readers map[chan call.Concern]string // user by channel
}

var _ media.Observer = (*sound)(nil)

// Trouble implements media.Observer.
func (s *sound) Trouble(t call.Trouble) {
	if t.Ended == 0 {
		s.Metrics.Trouble(t)
		if t.Kind == call.TroubleSilent || t.Kind == call.TroubleICE {
			s.signaling.Silent(t.Call, t.Leg)
		}
	}
	for _, p := range s.signaling.Participants()[t.Call] {
		if p.User == "" {
			continue
		}
		s.mu.Lock()
		for ch, user := range s.readers {
			if user == p.User {
				s.tell(ch, concern(t, p))
			}
		}
		s.mu.Unlock()
	}
}

// concern is a trouble as a participant sees it.
func concern(t call.Trouble, p signaling.Participant) call.Concern {
	return call.Concern{Trouble: t, SIP: p.CallID, Own: p.Leg == t.Leg}
}

// tell never waits. The caller holds s.mu.
func (s *sound) tell(ch chan call.Concern, c call.Concern) {
	select {
	case ch <- c:
	default:
		delete(s.readers, ch)
		close(ch)
	}
}

// concerns tells a user of trouble with the user's calls: first of all that goes on, then of each that begins or ends.
func (s *sound) concerns(ctx context.Context, user string) <-chan call.Concern {
	ch := make(chan call.Concern, waitingConcerns)
	s.mu.Lock()
	if s.readers == nil {
		s.readers = make(map[chan call.Concern]string)
	}
	s.readers[ch] = user
	s.mu.Unlock()
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.readers, ch)
	})
	for id, parties := range s.signaling.Participants() {
		for _, p := range parties {
			if p.User != user {
				continue
			}
			m, _ := s.media.Media(id)
			s.mu.Lock()
			for _, t := range m.Troubles {
				if _, reads := s.readers[ch]; reads && t.Ended == 0 {
					s.tell(ch, concern(t, p))
				}
			}
			s.mu.Unlock()
		}
	}
	return ch
}

// calls are those of the moment with their users.
func (s *sound) calls() []call.Live {
	parties := s.signaling.Participants()
	var list []call.Live
	for _, c := range s.signaling.Calls() {
		l := call.Live{Info: c}
		for _, p := range parties[c.ID] {
			if p.User != "" && !slices.Contains(l.Users, p.User) {
				l.Users = append(l.Users, p.User)
			}
		}
		slices.Sort(l.Users)
		list = append(list, l)
	}
	return list
}

// of is how the media of a call is doing, with the names of its users.
func (s *sound) of(id string) call.Media {
	m, _ := s.media.Media(id)
	parties := s.signaling.Participants()[id]
	for i := range m.Legs {
		for _, p := range parties {
			if p.Leg == m.Legs[i].Leg {
				m.Legs[i].User = p.User
			}
		}
	}
	return m
}

// dialog names the dialog of a user in a call as a Replaces header does; "" when there is none.
func (s *sound) dialog(call, user string) string {
	for _, p := range s.signaling.Participants()[call] {
		if p.User == user {
			return p.Replaces
		}
	}
	return ""
}
