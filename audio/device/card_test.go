package device

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/audio"
)

// near reports whether n frames are those of d, but for two.
func near(n int, d time.Duration) bool {
	want := int(d / frameTime)
	return n >= want-2 && n <= want+2
}

func TestTalkAndRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := fake(t, Config{Ringer: "Headset"})
		time.Sleep(time.Second)
		if len(f.opens) > 0 {
			t.Errorf("opened before anybody talks: %v", f.opens)
		}
		d := &talker{say: 7}
		stop, err := c.Talk(d)
		if err != nil {
			t.Fatal(err)
		}
		quiet, err := c.Ring(func(frame []int16) { frame[0] = 3 })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Talk(d); !errors.Is(err, errTaken) {
			t.Errorf("a second talk: %v", err)
		}
		time.Sleep(time.Second)
		captured, played := d.counts()
		if !near(captured, time.Second) || !near(played, time.Second) {
			t.Errorf("in a second %d frames captured, %d played", captured, played)
		}
		if got := d.since(50); slices.ContainsFunc(got, func(s int16) bool { return s != level("mic-a") }) {
			t.Errorf("captured %v, want the default's", got)
		}
		f.change(func() {
			if f.sounded["out-a"] != 7 || f.sounded["out-b"] != 3 {
				t.Errorf("sounded %v", f.sounded)
			}
		})
		if s := c.State(); s != "" {
			t.Errorf("state %q", s)
		}
		stop()
		stop()
		before, _ := d.counts()
		time.Sleep(time.Second)
		if after, _ := d.counts(); after != before {
			t.Errorf("%d frames after the end", after-before)
		}
		quiet()
		if again, err := c.Talk(d); err != nil {
			t.Errorf("talk again: %v", err)
		} else {
			again()
		}
	})
}

// TestDevicesComeAndGo changes devices in mid-talk: frames go on at their pace, and within a second sound is back.
func TestDevicesComeAndGo(t *testing.T) {
	for _, tt := range []struct {
		name       string
		cfg        Config
		change     func(f *fakeSystem)
		mic, other string // which devices sound at last
		state      string // beginning of what State says after a second
	}{
		{"microphone pulled out", Config{}, func(f *fakeSystem) { f.devices = slices.Delete(f.devices, 0, 1) }, "mic-b", "out-a", ""},
		{"loudspeaker pulled out", Config{}, func(f *fakeSystem) { f.devices = slices.Delete(f.devices, 3, 4) }, "mic-a", "out-b", ""},
		{"chosen one pulled out", Config{Microphone: "Headset"}, func(f *fakeSystem) { f.devices = slices.Delete(f.devices, 1, 2) }, "mic-a", "out-a", ""},
		{"default changed", Config{}, func(f *fakeSystem) {
			f.devices[0].standard, f.devices[1].standard, f.devices[3].standard, f.devices[4].standard = false, true, false, true
		}, "mic-b", "out-b", ""},
		{"default changed but another is chosen", Config{Microphone: "Built-in"}, func(f *fakeSystem) {
			f.devices[0].standard, f.devices[1].standard = false, true
		}, "mic-a", "out-a", ""},
		{"a chosen one plugged in", Config{Microphone: "Desk"}, func(f *fakeSystem) {
			f.devices = append(f.devices, mic("mic-d", "Desk", false))
		}, "mic-d", "out-a", ""},
		{"a monitor by its name", Config{Microphone: "Monitor"}, func(*fakeSystem) {}, "mic-m", "out-a", ""},
		{"no microphone left", Config{}, func(f *fakeSystem) { f.devices = slices.Delete(f.devices, 0, 2) }, "", "out-a", "This machine has no microphone."},
		{"nothing left", Config{}, func(f *fakeSystem) { f.devices = nil }, "", "", "This machine has no sound card."},
		{"server gone", Config{}, func(f *fakeSystem) { f.down = true }, "", "", "The sound server is gone."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, f := fake(t, tt.cfg)
				d := &talker{say: 5}
				stop, err := c.Talk(d)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				time.Sleep(2 * time.Second)
				f.change(func() {
					tt.change(f)
					f.sounded = map[string]int16{}
				})
				time.Sleep(time.Second)
				captured, played := d.counts()
				if !near(captured, 3*time.Second) || !near(played, 3*time.Second) {
					t.Errorf("in 3 s %d frames captured, %d played", captured, played)
				}
				if got := c.State(); tt.state == "" && got != "" || len(got) < len(tt.state) || got[:len(tt.state)] != tt.state {
					t.Errorf("state %q, want %q", got, tt.state)
				}
				time.Sleep(time.Second)
				want := int16(0)
				if tt.mic != "" {
					want = level(tt.mic)
				}
				if got := d.since(captured + 2); slices.ContainsFunc(got, func(s int16) bool { return s != want }) {
					t.Errorf("captured after a second %v, want %d", got, want)
				}
				f.change(func() {
					if tt.other != "" && f.sounded[tt.other] != 5 {
						t.Errorf("sounded %v, want it at %s", f.sounded, tt.other)
					}
				})
			})
		})
	}
}

