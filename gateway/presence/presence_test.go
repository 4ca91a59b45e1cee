package presence

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

var ringing = Dialog{ID: "a1", CallID: "c@x", LocalTag: "l", RemoteTag: "r", Direction: Recipient, State: Early,
	Local: Party{"Bob & Co", "sip:bob@office.example"}, Remote: Party{"", "sip:300@office.example"}}

// As Kamailio's presence_dialoginfo and Asterisk write them.
const (
	fromKamailio = `<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="full" entity="sip:202@127.0.0.1">
  <dialog id="x-1" call-id="x-1" direction="recipient"><state>early</state>
    <remote><identity>sip:201@127.0.0.1</identity><target uri="sip:201@127.0.0.1"/></remote>
    <local><identity>sip:202@127.0.0.1</identity><target uri="sip:202@127.0.0.1"/></local></dialog>
</dialog-info>`
	fromAsterisk = `<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:300@192.0.2.1">
 <dialog id="300"><state>terminated</state></dialog></dialog-info>`
)

func TestParseDialogInfo(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       DialogInfo
		err        error
	}{
		{name: "Kamailio", text: fromKamailio, want: DialogInfo{Version: 3, Entity: "sip:202@127.0.0.1", Dialogs: []Dialog{{ID: "x-1", CallID: "x-1", Direction: Recipient, State: Early,
			Local: Party{"", "sip:202@127.0.0.1"}, Remote: Party{"", "sip:201@127.0.0.1"}}}}},
		{name: "Asterisk", text: fromAsterisk, want: DialogInfo{Entity: "sip:300@192.0.2.1", Dialogs: []Dialog{{ID: "300", State: Terminated}}}},
		{name: "ours", text: string(DialogInfo{Version: 9, Partial: true, Entity: "sip:bob@office.example", Dialogs: []Dialog{ringing}}.Marshal()),
			want: DialogInfo{Version: 9, Partial: true, Entity: "sip:bob@office.example", Dialogs: []Dialog{ringing}}},
		{name: "no state", text: strings.Replace(fromAsterisk, "terminated", "", 1), err: ErrMalformed},
		{name: "another root", text: `<presence xmlns="urn:ietf:params:xml:ns:pidf"/>`, err: ErrMalformed},
		{name: "another namespace", text: `<dialog-info version="0"/>`, err: ErrMalformed},
		{name: "document type", text: `<!DOCTYPE x [<!ENTITY a "b">]>` + fromAsterisk, err: ErrMalformed},
		{name: "cut off", text: fromKamailio[:len(fromKamailio)-20], err: ErrMalformed},
		{name: "empty", err: ErrMalformed},
		{name: "too deep", text: strings.Replace(fromAsterisk, "<state>", strings.Repeat("<x>", 20)+strings.Repeat("</x>", 20)+"<state>", 1), err: ErrTooLarge},
		{name: "too many", text: strings.Replace(fromAsterisk, "<state>", strings.Repeat("<x/>", maxElements)+"<state>", 1), err: ErrTooLarge},
		{name: "too long", text: fromAsterisk + strings.Repeat(" ", MaxDocument), err: ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseDialogInfo([]byte(tt.text))
			if !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestApply(t *testing.T) {
	talking, over := ringing, ringing
	talking.State, over.State = Confirmed, Terminated
	other := Dialog{ID: "b", State: Trying}
	branch := Dialog{ID: "c", CallID: ringing.CallID, LocalTag: "another", RemoteTag: "r", State: Terminated}
	early := Dialog{ID: "d", CallID: ringing.CallID, State: Trying}
	for _, tt := range []struct {
		name  string
		known []Dialog
		doc   DialogInfo
		want  []Dialog
	}{
		{"full forgets the rest", []Dialog{ringing}, DialogInfo{Dialogs: []Dialog{other}}, []Dialog{other}},
		{"partial adds", []Dialog{ringing}, DialogInfo{Partial: true, Dialogs: []Dialog{other}}, []Dialog{ringing, other}},
		{"partial changes", []Dialog{ringing, other}, DialogInfo{Partial: true, Dialogs: []Dialog{talking}}, []Dialog{other, talking}},
		{"partial ends", []Dialog{ringing}, DialogInfo{Partial: true, Dialogs: []Dialog{over}}, nil},
		{"the latest of two stories", nil, DialogInfo{Dialogs: []Dialog{talking, ringing}}, []Dialog{talking}},
		{"the end of two stories", nil, DialogInfo{Dialogs: []Dialog{over, ringing}}, nil},
		{"two branches of one call", nil, DialogInfo{Dialogs: []Dialog{talking, branch}}, []Dialog{talking}},
		{"two stories under two names", nil, DialogInfo{Dialogs: []Dialog{early, talking}}, []Dialog{talking}},
		{"what has ended is not there", nil, DialogInfo{Dialogs: []Dialog{over}}, nil},
	} {
		if got := tt.doc.Apply(tt.known); len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestPIDF(t *testing.T) {
	full := Presence{Entity: "sip:bob@office.example", Basic: Open, Contact: "sip:bob@office.example", Note: "back at <3>", Activities: []string{"meeting", OnThePhone}}
	got, err := ParsePIDF(full.Marshal())
	if err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("ours read again: %+v, %v", got, err)
	}
	for _, tt := range []struct {
		name, inner string
		want        Presence
	}{
		{"one of two is open", `<tuple id="1"><status><basic>closed</basic></status></tuple><tuple id="2"><status><basic> open </basic></status></tuple>`, Presence{Basic: Open}},
		{"SIP.js and others", `<tuple id="1"><status><basic>closed</basic></status><note>gone</note></tuple>`, Presence{Basic: Closed, Note: "gone"}},
		{"RPID of a person", `<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" id="p"><r:activities><r:away/><r:bogus/></r:activities><dm:note>n</dm:note></dm:person>`,
			Presence{Activities: []string{"away"}, Note: "n"}},
		{"nothing", "", Presence{}},
	} {
		got, err := ParsePIDF([]byte(`<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="e">` + tt.inner + `</presence>`))
		tt.want.Entity = "e"
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func TestRegInfo(t *testing.T) {
	got := string(RegInfo{Version: 2, AOR: "sip:bob@office.example", Contacts: []Contact{{"c1", "sip:bob@x.invalid;transport=ws"}}}.Marshal())
	want := xmlHead + `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="2" state="full"><registration aor="sip:bob@office.example" id="a" state="active">` +
		`<contact id="c1" state="active" event="registered"><uri>sip:bob@x.invalid;transport=ws</uri></contact></registration></reginfo>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Summary
		err        error
	}{
		{name: "Asterisk", text: "Messages-Waiting: yes\r\nMessage-Account: sip:asterisk@192.0.2.1\r\nVoice-Message: 2/8 (0/2)\r\n",
			want: Summary{Waiting: true, Account: "sip:asterisk@192.0.2.1", New: 2, Old: 8, OldUrgent: 2}},
		{name: "no urgent ones", text: "messages-waiting:no\nVoice-Message: 0/3\n", want: Summary{Old: 3}},
		{name: "only a lamp", text: "Messages-Waiting: yes\r\n", want: Summary{Waiting: true, New: 1}},
		{name: "ours", text: string(Summary{Waiting: true, Account: "a", New: 4, Old: 3, NewUrgent: 2, OldUrgent: 1}.Marshal()), want: Summary{true, "a", 4, 3, 2, 1}},
		{name: "no status", text: "Voice-Message: 1/2\r\n", err: ErrMalformed},
		{name: "no numbers", text: "Messages-Waiting: yes\r\nVoice-Message: x/y\r\n", err: ErrMalformed},
		{name: "negative", text: "Messages-Waiting: yes\r\nVoice-Message: -1/0\r\n", err: ErrMalformed},
		{name: "absurd", text: "Messages-Waiting: yes\r\nVoice-Message: 1/99999999\r\n", err: ErrMalformed},
		{name: "too long", text: "Messages-Waiting: yes\r\n" + strings.Repeat("x", MaxDocument), err: ErrTooLarge},
	} {
		got, err := ParseSummary([]byte(tt.text))
		if !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// presentable says whether a text may be shown.
func presentable(texts ...string) bool {
	for _, s := range texts {
		if len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
			return false
		}
	}
	return true
}

// What was read can be written, and reads the same again.
func FuzzParseDialogInfo(f *testing.F) {
	f.Add([]byte(fromKamailio))
	f.Add([]byte(fromAsterisk))
	f.Add(DialogInfo{Version: 1, Partial: true, Dialogs: []Dialog{ringing}}.Marshal())
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseDialogInfo(data)
		if err != nil {
			return
		}
		for _, d := range got.Dialogs {
			if !presentable(d.ID, d.CallID, d.LocalTag, d.RemoteTag, d.Local.Display, d.Local.URI, d.Remote.Display, d.Remote.URI) {
				t.Errorf("not presentable: %+v", d)
			}
		}
		out := got.Marshal()
		if again, err := ParseDialogInfo(out); len(out) < MaxDocument && (err != nil || again.Version != got.Version || len(again.Dialogs) != len(got.Dialogs) || !bytes.Equal(again.Marshal(), out)) {
			t.Errorf("%+v was written as %s and read as %+v, %v", got, out, again, err)
		}
	})
}

func FuzzParsePIDF(f *testing.F) {
	f.Add(Presence{Entity: "e", Basic: Open, Contact: "c", Note: "n", Activities: []string{"away"}}.Marshal())
	f.Add([]byte(`<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple><status><basic>closed</basic></status></tuple></presence>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParsePIDF(data)
		if err != nil {
			return
		}
		if !presentable(got.Entity, got.Contact, got.Note) {
			t.Errorf("not presentable: %+v", got)
		}
		if again, err := ParsePIDF(got.Marshal()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%+v was read again as %+v, %v", got, again, err)
		}
	})
}

func FuzzParseSummary(f *testing.F) {
	f.Add([]byte("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseSummary(data)
		if err != nil {
			return
		}
		if again, err := ParseSummary(got.Marshal()); err != nil || again != got {
			t.Errorf("%+v was read again as %+v, %v", got, again, err)
		}
	})
}
