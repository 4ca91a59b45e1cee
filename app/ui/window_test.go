package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// shown gives all objects that can be seen, those of lists and cards too.
func shown(o fyne.CanvasObject) []fyne.CanvasObject {
	if !o.Visible() {
		return nil
	}
	all := []fyne.CanvasObject{o}
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			all = append(all, shown(c)...)
		}
	case *container.Scroll:
		all = append(all, shown(o.Content)...)
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			all = append(all, shown(c)...)
		}
	}
	return all
}

// reads says whether words stand in the window, as far as they are not cut.
func (s *scene) reads(words string) bool { return reads(s.window.Content(), words) }

func reads(what fyne.CanvasObject, words string) bool {
	return slices.ContainsFunc(shown(what), func(o fyne.CanvasObject) bool {
		switch o := o.(type) {
		case *text:
			return strings.Contains(o.words, words)
		case *widget.Label:
			return strings.Contains(o.Text, words)
		}
		return false
	})
}

// tap presses what has that word on it.
func (s *scene) tap(t *testing.T, word string) {
	t.Helper()
	for _, o := range shown(s.window.Content()) {
		switch o := o.(type) {
		case *pill:
			if o.word == word {
				test.Tap(o)
				return
			}
		case *round:
			if o.word == word {
				test.Tap(o)
				return
			}
		case *key:
			if o.digit == word {
				test.Tap(o)
				return
			}
		case *row:
			if o.name.words == word {
				test.Tap(o)
				return
			}
		case *tab:
			if o.word == word {
				test.Tap(o)
				return
			}
		}
	}
	t.Fatalf("there is no %q to press", word)
}

// typed is what a person does at the keyboard: runes and names of keys, to what has the focus or else to the window.
func (s *scene) typed(keys ...any) {
	for _, k := range keys {
		c := s.window.Canvas()
		switch k := k.(type) {
		case string:
			for _, r := range k {
				if f := c.Focused(); f != nil {
					f.TypedRune(r)
				} else {
					c.OnTypedRune()(r)
				}
			}
		case fyne.KeyName:
			e := &fyne.KeyEvent{Name: k}
			if f := c.Focused(); f != nil {
				f.TypedKey(e)
			} else {
				c.OnTypedKey()(e)
			}
		}
	}
}

func (s *scene) wants(t *testing.T, asked ...string) {
	t.Helper()
	if !slices.Equal(s.phone.asked, asked) {
		t.Errorf("the phone was asked for %q, want %q", s.phone.asked, asked)
	}
}

// TestKeyboard works the phone without a pointer.
func TestKeyboard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		calls func(s *scene) []call.DeskCall
		keys  []any
		asked []string
	}{
		{"type and call", nil, []any{"030 12", fyne.KeyReturn}, []string{"call 03012"}},
		{"a suggestion", nil, []any{"bo", fyne.KeyDown, fyne.KeyReturn}, []string{"call bob"}},
		{"a name as written", nil, []any{"carol jones", fyne.KeyReturn}, []string{"call carol"}},
		{"nothing to call", nil, []any{fyne.KeyReturn, fyne.KeyEscape, " "}, nil},
		{"escape clears", nil, []any{"12", fyne.KeyEscape, "34", fyne.KeyReturn}, []string{"call 34"}},
		{"space answers", ringing1, []any{" "}, []string{"answer a"}},
		{"escape declines", ringing1, []any{fyne.KeyEscape}, []string{"hang up a"}},
		{"M mutes", talking1, []any{"m"}, []string{"mute a true"}},
		{"H holds", talking1, []any{"H"}, []string{"hold a"}},
		{"digits", talking1, []any{"1#"}, []string{"press a 1", "press a #"}},
		{"escape does not hang up", talking1, []any{fyne.KeyEscape}, nil},
		{"escape gives up", calling1, []any{fyne.KeyEscape}, []string{"hang up a"}},
		{"transfer", talking1, []any{"t", "car", fyne.KeyDown, fyne.KeyReturn}, []string{"transfer a carol"}},
		{"digits while asked whom", talking1, []any{"t", "103", fyne.KeyReturn}, []string{"transfer a 103"}},
		{"no transfer after all", talking1, []any{"t", "103", fyne.KeyEscape, "5"}, []string{"press a 5"}},
		{"the second call", both, []any{" "}, []string{"answer b"}},
		{"not the second call", both, []any{fyne.KeyEscape}, []string{"hang up b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, 1280, 800)
			if tt.calls != nil {
				s.calls(tt.calls(s)...)
			}
			s.typed(tt.keys...)
			s.wants(t, tt.asked...)
		})
	}
}

