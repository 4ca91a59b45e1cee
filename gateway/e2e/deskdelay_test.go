//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The marks for a call of the machine's phone on a calm network.
const (
	microphoneToWire  = 30 * time.Millisecond
	wireToLoudspeaker = 60 * time.Millisecond
)

// How long sound takes from the microphone to the wire and from the wire to the loudspeaker, with the sound system and all else that is on the
// way, by clicks, without what cleans the microphone's sound and with it. It is measured for as long as CORDBOARD_DESK_DELAY says, as "15s", from the
// first second of the call on, and nine of ten clicks shall keep the marks, which takes a quiet machine.
//
// When a click was spoken or sounded is told by a recording of the null sink that is the device, see meter. Not in the figures is only what
// that recording itself takes, well below a millisecond.
func TestDeskDelay(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("CORDBOARD_DESK_DELAY"))
	if err != nil {
		t.Skip("CORDBOARD_DESK_DELAY does not say how long to measure, as 15s")
	}
	for _, clean := range []bool{false, true} {
		t.Run(fmt.Sprintf("clean=%v", clean), func(t *testing.T) {
			p := startPulse(t)
			p.latency = 2 * time.Second // PulseAudio cuts a device's sound for all by the one who waits least: here the gateway
			p.use()
			p.sink("bell")
			p.sink("loudspeaker")
			p.microphone("microphone")
			p.pactl("set-default-sink", "loudspeaker")
			p.pactl("set-default-source", "microphone")
			p.sound("microphone_feed", &clicks{})
			phone, table := startHandset(t)
			extra := strings.ReplaceAll(withDesk, "= false", fmt.Sprint("= ", clean))
			g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: table, Extra: extra})
			d := &deskPhone{session: signIn(t, g, alice)}
			eventually(t, patience, "phone of the machine", func() bool {
				_, state := d.get(t, "/api/v1/desk")
				return state["ready"] == true
			})
			mic, speaker := p.measure("microphone_feed.monitor"), p.measure("loudspeaker.monitor")
			eventually(t, patience, "sound of the devices", func() bool { return mic.began() && speaker.began() })
			if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": "200"}); code/100 != 2 {
				t.Fatalf("call: %d %v", code, answer)
			}
			id := d.with(t, "200", "talking")
			var took float64
			var measured sync.WaitGroup
			measured.Go(func() { took = g.took(t, length) })
			went := phone.say(length, func(n int, pcm []int16) {
				if n%25 == 20 {
					for i := range len(pcm) / 20 { // 1 ms
						pcm[i] = 20000
					}
				}
			})
			measured.Wait()
			d.does(t, id, "hangup", nil)
			d.wantFree(t)
			t.Logf("the microphone gives %v at a time, the loudspeaker takes %v, the gateway sends packets of %v; %.1f %% of a core",
				mic.usual(), speaker.usual(), phone.usual(), took)
			wantDelay(t, "microphone to wire", microphoneToWire, between(mic.clicks(true), phone.clicks()))
			wantDelay(t, "wire to loudspeaker", wireToLoudspeaker, between(clicksAt(went), speaker.clicks(false)))
		})
	}
}

// wantDelay judges how long clicks took.
func wantDelay(t *testing.T, way string, limit time.Duration, delays []time.Duration) {
	t.Helper()
	slices.Sort(delays)
	n := len(delays)
	if n < 8 {
		t.Fatalf("%s: only %d clicks came", way, n)
	}
	most := delays[n*9/10]
	t.Logf("%s: %d clicks took %v to %v, the median %v, nine of ten at most %v", way, n, delays[0], delays[n-1], delays[n/2], most)
	if most > limit {
		t.Errorf("%s takes %v, want %v at most", way, most, limit)
	}
}

// between is how long after each click it was heard elsewhere; those that were not are left out.
func between(said, heard []time.Time) (delays []time.Duration) {
	const longest = 200 * time.Millisecond // clicks are rarer
	for _, at := range said {
		for _, h := range heard {
			if d := h.Sub(at); d > 0 && d < longest {
				delays = append(delays, d)
				break
			}
		}
	}
	return delays
}

