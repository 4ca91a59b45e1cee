package ui

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// firstStart shows the first start on a fresh machine.
func firstStart(t *testing.T, width, height float32) *scene {
	t.Helper()
	s := open(t, width, height)
	s.setup.state = SetupState{Wanted: true, Fresh: true, LocalCA: true, Names: Names{Machine: "office-pc", SignIn: "operator"}}
	_ = s.model.Status.Set(Status{Pages: []string{"https://192.0.2.20:8443", "https://office-pc.local:8443"}})
	_ = s.model.Sound.Set(Sound{Microphone: -30, Loudspeaker: -96, Devices: []Device{{Purpose: Microphone, Name: "Headset"}}})
	s.OpenSetup()
	return s
}

// isAt tells which step is shown, by its heading.
func (s *scene) isAt(t *testing.T, title string) {
	t.Helper()
	if s.wizard == nil || s.wizard.title.words != title {
		t.Fatalf("the first start is not at %q", title)
	}
}

// TestFirstStartByKeyboard goes through all of it without a pointer.
func TestFirstStartByKeyboard(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.setup.password = "k3vd-9xqm-t4wz-hc7p"
	s.isAt(t, "Welcome to Cordboard")
	s.typed("Anna Smith")
	if !s.reads("In a browser you sign in as anna.") {
		t.Error("it does not say by which name the owner signs in")
	}
	s.typed(fyne.KeyReturn, fyne.KeyReturn)
	s.wantsSetup(t, "names office-pc, Anna Smith, anna, ")
	if !s.reads("k3vd-9xqm-t4wz-hc7p. It is shown only now") {
		t.Error("it does not show the password that was made")
	}
	s.typed(fyne.KeyReturn)
	s.isAt(t, "Your telephone system")
	s.typed("192.0.2.10", fyne.KeyReturn, "101", fyne.KeyReturn, "wrong", fyne.KeyReturn)
	s.setup.comes(call.TrialWrongPassword)
	s.isAt(t, "Your telephone system")
	if !s.reads("The password is wrong") {
		t.Error("it does not say that the password is wrong")
	}
	s.focused().(*entry).SetText("")
	s.typed("right", fyne.KeyReturn)
	s.setup.comes(call.TrialWorks)
	s.isAt(t, "Your telephone system")
	s.typed(fyne.KeyReturn)
	s.isAt(t, "Sound")
	s.typed(fyne.KeyReturn)
	s.isAt(t, "With this computer")
	s.typed(" ") // the first box
	if on, _ := s.system.StartsWithComputer(); !on {
		t.Error("it does not start with the computer")
	}
	s.typed(fyne.KeyReturn)
	s.isAt(t, "Colleagues")
	for _, words := range []string{"https://192.0.2.20:8443/trust", "https://office-pc.local:8443", "The first time the phone warns"} {
		if !s.reads(words) {
			t.Errorf("it does not say %q", words)
		}
	}
	s.typed(fyne.KeyReturn)
	if s.wizard != nil || s.top.Hidden || s.setup.listens {
		t.Error("the first start has no end")
	}
	s.wantsSetup(t, "names office-pc, Anna Smith, anna, ", "try sip:192.0.2.10, 101, wrong", "try sip:192.0.2.10, 101, right",
		"save , sip:192.0.2.10, 101, right", "finished")
}

// TestFirstStartSkipped saves nothing, and is over.
func TestFirstStartSkipped(t *testing.T) {
	s := firstStart(t, 1280, 800)
	s.typed("Anna")
	for range len(s.wizard.steps) - 1 {
		test.Tap(s.wizard.skip)
	}
	if !s.wizard.skip.off {
		t.Error("the last step can be skipped")
	}
	test.Tap(s.wizard.on)
	s.wantsSetup(t, "finished")
	if s.wizard != nil {
		t.Error("it goes on")
	}
}

// TestFirstStartTab goes from field to field, and by the fields to the buttons.
func TestFirstStartTab(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.window.Canvas().FocusNext()
	s.window.Canvas().FocusNext()
	if s.focused() != fyne.Focusable(s.wizard.skip) {
		t.Errorf("after the password comes %T", s.focused())
	}
	s.typed(fyne.KeySpace)
	s.isAt(t, "Your telephone system")
	if _, typing := s.focused().(*entry); !typing {
		t.Errorf("the keyboard is %T's", s.focused())
	}
}

// TestFirstStartPutOff ends it by escape on its first step.
func TestFirstStartPutOff(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.typed(fyne.KeyEscape)
	s.wantsSetup(t, "finished")
	if s.wizard != nil || !s.frame.CanvasObject.Visible() {
		t.Error("it goes on")
	}
}

// TestFirstStartKeepsWhatWasTyped when somebody goes back.
func TestFirstStartKeepsWhatWasTyped(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.typed("Anna")
	test.Tap(s.wizard.skip)
	s.typed("192.0.2.10", fyne.KeyReturn, "101")
	s.typed(fyne.KeyEscape)
	s.isAt(t, "Welcome to Cordboard")
	if !s.reads("In a browser you sign in as anna.") {
		t.Error("the name is forgotten")
	}
	test.Tap(s.wizard.skip)
	found := 0
	for _, o := range shown(s.window.Content()) {
		if e, ok := o.(*entry); ok && (e.Text == "192.0.2.10" || e.Text == "101") {
			found++
		}
	}
	if found != 2 || s.wizard.on.word != "Try" {
		t.Errorf("%d of the fields are kept; the button says %q", found, s.wizard.on.word)
	}
	s.wantsSetup(t)
}

