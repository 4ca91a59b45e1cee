package audio

import "errors"

// Sound of a card is mono at CardRate, in frames of CardFrame samples: 10 ms.
const (
	CardRate  = 48000 // Hz
	CardFrame = CardRate / 100
)

// Duplex is who talks and listens by a card. Its methods come from the card's threads, each from one of its own, and must not
// wait; a frame has CardFrame samples and belongs to the card again when they return.
type Duplex interface {
	Capture(frame []int16) // from the microphone
	Play(frame []int16)    // fills what the loudspeaker sounds next
}

// The band that calls have at most is at BandRate, in frames of BandFrame samples: 10 ms.
const (
	BandRate  = 16000 // Hz
	BandFrame = BandRate / 100
)

// Bander is a Duplex to which the band that calls have may be given in place of all that the microphone hears.
type Bander interface {
	// CaptureBand is Capture for a frame of BandFrame samples at BandRate. It is false when that is to be called instead.
	CaptureBand(frame []int16) bool
}

// Purpose is what a device is used for.
type Purpose string

// The purposes.
const (
	Microphone  Purpose = "microphone"
	Loudspeaker Purpose = "loudspeaker"
	Ringer      Purpose = "ringer" // a loudspeaker for incoming calls
)

// Device is one that a card may use.
type Device struct {
	Name    string  `json:"name"` // by which it is chosen
	Purpose Purpose `json:"purpose"`
	Default bool    `json:"default"` // the system's
	Chosen  bool    `json:"chosen"`  // by name; when none is chosen, the default is used
	Missing bool    `json:"missing"` // chosen, but not there at the moment; the default is used
	Gain    float64 `json:"gain"`    // dB, of what is used for the purpose
}

// Levels are how loud a card's sound is, in dBFS of the last 100 ms: 0 is full scale, silence is -96.
type Levels struct {
	Microphone  float64 `json:"microphone"`
	Loudspeaker float64 `json:"loudspeaker"`
	Muted       bool    `json:"muted"` // the microphone is
}

// ErrNoDevice reports that there is no device of the name that was chosen.
var ErrNoDevice = errors.New("no such sound device is there")

// Card is the machine's microphone and loudspeakers. Its methods may be called by any goroutine. Devices that come, go or break
// while it works are its own affair: it opens others, and says by State how it goes.
type Card interface {
	// Devices lists what there is at the moment.
	Devices() ([]Device, error)
	// Choose uses a device from now on, by its name as long as one of that name is there; empty: the system's default.
	Choose(purpose Purpose, name string) error
	// Talk joins microphone and loudspeaker to d until the returned function is called, which returns when d is no more used.
	Talk(d Duplex) (stop func(), err error)
	// Ring lets play fill what the ringer sounds, until the returned function is called.
	Ring(play func(frame []int16)) (stop func(), err error)
	// Mute makes the microphone silent, or not any more.
	Mute(muted bool)
	// Gain sets how much louder than it is a device shall sound, in dB, -60 to +20.
	Gain(purpose Purpose, dB float64) error
	// Levels says how loud it is; -96 when nobody talks.
	Levels() Levels
	// State says in one sentence what keeps the card from working, and what to do; empty: it works, or nobody has tried yet.
	State() string
}
