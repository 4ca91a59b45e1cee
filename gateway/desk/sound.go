package desk

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/audio"
)

// scene is what is to be heard at the moment.
type scene struct {
	talk    map[Voice]bool // the calls that hear the microphone and are heard; true: muted
	tone    audio.Progress // on the loudspeaker; empty: none
	ringing bool           // on the ringer
}

// room is where the machine's microphone and loudspeakers and the calls meet. The card is open only as long as there is something to
// hear.
type room struct {
	deps   Deps
	log    *slog.Logger
	failed func(error) // told when the card does not work, and with nil when it does again
	mixer  audio.Mixer
	duplex audio.Duplex  // the mixer, with what cleans sound before it
	wake   chan struct{} // holds one when there is something to open or to close

	mu       sync.Mutex
	seats    map[Voice]*seat
	tone     audio.Progress
	stopTone func()
	ringing  bool
	problem  string
	check    check
}

// seat is a call in the room; a muted one hears nothing of the microphone, but the other calls of a conference.
type seat struct {
	Voice
	muted atomic.Bool
	leave func()
}

// Muted tells the mixer.
func (s *seat) Muted() bool { return s.muted.Load() }

// CaptureBand implements audio.Bander.
func (s *seat) CaptureBand(frame []int16) bool {
	b, ok := s.Voice.(audio.Bander)
	return ok && b.CaptureBand(frame)
}

func newRoom(deps Deps, failed func(error), log *slog.Logger) *room {
	r := &room{deps: deps, log: log, failed: failed, wake: make(chan struct{}, 1), seats: make(map[Voice]*seat)}
	r.duplex = &r.mixer
	if deps.Clean != nil {
		r.duplex = deps.Clean(&r.mixer)
	}
	return r
}

// set changes what is to be heard. It waits for no device.
func (r *room) set(s scene) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for v, there := range r.seats {
		if _, stays := s.talk[v]; !stays {
			there.leave()
			delete(r.seats, v)
		}
	}
	for v, muted := range s.talk {
		there := r.seats[v]
		if there == nil {
			there = &seat{Voice: v}
			there.muted.Store(muted)
			there.leave = r.mixer.Join(there)
			r.seats[v] = there
		}
		there.muted.Store(muted)
	}
	if s.tone != r.tone {
		if r.stopTone != nil {
			r.stopTone()
			r.stopTone = nil
		}
		if r.tone = s.tone; s.tone != "" {
			r.stopTone = r.mixer.Sound(audio.NewProgress(r.deps.country(), s.tone).Play)
		}
	}
	r.ringing = s.ringing
	r.stir()
}

// stir lets run look again at what is to be open.
func (r *room) stir() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// forget takes a call out; when it returns its voice is no more used.
func (r *room) forget(v Voice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there := r.seats[v]; there != nil {
		there.leave()
		delete(r.seats, v)
	}
}

// trouble says what keeps the card from working; empty: nothing.
func (r *room) trouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// retryCard is how long a card that could not be opened is left alone.
const retryCard = time.Second

// run opens and closes the card until ctx ends: it may take long.
func (r *room) run(ctx context.Context) {
	var talking, ringing func()
	again := time.NewTimer(retryCard)
	again.Stop()
	defer again.Stop()
	over := time.NewTimer(retryCard) // what is only for a time
	over.Stop()
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			turn(&talking, false, nil)
			turn(&ringing, false, nil)
			return
		case <-r.wake:
		case <-again.C:
		case <-over.C:
		}
		r.mu.Lock()
		talk, ring, until := r.check.wants(time.Now())
		talk, ring = talk || len(r.seats) > 0 || r.tone != "", ring || r.ringing
		r.mu.Unlock()
		if !until.IsZero() {
			over.Reset(time.Until(until))
		}
		err := turn(&talking, talk, func() (func(), error) { return r.deps.Card.Talk(r.duplex) })
		if e := turn(&ringing, ring, func() (func(), error) { return r.deps.Card.Ring(audio.NewRingtone().Play) }); err == nil {
			err = e
		}
		problem := ""
		if err != nil {
			problem = err.Error()
			again.Reset(retryCard)
		}
		r.mu.Lock()
		news := problem != r.problem
		r.problem = problem
		r.mu.Unlock()
		if news {
			r.failed(err)
		}
	}
}

// turn opens what is wanted and not open, and closes what is open and not wanted.
func turn(stop *func(), wanted bool, open func() (func(), error)) (err error) {
	switch {
	case wanted && *stop == nil:
		*stop, err = open()
		if err != nil {
			*stop = nil
		}
	case !wanted && *stop != nil:
		(*stop)()
		*stop = nil
	}
	return err
}