func ringing1(s *scene) []call.DeskCall { return []call.DeskCall{s.rings("a", "0301234567", "Erika")} }
func talking1(s *scene) []call.DeskCall { return []call.DeskCall{s.talking("a", "bob")} }
func calling1(s *scene) []call.DeskCall {
	return []call.DeskCall{{ID: "a", Peer: "bob", Direction: "out", State: call.Calling}}
}
func both(s *scene) []call.DeskCall {
	return []call.DeskCall{s.talking("a", "bob"), s.rings("b", "0301234567", "Erika")}
}

// two are one call that talks and one that waits.
func two(s *scene) []call.DeskCall {
	waits := s.talking("b", "0301234567")
	waits.Held = true
	return []call.DeskCall{waits, s.talking("a", "bob")}
}

// TestButtons presses what stands in the window.
func TestButtons(t *testing.T) {
	for _, tt := range []struct {
		name  string
		width float32
		calls func(s *scene) []call.DeskCall
		taps  []string
		asked []string
	}{
		{"keypad and call", 1280, nil, []string{"1", "0", "2", "Call"}, []string{"call 102"}},
		{"a colleague", 1280, nil, []string{"Carol Jones"}, []string{"call carol"}},
		{"call back", 1280, nil, []string{"030 123 4567"}, []string{"call 0301234567"}},
		{"a colleague in a narrow window", 400, nil, []string{"People", "Bob Miller"}, []string{"call bob"}},
		{"call back in a narrow window", 400, nil, []string{"Recent", "030 123 4567"}, []string{"call 0301234567"}},
		{"answer", 400, ringing1, []string{"Answer"}, []string{"answer a"}},
		{"decline", 400, ringing1, []string{"Decline"}, []string{"hang up a"}},
		{"answer during a call", 400, both, []string{"Answer"}, []string{"answer b"}},
		{"decline during a call", 400, both, []string{"Decline"}, []string{"hang up b"}},
		{"mute, hold, hang up", 400, talking1, []string{"Mute", "Hold", "Hang up"}, []string{"mute a true", "hold a", "hang up a"}},
		{"keys of a call", 400, talking1, []string{"7", "*"}, []string{"press a 7", "press a *"}},
		{"swap, connect, join", 1280, two, []string{"Swap", "Connect", "Join"}, []string{"resume b", "transfer b a", "join"}},
		{"do nothing with a call that does not talk", 1280, calling1, []string{"Hold", "Transfer"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, tt.width, 700)
			if tt.calls != nil {
				s.calls(tt.calls(s)...)
			}
			for _, word := range tt.taps {
				s.tap(t, word)
			}
			s.wants(t, tt.asked...)
		})
	}
}

