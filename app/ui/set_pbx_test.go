package ui

import (
	"testing"

	"cordboard/gateway/call"
)

func TestPBXPage(t *testing.T) {
	s := open(t, 400, 700)
	_ = s.model.Status.Set(Status{PBX: []call.PBX{{Name: "office", Mode: "extension", URI: "sip:192.0.2.10:5060",
		State: []call.PBXState{{User: "alice", State: "registered"}, {User: "bob", State: "wrong password", Detail: "401 twice"}},
		Facts: []call.Fact{{Name: call.FactServer, Values: []string{"Asterisk 20"}}}}}})
	s.atPage(t, "Telephone system")
	for _, words := range []string{"192.0.2.10 · an extension for each user", "Bob Miller: wrong password", "Type the right password", "alice: registered", "about to use it"} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if s.reads("Asterisk 20") || s.reads("401 twice") {
		t.Error("it says what belongs under Details")
	}
	for _, b := range all[*plainButton](s) {
		b.OnTapped()
	}
	if !s.reads("Asterisk 20") || !s.reads("401 twice") {
		t.Error("Details say nothing")
	}
	s.tap(t, "Remove")
	s.press(t, "Remove")
	s.tap(t, "Add a telephone system")
	all[*chooser](s)[0].SetSelected("one line for all")
	s.tap(t, "Try and save")
	if !s.reads("Type the address") {
		t.Error("it tries without an address")
	}
	s.entryOf(t, "Address of the PBX").SetText("trunk.example;transport=tcp")
	s.entryOf(t, "User name there").SetText("4712")
	s.entryOf(t, "Password there").SetText("line-secret")
	s.tap(t, "Try and save")
	s.setup.comes(call.TrialNoAnswer)
	if !s.reads("No answer from trunk.example") || s.entryOf(t, "Password there").Text != "line-secret" {
		t.Error("no answer is not told, or what was typed is lost")
	}
	s.office.err = &Refused{[]Fault{{"pbx[2].name", "There is a PBX of that name."}}}
	s.tap(t, "Try and save")
	s.setup.comes(call.TrialWorks)
	if !s.reads("There is a PBX of that name.") {
		t.Error("it does not say what was refused")
	}
	s.office.err = nil
	secret := s.entryOf(t, "Password there")
	s.tap(t, "Try and save")
	s.setup.comes(call.TrialWorks)
	if secret.Text != "" || !s.reads("192.0.2.10 · ") {
		t.Error("a password stays, or the list is not shown")
	}
	add := "1: add pbx map[mode:trunk name:<nil> password:line-secret uri:sip:trunk.example;transport=tcp username:4712]"
	s.wantsOffice(t, "1: remove pbx[0]", add, add)
}
