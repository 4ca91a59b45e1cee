// Package device is the machine's sound card: microphone, loudspeaker and ringer, by whatever sound system the machine has
// (PulseAudio or PipeWire, ALSA, WASAPI, CoreAudio). Devices that come and go while somebody talks are changed under way. A build
// without cgo has no sound, and Open says so.
package device

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"cordboard/audio"
)

// Config is which devices to use, by name; empty: the system's default.
type Config struct {
	Microphone  string
	Loudspeaker string
	Ringer      string

	// File is where choices made by Choose and Gain are kept; empty: nowhere. A choice holds until the name above changes.
	File string
}

// Errors of a Card.
var (
	errTaken   = errors.New("somebody talks or rings already")
	errClosed  = errors.New("the sound card is closed")
	errSilent  = errors.New("the sound system does not answer")
	errPurpose = errors.New("a device is a microphone, a loudspeaker or a ringer")
	errGain    = fmt.Errorf("a gain is from %d to %+d dB", minGain, maxGain)
)

// Card is an audio.Card. While nobody talks or rings it holds no device and costs nothing.
type Card struct {
	log   *slog.Logger
	file  string
	lines map[audio.Purpose]*line

	mu      sync.Mutex // taken before a line's, never after
	chosen  choices
	taken   map[audio.Purpose]bool // who is talking or ringing
	trouble map[audio.Purpose]string
	failing string // what keeps all devices from working
	closed  bool

	changed chan struct{}          // tells the keeper that something above has changed
	left    chan struct{}          // tells the pacer that there is something to fill
	lists   chan chan<- listResult // asks the keeper which devices there are
	ended   chan struct{}          // closed by Close
	done    sync.WaitGroup
}

var _ audio.Card = (*Card)(nil)

type listResult struct {
	devices []found
	err     error
}

// newCard makes a card of a sound system; from now on only the card uses that.
func newCard(cfg Config, sys system, log *slog.Logger) *Card {
	configured := map[audio.Purpose]string{audio.Microphone: cfg.Microphone, audio.Loudspeaker: cfg.Loudspeaker, audio.Ringer: cfg.Ringer}
	chosen, err := loadChoices(cfg.File, configured)
	if err != nil {
		log.Warn("chosen sound devices forgotten", "error", err)
	}
	c := &Card{
		log: log, file: cfg.File, chosen: chosen,
		lines: map[audio.Purpose]*line{}, taken: map[audio.Purpose]bool{}, trouble: map[audio.Purpose]string{},
		changed: make(chan struct{}, 1), left: make(chan struct{}, 1), lists: make(chan chan<- listResult), ended: make(chan struct{}),
	}
	base := time.Now()
	for purpose := range configured {
		c.lines[purpose] = newLine(base)
		c.lines[purpose].setGain(chosen[purpose].Gain)
	}
	k := &keeper{card: c, sys: sys, open: map[audio.Purpose]*opened{}}
	c.done.Go(k.run)
	c.done.Go(c.pace)
	return c
}

// closeTime is how long Close waits for a sound system that hangs.
const closeTime = 3 * time.Second

// Close lets go of all devices. Who talks hears no more.
func (c *Card) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	for _, l := range c.lines {
		l.end()
	}
	close(c.ended)
	gone := make(chan struct{})
	go func() {
		c.done.Wait()
		close(gone)
	}()
	limit := time.NewTimer(closeTime)
	defer limit.Stop()
	select {
	case <-gone:
		return nil
	case <-limit.C:
		return fmt.Errorf("close the sound card: %w", errSilent)
	}
}

// wake tells of a change without waiting.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it will look anyway
	}
}

// pace keeps the frames of all lines coming while devices don't.
func (c *Card) pace() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := time.Hour
		for _, l := range c.lines {
			if d := l.fill(); d >= 0 {
				next = min(next, d)
			}
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-c.left:
		case <-c.ended:
			return
		}
	}
}

// Talk implements audio.Card. There is one who talks at a time. stop must not be called by d's own methods.
func (c *Card) Talk(d audio.Duplex) (stop func(), err error) {
	return c.use(map[audio.Purpose]func([]int16){audio.Microphone: d.Capture, audio.Loudspeaker: d.Play})
}

// Ring implements audio.Card. There is one ring at a time. stop must not be called by play.
func (c *Card) Ring(play func(frame []int16)) (stop func(), err error) {
	return c.use(map[audio.Purpose]func([]int16){audio.Ringer: play})
}