// TestWords looks for what the window says.
func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(s *scene)
		says []string
		not  []string
	}{
		{"idle", func(*scene) {}, []string{"Front office", "Ready", "free · 102", "in a call · 103", "it rings · 104", "not there · 105", "1 missed call", "yesterday", "Busy"}, []string{"Hang up", "Answer"}},
		{"talking", func(s *scene) { s.calls(talking1(s)...) }, []string{"Bob Miller", "102", "0:32", "Sound is clear"}, []string{"Decline"}},
		{"time goes on", func(s *scene) { s.calls(talking1(s)...); _ = s.model.Now.Set(s.at.Add(time.Minute)) }, []string{"1:32"}, nil},
		{"muted", func(s *scene) { c := s.talking("a", "bob"); c.Muted = true; s.calls(c) }, []string{"You are muted", "Unmute"}, nil},
		{"held", func(s *scene) { c := s.talking("a", "bob"); c.Held = true; s.calls(c) }, []string{"On hold", "You put Bob Miller on hold", "Resume"}, nil},
		{"rings", func(s *scene) { s.calls(ringing1(s)...) }, []string{"Incoming call", "Erika", "030 123 4567", "Answer", "Decline"}, []string{"Hang up"}},
		{"trouble", func(s *scene) {
			s.calls(talking1(s)...)
			_ = s.model.Troubles.Set([]call.Concern{{Trouble: call.Trouble{Kind: call.TroubleLossIn}, SIP: "a@host"}})
		}, []string{"Some loss on the way from Bob Miller"}, []string{"Sound is clear"}},
		{"of another call", func(s *scene) {
			s.calls(talking1(s)...)
			_ = s.model.Troubles.Set([]call.Concern{{Trouble: call.Trouble{Kind: call.TroubleSilent}, SIP: "b@host"}})
		}, []string{"Sound is clear"}, nil},
		{"how it ended", func(s *scene) {
			c := s.talking("a", "bob")
			c.State, c.Reason = call.Ended, "Busy"
			s.calls(c)
		}, []string{"Last call: Bob Miller", "Busy"}, []string{"Hang up"}},
		{"no sound", func(s *scene) {
			_ = s.model.Desk.Set(call.DeskState{Problem: "This machine has no microphone. Plug one in."})
		}, []string{"Plug one in"}, nil},
		{"voice mail", func(s *scene) { _ = s.model.Voicemail.Set(call.Voicemail{New: 2}) }, []string{"Ready · 2 new voice messages"}, nil},
		{"do not disturb", func(s *scene) { _ = s.model.Desk.Set(call.DeskState{Ready: true, Busy: true}) }, []string{"Do not disturb"}, nil},
		{"PBX", func(s *scene) {
			s.calls()
			_ = s.model.Status.Set(Status{PBX: []call.PBX{{Name: "office", State: []call.PBXState{{User: "bob", State: "registered"}, {User: "alice", State: "wrong password"}}}}})
		}, []string{"The PBX “office” refuses Cordboard's password"}, nil},
		{"refused", func(s *scene) {
			s.phone.err = &call.DeskFault{Message: "That is no number or name to call."}
			s.dial("?")
		}, []string{"That is no number or name to call."}, nil},
		{"refused, a while ago", func(s *scene) {
			s.phone.err = &call.DeskFault{Message: "That is no number or name to call."}
			s.dial("?")
			_ = s.model.Now.Set(s.at.Add(time.Minute))
		}, nil, []string{"That is no number or name to call."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, 1280, 800)
			tt.make(s)
			for _, words := range tt.says {
				if !s.reads(words) {
					t.Errorf("the window does not say %q", words)
				}
			}
			for _, words := range tt.not {
				if s.reads(words) {
					t.Errorf("the window says %q", words)
				}
			}
		})
	}
}

// TestFocus goes through the window by the tabulator: the field comes first, and what has the focus is pressed by space and leaves
// other keys to the window.
func TestFocus(t *testing.T) {
	s := open(t, 1280, 800)
	c := s.window.Canvas()
	c.FocusNext()
	if c.Focused() != fyne.Focusable(s.dialView.field.entry) {
		t.Errorf("the first focus is %T, want the field", c.Focused())
	}
	s.typed("102")
	for range 50 {
		c.FocusNext()
		if b, ok := c.Focused().(*pill); ok && b.word == "Call" {
			s.typed(" ", fyne.KeySpace)
			break
		}
	}
	s.wants(t, "call 102")
	s.calls(talking1(s)...)
	for range 50 {
		c.FocusNext()
		if b, ok := c.Focused().(*round); ok && b.word == "Hold" {
			s.typed("m", fyne.KeyReturn)
			break
		}
	}
	s.wants(t, "call 102", "mute a true", "hold a")
}

