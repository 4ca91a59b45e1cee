package signaling

import "testing"

func TestSqueeze(t *testing.T) {
	const start, rest = "INVITE sip:a@b SIP/2.0\r\n", "\r\n\r\nTo: <sip:a> ; tag = body"
	for in, want := range map[string]string{
		"To: <sip:a> ; tag = x":                       "To: <sip:a>;tag=x",
		"t : sip:a\r\n ;\r\n\ttag\r\n =\r\n x":        "t : sip:a;tag=x",
		"From: J R <sip:a> ;tag=x":                    "From: J R <sip:a>;tag=x",
		`From: "a ; \" b = c" <sip:a;d = e> ; f = x`:  `From: "a ; \" b = c" <sip:a;d = e>;f=x`,
		`From: <sip:a> ; f = " x ; y " ;tag=1`:        `From: <sip:a>;f=" x ; y ";tag=1`,
		"v: SIP / 2.0 / UDP  h : 5060 ; branch = z9 ": "v: SIP/2.0/UDP  h:5060;branch=z9",
		"Via: SIP/2.0/UDP h;a=b , SIP/2.0/UDP i":      "Via: SIP/2.0/UDP h;a=b,SIP/2.0/UDP i",
		"Contact: <sip:a> , <sip:b> ; q = 1":          "Contact: <sip:a>,<sip:b>;q=1",
		"Subject: a ; b = c":                          "Subject: a ; b = c",
		"Topic: a ; b":                                "Topic: a ; b",
		"To: <sip:a>;tag=x":                           "To: <sip:a>;tag=x",
		"To: \"a ; b <sip:c> ; tag = x":               "To: \"a ; b <sip:c> ; tag = x",
	} {
		if got := string(squeezeMessage([]byte(start + in + rest))); got != start+want+rest {
			t.Errorf("%q\n got %q\nwant %q", in, got, start+want+rest)
		}
	}
	if got := string(squeezeMessage([]byte("no ; end"))); got != "no ; end" {
		t.Errorf("got %q", got)
	}
}
