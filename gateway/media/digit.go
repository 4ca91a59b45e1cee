package media

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cordboard/gateway/call"
)

// ErrKeysByInfo reports a party that takes keys by signaling alone.
var ErrKeysByInfo = errors.New("the party takes keys by INFO")

// errNoKeys reports a party that can be played no keys: it agreed on neither events nor a codec that we speak.
var errNoKeys = errors.New("the party can be played no keys")

// maxTold is how many keys may wait for Config.Digits; more are forgotten.
const maxTold = 64

// Digits is told of a key that a leg's party pressed, once it is released: as an event (RFC 4733) or, where its peer needs to know, as
// a tone. When it was passed on the peer gets it by media; else the peer takes keys by INFO.
type Digits func(id, leg string, digit rune, d time.Duration, passed bool)

// heardDigit is what Digits is told.
type heardDigit struct {
	leg    *leg
	digit  rune
	length time.Duration
	passed bool
}

// heard takes note of a key that a leg's party pressed.
func (e *Engine) heard(l *leg, k key, passed bool) {
	if e.digits == nil {
		return
	}
	select {
	case e.digits <- heardDigit{l, rune(keyNames[k.code]), k.length, passed}:
	default:
	}
}

// tellDigits tells of the keys that are heard until the engine ends.
func (e *Engine) tellDigits() {
	for {
		select {
		case d := <-e.digits:
			e.tell(d.leg.call, d.leg.name, d.digit, d.length, d.passed)
		case <-e.ctx.Done():
			return
		}
	}
}

// Digit plays a key, 0 to 9, *, # or A to D, to the peer of a leg, as if the leg's party had pressed it for d: as an event (RFC 4733)
// if the peer agreed on them, else as a tone in the place of the voice. Keys are played one after another; Digit does not wait for
// that. A peer that takes neither but INFO gets nothing, and ErrKeysByInfo is returned.
func (e *Engine) Digit(ctx context.Context, id, leg string, digit rune, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	code, ok := keyCode(digit)
	if !ok {
		return fmt.Errorf("play key %q: no such key", digit)
	}
	s, err := e.lock(id, false)
	if err != nil {
		return fmt.Errorf("play key: %w", err)
	}
	defer s.mu.Unlock()
	if err := s.play(leg, press{code: code, up: true, length: d}); err != nil {
		return fmt.Errorf("play key: %w", err)
	}
	return nil
}

// play plays a key to the peer of a leg. The caller holds mu.
func (s *session) play(leg string, p press) error {
	var w *way
	if l := s.legs[leg]; l != nil {
		w = l.way.Load()
	}
	if w == nil || w.peer == nil {
		return fmt.Errorf("%w %q: leg %q hears nobody", ErrUnknownCall, s.id, leg)
	}
	there := w.peer.way.Load()
	if there == nil {
		return errNoKeys
	}
	if there.hearing.informs(w.peer.party.Keys) {
		return ErrKeysByInfo
	}
	if _, _, ok := there.hearing.choose(); !ok {
		return errNoKeys
	}
	if _, ok := w.peer.keypad().begin(p); !ok {
		return errManyKeys
	}
	return nil
}

// informs says that a party gets keys neither as events nor as tones.
func (h *hearing) informs(keys call.Keys) bool { return keys.Info() && len(h.events) == 0 }
