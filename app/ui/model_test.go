package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2/data/binding"
	"fyne.io/fyne/v2/test"

	"cordboard/gateway/call"
)

// TestListsOfTheSameLength shows what has changed in a list that has as many entries as before.
func TestListsOfTheSameLength(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after func(s *scene)
		was, is       string // words
	}{
		{"colleagues' lamps", func(*scene) {}, func(s *scene) {
			all, _ := s.model.People.Get()
			all = slices.Clone(all)
			all[0].State = call.LampBusy
			_ = s.model.People.Set(all)
		}, "free · 102", "in a call · 102"},
		{"earlier calls", func(s *scene) { _ = s.model.Recent.Set(s.manyMissed(100)) }, func(s *scene) {
			_ = s.model.Recent.Set(s.manyMissed(200)[:100])
		}, "caller 99", "caller 199"},
		{"an earlier call by itself", func(s *scene) { _ = s.model.Recent.Set(s.manyMissed(1)) }, func(s *scene) {
			all := s.manyMissed(1)
			all[0].FromDisplay = "Zoe"
			_ = s.model.Recent.Set(all)
		}, "caller 0", "Zoe"},
		{"calls elsewhere", func(s *scene) {
			_ = s.model.Elsewhere.Set([]call.Info{{ID: "x", From: "alice", To: "0309999999", State: call.Talking}})
		}, func(s *scene) {
			_ = s.model.Elsewhere.Set([]call.Info{{ID: "y", From: "alice", To: "0308888888", State: call.Talking}})
		}, "030 999 9999", "030 888 8888"},
		{"recordings", func(s *scene) {
			s.calls(s.talking("a", "bob"))
			_ = s.model.Recordings.Set([]call.RecordingState{{ID: "r", Dialog: "a@host", Allowed: true}})
			s.active.toggleMore()
		}, func(s *scene) {
			_ = s.model.Recordings.Set([]call.RecordingState{{ID: "r", Dialog: "a@host", Allowed: true, On: true}})
		}, "Record", "Stop recording"},
		{"troubles", func(s *scene) {
			s.calls(s.talking("a", "bob"))
			_ = s.model.Troubles.Set([]call.Concern{{Trouble: call.Trouble{Kind: call.TroubleSilent}, SIP: "b@host"}})
		}, func(s *scene) {
			_ = s.model.Troubles.Set([]call.Concern{{Trouble: call.Trouble{Kind: call.TroubleLossIn}, SIP: "a@host"}})
		}, "Sound is clear", "Some loss on the way from Bob Miller"},
		{"PBXs nearby", func(s *scene) {
			s.window.SetContent(s.newAccountForm(Account{}, func() {}).CanvasObject)
			_ = s.model.Nearby.Set([]Nearby{{"Lab", "sip:192.0.2.11"}})
		}, func(s *scene) { _ = s.model.Nearby.Set([]Nearby{{"Office", "sip:192.0.2.10"}}) }, "Lab", "Office"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, 1280, 800)
			tt.before(s)
			if !s.says(tt.was) || s.says(tt.is) {
				t.Fatalf("before, it says %q: %v, %q: %v", tt.was, s.says(tt.was), tt.is, s.says(tt.is))
			}
			tt.after(s)
			if !s.says(tt.is) || s.says(tt.was) {
				t.Errorf("after, it says %q: %v, %q: %v", tt.is, s.says(tt.is), tt.was, s.says(tt.was))
			}
		})
	}
}

// says looks for words that stand alone, on buttons too.
func (s *scene) says(words string) bool {
	return slices.ContainsFunc(all[*pill](s), func(p *pill) bool { return p.word == words }) ||
		slices.ContainsFunc(all[*text](s), func(x *text) bool { return x.words == words })
}

// manyMissed are the newest of so many calls that nobody took.
func (s *scene) manyMissed(n int) []call.Record {
	all := make([]call.Record, n)
	for i := range all {
		began := s.at.Add(-time.Duration(i+1) * time.Hour)
		all[i] = call.Record{ID: fmt.Sprint(n - i - 1), From: "0301234567", FromDisplay: fmt.Sprintf("caller %d", n-i-1), To: "alice", Direction: call.In,
			Began: began, Ended: began.Add(time.Second), Reason: call.ReasonNotAnswered, Users: []string{"alice"}}
	}
	return all
}

// TestMissedOfManyCalls counts on when the list of earlier calls is full.
func TestMissedOfManyCalls(t *testing.T) {
	s := open(t, 400, 700)
	_ = s.model.Recent.Set(s.manyMissed(100))
	_ = s.model.Seen.Set(s.at.Add(-30 * time.Minute))
	if n := s.frame.tabs[2].n; n != 0 {
		t.Fatalf("the badge says %d", n)
	}
	all := s.manyMissed(100)
	all[0].ID, all[0].Began = "new", s.at.Add(-time.Minute)
	_ = s.model.Recent.Set(all)
	if n := s.frame.tabs[2].n; n != 1 {
		t.Errorf("the badge says %d, want 1", n)
	}
}

// TestTakeOfTheMoment takes the call that is up elsewhere now, not one before it.
func TestTakeOfTheMoment(t *testing.T) {
	s := open(t, 400, 700)
	for _, id := range []string{"x", "y"} {
		_ = s.model.Elsewhere.Set([]call.Info{{ID: id, From: "alice", To: "102", State: call.Talking}})
	}
	s.tap(t, "Take it here")
	s.wants(t, "take y")
}

// TestModelTellsOfChangesAlone has nobody draw what is as it was.
func TestModelTellsOfChangesAlone(t *testing.T) {
	test.NewTempApp(t)
	m := NewModel()
	at := time.Now()
	for _, tt := range []struct {
		name string
		item binding.DataItem
		set  func()
	}{
		{"people", m.People, func() { _ = m.People.Set([]call.Lamp{{Target: "bob", State: call.LampIdle}}) }},
		{"earlier calls", m.Recent, func() { _ = m.Recent.Set([]call.Record{{ID: "1", Users: []string{"bob"}, Began: at}}) }},
		{"troubles", m.Troubles, func() { _ = m.Troubles.Set([]call.Concern{{SIP: "a"}}) }},
		{"elsewhere", m.Elsewhere, func() { _ = m.Elsewhere.Set([]call.Info{{ID: "a", Since: at}}) }},
		{"recordings", m.Recordings, func() { _ = m.Recordings.Set([]call.RecordingState{{ID: "a"}}) }},
		{"nearby", m.Nearby, func() { _ = m.Nearby.Set([]Nearby{{"Lab", "sip:192.0.2.11"}}) }},
	} {
		told := 0
		tt.item.AddListener(binding.NewDataListener(func() { told++ }))
		for range 3 {
			tt.set()
		}
		if told != 2 { // at the beginning, and of the change
			t.Errorf("%s: told %d times, want 2", tt.name, told)
		}
	}
}