// TestFirstStartKeepsNoPassword looks into all fields after names and account were saved.
func TestFirstStartKeepsNoPassword(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.typed("Anna", fyne.KeyReturn, "short", fyne.KeyReturn)
	if !s.reads("at least 8 characters") || len(s.setup.asked) > 0 {
		t.Error("a short password is taken")
	}
	s.typed("er than secret", fyne.KeyReturn)
	s.typed("192.0.2.10", fyne.KeyReturn, "101", fyne.KeyReturn, "pbx secret", fyne.KeyReturn)
	s.setup.comes(call.TrialWorks)
	s.wantsSetup(t, "names office-pc, Anna, anna, shorter than secret", "try sip:192.0.2.10, 101, pbx secret", "save , sip:192.0.2.10, 101, pbx secret")
	for _, step := range s.wizard.steps {
		for _, o := range shown(step.body) {
			if e, ok := o.(*entry); ok && strings.Contains(e.Text, "secret") {
				t.Errorf("a field keeps %q", e.Text)
			}
		}
	}
}

// TestFirstStartSavesAgain what was typed after going back.
func TestFirstStartSavesAgain(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.setup.err = errors.New("The disk is full.")
	s.typed("Anna", fyne.KeyReturn, fyne.KeyReturn)
	s.isAt(t, "Welcome to Cordboard")
	if !s.reads("The disk is full.") {
		t.Error("it does not say why the names were not saved")
	}
	s.setup.err = nil
	s.wizard.next()
	s.isAt(t, "Your telephone system")
	s.typed(fyne.KeyEscape)
	s.wizard.next() // nothing has changed
	s.typed(fyne.KeyEscape)
	s.typed(" Smith")
	s.wizard.next()
	s.wantsSetup(t, "names office-pc, Anna, anna, ", "names office-pc, Anna, anna, ", "names office-pc, Anna Smith, anna, ")
}

// TestFirstStartSound plays, calls oneself, and tells of a microphone that is still.
func TestFirstStartSound(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.wizard.show(2)
	if !s.setup.listens || !s.reads("In a test call you hear yourself") {
		t.Error("the microphone is not open")
	}
	s.tap(t, "Play a tone")
	s.tap(t, "Ring")
	s.wantsSetup(t, "sample loudspeaker", "sample ringer")
	_ = s.model.Sound.Set(Sound{Microphone: -80, Still: true})
	if !s.reads("Nothing is heard from the microphone.") {
		t.Error("it does not say that the microphone is still")
	}
	_ = s.model.Sound.Set(Sound{Microphone: -20})
	s.tap(t, "Test call")
	c := s.talking("new", "echo")
	s.calls(c)
	if !s.reads("Speak. You hear yourself") || !s.top.Hidden {
		t.Error("the test call took the place of the first start")
	}
	s.tap(t, "End the test call")
	s.wants(t, "call echo", "hang up new")
	c.State = call.Ended
	s.calls(c)
	s.tap(t, "Test call")
	s.wizard.show(2)
	s.wizard.next() // hangs up
	s.wants(t, "call echo", "hang up new", "call echo", "hang up new")
	if s.setup.listens {
		t.Error("the microphone stays open")
	}
}

// TestFirstStartGivesWayToACall shows who calls, and comes back after it.
func TestFirstStartGivesWayToACall(t *testing.T) {
	s := firstStart(t, 400, 700)
	s.wizard.show(1)
	s.calls(s.rings("a", "bob", "Bob Miller"))
	if s.top.Hidden || !s.reads("Bob Miller") {
		t.Error("it hides who calls")
	}
	s.typed(" ")
	s.wants(t, "answer a")
	s.calls(s.talking("a", "bob"))
	if s.reads("Your telephone system") {
		t.Error("it hides the call")
	}
	s.calls()
	s.isAt(t, "Your telephone system")
	if !s.top.Hidden || !s.reads("Step 2 of 5") {
		t.Error("it does not come back")
	}
}

// TestFirstStartFits shows every step in both languages in a narrow window, without a button that is cut off.
func TestFirstStartFits(t *testing.T) {
	for language := range Languages {
		s := firstStart(t, 360, 640)
		if err := Speak(language); err != nil {
			t.Fatal(err)
		}
		s.closeSetup()
		s.OpenSetup()
		for i := range s.wizard.steps {
			s.wizard.show(i)
			if width := s.window.Content().MinSize().Width; width > 360 {
				t.Errorf("%s: step %d needs %v pixels", language, i+1, width)
			}
			for _, b := range []*pill{s.wizard.back, s.wizard.skip, s.wizard.on} {
				if need := b.label.full().Width + 24; need > b.Size().Width {
					t.Errorf("%s: step %d: %q needs %v pixels and has %v", language, i+1, b.word, need, b.Size().Width)
				}
			}
			for _, o := range shown(s.wizard.scroll) {
				if l, ok := o.(*widget.Label); ok && l.Wrapping == fyne.TextWrapOff && l.MinSize().Width > 344 {
					t.Errorf("%s: step %d: %q is cut off", language, i+1, l.Text)
				}
			}
		}
	}
}
