package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"cordboard/gateway/call"
)

// of finds the first thing of a kind that is shown and fits.
func of[T fyne.CanvasObject](t *testing.T, s *scene, fits func(T) bool) T {
	t.Helper()
	for _, o := range shown(s.window.Content()) {
		if found, ok := o.(T); ok && fits(found) {
			return found
		}
	}
	var none T
	t.Fatalf("no %T is shown that fits", none)
	return none
}

// peopleList gives the list of people.
func (s *scene) peopleList(t *testing.T) *listing {
	t.Helper()
	return of(t, s, func(l *listing) bool { return l.also != nil })
}

// TestPeopleByKeyboard goes through the list of people by arrows; neighbours stand under the name of their site.
func TestPeopleByKeyboard(t *testing.T) {
	s := open(t, 1280, 800)
	people, _ := s.model.People.Get()
	_ = s.model.People.Set(append(people, call.Lamp{Target: "zoe@workshop", Name: "Zoe", Site: "Workshop", State: call.LampDisturb}))
	if !s.reads("Workshop") || !s.reads("do not disturb") {
		t.Error("the neighbour's site or state is not shown")
	}
	calls := call.DeskCall{Peer: "zoe@workshop"}
	if name, number := s.model.who(calls); name != "Zoe" || number != "zoe@workshop" || !strings.HasPrefix(s.known(calls), "Workshop") {
		t.Errorf("of a neighbour that calls is said %q %q, %q", name, number, s.known(calls))
	}
	_ = s.model.People.Set(append(people, call.Lamp{Target: "zoe@workshop", Name: "Zoe", Site: "Warehouse", State: call.LampDisturb}))
	if s.reads("Workshop") || !s.reads("Warehouse") {
		t.Error("a neighbour's new name is not shown")
	}
	_ = s.model.People.Set(append(people, call.Lamp{Target: "zoe@workshop", Name: "Zoe", Site: "Workshop", State: call.LampDisturb}))
	list := s.peopleList(t)
	s.focus(list)
	s.typed(fyne.KeyDown, fyne.KeyReturn)
	s.wants(t, "call carol")
	s.focus(list)
	s.typed(fyne.KeyDown, "p") // it rings at Dave
	s.wants(t, "call carol", "call *8104")
	s.focus(list)
	s.typed(fyne.KeyDown, fyne.KeyDown, fyne.KeyReturn) // over the heading
	s.wants(t, "call carol", "call *8104", "call zoe@workshop")
	s.focus(list)
	for range 20 {
		s.typed(fyne.KeyUp)
	}
	s.typed(fyne.KeyReturn)
	s.wants(t, "call carol", "call *8104", "call zoe@workshop", "call bob")
	s.focus(list)
	s.typed("5")
	if s.dialView.field.entry.Text != "5" {
		t.Error("a digit in the list does not begin a call")
	}
}

// TestPeopleAreFound leaves those who fit what is typed.
func TestPeopleAreFound(t *testing.T) {
	s := open(t, 1280, 800)
	find := of(t, s, func(e *entry) bool { return e.PlaceHolder == "Find people" })
	s.focus(find)
	s.typed("jon")
	if s.reads("Bob Miller ") || len(s.peopleList(t).rows()) != 1 {
		t.Errorf("%d rows are left", len(s.peopleList(t).rows()))
	}
	s.typed(fyne.KeyReturn)
	s.wants(t, "call carol")
	if find.Text != "" || len(s.peopleList(t).rows()) < 6 {
		t.Errorf("after the call the list has %d rows for %q", len(s.peopleList(t).rows()), find.Text)
	}
	s.focus(find)
	s.typed("x", fyne.KeyEscape)
	if find.Text != "" {
		t.Errorf("escape leaves %q", find.Text)
	}
	s.calls(ringing1(s)...)
	s.typed(" ")
	s.wants(t, "call carol", "answer a")
}

func TestPickUpByMouse(t *testing.T) {
	s := open(t, 1280, 800)
	s.tap(t, "Pick up")
	s.wants(t, "call *8104")
}

