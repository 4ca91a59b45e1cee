//go:build cgo

package device

import (
	"log/slog"
	"testing"
	"time"

	"cordboard/audio"

	"github.com/gen2brain/malgo"
)

// nullBackend is the system without sound that keeps time; malgo's own constant for it is another's.
const nullBackend = malgo.Backend(14)

// counter tells when it was given so many frames.
type counter struct {
	captured, played int
	heard, sounded   chan struct{}
}

const enough = 20

func (c *counter) Capture([]int16) {
	if c.captured++; c.captured == enough {
		close(c.heard)
	}
}

func (c *counter) Play([]int16) {
	if c.played++; c.played == enough {
		close(c.sounded)
	}
}

// TestMiniaudio works with real devices of the library, though not with sound.
func TestMiniaudio(t *testing.T) {
	c := newCard(Config{}, &miniaudio{backends: []backend{{name: nullBackend}}}, slog.New(slog.DiscardHandler))
	defer c.Close()
	devices, err := c.Devices()
	if err != nil || len(devices) != 3 || devices[0].Name == "" || devices[0].Purpose != audio.Microphone {
		t.Errorf("devices %+v, %v", devices, err)
	}
	for range 2 {
		d := &counter{heard: make(chan struct{}), sounded: make(chan struct{})}
		stop, err := c.Talk(d)
		if err != nil {
			t.Fatal(err)
		}
		<-d.heard
		<-d.sounded
		stop()
	}
	if s := c.State(); s != "" {
		t.Errorf("state %q", s)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoSystem has no sound system at all.
func TestNoSystem(t *testing.T) {
	c := newCard(Config{}, &miniaudio{}, slog.New(slog.DiscardHandler))
	defer c.Close()
	d := &counter{heard: make(chan struct{}), sounded: make(chan struct{})}
	stop, err := c.Talk(d)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	<-d.heard
	devices, err := c.Devices()
	if err != nil || len(devices) > 0 {
		t.Errorf("devices %v, %v", devices, err)
	}
	if want := sentence("", "", errNoSystem); c.State() != want {
		t.Errorf("state %q, want %q", c.State(), want)
	}
}

// TestOpenMachine opens whatever this machine has; most machines of tests have nothing.
func TestOpenMachine(t *testing.T) {
	c, err := Open(Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	devices, err := c.Devices()
	t.Logf("%v: %+v, %v, %q", time.Since(began), devices, err, c.State())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
