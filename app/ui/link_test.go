package ui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
)

func TestLink(t *testing.T) {
	s := open(t, 1120, 720)
	s.openSettings()
	s.Link("+4930123456", false)
	if len(s.phone.asked) > 0 {
		t.Fatalf("a link calls: %q", s.phone.asked)
	}
	if s.Window.open || s.dialView.field.entry.Text != "+4930123456" || s.focused() != s.dialView.field.entry {
		t.Errorf("the field has %q, settings are open: %v", s.dialView.field.entry.Text, s.Window.open)
	}
	s.dialView.field.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if want := []string{"call +4930123456"}; !slices.Equal(s.phone.asked, want) {
		t.Errorf("asked %q, want %q", s.phone.asked, want)
	}
	s.Link("201", true)
	if want := []string{"call +4930123456", "call 201"}; !slices.Equal(s.phone.asked, want) {
		t.Errorf("asked %q, want %q", s.phone.asked, want)
	}
}

func TestLinkDuringACall(t *testing.T) {
	s := open(t, 400, 700)
	s.calls(s.talking("a", "bob"))
	s.Link("carol", false)
	if len(s.phone.asked) > 0 || !s.reads("A link wants to call") || !s.reads("Carol Jones") {
		t.Fatalf("asked %q", s.phone.asked)
	}
	s.tap(t, "Don't call")
	if s.reads("A link wants to call") || s.dialView.field.entry.Text != "" {
		t.Errorf("the link stays, in the field is %q", s.dialView.field.entry.Text)
	}
	s.Link("carol", false)
	s.calls()
	if s.reads("A link wants to call") || s.dialView.field.entry.Text != "carol" {
		t.Errorf("after the call the link stays, in the field is %q", s.dialView.field.entry.Text)
	}
	s.calls(s.talking("a", "bob"))
	if s.reads("A link wants to call") {
		t.Error("the link comes back with another call")
	}
	s.Link("carol", false)
	s.tap(t, "Call")
	if want := []string{"call carol"}; !slices.Equal(s.phone.asked, want) {
		t.Errorf("asked %q, want %q", s.phone.asked, want)
	}
}