// TestCompletion ranks who fits what was typed.
func TestCompletion(t *testing.T) {
	s := open(t, 1280, 800)
	_ = s.model.People.Set([]call.Lamp{
		{Target: "abe", Name: "Abe Carter", Extension: "210"},
		{Target: "carol", Name: "Carol Jones", Extension: "103"},
		{Target: "car@workshop", Name: "Car", Site: "Workshop"},
		{Target: "ext", Name: "Workbench", Extension: "30"},
	})
	for _, tt := range []struct {
		typed string
		want  []string
	}{
		{"car", []string{"car@workshop", "carol", "abe"}},
		{"carter", []string{"abe"}},
		{"10", []string{"carol", "102"}},
		{"30", []string{"ext"}},
		{"03", []string{"0301234567"}},
		{"030 12", []string{"0301234567"}},
		{"234", []string{"0301234567", "+4989123456"}},
		{"+49 (0)89", []string{"+4989123456"}},
		{"x", nil},
		{" ", nil},
	} {
		var got []string
		for _, m := range s.model.matches(tt.typed, 4) {
			got = append(got, m.target)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q finds %q, want %q", tt.typed, got, tt.want)
		}
	}
}

// TestVerdict puts how a call sounds in words.
func TestVerdict(t *testing.T) {
	path := func(mos, loss, jitter float64) call.Path { return call.Path{MOS: mos, Loss: loss, Jitter: jitter} }
	good := call.Sample{In: path(4.3, 0, 2), Out: path(4.2, 0, 3)}
	for _, tt := range []struct {
		name    string
		samples []call.Sample
		want    string
	}{
		{"nothing yet", nil, "quality.clear"},
		{"nothing to judge", []call.Sample{{}}, "quality.clear"},
		{"good", []call.Sample{good, good}, "quality.clear"},
		{"bad long ago", []call.Sample{{In: path(1, 0.9, 9)}, good, good}, "quality.clear"},
		{"loss in", []call.Sample{good, {In: path(2, 0.2, 9), Out: path(4, 0, 1)}}, "quality.loss_in"},
		{"loss out", []call.Sample{{In: path(4, 0, 1), Out: path(3, 0.1, 1)}}, "quality.loss_out"},
		{"loss both ways", []call.Sample{{In: path(3, 0.1, 1), Out: path(3, 0.1, 1)}}, "quality.loss_both"},
		{"jitter", []call.Sample{{In: path(3, 0, 80), Out: path(4, 0, 1)}}, "quality.jitter"},
		{"delay", []call.Sample{{In: path(3, 0, 1), Out: path(4, 0, 1), Delay: 900}}, "quality.delay"},
		{"fair", []call.Sample{{In: path(3, 0, 1)}}, "quality.fair"},
		{"bad", []call.Sample{{Out: path(1.5, 0, 1)}}, "quality.bad"},
	} {
		if got, _ := judged(tt.samples); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestGraph draws how a call sounded: the newest at the right, the better the higher.
func TestGraph(t *testing.T) {
	s := open(t, 1280, 800)
	s.calls(talking1(s)...)
	samples := []call.Sample{{In: call.Path{MOS: 4.4}}, {}, {In: call.Path{MOS: 2.7, Loss: 0.1}}}
	_ = s.model.Sounds.Set(map[string][]call.Sample{"a@host": samples, "b@host": nil})
	g := of(t, s, func(*graph) bool { return true })
	n := len(g.bars)
	if g.bars[n-3].Size().Height != graphHeight || g.bars[n-2].Size().Height != graphLeast || g.bars[n-1].Size().Height != graphHeight/2 || g.bars[0].Size().Height != graphLeast {
		t.Errorf("bars: %v, %v, %v", g.bars[n-3].Size(), g.bars[n-2].Size(), g.bars[n-1].Size())
	}
	if g.bars[n-1].FillColor == g.bars[n-3].FillColor {
		t.Error("bad sound has the colour of good")
	}
	if !s.reads("Some loss on the way from Bob Miller") {
		t.Error("the loss is not told")
	}
}

// TestMore moves and records a call, and takes one that is up elsewhere.
func TestMore(t *testing.T) {
	s := open(t, 400, 700)
	c := s.talking("a", "bob")
	s.calls(c)
	s.tap(t, "More")
	s.tap(t, "Record") // may not be
	s.tap(t, "Move to another device")
	s.wants(t, "move a")
	_ = s.model.Recordings.Set([]call.RecordingState{{ID: "r", Dialog: "a@host", Allowed: true}})
	s.tap(t, "Record")
	s.wants(t, "move a", "record r true")
	_ = s.model.Recordings.Set([]call.RecordingState{{ID: "r", Dialog: "a@host", Allowed: true, On: true}})
	ring := call.DeskCall{ID: "m", Peer: "alice", Direction: "out", State: call.Ringing, Moves: "a"}
	c.Transfer = "Your other devices ring. Take the call there."
	s.calls(c, ring)
	if !s.reads("recording") || !s.reads("Your other devices ring") {
		t.Error("neither recording nor the other devices are told of")
	}
	s.tap(t, "Stop recording")
	s.tap(t, "Keep it here")
	s.wants(t, "move a", "record r true", "record r false", "hang up m")
	s.typed(fyne.KeyEscape, fyne.KeyEscape)
	if s.active.more.open {
		t.Error("escape leaves it open")
	}
}

func TestTakeHere(t *testing.T) {
	s := open(t, 360, 640)
	_ = s.model.Elsewhere.Set([]call.Info{{ID: "x", From: "alice", To: "102", State: call.Talking}})
	if !s.reads("In a call on another device") || !s.reads("Bob Miller") {
		t.Error("the call elsewhere is not shown")
	}
	s.tap(t, "Take it here")
	s.wants(t, "take x")
	_ = s.model.Elsewhere.Set(nil)
	if s.reads("In a call on another device") {
		t.Error("the call elsewhere is still shown")
	}
}

// TestSeveralAtOnce shows all calls that come in, and space is for the one that has the middle.
func TestSeveralAtOnce(t *testing.T) {
	s := open(t, 400, 700)
	first, second := s.rings("a", "0301234567", "Erika"), s.rings("b", "bob", "")
	first.To, second.To = "alice", "desk"
	s.calls(first, second)
	for _, words := range []string{"Erika", "You missed their call 2 min ago", "Bob Miller"} {
		if !s.reads(words) {
			t.Errorf("the window does not say %q", words)
		}
	}
	s.typed(" ")
	s.wants(t, "answer a")
	s.calls(second)
	for _, words := range []string{"Bob Miller", "For desk", "You called them 11:30"} {
		if !s.reads(words) {
			t.Errorf("the window does not say %q", words)
		}
	}
}

// TestStatusLine says how it stands in one line, which opens the place where it is mended.
func TestStatusLine(t *testing.T) {
	for _, tt := range []struct {
		name  string
		make  func(s *scene)
		says  string
		opens bool
	}{
		{"well", func(*scene) {}, "Ready", false},
		{"certificate", func(s *scene) { _ = s.model.Status.Set(Status{Certificate: s.at.Add(50 * time.Hour)}) }, "ends in 2 days", true},
		{"certificate ended", func(s *scene) { _ = s.model.Status.Set(Status{Certificate: s.at.Add(-time.Hour)}) }, "has ended", true},
		{"certificate for long", func(s *scene) { _ = s.model.Status.Set(Status{Certificate: s.at.Add(1000 * time.Hour)}) }, "Ready", false},
		{"no sound", func(s *scene) {
			_ = s.model.Desk.Set(call.DeskState{Problem: "This machine has no microphone. Plug one in."})
		}, "no microphone", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, 360, 640)
			before := s.status.Size()
			tt.make(s)
			if !s.reads(tt.says) {
				t.Errorf("the line does not say %q", tt.says)
			}
			if s.status.Size() != before {
				t.Error("the line has moved what is below")
			}
			test.Tap(s.status)
			if s.open != tt.opens {
				t.Errorf("pressed, it opens the settings: %v, want %v", s.open, tt.opens)
			}
			if tt.opens && s.set.pages[s.set.chosen].place != s.problems()[0].place {
				t.Errorf("it opens the page %q of the settings", s.set.pages[s.set.chosen].place)
			}
		})
	}
}

func TestMailbox(t *testing.T) {
	s := open(t, 360, 640)
	_ = s.model.Voicemail.Set(call.Voicemail{New: 2, Box: "600"})
	test.Tap(of(t, s, func(*mailbox) bool { return true }))
	s.wants(t, "call 600")
}