// TestTypingIsNotStolen lets somebody who types go on when a call comes in.
func TestTypingIsNotStolen(t *testing.T) {
	s := open(t, 1280, 800)
	s.typed("03")
	s.calls(ringing1(s)...)
	s.calls()
	s.typed("0", fyne.KeyReturn)
	s.wants(t, "call 030")
}

// TestMissedAreSeen counts missed calls until somebody looks.
func TestMissedAreSeen(t *testing.T) {
	s := open(t, 400, 700)
	if n := s.model.missed(); n != 1 || s.frame.tabs[2].n != 1 {
		t.Fatalf("missed = %d, on the tab %d, want 1", n, s.frame.tabs[2].n)
	}
	s.tap(t, "Recent")
	if n := s.model.missed(); n != 0 || s.frame.tabs[2].n != 0 {
		t.Errorf("missed after a look = %d, on the tab %d, want 0", n, s.frame.tabs[2].n)
	}
}

// TestSettings changes what there is to change.
func TestSettings(t *testing.T) {
	s := open(t, 1280, 800)
	_ = s.model.Sound.Set(Sound{Devices: []Device{{Purpose: Microphone, Name: "Headset", Chosen: true, Missing: true}, {Purpose: Microphone, Name: "Webcam"}}})
	before := len(s.ends)
	s.atPage(t, "Sound")
	if !s.settings.looks {
		t.Error("nobody looks at the meters")
	}
	choices := all[*chooser](s)
	if len(choices) != 4 || choices[0].Selected != "Headset (not plugged in)" || choices[1].Selected != "As the system says" {
		t.Fatalf("choices: %d, the first is %q", len(choices), choices[0].Selected)
	}
	choices[0].SetSelected("Webcam")
	choices[0].SetSelected("As the system says")
	s.tap(t, "This computer")
	choices = all[*chooser](s)
	choices[0].SetSelected("Dark")
	choices[1].SetSelected("Deutsch")
	if want := []string{"microphone: Webcam", "microphone: "}; !slices.Equal(s.settings.chosen, want) {
		t.Errorf("chosen: %q, want %q", s.settings.chosen, want)
	}
	if s.settings.appearance != Dark || s.settings.language != "de" {
		t.Errorf("appearance %q, language %q", s.settings.appearance, s.settings.language)
	}
	s.typed(fyne.KeyEscape)
	if s.settings.looks || s.open || len(s.ends) != before {
		t.Errorf("after settings: meters %v, open %v, %d listeners, want %d", s.settings.looks, s.open, len(s.ends), before)
	}
}

// TestSizes lays the window out from 360 pixels on: what is shown stands inside it.
func TestSizes(t *testing.T) {
	for _, width := range []float32{360, 719, 720, 1039, 1040, 2560} {
		s := open(t, width, 640)
		for _, calls := range []func(*scene) []call.DeskCall{func(*scene) []call.DeskCall { return nil }, ringing1, talking1, both, two} {
			s.calls(calls(s)...)
			if got := s.window.Canvas().Size().Width; got != width {
				t.Errorf("the window wants %v pixels, has %v", got, width)
			}
			for _, o := range shown(s.window.Content()) {
				switch o.(type) {
				case *pill, *round, *key, *tab, *toggle, *row, *entry:
					at := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
					if at.X < 0 || at.X+o.Size().Width > width+0.5 {
						t.Errorf("at %v pixels %T stands from %v to %v", width, o, at.X, at.X+o.Size().Width)
					}
				}
			}
		}
	}
}