// clicks are an endless silence with a click of 1 ms each 487 ms, as 16-bit little endian at 48 kHz.
type clicks struct{ at int }

func (c *clicks) Read(b []byte) (int, error) {
	const every = meterRate * 487 / 1000
	pcm := make([]int16, min(len(b)/2, meterRate/10))
	for i := range pcm {
		if c.at++; c.at%every < meterRate/1000 {
			pcm[i] = 20000
		}
	}
	return binary.Encode(b, binary.LittleEndian, pcm)
}

// clicksIn are the places of the clicks in sound.
func clicksIn(pcm []int16, rate int) (at []int) {
	const loud = 4000
	for i := 0; i < len(pcm); i++ {
		if pcm[i] < loud {
			continue
		}
		best := i
		for j := range pcm[i:min(i+rate/200, len(pcm))] {
			if pcm[i+j] > pcm[best] {
				best = i + j
			}
		}
		at = append(at, best)
		i += rate / 10 // its echo is none
	}
	return at
}

// meterRate is what a meter records at, in Hz.
const meterRate = 48000

// meter records a null sink and knows when each piece of it came. It takes whatever comes at once and asks for 2 s, so that
// the device gives and takes as much at a time as these want.
type meter struct {
	mu     sync.Mutex
	pcm    []int16
	pieces []piece
}

// piece is what came at a time, from the first of the samples to before the end.
type piece struct {
	at         time.Time
	first, end int
}

// measure records a source until the test ends.
func (p *pulse) measure(source string) *meter {
	p.t.Helper()
	pipe := filepath.Join(p.t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		p.t.Fatalf("make a pipe: %v", err)
	}
	out, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		p.t.Fatalf("open a pipe: %v", err)
	}
	p.copy(source, pipe)
	m := &meter{}
	var running sync.WaitGroup
	running.Go(func() { m.read(out) })
	p.t.Cleanup(func() {
		out.Close()
		running.Wait()
	})
	return m
}

func (m *meter) read(from io.Reader) {
	const together = time.Millisecond // in which comes what the device gave at once
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		at := time.Now()
		if err != nil {
			return
		}
		pcm := make([]int16, n/2)
		_, _ = binary.Decode(b[:n], binary.LittleEndian, pcm)
		m.mu.Lock()
		first := len(m.pcm)
		m.pcm = append(m.pcm, pcm...)
		if last := len(m.pieces) - 1; last >= 0 && at.Sub(m.pieces[last].at) < together {
			m.pieces[last].end = len(m.pcm)
		} else {
			m.pieces = append(m.pieces, piece{at, first, len(m.pcm)})
		}
		m.mu.Unlock()
	}
}

// began says whether something came.
func (m *meter) began() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pieces) > 10
}

// clicks are when clicks were spoken or sounded, by the device's clock, which is the machine's. A null sink sounds a piece from the moment on at
// which it gives it, as a loudspeaker does, whereas a microphone has heard all of it by then. A piece that came late on its way to us
// tells nothing: the earliest counts.
func (m *meter) clicks(microphone bool) (list []time.Time) {
	usual := m.usual()
	m.mu.Lock()
	defer m.mu.Unlock()
	var zero time.Time // when sample 0 was
	for _, c := range m.pieces {
		n := c.first
		if microphone {
			n = c.end
		}
		if lasting(c.end-c.first, meterRate) > usual*5/4 { // before the call, or the sink was late and made up for it
			continue
		}
		if z := c.at.Add(-lasting(n, meterRate)); zero.IsZero() || z.Before(zero) {
			zero = z
		}
	}
	for _, at := range clicksIn(m.pcm, meterRate) {
		list = append(list, zero.Add(lasting(at, meterRate)))
	}
	return list
}

// usual is how much came at a time.
func (m *meter) usual() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sizes []int
	for _, c := range m.pieces {
		sizes = append(sizes, c.end-c.first)
	}
	slices.Sort(sizes)
	return lasting(sizes[len(sizes)/2], meterRate)
}

// lasting is how long so many samples sound.
func lasting(n, rate int) time.Duration { return time.Duration(n) * time.Second / time.Duration(rate) }
