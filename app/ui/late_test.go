package ui

import (
	"testing"

	"fyne.io/fyne/v2"

	"cordboard/gateway/call"
)

// TestLateAnswers has answers come when the settings show something else, or nothing any more: they change nothing of that.
func TestLateAnswers(t *testing.T) {
	user := func(t *testing.T, s *scene, press string) (comes func()) {
		s.office.holds = true
		s.atPage(t, "Users")
		s.tap(t, "Bob Miller")
		s.tap(t, press)
		return func() { s.office.release() }
	}
	for _, asks := range []struct {
		name string
		ask  func(t *testing.T, s *scene) (comes func())
	}{
		{"a line that is tried", func(t *testing.T, s *scene) func() {
			s.Mend(PlacePBX)
			s.tap(t, "Add a telephone system")
			all[*chooser](s)[0].SetSelected("one line for all")
			s.entryOf(t, "Address of the PBX").SetText("trunk.example")
			s.entryOf(t, "User name there").SetText("4712")
			s.entryOf(t, "Password there").SetText("line-secret")
			s.tap(t, "Try and save")
			return func() { s.setup.comes(call.TrialWorks) }
		}},
		{"a user who is removed", func(t *testing.T, s *scene) func() {
			comes := user(t, s, "Remove")
			s.press(t, "Remove")
			return comes
		}},
		{"a password that is made", func(t *testing.T, s *scene) func() { return user(t, s, "Make a new one and show it") }},
	} {
		for _, meanwhile := range []struct {
			name  string
			do    func(t *testing.T, s *scene)
			typed bool // on another page
		}{
			{"they were closed", func(t *testing.T, s *scene) { s.closeSettings() }, false},
			{"they were opened anew", func(t *testing.T, s *scene) { s.closeSettings(); s.atPage(t, "This computer") }, true},
			{"another page was chosen", func(t *testing.T, s *scene) { s.tap(t, "This computer") }, true},
			{"the window was made anew", func(t *testing.T, s *scene) { s.Close() }, false},
		} {
			t.Run(asks.name+", "+meanwhile.name, func(t *testing.T) {
				s := open(t, 1280, 800)
				comes := asks.ask(t, s)
				meanwhile.do(t, s)
				var e *entry
				if meanwhile.typed {
					e = s.entryOf(t, "Name of this Cordboard, as colleagues see it")
					e.SetText("typed meanwhile")
				}
				listeners := len(s.ends)
				comes()
				if e != nil && s.entryOf(t, "Name of this Cordboard, as colleagues see it") != e {
					t.Error("the page was thrown away")
				}
				if len(s.ends) != listeners {
					t.Errorf("%d listeners, before %d", len(s.ends), listeners)
				}
			})
		}
	}
}

// TestYesAfterTheSettings does what was asked, though the page that asked is not shown any more.
func TestYesAfterTheSettings(t *testing.T) {
	s := open(t, 1280, 800)
	s.atPage(t, "Users")
	s.tap(t, "Bob Miller")
	s.tap(t, "Remove")
	s.closeSettings()
	s.press(t, "Remove")
	s.wantsOffice(t, "remove bob")
}

// TestAnswerInTime shows what came of it, though a call has put the settings aside.
func TestAnswerInTime(t *testing.T) {
	s := open(t, 1280, 800)
	s.office.holds, s.office.made = true, "kite-42-lamp"
	s.atPage(t, "Users")
	s.tap(t, "Bob Miller")
	s.tap(t, "Make a new one and show it")
	s.calls(s.talking("a", "bob"))
	s.typed("t")
	asked := s.focused()
	s.office.release()
	if s.focused() != asked || asked == nil {
		t.Error("the answer takes the keyboard from the call")
	}
	s.calls()
	s.openSettings()
	if !s.reads("kite-42-lamp") {
		t.Error("the password that was made is not shown")
	}
}

// TestHiddenTakesNoKeys leaves the keyboard to what is shown, when settings or first start give way.
func TestHiddenTakesNoKeys(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T) *scene{
		"settings": func(t *testing.T) *scene {
			s := open(t, 400, 700)
			s.atPage(t, "Users")
			s.tap(t, "Bob Miller")
			s.focus(s.entryOf(t, "New password"))
			return s
		},
		"first start": func(t *testing.T) *scene { return firstStart(t, 400, 700) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.typed("half a")
			s.calls(s.rings("a", "bob", ""))
			s.typed(" ")
			s.wants(t, "answer a")
			s.calls(s.talking("a", "bob"))
			s.typed("5", fyne.KeyEscape)
			s.wants(t, "answer a", "press a 5")
		})
	}
}