// TestSoundComesBack takes the sound system away or kills a device for a while.
func TestSoundComesBack(t *testing.T) {
	for _, tt := range []struct {
		name       string
		away, back func(f *fakeSystem)
	}{
		{"server", func(f *fakeSystem) { f.down = true }, func(f *fakeSystem) { f.down = false }},
		{"server, started without its devices", func(f *fakeSystem) { f.down = true }, func(f *fakeSystem) { f.down = false; f.dead["mic-a"] = false }},
		{"device that stays in the list", func(f *fakeSystem) { f.dead["mic-a"] = true }, func(f *fakeSystem) { f.dead["mic-a"] = false }},
		{"busy device", func(f *fakeSystem) { f.dead["mic-a"], f.refuse = true, errBusy }, func(f *fakeSystem) { f.dead["mic-a"], f.refuse = false, nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, f := fake(t, Config{})
				d := &talker{}
				stop, err := c.Talk(d)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				time.Sleep(time.Second)
				f.change(func() { tt.away(f) })
				time.Sleep(3 * time.Second)
				if c.State() == "" {
					t.Error("nothing amiss")
				}
				if got := d.since(150); slices.ContainsFunc(got, func(s int16) bool { return s != 0 }) {
					t.Errorf("captured %v, want silence", got)
				}
				f.change(func() { tt.back(f) })
				time.Sleep(time.Second)
				n, played := d.counts()
				time.Sleep(time.Second)
				if got := d.since(n); slices.ContainsFunc(got, func(s int16) bool { return s != level("mic-a") }) {
					t.Errorf("captured %v, want sound", got)
				}
				if s := c.State(); s != "" {
					t.Errorf("state %q", s)
				}
				if !near(n, 5*time.Second) || !near(played, 5*time.Second) {
					t.Errorf("in 5 s %d frames captured, %d played", n, played)
				}
			})
		})
	}
}

func TestStates(t *testing.T) {
	for _, tt := range []struct {
		refuse error
		want   string
	}{
		{errBusy, `The microphone "Built-in" is in use by another program. Close that program, or choose another microphone.`},
		{errDenied, `The microphone "Built-in" is not allowed to Cordboard. ` + permission + `.`},
		{errors.New("smoke"), `The microphone "Built-in" does not work (smoke). Unplug it and plug it in again, or choose another.`},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, f := fake(t, Config{})
			f.refuse = tt.refuse
			stop, err := c.Talk(&talker{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := c.State(); got != tt.want {
				t.Errorf("state %q, want %q", got, tt.want)
			}
			stop()
			time.Sleep(time.Second)
			if got := c.State(); got != "" {
				t.Errorf("after the talk: %q", got)
			}
		})
	}
}

func TestSystemThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := fake(t, Config{})
		f.hung = make(chan struct{})
		d := &talker{}
		stop, err := c.Talk(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Devices(); !errors.Is(err, errSilent) {
			t.Errorf("devices: %v", err)
		}
		if n, _ := d.counts(); !near(n, listTime) {
			t.Errorf("%d frames meanwhile", n)
		}
		stop()
		if err := c.Close(); !errors.Is(err, errSilent) {
			t.Errorf("close: %v", err)
		}
		close(f.hung)
		c.done.Wait()
	})
}

