package ui

import (
	"errors"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"cordboard/gateway/call"
)

// form is the form of an account alone in a window.
func form(t *testing.T, start Account) (s *scene, f *accountForm, saved *int) {
	t.Helper()
	s, saved = open(t, 400, 700), new(int)
	f = s.newAccountForm(start, func() { *saved++ })
	s.window.SetContent(padded(f.CanvasObject, 8, 8, 8, 8))
	return s, f, saved
}

func (s *scene) wantsSetup(t *testing.T, asked ...string) {
	t.Helper()
	if !slices.Equal(s.setup.asked, asked) {
		t.Errorf("asked for %q, want %q", s.setup.asked, asked)
	}
}

// TestAccountIsTriedThenSaved types a wrong password, then the right one, by the keyboard alone.
func TestAccountIsTriedThenSaved(t *testing.T) {
	s, f, saved := form(t, Account{})
	s.focus(f.address)
	s.typed("192.0.2.10", fyne.KeyReturn, "101", fyne.KeyReturn, "wrong", fyne.KeyReturn)
	if !s.reads("Asking 192.0.2.10") || !f.busy {
		t.Error("it does not say that the account is tried")
	}
	s.typed(fyne.KeyReturn) // impatient
	s.setup.comes(call.TrialWrongPassword)
	if !s.reads("The password is wrong: 192.0.2.10 does not take it for extension 101.") || s.focused() != fyne.Focusable(f.password) {
		t.Error("it does not say that the password is wrong")
	}
	f.password.SetText("right")
	if s.reads("The password is wrong") {
		t.Error("it says of another password that it is wrong")
	}
	s.typed(fyne.KeyReturn)
	s.setup.comes(call.TrialWorks)
	s.wantsSetup(t, "try sip:192.0.2.10, 101, wrong", "try sip:192.0.2.10, 101, right", "save , sip:192.0.2.10, 101, right")
	if !s.reads("It works: 192.0.2.10 takes extension 101. Saved.") || *saved != 1 {
		t.Error("it does not say that the account was saved")
	}
	if f.password.Text != "" || f.account.Password != "" || !f.same() {
		t.Errorf("the form keeps %q, %+v", f.password.Text, f.account)
	}
}

// TestAccountVerdicts tells of each result in words of its own, in both languages.
func TestAccountVerdicts(t *testing.T) {
	for language := range Languages {
		told := map[string]string{}
		s, f, saved := form(t, Account{Address: "sip:192.0.2.10", Extension: "101"})
		if err := Speak(language); err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{call.TrialWrongPassword, call.TrialNoPassword, call.TrialRefused, call.TrialBusy, call.TrialNoAnswer,
			call.TrialNoService, call.TrialNoWay, call.TrialUnknownName, call.TrialCertificate, call.TrialFailed} {
			f.try()
			s.setup.comes(code)
			words := f.verdict.words.Text
			if other, twice := told[words]; twice || words == "account."+code {
				t.Errorf("%s: %q says %q, as %q does", language, code, words, other)
			}
			told[words] = code
			if *saved > 0 || f.busy {
				t.Errorf("%s: saved %d times, busy %v", code, *saved, f.busy)
			}
		}
	}
}

// TestAccountGivenUp hears nothing of a trial of what stands in the form no more.
func TestAccountGivenUp(t *testing.T) {
	s, f, saved := form(t, Account{Address: "sip:192.0.2.10", Extension: "101", Saved: true})
	if !f.same() {
		t.Error("what is saved counts as changed")
	}
	f.extension.SetText("102")
	f.try()
	f.extension.SetText("103")
	s.setup.comes(call.TrialWorks)
	if *saved > 0 || f.verdict.Visible() || f.busy {
		t.Error("the form took a result that was for something else")
	}
	s.wantsSetup(t, "try sip:192.0.2.10, 102, ")
}

func TestAccountNotSaved(t *testing.T) {
	s, f, saved := form(t, Account{Address: "sip:192.0.2.10", Extension: "101"})
	s.setup.err = errors.New("The disk is full.")
	f.password.SetText("right")
	f.try()
	s.setup.comes(call.TrialWorks)
	if !s.reads("The disk is full.") || *saved > 0 || f.password.Text != "right" {
		t.Error("it does not say that the account was not saved")
	}
}

// TestAccountNearby takes the address of a PBX that announces itself.
func TestAccountNearby(t *testing.T) {
	s, f, _ := form(t, Account{})
	f.try()
	if !s.reads("Type the address of the PBX and your extension.") || len(s.setup.asked) > 0 {
		t.Error("an empty form is tried")
	}
	_ = s.model.Nearby.Set([]Nearby{{"Office", "sip:192.0.2.10:5060;transport=udp"}, {"Lab", "sip:192.0.2.11:5080"}})
	for _, words := range []string{"Found on your network", "Office", "192.0.2.11:5080"} {
		if !s.reads(words) {
			t.Errorf("it does not say %q", words)
		}
	}
	test.Tap(f.rows[1])
	if f.address.Text != "192.0.2.11:5080" || !f.rows[1].marked || f.rows[0].marked || s.focused() != fyne.Focusable(f.extension) {
		t.Errorf("picked %q, %v", f.address.Text, f.rows[1].marked)
	}
}

func TestSipAddress(t *testing.T) {
	for typed, want := range map[string]string{
		" 192.0.2.10 ": "sip:192.0.2.10", "pbx.example:5070": "sip:pbx.example:5070", "2001:db8::1": "sip:[2001:db8::1]",
		"SIP:pbx.example;transport=tcp": "sip:pbx.example;transport=tcp", "sips:pbx.example": "sips:pbx.example", "sip://pbx.example": "sip:pbx.example",
	} {
		if got := sipAddress(typed); got != want {
			t.Errorf("sipAddress(%q) = %q, want %q", typed, got, want)
		}
	}
	for uri, want := range map[string]string{
		"sip:192.0.2.10:5060": "192.0.2.10", "sip:192.0.2.10:5060;transport=udp": "192.0.2.10", "sip:192.0.2.10:5080": "192.0.2.10:5080", "sip:[2001:db8::1]": "[2001:db8::1]", "": "",
		"sips:pbx.example": "sips:pbx.example", "sip:192.0.2.10;transport=tcp": "sip:192.0.2.10;transport=tcp",
	} {
		if got := plainAddress(uri); got != want {
			t.Errorf("plainAddress(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestSignInName(t *testing.T) {
	for name, want := range map[string]string{"Anna Schmidt": "anna", "Jörg": "joerg", "": "operator", "Echo": "operator", "李": "operator", "12": "operator",
		"Łukasz Żak": "lukasz", "J.-P. Dubois": "j.-p.", "Élodie": "elodie"} {
		if got := signInName(name); got != want {
			t.Errorf("signInName(%q) = %q, want %q", name, got, want)
		}
	}
}
