//go:build e2e

package e2e

import (
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/device"
)

// talker is who talks at a card: it says a tone without end and hears what the microphone gives.
type talker struct {
	mu     sync.Mutex
	tone   *audio.Tone
	loud   []int16     // heard so far
	frames []time.Time // when each frame came
	played int         // frames said
}

func (d *talker) Capture(frame []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loud = append(d.loud, frame...)
	d.frames = append(d.frames, time.Now())
}

func (d *talker) Play(frame []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tone.Fill(frame)
	d.played++
}

func (d *talker) heard(*testing.T) sound {
	d.mu.Lock()
	defer d.mu.Unlock()
	return sound{samples: slices.Clone(d.loud), rate: audio.CardRate}
}

// forget drops what was heard so far.
func (d *talker) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loud = d.loud[:0]
}

// counts are the frames so far.
func (d *talker) counts() (captured, played int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.frames), d.played
}

// openCard opens this process's sound card on a PulseAudio of the test's own.
func openCard(t *testing.T, cfg device.Config) (*pulse, *device.Card) {
	t.Helper()
	if !device.Available {
		missing(t, "sound needs a build with cgo")
	}
	p := startPulse(t)
	p.use()
	card, err := device.Open(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := card.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, card
}

func TestSoundCard(t *testing.T) {
	p, card := openCard(t, device.Config{Ringer: "bell"})
	p.sink("loudspeaker")
	p.sink("bell")
	p.microphone("microphone")
	p.pactl("set-default-sink", "loudspeaker")
	p.play("microphone_feed", toneBob)
	devices, err := card.Devices()
	for _, want := range []audio.Device{
		{Name: "microphone", Purpose: audio.Microphone, Default: true},
		{Name: "loudspeaker", Purpose: audio.Loudspeaker, Default: true},
		{Name: "bell", Purpose: audio.Ringer, Chosen: true},
	} {
		if err != nil || !slices.Contains(devices, want) {
			t.Errorf("devices %+v, %v, want %+v among them", devices, err, want)
		}
	}
	d := &talker{tone: audio.NewTone(toneAlice, audio.CardRate, 9000)}
	stop, err := card.Talk(d)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	bell := audio.NewTone(tonePhone, audio.CardRate, 9000)
	quiet, err := card.Ring(bell.Fill)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet()
	speaker := p.record("loudspeaker.monitor")
	wantTone(t, "who talks", d, toneBob)
	wantTone(t, "the loudspeaker", speaker, toneAlice)
	wantTone(t, "the ringer", p.record("bell.monitor"), tonePhone)
	// 9000 is -11 dBFS, a sine of it 3 dB less.
	eventually(t, 5*time.Second, "level of the loudspeaker", func() bool {
		return card.Levels().Loudspeaker > -15 && card.Levels().Loudspeaker < -13
	})
	if err := card.Choose(audio.Loudspeaker, "bell"); err != nil {
		t.Fatal(err)
	}
	quiet()
	wantTone(t, "the loudspeaker chosen under way", p.record("bell.monitor"), toneAlice)
	wantNoTone(t, "the loudspeaker before", speaker, toneAlice)
	card.Mute(true)
	time.Sleep(200 * time.Millisecond) // what was on its way
	d.forget()
	wantNoTone(t, "who talks into a muted microphone", d, toneBob)
	if s := card.State(); s != "" {
		t.Errorf("state %q", s)
	}
}

// TestSoundCardChanges pulls devices out and plugs others in while somebody talks, and kills the sound server.
func TestSoundCardChanges(t *testing.T) {
	p, card := openCard(t, device.Config{})
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.pactl("set-default-sink", "loudspeaker")
	p.play("microphone_feed", toneBob)
	d := &talker{tone: audio.NewTone(toneAlice, audio.CardRate, 9000)}
	stop, err := card.Talk(d)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	began := time.Now()
	wantTone(t, "who talks", d, toneBob)
	wantTone(t, "the loudspeaker", p.record("loudspeaker.monitor"), toneAlice)

	// Another default.
	p.sink("other")
	p.microphone("headset")
	voice := p.play("headset_feed", tonePhone)
	other := p.measureAtWork("other.monitor")
	changed := time.Now()
	p.pactl("set-default-sink", "other")
	p.pactl("set-default-source", "headset")
	wantReopened(t, "another default microphone", changed, d, tonePhone)
	wantReopened(t, "another default loudspeaker", changed, other, toneAlice)

	// The default before, when the new one is pulled out.
	voice.stop() // PulseAudio would move it
	before := p.measureAtWork("loudspeaker.monitor")
	changed = time.Now()
	p.pull("other")
	p.pull("headset_feed")
	wantReopened(t, "the microphone that is left", changed, d, toneBob)
	wantReopened(t, "the loudspeaker that is left", changed, before, toneAlice)

	// Nothing, then devices again.
	p.pactl("unload-module", "module-null-sink")
	eventually(t, 5*time.Second, "word of no sound card", func() bool { return strings.HasPrefix(card.State(), "This machine has no sound card.") })
	changed = time.Now()
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.play("microphone_feed", tonePhone)
	again := p.measure("loudspeaker.monitor")
	wantReopened(t, "a microphone plugged in", changed, d, tonePhone)
	wantReopened(t, "a loudspeaker plugged in", changed, again, toneAlice)

	// A crash of the server.
	p.kill()
	eventually(t, 5*time.Second, "word of the server's death", func() bool { return strings.HasPrefix(card.State(), "The sound server is gone.") })
	p.start()
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.play("microphone_feed", toneBob)
	wantTone(t, "who talks, after a crash of the server", d, toneBob)
	wantTone(t, "the loudspeaker after a crash of the server", p.record("loudspeaker.monitor"), toneAlice)
	eventually(t, 5*time.Second, "end of the trouble", func() bool { return card.State() == "" })

	captured, played := d.counts()
	t.Logf("in %v: %d frames captured, %d played, longest gap %v", time.Since(began), captured, played, d.longestGap())
}

// TestSoundCardHearsNoLoudspeaker pulls the microphone out: PulseAudio would let whoever records hear the loudspeaker's monitor then.
func TestSoundCardHearsNoLoudspeaker(t *testing.T) {
	p, card := openCard(t, device.Config{})
	p.sink("loudspeaker")
	d := &talker{tone: audio.NewTone(toneAlice, audio.CardRate, 9000)}
	stop, err := card.Talk(d)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	wantTone(t, "the loudspeaker", p.record("loudspeaker.monitor"), toneAlice)
	for range 3 {
		feed := p.microphone("microphone")
		p.pactl("set-default-source", "microphone")
		d.forget()
		p.play("microphone_feed", toneBob)
		wantTone(t, "who talks", d, toneBob)
		p.unload(feed)
		eventually(t, 5*time.Second, "word of no microphone", func() bool { return strings.HasPrefix(card.State(), "This machine has no microphone.") })
		all := d.heard(t)
		for at := 0; at+audio.CardRate/50 <= len(all.samples); at += audio.CardRate / 50 {
			if piece := all.samples[at : at+audio.CardRate/50]; audio.RMS(piece) > 100 && audio.Goertzel(piece, audio.CardRate, toneAlice) > 0.5 {
				t.Fatalf("who talks hears itself, %d ms before word of no microphone", (len(all.samples)-at)*1000/audio.CardRate)
			}
		}
	}
}

// TestSoundCardRefused meets a sound server that takes only who has its cookie, then one that takes everybody.
func TestSoundCardRefused(t *testing.T) {
	p, card := openCard(t, device.Config{})
	p.sink("loudspeaker")
	p.microphone("microphone")
	open := os.Getenv("PULSE_SERVER")
	t.Setenv("PULSE_SERVER", p.guard())
	d := &talker{tone: audio.NewTone(toneAlice, audio.CardRate, 9000)}
	stop, err := card.Talk(d)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	eventually(t, 5*time.Second, "word of the refusal", func() bool {
		return strings.HasPrefix(card.State(), "The sound server does not let Cordboard in.")
	})
	t.Setenv("PULSE_SERVER", open)
	wantTone(t, "the loudspeaker when the server has let us in", p.record("loudspeaker.monitor"), toneAlice)
	eventually(t, 5*time.Second, "end of the trouble", func() bool { return card.State() == "" })
}

// marks measures a delay: it plays a click now and then, and notes when it hears one.
type marks struct {
	mu      sync.Mutex
	frames  int
	sent    time.Time
	waiting bool
	delays  []time.Duration
}

func (m *marks) Play(frame []int16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(frame)
	if m.frames++; m.frames%20 == 0 && !m.waiting {
		m.waiting, m.sent = true, time.Now()
		frame[0], frame[1] = 20000, -20000
	}
}

func (m *marks) Capture(frame []int16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range frame {
		if m.waiting && s > 5000 {
			m.waiting = false
			m.delays = append(m.delays, time.Since(m.sent))
		}
	}
	if m.waiting && time.Since(m.sent) > time.Second {
		m.waiting = false // lost
	}
}

// TestSoundCardDelay measures, without judging, how long sound takes from Play through a loudspeaker to Capture.
func TestSoundCardDelay(t *testing.T) {
	p, card := openCard(t, device.Config{Microphone: "Monitor of loudspeaker"})
	p.sink("loudspeaker")
	m := &marks{}
	stop, err := card.Talk(m)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	eventually(t, 20*time.Second, "marks heard", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.delays) >= 10
	})
	stop()
	slices.Sort(m.delays)
	t.Logf("from Play to Capture through a null sink: median %v, %v to %v", m.delays[len(m.delays)/2], m.delays[0], m.delays[len(m.delays)-1])
}

