package signaling

import (
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func requestOf(t *testing.T, method string, change ...string) *sip.Request {
	t.Helper()
	text := strings.NewReplacer(change...).Replace(method + " sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n" +
		"Call-ID: 1\r\nCSeq: 1 " + method + "\r\nContact: <sip:c@d>\r\nMore: x\r\n\r\n")
	msg, err := sip.ParseMessage([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*sip.Request)
}

func TestExamine(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		change       []string
		status       int // 0: it passes
	}{
		{name: "plain", method: "INVITE"},
		{name: "other version", method: "INVITE", change: []string{"b SIP/2.0", "b SIP/3.0"}, status: 505},
		{name: "no Call-ID", method: "BYE", change: []string{"Call-ID: 1\r\n", ""}, status: 400},
		{name: "no CSeq", method: "BYE", change: []string{"CSeq", "X"}, status: 400},
		{name: "two From, one short", method: "BYE", change: []string{"More: x", "f: <sip:e@d>;tag=2"}, status: 400},
		{name: "two Max-Forwards", method: "BYE", change: []string{"More: x", "Max-Forwards: 1\r\nMax-Forwards: 2"}, status: 400},
		{name: "two Content-Types", method: "INVITE", change: []string{"More: x", "c: application/sdp\r\nContent-Type: text/plain"}, status: 400},
		{name: "CSeq of another method", method: "OPTIONS", change: []string{"1 OPTIONS", "1 INVITE"}, status: 400},
		{name: "CSeq with two blanks", method: "OPTIONS", change: []string{"1 OPTIONS", "1  OPTIONS"}},
		{name: "sips", method: "OPTIONS", change: []string{"sip:a@b SIP", "sips:a@b SIP"}},
		{name: "tel", method: "INVITE", change: []string{"sip:a@b SIP", "tel:+1 SIP"}, status: 416},
		{name: "no host", method: "INVITE", change: []string{"sip:a@b SIP", "sip:a@ SIP"}, status: 416},
		{name: "headers in Request-URI", method: "INVITE", change: []string{"a@b SIP", "a@b?Route=%3Csip:x%3E SIP"}, status: 400},
		{name: "From of a number", method: "INVITE", change: []string{"<sip:c@d>;tag", "<tel:+1>;tag"}},
		{name: "Contact of a number", method: "INVITE", change: []string{"Contact: <sip:c@d>", "Contact: <tel:+1>"}, status: 400},
		{name: "any Contact", method: "INVITE", change: []string{"Contact: <sip:c@d>", "Contact: *"}, status: 400},
		{name: "any Contact to take away", method: "REGISTER", change: []string{"Contact: <sip:c@d>", "Contact: *"}},
		{name: "two Contacts of a call", method: "INVITE", change: []string{"More: x", "m: <sip:e@d>"}, status: 400},
		{name: "two Contacts of a target refresh", method: "UPDATE", change: []string{"Contact: <sip:c@d>", "Contact: <sip:c@d>, <sip:e@d>"}, status: 400},
		{name: "two Contacts to register", method: "REGISTER", change: []string{"More: x", "m: <sip:e@d>"}},
		{name: "registration of a number", method: "REGISTER", change: []string{"To: <sip:a@b>", "To: <tel:+1>"}, status: 400},
		{name: "no Contact", method: "INVITE", change: []string{"Contact", "X"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, ok := examine(requestOf(t, tt.method, tt.change...))
			if f.status != tt.status || ok != (tt.status == 0) {
				t.Errorf("%d %s, %v; want %d", f.status, f.reason, ok, tt.status)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	for _, tt := range []struct {
		method, headers string
		missing         []string
	}{
		{"INVITE", "More: x", nil},
		{"INVITE", "Require: Replaces", nil},
		{"INVITE", "Require: 100rel, Timer", nil},
		{"INVITE", "Require: replaces, sec-agree", []string{"sec-agree"}},
		{"INVITE", "Require: replaces\r\nRequire:precondition", []string{"precondition"}},
		{"INVITE", "Proxy-Require: a\r\nRequire: b", []string{"b", "a"}},
		{"INVITE", "Require: ,", nil},
		{"BYE", "Require: replaces", []string{"replaces"}},
		{"ACK", "Require: a", nil}, // can't be answered
		{"CANCEL", "Require: a", nil},
	} {
		if got := unsupported(requestOf(t, tt.method, "More: x", tt.headers)); !slices.Equal(got, tt.missing) {
			t.Errorf("%s with %q: %q, want %q", tt.method, tt.headers, got, tt.missing)
		}
	}
}

func TestTakesSDP(t *testing.T) {
	for headers, want := range map[string]bool{
		"More: x":                              true,
		"Accept: application/sdp":              true,
		"Accept: text/plain, Application/SDP":  true,
		"Accept: text/plain\r\nAccept: */*":    true,
		"Accept: application/* ;q=0.1":         true,
		"Accept: text/*":                       false,
		"Accept:":                              false, // nothing is acceptable (RFC 3261 §20.1)
		"Accept: application/sdp2":             false,
		"Accept: text/plain;x=application/sdp": false,
	} {
		if got := takesSDP(requestOf(t, "INVITE", "More: x", headers)); got != want {
			t.Errorf("%q: %v, want %v", headers, got, want)
		}
	}
}
