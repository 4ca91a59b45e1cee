package device

import (
	"errors"
	"fmt"

	"cordboard/audio"
)

// system is the machine's sound system, as PulseAudio or WASAPI. Only one goroutine uses it.
type system interface {
	// connect reaches it. Of several the first that answers is taken; again: the one that was used last, and no other.
	connect(again bool) error
	// list is what devices there are. The error is errDenied or errRefused when we may not know, else the connection is lost.
	list() ([]found, error)
	// open starts a device. sound comes from a thread of the device, with samples to take (microphone) or to fill. close returns
	// when it comes no more.
	open(purpose audio.Purpose, id string, sound func(samples []int16)) (close func(), err error)
	// disconnect comes when all devices are closed.
	disconnect()
}

// found is a device of the system.
type found struct {
	id, name   string
	microphone bool // else a loudspeaker
	standard   bool // the system's default
	monitor    bool // a microphone that hears only what a loudspeaker sounds
}

// What keeps a sound system or a device from working.
var (
	errNoSystem = errors.New("there is no sound system")
	errGone     = errors.New("the sound server is gone")
	errRefused  = errors.New("the sound server refuses Cordboard")
	errDenied   = errors.New("no permission")
	errBusy     = errors.New("in use by another program")
	errNoDevice = errors.New("no such device")
	errStuck    = errors.New("it gives no sign of life")
)

// sentence says to a person what err means for a device ("": for all), and what to do.
func sentence(purpose audio.Purpose, name string, err error) string {
	what := "The sound card"
	if purpose != "" {
		what = "The " + string(purpose)
	}
	if name != "" {
		what += fmt.Sprintf(" %q", name)
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errNoSystem):
		return "This machine has no sound card. Plug in a headset."
	case errors.Is(err, errNoDevice):
		return fmt.Sprintf("This machine has no %s. Plug one in.", purpose)
	case errors.Is(err, errGone):
		return "The sound server is gone. Start PulseAudio or PipeWire again; Cordboard then goes on by itself."
	case errors.Is(err, errRefused):
		return "The sound server does not let Cordboard in. Start Cordboard as the user to whom the sound server belongs."
	case errors.Is(err, errDenied):
		return fmt.Sprintf("%s is not allowed to Cordboard. %s.", what, permission)
	case errors.Is(err, errBusy):
		return fmt.Sprintf("%s is in use by another program. Close that program, or choose another %s.", what, purpose)
	}
	return fmt.Sprintf("%s does not work (%v). Unplug it and plug it in again, or choose another.", what, err)
}
