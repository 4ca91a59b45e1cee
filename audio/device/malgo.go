//go:build cgo

package device

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"unsafe"

	"cordboard/audio"

	"github.com/gen2brain/malgo"
)

// Available tells whether this build can use a sound card.
const Available = true

// Open makes the machine's card. That the machine has none, or only for the moment, is no error: State tells.
func Open(cfg Config, log *slog.Logger) (*Card, error) {
	return newCard(cfg, &miniaudio{backends: backends}, log), nil
}

// backends are the sound systems in the order in which they are tried. The one without sound (null) is not among them, nor is
// JACK, which is for studios.
var backends = []backend{
	{name: malgo.BackendWasapi}, {name: malgo.BackendCoreaudio},
	{name: malgo.BackendPulseaudio, served: true, playback: 40},
	{name: malgo.BackendAlsa}, {name: malgo.BackendSndio}, {name: malgo.BackendAudio4}, {name: malgo.BackendOss},
	{name: malgo.BackendDsound}, {name: malgo.BackendWinmm},
}

// backend is a sound system of miniaudio's.
type backend struct {
	name   malgo.Backend
	served bool // a server of its own, which may go and come back
	// What a loudspeaker's period is, in ms, when not period. PulseAudio takes it for all that it keeps, of which it asks for a quarter at a
	// time: that is a frame. With less it wakes us more often, asks for parts of frames, so that the jitter buffer has to keep one more, and has
	// gaps on a busy machine.
	playback uint32
}

const (
	// period is how much a device gives or takes at a time, in ms, where a system's own is no longer: a frame. A microphone that gave two at
	// a time would keep the first sample waiting for 10 ms more, and with what is left over of a frame for 20.
	period = 10
	// capturePeriods is how many periods a system keeps while we are late. A microphone that is not late has no delay of it.
	capturePeriods = 20
	// playPeriods is how many a loudspeaker has in its buffer at most.
	playPeriods = 3
)

// miniaudio is the sound system of the machine as the library of that name finds it.
type miniaudio struct {
	backends []backend
	used     backend
	refused  bool // by a sound server: what leads to it in another way won't either
	context  *malgo.AllocatedContext
}

// connect implements system.
func (m *miniaudio) connect(again bool) error {
	if again && m.used.served {
		err := m.reach(m.used)
		switch {
		case err == nil:
			return nil
		case refused():
			return errRefused
		}
		return fmt.Errorf("%w: %w", errGone, err)
	}
	m.refused = false
	for _, b := range m.backends {
		if m.reach(b) == nil {
			return nil
		}
		m.refused = m.refused || b.served && refused()
	}
	if m.refused {
		return errRefused
	}
	return errNoSystem
}

// reach connects by one backend.
func (m *miniaudio) reach(b backend) error {
	name := []byte("Cordboard\x00")
	var pins runtime.Pinner // the library copies it
	defer pins.Unpin()
	pins.Pin(&name[0])
	context, err := malgo.InitContext([]malgo.Backend{b.name}, malgo.ContextConfig{Pulse: malgo.PulseContextConfig{PApplicationName: &name[0]}}, nil)
	if err != nil {
		return err
	}
	m.context, m.used = context, b
	return nil
}

// list implements system.
func (m *miniaudio) list() ([]found, error) {
	var all []found
	for _, kind := range []malgo.DeviceType{malgo.Capture, malgo.Playback} {
		infos, err := m.context.Devices(kind)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			f := found{id: string(info.ID[:]), name: info.Name(), microphone: kind == malgo.Capture, standard: info.IsDefault != 0}
			id, _, _ := bytes.Cut(info.ID[:], []byte{0})
			switch m.used.name {
			case malgo.BackendPulseaudio:
				f.monitor = f.microphone && bytes.HasSuffix(id, []byte(".monitor"))
			case malgo.BackendAlsa:
				if !sounds(string(id)) || m.refused && !hardware(string(id)) {
					continue
				}
			}
			all = append(all, f)
		}
	}
	switch {
	case len(all) > 0:
		return all, nil
	case m.refused:
		return nil, errRefused
	case hidden():
		return nil, errDenied
	}
	return nil, nil
}

// sounds reports whether what ALSA lists by that name is a card and not one of its converters, some of which don't even keep time.
func sounds(id string) bool {
	return id == "default" || id == "pipewire" || hardware(id)
}

// hardware reports whether it is a card for sure, and not what may lead to a sound server.
func hardware(id string) bool { return strings.Contains(id, ":") }

// open implements system.
func (m *miniaudio) open(purpose audio.Purpose, id string, sound func(samples []int16)) (func(), error) {
	var which malgo.DeviceID
	copy(which[:], id)
	var pins runtime.Pinner // the library copies it
	defer pins.Unpin()
	pins.Pin(&which)
	kind := malgo.Playback
	if purpose == audio.Microphone {
		kind = malgo.Capture
	}
	cfg := malgo.DefaultDeviceConfig(kind)
	cfg.SampleRate = audio.CardRate
	cfg.NoFixedSizedCallback = 1      // lines cut frames themselves, without a further buffer
	cfg.NoPreSilencedOutputBuffer = 1 // lines fill all of it
	cfg.Wasapi.NoAutoStreamRouting = 1
	side := malgo.SubConfig{DeviceID: unsafe.Pointer(&which), Format: malgo.FormatS16, Channels: 1}
	callbacks := malgo.DeviceCallbacks{}
	if kind == malgo.Capture {
		cfg.Capture, cfg.Periods = side, capturePeriods
		cfg.PeriodSizeInMilliseconds = period
		cfg.Pulse.StreamNameCapture = string(purpose)
		callbacks.Data = func(_, in []byte, _ uint32) { sound(samples(in)) }
	} else {
		cfg.Playback, cfg.Periods = side, playPeriods
		cfg.PeriodSizeInMilliseconds = cmp.Or(m.used.playback, period)
		cfg.Pulse.StreamNamePlayback = string(purpose)
		callbacks.Data = func(out, _ []byte, _ uint32) { sound(samples(out)) }
	}
	device, err := malgo.InitDevice(m.context.Context, cfg, callbacks)
	if err != nil {
		return nil, fault(err)
	}
	if err := device.Start(); err != nil {
		device.Uninit()
		return nil, fault(err)
	}
	back := place()
	return func() {
		_ = device.Stop() // wakes its thread, which Uninit alone would wait for
		device.Uninit()
		back()
	}, nil
}

// disconnect implements system.
func (m *miniaudio) disconnect() {
	_ = m.context.Uninit()
	m.context.Free()
	m.context = nil
}

// samples are the 16-bit samples that stand in b.
func samples(b []byte) []int16 {
	if len(b) < 2 {
		return nil
	}
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// fault is an error of the library as ours.
func fault(err error) error {
	for _, f := range []struct {
		theirs malgo.Result
		ours   error
	}{
		{malgo.ErrAccessDenied, errDenied}, {malgo.ErrBusy, errBusy}, {malgo.ErrAlreadyInUse, errBusy},
		{malgo.ErrShareModeNotSupported, errBusy}, {malgo.ErrNoDevice, errNoDevice}, {malgo.ErrDoesNotExist, errNoDevice},
	} {
		if errors.Is(err, f.theirs) {
			return f.ours
		}
	}
	return err
}
