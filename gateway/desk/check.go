package desk

import (
	"errors"
	"time"

	"cordboard/audio"
)

// sampleTime is how long a sample sounds: the ringtone's melody, once.
const sampleTime = 1600 * time.Millisecond

// errSample reports a purpose that nothing is heard by.
var errSample = errors.New("a sample sounds on the loudspeaker or on the ringer")

// Listen keeps microphone and loudspeaker open for so long, so that the card tells how loud they are without a call; 0: no longer. What
// the microphone hears goes nowhere.
func (p *Phone) Listen(d time.Duration) { p.room.listen(d) }

// Sample plays a short melody on the loudspeaker or the ringer.
func (p *Phone) Sample(purpose audio.Purpose) error {
	if purpose != audio.Loudspeaker && purpose != audio.Ringer {
		return errSample
	}
	p.room.sample(purpose)
	return nil
}

// check is what is open in a room without a call, until when. The room's mutex guards it.
type check struct {
	listens, sounds, rings time.Time
	stop                   func() // ends what sounds on the loudspeaker; nil: nothing does
}

func (r *room) listen(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check.listens = time.Now().Add(d)
	r.stir()
}

func (r *room) sample(purpose audio.Purpose) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := time.Now().Add(sampleTime)
	switch {
	case purpose == audio.Ringer:
		r.check.rings = end
	default:
		if r.check.stop != nil {
			r.check.stop()
		}
		r.check.sounds, r.check.stop = end, r.mixer.Sound(audio.NewRingtone().Play)
	}
	r.stir()
}

// wants says what is to be open now, and when to look again at the latest; zero: when told. The caller holds the room's mutex.
func (c *check) wants(now time.Time) (talk, ring bool, again time.Time) {
	if c.stop != nil && !now.Before(c.sounds) {
		c.stop()
		c.stop = nil
	}
	for _, until := range []time.Time{c.listens, c.sounds, c.rings} {
		if now.Before(until) && (again.IsZero() || until.Before(again)) {
			again = until
		}
	}
	return now.Before(c.listens) || now.Before(c.sounds), now.Before(c.rings), again
}
