package ui

import (
	"testing"
	"time"

	"cordboard/gateway/call"
)

// TestOwnName is told to people wherever the owner is named, as those of others are.
func TestOwnName(t *testing.T) {
	s := open(t, 400, 700)
	state := []call.PBXState{{User: "alice", State: "registered"}, {User: "bob", State: "registered"}}
	_ = s.model.Status.Set(Status{PBX: []call.PBX{{Name: "office", Mode: "extension", URI: "sip:192.0.2.10:5060", State: state}}})
	s.Mend(PlacePBX)
	if !s.reads("alice: registered") || !s.reads("Bob Miller: registered") {
		t.Error("it does not say who is registered")
	}
	_ = s.model.Self.Set("Alice Doe")
	if !s.reads("Alice Doe: registered") {
		t.Error("the owner is not told of by name")
	}
}

// TestNotPaired is said of a caller in the language in use, while it rings and later.
func TestNotPaired(t *testing.T) {
	s := openIn(t, "de", Light, 1280, 800)
	s.calls(s.rings("a", "workshop.local", "Workshop, not paired"))
	_ = s.model.Recent.Set([]call.Record{{ID: "1", From: "barn.local", FromDisplay: "Barn, not paired", To: "alice", Direction: call.In, Began: s.at, Ended: s.at, Users: []string{"alice"}}})
	for _, words := range []string{"Workshop, nicht gekoppelt", "Barn, nicht gekoppelt"} {
		if !s.reads(words) {
			t.Errorf("it does not say %q", words)
		}
	}
	if got := Caller("Anna"); got != "Anna" {
		t.Errorf("Anna is called %q", got)
	}
}

// TestAt tells the page that is open, for a window that is made anew.
func TestAt(t *testing.T) {
	s := open(t, 400, 700)
	for _, place := range []Place{PlaceSound, PlacePBX, "computer"} {
		s.Mend(place)
		if at := s.At(); at != place {
			t.Errorf("at %q, want %q", at, place)
		}
	}
	s.Mend("")
	if at := s.At(); at != "computer" {
		t.Errorf("to mend nothing leads to %q", at)
	}
	s.closeSettings()
	if at := s.At(); at != "" {
		t.Errorf("closed it is at %q", at)
	}
}

// TestOlder finds out when an earlier call is told of with another time.
func TestOlder(t *testing.T) {
	s := open(t, 400, 700)
	at := time.Date(2026, 5, 6, 14, 30, 0, 0, time.Local)
	for _, tt := range []struct {
		began, then, now time.Duration // before at
		older            bool
	}{
		{2 * time.Minute, 0, -20 * time.Second, false},
		{2 * time.Minute, 0, -time.Minute, true},
		{0, 0, -59 * time.Second, false},
		{0, 0, -time.Minute, true},
		{59*time.Minute + 50*time.Second, 0, -20 * time.Second, true},
		{2 * time.Hour, 0, -20 * time.Minute, false},
		{2 * time.Hour, 0, -10 * time.Hour, true},
	} {
		_ = s.model.Recent.Set([]call.Record{{ID: "new", Began: at.Add(-tt.began)}, {ID: "old", Began: at.Add(-3 * time.Hour)}})
		if got := s.model.older(at.Add(-tt.then), at.Add(-tt.now)); got != tt.older {
			t.Errorf("a call %v ago, from %v to %v: %v", tt.began, -tt.then, -tt.now, got)
		}
	}
}

// TestPassthrough adds a PBX where browsers sign in themselves, and changes its domains.
func TestPassthrough(t *testing.T) {
	s := open(t, 400, 700)
	s.office.config.Values["pbx"] = []any{map[string]any{"name": "guests", "uri": "sip:192.0.2.9", "mode": "passthrough", "domains": []any{"guests.example"}}}
	s.Mend(PlacePBX)
	s.tap(t, "Change")
	domains := s.entryOf(t, "Its domains")
	if domains.Text != "guests.example" {
		t.Errorf("the domains are %q", domains.Text)
	}
	domains.SetText(" guests.example,rooms.example ")
	s.tap(t, "Save")
	s.tap(t, "Add a telephone system")
	all[*chooser](s)[0].SetSelected("each browser by itself")
	s.entryOf(t, "Address of the PBX").SetText("192.0.2.8")
	s.entryOf(t, "Its domains").SetText("hall.example")
	s.tap(t, "Save")
	s.wantsOffice(t, "1: pbx[0].uri = sip:192.0.2.9", "1: pbx[0].name = guests", "1: pbx[0].domains = [guests.example rooms.example]",
		"1: add pbx map[domains:[hall.example] mode:passthrough name:<nil> uri:sip:192.0.2.8]")
}
