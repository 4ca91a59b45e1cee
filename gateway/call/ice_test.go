package call

import (
	"strings"
	"testing"
)

func TestParseICEServer(t *testing.T) {
	for _, tt := range []struct {
		text string
		want ICEServer
		bad  bool
	}{
		{text: "stun:stun.example", want: ICEServer{URL: "stun:stun.example:3478"}},
		{text: "STUN:192.0.2.1:19302", want: ICEServer{URL: "stun:192.0.2.1:19302"}},
		{text: "stun:[2001:db8::1]", want: ICEServer{URL: "stun:[2001:db8::1]:3478"}},
		{text: "turn:user:secret@turn.example", want: ICEServer{"turn:turn.example:3478?transport=udp", "user", "secret"}},
		{text: "turn:user:a:b@c@[2001:db8::1]:80?transport=tcp", want: ICEServer{"turn:[2001:db8::1]:80?transport=tcp", "user", "a:b@c"}},
		{text: "turns:1700000000%3Aalice:x%25y@turn.example:443", want: ICEServer{"turns:turn.example:443?transport=tcp", "1700000000:alice", "x%y"}},
		{text: "turns:u:secret@turn.example?transport=TCP", want: ICEServer{"turns:turn.example:5349?transport=tcp", "u", "secret"}},
		{text: "", bad: true}, {text: "stun:", bad: true}, {text: "sip:host", bad: true}, {text: "stuns:host", bad: true},
		{text: "stun:user:secret@host", bad: true}, {text: "stun:host?transport=tcp", bad: true},
		{text: "turn:host", bad: true}, {text: "turn:user@host", bad: true}, {text: "turn::secret@host", bad: true},
		{text: "turn:u:secret@host?transport=sctp", bad: true}, {text: "turns:u:secret@host?transport=udp", bad: true},
		{text: "turn:u:secret@host:0", bad: true}, {text: "turn:u:secret@host:70000", bad: true}, {text: "turn:u:secret@2001:db8::1", bad: true},
		{text: "turn:u:secret@ho st", bad: true}, {text: "turn:u:secret@[2001:db8::1", bad: true}, {text: "turn:u:secret%zz@host", bad: true},
		{text: "turn:u:secret@[fe80::1%25eth0]:3478", bad: true},
	} {
		got, err := ParseICEServer(tt.text)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("ParseICEServer(%q) = %+v, %v", tt.text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", tt.text, err)
		}
	}
}
