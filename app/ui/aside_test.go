package ui

import (
	"testing"

	"fyne.io/fyne/v2"

	"cordboard/gateway/call"
)

// TestKeysOfACallInSettings mutes, holds, sends digits and transfers while settings are open, unless somebody types there.
func TestKeysOfACallInSettings(t *testing.T) {
	s := open(t, 1280, 800)
	s.calls(s.talking("a", "bob"))
	s.atPage(t, "This computer")
	s.typed("m5")
	s.wants(t, "mute a true", "press a 5")
	for _, o := range []fyne.Focusable{all[*chooser](s)[0], all[*tick](s)[0]} {
		s.focus(o)
		s.typed("h6")
	}
	s.wants(t, "mute a true", "press a 5", "hold a", "press a 6", "hold a", "press a 6")
	e := s.entryOf(t, "Name of this Cordboard, as colleagues see it")
	s.focus(e)
	e.SetText("")
	s.typed("mht5")
	if e.Text != "mht5" || len(s.phone.asked) != 6 {
		t.Errorf("the field has %q, asked %q", e.Text, s.phone.asked)
	}
	s.focus(nil)
	s.typed("t", "103", fyne.KeyReturn)
	if got := s.phone.asked[len(s.phone.asked)-1]; got != "transfer a 103" || s.Window.open {
		t.Errorf("asked %q, settings are open: %v", got, s.Window.open)
	}
	s.calls()
	s.openSettings()
	s.typed("7")
	if s.dialView.field.entry.Text != "" || e.Text != "mht5" {
		t.Errorf("typed into a hidden field: %q", s.dialView.field.entry.Text)
	}
}

// TestQuestionGivesWay takes a question for answered by no: at escape, when it rings, and when a link comes.
func TestQuestionGivesWay(t *testing.T) {
	for name, do := range map[string]func(s *scene){
		"escape": func(s *scene) { s.typed(fyne.KeyEscape) },
		"a call": func(s *scene) { s.calls(s.rings("a", "bob", "")); s.typed(" ") },
		"a link": func(s *scene) { s.Link("103", false) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 1280, 800)
			s.atPage(t, "Users")
			s.tap(t, "Bob Miller")
			s.tap(t, "Remove")
			do(s)
			if s.window.Canvas().Overlays().Top() != nil {
				t.Error("the question stays")
			}
			if !s.set.under || s.Window.open != (name == "escape") {
				t.Errorf("the page under it: %v, settings are open: %v", s.set.under, s.Window.open)
			}
			if name == "a call" {
				s.wants(t, "answer a")
			}
			s.wantsOffice(t)
		})
	}
}

// TestLinkPutsAside shows whom a link calls, and keeps what was typed in settings and first start.
func TestLinkPutsAside(t *testing.T) {
	t.Run("settings", func(t *testing.T) {
		s := open(t, 400, 700)
		s.atPage(t, "Users")
		s.tap(t, "Bob Miller")
		s.entryOf(t, "Extension").SetText("109")
		s.Link("103", false)
		if f := s.dialView.field.entry; f.Text != "103" || s.focused() != fyne.Focusable(f) {
			t.Errorf("the field has %q", f.Text)
		}
		s.openSettings()
		if e := s.entryOf(t, "Extension"); e.Text != "109" {
			t.Errorf("a link took away what was typed: %q", e.Text)
		}
	})
	for name, back := range map[string]func(t *testing.T, s *scene){
		"back by escape": func(_ *testing.T, s *scene) { s.typed(fyne.KeyEscape, fyne.KeyEscape) },
		"back by settings": func(t *testing.T, s *scene) {
			of(t, s, func(b *toggle) bool { return b.icon == "settings" }).Tapped(nil)
		},
		"back after the call": func(t *testing.T, s *scene) {
			s.typed(fyne.KeyReturn)
			s.wants(t, "call 103")
			s.calls(s.talking("new", "carol"))
			s.calls()
		},
	} {
		t.Run("first start, "+name, func(t *testing.T) {
			s := firstStart(t, 400, 700)
			s.typed("Anna Smith")
			s.Link("103", false)
			if f := s.dialView.field.entry; s.top.Hidden || f.Text != "103" || s.focused() != fyne.Focusable(f) {
				t.Fatalf("the field has %q, under the first start: %v", f.Text, s.top.Hidden)
			}
			back(t, s)
			s.isAt(t, "Welcome to Cordboard")
			if !s.top.Hidden || !s.reads("In a browser you sign in as anna.") {
				t.Error("it does not come back with what was typed")
			}
		})
	}
}

// TestNeighboursThatWait are told of in the line, which leads to them.
func TestNeighboursThatWait(t *testing.T) {
	s := open(t, 1280, 800)
	for _, tt := range []struct {
		one  Waiting
		says string
	}{
		{Waiting{Name: "Workshop", Asks: true}, "Workshop asks to be paired with this machine."},
		{Waiting{Name: "Barn", Trouble: "Barn shows another certificate."}, "Barn shows another certificate."},
	} {
		_ = s.model.Status.Set(Status{Neighbours: []Waiting{tt.one}})
		if !s.reads(tt.says) {
			t.Errorf("it does not say %q", tt.says)
		}
		s.status.Tapped(nil)
		if at := s.At(); at != PlaceNeighbours {
			t.Errorf("it leads to %q", at)
		}
		s.closeSettings()
	}
}

// TestChoiceByHand shows what somebody wrote into the file beside what can be chosen, and writes only what is chosen.
func TestChoiceByHand(t *testing.T) {
	for keep, want := range map[string]string{"45d": "45 days", "12h": "12h", "90d": "90 days"} {
		s := open(t, 400, 700)
		s.office.config.Values["recording"] = map[string]any{"enabled": "ask", "keep": keep}
		s.atPage(t, "Recording")
		c := all[*chooser](s)[1]
		if c.Selected != want {
			t.Errorf("%s is shown as %q, want %q", keep, c.Selected, want)
		}
		if keep != "90d" {
			c.SetSelected(want)
			s.wantsOffice(t)
		}
		c.SetSelected("A year")
		s.wantsOffice(t, "1: recording.keep = 365d")
	}
}

// TestDeviceIsChosenLate shows what was chosen while the sound system takes its time, and what is in use when that fails.
func TestDeviceIsChosenLate(t *testing.T) {
	s := open(t, 1280, 800)
	devices := []Device{{Purpose: Microphone, Name: "Headset", Chosen: true}, {Purpose: Microphone, Name: "Webcam"}}
	_ = s.model.Sound.Set(Sound{Devices: devices})
	s.atPage(t, "Sound")
	s.settings.holds = true
	c := all[*chooser](s)[0]
	c.SetSelected("Webcam")
	_ = s.model.Sound.Set(Sound{Devices: devices, Microphone: -20}) // the meter moves
	if c.Selected != "Webcam" {
		t.Errorf("while it is chosen it shows %q", c.Selected)
	}
	s.settings.comes(&call.DeskFault{Message: "This device is not there any more."})
	if c.Selected != "Headset" || !s.reads("This device is not there any more.") {
		t.Errorf("when that failed it shows %q", c.Selected)
	}
}