func (c *Card) use(frames map[audio.Purpose]func([]int16)) (stop func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	for purpose := range frames {
		if c.taken[purpose] {
			return nil, fmt.Errorf("use the %s: %w", purpose, errTaken)
		}
	}
	for purpose, frame := range frames {
		c.taken[purpose] = true
		c.lines[purpose].begin(frame)
	}
	wake(c.changed)
	wake(c.left)
	return sync.OnceFunc(func() {
		for purpose := range frames {
			c.lines[purpose].end()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for purpose := range frames {
			delete(c.taken, purpose)
		}
		wake(c.changed)
	}), nil
}

// Mute implements audio.Card.
func (c *Card) Mute(muted bool) { c.lines[audio.Microphone].mute.Store(muted) }

// Gain implements audio.Card.
func (c *Card) Gain(purpose audio.Purpose, dB float64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	chosen, known := c.chosen[purpose]
	if !known {
		return errPurpose
	}
	if !(dB >= minGain && dB <= maxGain) {
		return errGain
	}
	c.lines[purpose].setGain(dB)
	chosen.Gain = dB
	c.chosen[purpose] = chosen
	return c.chosen.save(c.file)
}

// Levels implements audio.Card.
func (c *Card) Levels() audio.Levels {
	mic := c.lines[audio.Microphone]
	return audio.Levels{Microphone: mic.loud.dBFS(), Loudspeaker: c.lines[audio.Loudspeaker].loud.dBFS(), Muted: mic.mute.Load()}
}

// State implements audio.Card.
func (c *Card) State() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing != "" {
		return c.failing
	}
	for _, purpose := range []audio.Purpose{audio.Microphone, audio.Loudspeaker, audio.Ringer} {
		if s := c.trouble[purpose]; s != "" {
			return s
		}
	}
	return ""
}

// listTime is how long the sound system may take to list its devices.
const listTime = 5 * time.Second

// list asks the keeper which devices there are.
func (c *Card) list() ([]found, error) {
	result := make(chan listResult, 1)
	limit := time.NewTimer(listTime)
	defer limit.Stop()
	select {
	case c.lists <- result:
	case <-c.ended:
		return nil, errClosed
	case <-limit.C:
		return nil, errSilent
	}
	select {
	case r := <-result:
		return r.devices, r.err
	case <-c.ended:
		return nil, errClosed
	case <-limit.C:
		return nil, errSilent
	}
}

// Devices implements audio.Card: microphones first, then loudspeakers, each also as a ringer. A machine without any is no error.
func (c *Card) Devices() ([]audio.Device, error) {
	there, err := c.list()
	if err != nil && !errors.Is(err, errNoSystem) {
		return nil, fmt.Errorf("list sound devices: %w", err)
	}
	c.mu.Lock()
	chosen := maps.Clone(c.chosen)
	c.mu.Unlock()
	devices := []audio.Device{}
	for _, purpose := range []audio.Purpose{audio.Microphone, audio.Loudspeaker, audio.Ringer} {
		mine := chosen[purpose]
		missing := mine.Name != ""
		for _, f := range there {
			if f.microphone != (purpose == audio.Microphone) {
				continue
			}
			d := audio.Device{Name: f.name, Purpose: purpose, Default: f.standard && !f.monitor, Chosen: missing && f.name == mine.Name, Gain: mine.Gain}
			missing = missing && !d.Chosen // of two with the same name the first is used
			devices = append(devices, d)
		}
		if missing {
			devices = append(devices, audio.Device{Name: mine.Name, Purpose: purpose, Chosen: true, Missing: true, Gain: mine.Gain})
		}
	}
	return devices, nil
}

// Choose implements audio.Card. A name that is not there, and was not chosen already, is audio.ErrNoDevice.
func (c *Card) Choose(purpose audio.Purpose, name string) error {
	if c.lines[purpose] == nil {
		return errPurpose
	}
	if name != "" {
		devices, err := c.Devices()
		if err != nil {
			return err
		}
		known := false
		for _, d := range devices {
			known = known || d.Purpose == purpose && d.Name == name
		}
		if !known {
			return fmt.Errorf("choose the %s %q: %w", purpose, name, audio.ErrNoDevice)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.chosen[purpose]
	mine.Name = name
	c.chosen[purpose] = mine
	wake(c.changed)
	return c.chosen.save(c.file)
}
