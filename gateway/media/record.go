package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cordboard/gateway/sdp"
)

// Sampling rates of recordings, in Hz: that of G.711, and that of calls with a better codec.
const (
	sampleRate     = 8000
	wideSampleRate = 16000
)

// longestSilence is how much of it a file that goes on gets for the time in between. A longer one, or one below nothing, is
// a wrong clock, or of no use: then the file goes on at once.
const longestSilence = time.Hour

// Recording says how a call is recorded: in stereo, one party left and the other one right, from its beginning to the end of
// the call, over hold, transfer and take-over. What nobody says, and what is said in a pause, is silence.
type Recording struct {
	// Path is where the file will be when the call has ended; its end, ".wav", says what it is. Until then its name has
	// ".part" behind it. A file that is there already, whole or not, goes on.
	Path     string
	Left     string      // the leg on the left channel
	Began    time.Time   // when the file began, for one that goes on; what lies between is silence
	Announce bool        // both parties hear that they are recorded
	Paused   bool        // it begins with a pause
	Ended    func(error) // is told once that the file has its name, and why it ended before the call; from another goroutine
}

// Record begins to record a call. Pause interrupts it; it ends with the call.
func (e *Engine) Record(ctx context.Context, id string, how Recording) error {
	if err := e.record(ctx, id, how); err != nil {
		return fmt.Errorf("record call: %w", err)
	}
	return nil
}

func (e *Engine) record(ctx context.Context, id string, how Recording) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rate, err := e.recordable(id, how.Left)
	if err != nil {
		return err
	}
	out, err := openSink(how.Path, rate) // it may wait for the disk, so not while the call is locked
	if err != nil {
		return err
	}
	r := &recorder{log: e.log.With("call", id), out: out, path: how.Path, began: e.now(), told: how.Ended, over: make(chan struct{}), done: make(chan struct{})}
	r.stop = sync.OnceFunc(func() { close(r.over) })
	r.paused.Store(how.Paused)
	have := time.Duration(out.Frames()) * time.Second / time.Duration(out.Rate())
	if !how.Began.IsZero() {
		r.began -= time.Since(how.Began)
	}
	if silence := e.now() - r.began - have; silence < 0 || silence > longestSilence {
		r.began = e.now() - have
	}
	for side := range r.tracks {
		r.tracks[side] = track{rate: out.Rate(), done: out.Frames()}
	}
	err = e.attach(id, r, how)
	if err != nil { // the call has ended meanwhile
		return errors.Join(err, r.abandon())
	}
	return nil
}

// recordable says at which rate a call is to be recorded.
func (e *Engine) recordable(id, left string) (rate int, err error) {
	s, err := e.lock(id, false)
	if err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if err := s.free(left); err != nil {
		return 0, err
	}
	l := s.legs[left]
	agreed := l.way.Load().types
	wide := slices.ContainsFunc(l.vocabulary(), func(c sdp.Codec) bool { return agreed.has(c.PT) && isVoice(c) && !takes(Tone, c) })
	if wide {
		return wideSampleRate, nil
	}
	return sampleRate, nil
}

// free says why a call can't be recorded with a leg on the left channel. The caller holds mu.
func (s *session) free(left string) error {
	if s.recorder != nil && !s.recorder.ended() {
		return fmt.Errorf("call %q is recorded already", s.id)
	}
	if l := s.legs[left]; l == nil || l.way.Load() == nil || l.way.Load().peer == nil {
		return fmt.Errorf("%w %q: leg %q talks to nobody", ErrUnknownCall, s.id, left)
	}
	return nil
}

// attach lets a recorder hear a call.
func (e *Engine) attach(id string, r *recorder, how Recording) error {
	s, err := e.lock(id, false)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.free(how.Left); err != nil {
		return err
	}
	if !e.spawn(func() { r.run(e.now) }) {
		return errClosed
	}
	s.recorder, s.announce = r, how.Announce
	for _, l := range s.legs { // what an earlier recording left
		l.channel, l.ear, l.beeper = nowhere, nil, nil
	}
	l := s.legs[how.Left]
	peer := l.way.Load().peer
	l.channel = left
	s.follow(l, peer)
	for _, l := range []*leg{l, peer} {
		again := *l.way.Load()
		l.heardBy(&again)
		l.way.Store(&again)
		l.listen()
	}
	return nil
}

// Pause interrupts the recording of a call, or lets it go on.
func (e *Engine) Pause(id string, pause bool) error {
	s, err := e.lock(id, false)
	if err != nil {
		return fmt.Errorf("pause recording: %w", err)
	}
	defer s.mu.Unlock()
	if s.recorder == nil || s.recorder.ended() {
		return fmt.Errorf("pause recording: %w %q: it is not recorded", ErrUnknownCall, id)
	}
	s.recorder.paused.Store(pause)
	return nil
}

// side is the channel of a recording that a leg is heard on.
type side uint8

const (
	nowhere side = iota
	left
	right
)

// follow lets the recorder of a call hear two legs that are joined: of the two, one is known to it. The caller holds mu.
func (s *session) follow(a, b *leg) {
	if s.recorder == nil || s.recorder.ended() {
		return
	}
	if a.channel == nowhere {
		a, b = b, a
	}
	if a.channel == nowhere {
		return
	}
	b.channel = left + right - a.channel
	for _, l := range []*leg{a, b} {
		if l.ear == nil {
			l.ear = &ear{right: l.channel == right, paused: &s.recorder.paused}
			s.recorder.add(l.ear)
			if s.announce {
				l.beeper = &beeper{paused: &s.recorder.paused}
			}
		}
		codecs := l.vocabulary()
		l.ear.codecs.Store(&codecs)
		if l.beeper != nil {
			l.beeper.learn(codecs)
		}
	}
}

// vocabulary are the codecs that the leg's party may use, the first of a number counts.
func (l *leg) vocabulary() []sdp.Codec {
	if l.talk.agreed == nil {
		return nil
	}
	list := l.spoken()
	slices.Reverse(list)
	return list
}

// heardBy completes a way by what hears the leg.
func (l *leg) heardBy(w *way) {
	w.unheard()
	w.beeper = l.beeper
	if l.ear != nil {
		w.taps = append(w.taps, l.ear)
	}
}

// unheard takes the recording out of a way.
func (w *way) unheard() {
	w.beeper = nil
	w.taps = slices.DeleteFunc(slices.Clone(w.taps), func(t tap) bool { _, is := t.(*ear); return is })
}

// stopRecording ends the recording with the call. The caller holds mu.
func (s *session) stopRecording() {
	if s.recorder != nil {
		s.recorder.stop()
		s.recorder = nil
	}
}
