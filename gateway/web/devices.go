package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"cordboard/audio"
)

// Sound is the answer of /api/v1/devices.
type Sound struct {
	Devices []audio.Device `json:"devices"` // microphones, loudspeakers, ringers
	Levels  audio.Levels   `json:"levels"`
	State   string         `json:"state"` // what keeps the sound from working, and what to do; empty: nothing
}

// SoundChange is what PUT /api/v1/devices may change; what is left out stays.
type SoundChange struct {
	Choose map[audio.Purpose]string  `json:"choose"` // by name; empty: the system's default
	Gain   map[audio.Purpose]float64 `json:"gain"`   // dB, -60 to +20
	Muted  *bool                     `json:"muted"`  // the microphone
	Listen *int                      `json:"listen"` // for so many seconds, at most maxListen, levels are known without a call
	Sample audio.Purpose             `json:"sample"` // plays a short melody on it
}

// maxListen is for how long the microphone is open at most without a call unless somebody asks again, in seconds.
const maxListen = 60

var (
	errPurpose = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "A device is a microphone, a loudspeaker or a ringer."}
	errListen  = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "Without a call the microphone can be open for 0 to 60 seconds."}
	errSample  = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "A sample sounds on the loudspeaker or on the ringer."}
	errGain    = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "A device can be made louder by -60 to 20 dB."}
)

// devices tells of the machine's sound devices, or changes which are used and how loud.
func (s *Server) devices(w http.ResponseWriter, r *http.Request) error {
	card, err := s.card(r)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		var in SoundChange
		if err := read(r, &in); err != nil {
			return err
		}
		check, err := s.checkSound(in)
		if err != nil {
			return err
		}
		if err := change(card, in); err != nil {
			return err
		}
		if err := check(); err != nil {
			return err
		}
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and PUT.", allow: "GET, PUT"}
	}
	list, err := card.Devices()
	if err != nil {
		s.log.Warn("sound devices not listed", "error", err)
		return errHungSound
	}
	return write(w, http.StatusOK, Sound{notNil(list), card.Levels(), card.State()})
}

// checkSound gives what lets people hear and see whether the sound works.
func (s *Server) checkSound(in SoundChange) (do func() error, err error) {
	switch {
	case in.Listen == nil && in.Sample == "":
		return func() error { return nil }, nil
	case s.deps.Desk == nil:
		return nil, errNoDesk
	case in.Listen != nil && (*in.Listen < 0 || *in.Listen > maxListen):
		return nil, errListen
	case in.Sample != "" && in.Sample != audio.Loudspeaker && in.Sample != audio.Ringer:
		return nil, errSample
	}
	return func() error {
		if in.Listen != nil {
			s.deps.Desk.Listen(time.Duration(*in.Listen) * time.Second)
		}
		if in.Sample != "" {
			return s.deps.Desk.Sample(in.Sample)
		}
		return nil
	}, nil
}

// errHungSound is for a sound system that gives no answer.
var errHungSound = &fault{Status: http.StatusServiceUnavailable, Code: "no_answer", Message: "The sound system of this machine does not answer. Start PulseAudio or PipeWire again, or the machine."}

// card gives the machine's sound card to its owner and to administrators.
func (s *Server) card(r *http.Request) (audio.Card, error) {
	u, err := s.signedIn(r)
	switch {
	case err != nil:
		return nil, err
	case !u.Admin && (s.deps.Desk == nil || s.deps.Desk.State().Owner != u.Name):
		return nil, errNotOwner
	case s.deps.Card == nil:
		return nil, errNoDesk
	}
	return s.deps.Card, nil
}

// change does all of it, or nothing where something is malformed.
func change(card audio.Card, in SoundChange) error {
	known := []audio.Purpose{audio.Microphone, audio.Loudspeaker, audio.Ringer}
	for purpose := range in.Choose {
		if !slices.Contains(known, purpose) {
			return errPurpose
		}
	}
	for purpose, dB := range in.Gain {
		if !slices.Contains(known, purpose) {
			return errPurpose
		}
		if dB < -60 || dB > 20 {
			return errGain
		}
	}
	if in.Muted != nil {
		card.Mute(*in.Muted)
	}
	for _, purpose := range known {
		if dB, wanted := in.Gain[purpose]; wanted {
			if err := card.Gain(purpose, dB); err != nil {
				return err
			}
		}
		name, wanted := in.Choose[purpose]
		if !wanted {
			continue
		}
		err := card.Choose(purpose, name)
		if errors.Is(err, audio.ErrNoDevice) {
			return &fault{Status: http.StatusNotFound, Code: "no_device", Message: fmt.Sprintf("There is no %s %q at the moment. Look at the list of devices for its name.", purpose, name)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
