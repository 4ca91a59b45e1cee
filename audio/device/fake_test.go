package device

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
)

// fakeSystem is a sound system whose devices keep a pace of 10 ms. A microphone gives samples of its level.
type fakeSystem struct {
	mu      sync.Mutex
	devices []found
	down    bool             // no server
	refuse  error            // of open
	dead    map[string]bool  // ids of devices that are listed but come no more
	sounded map[string]int16 // id of a loudspeaker: the last sample it was given
	opens   []string         // ids in the order of opening
	hung    chan struct{}    // list waits for it
}

func (f *fakeSystem) connect(bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errNoSystem
	}
	return nil
}

func (f *fakeSystem) list() ([]found, error) {
	f.mu.Lock()
	hung := f.hung
	f.mu.Unlock()
	if hung != nil {
		<-hung
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errGone
	}
	return slices.Clone(f.devices), nil
}

func (f *fakeSystem) disconnect() {}

// there reports whether a device works.
func (f *fakeSystem) there(id string) bool {
	return !f.down && !f.dead[id] && slices.ContainsFunc(f.devices, func(d found) bool { return d.id == id })
}

// level is what the microphone of an id gives: -1, -2, … for a, b, ….
func level(id string) int16 { return -int16(id[len(id)-1]-'a') - 1 }

func (f *fakeSystem) open(purpose audio.Purpose, id string, sound func([]int16)) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.opens = append(f.opens, id)
	end := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		samples := make([]int16, audio.CardFrame)
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			f.mu.Lock()
			there := f.there(id)
			f.mu.Unlock()
			if !there {
				continue
			}
			for i := range samples {
				samples[i] = level(id)
			}
			sound(samples)
			if purpose != audio.Microphone {
				f.mu.Lock()
				f.sounded[id] = samples[0]
				f.mu.Unlock()
			}
		}
	}()
	return func() { close(end); <-done }, nil
}

// change does something to the system.
func (f *fakeSystem) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// lastOpened is the device that was opened last of all, of those whose id begins like prefix.
func (f *fakeSystem) lastOpened(prefix string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Backward(f.opens) {
		if len(id) > len(prefix) && id[:len(prefix)] == prefix {
			return id
		}
	}
	return ""
}

func mic(id, name string, standard bool) found {
	return found{id: id, name: name, microphone: true, standard: standard}
}

func speaker(id, name string, standard bool) found {
	return found{id: id, name: name, standard: standard}
}

// fake makes a card of two microphones and two loudspeakers.
func fake(t *testing.T, cfg Config) (*Card, *fakeSystem) {
	t.Helper()
	f := &fakeSystem{dead: map[string]bool{}, sounded: map[string]int16{}, devices: []found{
		mic("mic-a", "Built-in", true), mic("mic-b", "Headset", false), {id: "mic-m", name: "Monitor", microphone: true, monitor: true},
		speaker("out-a", "Built-in", true), speaker("out-b", "Headset", false),
	}}
	c := newCard(cfg, f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, f
}

// talker counts what a card gives and takes, and keeps the last sample of each frame.
type talker struct {
	mu       sync.Mutex
	captured []int16
	played   int
	say      int16
}

func (d *talker) Capture(frame []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.captured = append(d.captured, frame[len(frame)-1])
}

func (d *talker) Play(frame []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.played++
	for i := range frame {
		frame[i] = d.say
	}
}

// counts are how many frames there were so far.
func (d *talker) counts() (captured, played int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.captured), d.played
}

// since is what was captured after the first n frames.
func (d *talker) since(n int) []int16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.captured[n:])
}
