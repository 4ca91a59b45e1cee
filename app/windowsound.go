//go:build !headless && cgo

package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"cordboard/app/ui"
	"cordboard/audio"
)

// sounds lists the machine's sound devices and chooses among them, on a goroutine of its own: the sound system may take seconds, or hang,
// and neither the window nor the loop that feeds it waits for that.
type sounds struct {
	card  audio.Card
	do    func(func()) // on Fyne's loop
	log   *slog.Logger
	again chan struct{} // holds one: the list shall be read
	picks chan pick
	last  atomic.Pointer[[]ui.Device]
}

// pick is a device that somebody has chosen.
type pick struct {
	purpose audio.Purpose
	device  string
	done    func(error)
}

// maxPicks is how many choices may wait. When there are more the system hangs.
const maxPicks = 4

var (
	errHungSound = sentence("The sound system of this machine does not answer. Start PulseAudio or PipeWire again, or the machine.")
	errGone      = sentence("This device is not there any more. Plug it in, or choose another one.")
)

func newSounds(card audio.Card, do func(func()), log *slog.Logger) *sounds {
	return &sounds{card: card, do: do, log: log, again: make(chan struct{}, 1), picks: make(chan pick, maxPicks)}
}

// run does what is asked for until ctx ends. A sound system that hangs holds it up until the card is closed.
func (s *sounds) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.again:
			s.read()
		case p := <-s.picks:
			err := s.card.Choose(p.purpose, p.device)
			if err != nil {
				s.log.Warn("sound device not chosen", "purpose", p.purpose, "error", err)
			}
			s.read() // which is shown then
			if ctx.Err() == nil {
				s.do(func() { p.done(pickFault(err)) })
			}
		}
	}
}

// pickFault says in words for people why a device was not chosen.
func pickFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, audio.ErrNoDevice):
		return errGone
	}
	return errHungSound
}

// read lists the devices; the list before stays where there is none.
func (s *sounds) read() {
	devices, err := s.card.Devices()
	if err != nil {
		return // the card's State says why
	}
	list := make([]ui.Device, len(devices))
	for i, d := range devices {
		list[i] = ui.Device{Purpose: string(d.Purpose), Name: d.Name, Chosen: d.Chosen, Missing: d.Missing}
	}
	s.last.Store(&list)
}

// list gives what was read last. Any goroutine may ask; it never waits.
func (s *sounds) list() []ui.Device {
	if list := s.last.Load(); list != nil {
		return *list
	}
	return nil
}

// look has the list read soon. It never waits.
func (s *sounds) look() {
	select {
	case s.again <- struct{}{}:
	default: // it will be
	}
}

// choose uses a device from now on, and then tells on Fyne's loop what came of it. It never waits.
func (s *sounds) choose(p pick) {
	select {
	case s.picks <- p:
	default:
		p.done(errHungSound)
	}
}