func TestChoose(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(dir, "sound.json")
		c, f := fake(t, Config{File: file, Loudspeaker: "Headset"})
		d := &talker{}
		stop, err := c.Talk(d)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		time.Sleep(time.Second)
		if err := c.Choose(audio.Microphone, "Headset"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := f.lastOpened("mic"); got != "mic-b" {
			t.Errorf("opened %s", got)
		}
		for _, err := range []error{c.Choose(audio.Microphone, "Hedset"), c.Choose(audio.Loudspeaker, "Monitor")} {
			if !errors.Is(err, audio.ErrNoDevice) {
				t.Errorf("choose what is not there: %v", err)
			}
		}
		if err := c.Choose("camera", ""); !errors.Is(err, errPurpose) {
			t.Errorf("choose a camera: %v", err)
		}
		if err := errors.Join(c.Choose(audio.Loudspeaker, ""), c.Gain(audio.Ringer, -12.5)); err != nil {
			t.Fatal(err)
		}
		f.change(func() { f.devices = slices.Delete(f.devices, 1, 2) })
		got, err := c.Devices()
		want := []audio.Device{
			{Name: "Built-in", Purpose: audio.Microphone, Default: true}, {Name: "Monitor", Purpose: audio.Microphone},
			{Name: "Headset", Purpose: audio.Microphone, Chosen: true, Missing: true},
			{Name: "Built-in", Purpose: audio.Loudspeaker, Default: true}, {Name: "Headset", Purpose: audio.Loudspeaker},
			{Name: "Built-in", Purpose: audio.Ringer, Default: true, Gain: -12.5}, {Name: "Headset", Purpose: audio.Ringer, Gain: -12.5},
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("devices %+v, %v, want %+v", got, err, want)
		}

		for _, tt := range []struct {
			name                 string
			cfg                  Config
			microphone, speakers string
		}{
			{"the same configuration", Config{File: file, Loudspeaker: "Headset"}, "Headset", ""},
			{"a changed one wins", Config{File: file, Microphone: "Built-in", Loudspeaker: "Built-in"}, "Built-in", "Built-in"},
			{"nothing kept", Config{Loudspeaker: "Headset"}, "", "Headset"},
		} {
			again, _ := fake(t, tt.cfg)
			if again.chosen[audio.Microphone].Name != tt.microphone || again.chosen[audio.Loudspeaker].Name != tt.speakers {
				t.Errorf("%s: chosen %+v", tt.name, again.chosen)
			}
			if gain := again.chosen[audio.Ringer].Gain; tt.cfg.File != "" && gain != -12.5 {
				t.Errorf("%s: gain of the ringer %v", tt.name, gain)
			}
		}
		if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if broken, _ := fake(t, Config{File: file, Ringer: "Headset"}); broken.chosen[audio.Ringer].Name != "Headset" {
			t.Errorf("a broken file: chosen %+v", broken.chosen)
		}
	})
}

func TestLevelsGainAndMute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := fake(t, Config{})
		off := audio.Levels{Microphone: silence, Loudspeaker: silence}
		if got := c.Levels(); got != off {
			t.Errorf("levels before a talk %+v", got)
		}
		stop, err := c.Talk(&talker{say: 1 << 14})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := c.Levels(); got.Loudspeaker < -6.1 || got.Loudspeaker > -6 || got.Microphone > -90 || got.Microphone < -91 {
			t.Errorf("levels %+v, want -6.02 and -90.3", got)
		}
		c.Mute(true)
		if err := errors.Join(c.Gain(audio.Loudspeaker, 20), c.Gain(audio.Microphone, -60)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := c.Levels(); got.Loudspeaker < -0.1 || got.Microphone != silence || !got.Muted {
			t.Errorf("muted and clipped: levels %+v", got)
		}
		stop()
		off.Muted = true
		if got := c.Levels(); got != off {
			t.Errorf("levels after it %+v", got)
		}
		nan := 0.0
		nan /= nan
		for _, dB := range []float64{-61, 20.1, nan} {
			if err := c.Gain(audio.Microphone, dB); !errors.Is(err, errGain) {
				t.Errorf("gain of %v dB: %v", dB, err)
			}
		}
	})
}