// longestGap is the longest time between two frames from the microphone.
func (d *talker) longestGap() (longest time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := 1; i < len(d.frames); i++ {
		longest = max(longest, d.frames[i].Sub(d.frames[i-1]))
	}
	return longest
}

// devices runs `cordboard devices` beside the gateway.
func (g *gateway) devices(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	out, err := exec.Command(binary, append([]string{"devices", "--data", g.data}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("cordboard devices %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestDevicesOfGateway chooses devices of a running gateway, which remembers it.
func TestDevicesOfGateway(t *testing.T) {
	p := startPulse(t)
	p.use()
	p.sink("loudspeaker")
	p.microphone("headset")
	p.pactl("set-default-sink", "loudspeaker")
	p.pactl("set-default-source", "headset")
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, Extra: "[audio]\nenabled = true\n"})
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, `(?m)^microphone +headset +yes, the system's default +\+0 dB$`},
		{[]string{"--choose", "microphone=headset", "--choose", "ringer=headset_feed", "--gain", "ringer=-6"}, `(?m)^microphone +headset +yes, chosen +\+0 dB$`},
		{nil, `(?m)^ringer +headset_feed +yes, chosen +-6 dB$`},
	} {
		if out := g.devices(t, tt.args...); !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("devices %v prints\n%swant a line like %s", tt.args, out, tt.want)
		}
	}
	g.stop()
	g.start(t)
	if out := g.devices(t); !strings.Contains(out, "yes, chosen") {
		t.Errorf("after a restart devices prints\n%s", out)
	}
	owner := signIn(t, g, alice)
	if code, body := owner.get(t, "/api/v1/devices"); code != 200 || body["state"] != "" {
		t.Errorf("the owner's devices: %d %v", code, body)
	}
	if code, body := signIn(t, g, bob).get(t, "/api/v1/devices"); code != 403 {
		t.Errorf("devices of somebody else: %d %v", code, body)
	}
}
