package ui

import (
	"testing"

	"cordboard/gateway/call"
)

func TestUsersPage(t *testing.T) {
	s := open(t, 400, 700)
	s.office.made = "kite-42-lamp"
	s.atPage(t, "Users")
	for _, words := range []string{"Alice Doe", "alice · 101 · owner · admin", "carol · 103 · not signed in yet"} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	s.tap(t, "Add a user")
	s.office.err = &Refused{[]Fault{{"extension", "The extension 101 is Alice Doe's already."}}}
	s.entryOf(t, "Name, as others see it").SetText("Anna Schmidt")
	s.entryOf(t, "Extension").SetText("101")
	s.entryOf(t, "Password of the extension").SetText("pbx-secret")
	s.tap(t, "Save")
	if !s.reads("is Alice Doe's already") || s.entryOf(t, "Password of the extension").Text != "pbx-secret" {
		t.Error("the refusal is not told, or what was typed is lost")
	}
	s.office.err = nil
	e := s.entryOf(t, "Extension")
	e.SetText("107")
	secret := s.entryOf(t, "Password of the extension")
	s.tap(t, "Save")
	if secret.Text != "" {
		t.Error("a password stays in its field")
	}
	for _, words := range []string{"Anna Schmidt can sign in now.", "kite-42-lamp", "asks for another"} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	s.tap(t, "Copy the password")
	if s.office.copied != "kite-42-lamp" {
		t.Errorf("copied %q", s.office.copied)
	}
	s.tap(t, "Done")
	s.tap(t, "Bob Miller")
	s.entryOf(t, "New password").SetText("a longer one")
	s.tap(t, "Save")
	s.tap(t, "Make a new one and show it")
	s.tap(t, "Done")
	s.tap(t, "Bob Miller")
	s.tap(t, "Remove")
	s.press(t, "Cancel")
	s.tap(t, "Remove")
	s.press(t, "Remove")
	s.wantsOffice(t,
		"put true anna, Anna Schmidt, 101, admin false, at   pbx-secret, password ",
		"put true anna, Anna Schmidt, 107, admin false, at   pbx-secret, password ",
		"put false bob, Bob Miller, 102, admin false, at   -, password a longer one",
		"put false bob, Bob Miller, 102, admin false, at   -, password ",
		"remove bob")
	if !s.reads("Alice Doe") {
		t.Error("it does not show the list again")
	}
}

// An account of a user is tried before it is saved, when somebody wants to.
func TestTryUser(t *testing.T) {
	s := open(t, 1280, 800)
	s.atPage(t, "Users")
	s.tap(t, "Bob Miller")
	s.tap(t, "Try it")
	if !s.reads("Type extension and password") {
		t.Error("it tries without a password")
	}
	s.entryOf(t, "Password of the extension").SetText("pbx-secret")
	s.tap(t, "Try it")
	s.setup.comes(call.TrialWrongPassword)
	if !s.reads("The password is wrong: 192.0.2.10") {
		t.Error("it does not say that the password is wrong")
	}
	s.tap(t, "Try it")
	s.setup.comes(call.TrialWorks)
	if !s.reads("It works: 192.0.2.10 takes extension 102.") {
		t.Error("it does not say that it works")
	}
}
