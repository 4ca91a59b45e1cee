package links

import (
	"errors"
	"strings"
	"testing"
)

var targets = []struct{ name, link, target string }{ // target "": refused
	{"a number", "tel:+49301234567", "+49301234567"},
	{"visual separators", "tel:+1-(201).555-0123", "+12015550123"},
	{"spaces, as pages write them", "tel:+49%2030 123", "+4930123"},
	{"a plus that is escaped", "tel:%2B4930123", "+4930123"},
	{"two slashes", "tel://201", "201"},
	{"upper case", "TEL:201", "201"},
	{"a local number with its context", "tel:7042;phone-context=example.com", "7042"},
	{"a local number with a prefix", "tel:863-1234;phone-context=+1-914-555", "8631234"},
	{"an extension", "tel:+4930123;ext=5;isub=12", "+4930123"},
	{"keys", "tel:*21%23", "*21#"},
	{"keys, not escaped", "tel:*21#", "*21#"},
	{"letters", "tel:1-800-FLOWERS", ""},
	{"a plus in the middle", "tel:49+30", ""},
	{"only separators", "tel:-()", ""},
	{"only a star", "tel:*", ""},
	{"nothing", "tel:", ""},
	{"a broken escape", "tel:%zz", ""},
	{"a line break", "tel:201%0d%0a202", ""},
	{"other digits", "tel:٢٠١", ""},
	{"another scheme", "https://201", ""},
	{"no scheme", "201", ""},
	{"too long", "tel:" + strings.Repeat("1", 129), ""},
	{"much too long", "tel:1" + strings.Repeat("-", 2000), ""},

	{"SIP", "sip:201@pbx", "201@pbx"},
	{"SIP with a name", "sip:Alice.Doe@Office.Example", "Alice.Doe@office.example"},
	{"SIP with a port", "sip:201@192.0.2.10:5080", "201@192.0.2.10:5080"},
	{"SIP over IPv6", "sip:201@[2001:db8::1]:5060", "201@[2001:db8::1]:5060"},
	{"SIPS", "sips:bob@office.example", "bob@office.example"},
	{"parameters", "sip:201@pbx;transport=tcp;maddr=192.0.2.66;lr", "201@pbx"},
	{"headers", "sip:201@pbx?Replaces=a%40b%3Bto-tag%3D1&Subject=x", "201@pbx"},
	{"a method", "sip:201@pbx;method=REFER", "201@pbx"},
	{"a telephone subscriber", "sip:+49-30-123;phone-context=x@pbx;user=phone", "+4930123@pbx"},
	{"without a host", "sip:201", "201"},
	{"without a host, with parameters", "sip:201;user=phone", "201"},
	{"a slash at the end", "sip:201@pbx/", "201@pbx"},
	{"keys at a host", "sip:*21%23@pbx", "*21%23@pbx"},
	{"an escaped letter", "sip:%61lice@pbx", "alice@pbx"},
	{"a password", "sip:alice:secret@pbx", ""},
	{"an address in the user", "sip:alice%40evil.example@pbx", ""},
	{"two users", "sip:alice@evil.example@pbx", ""},
	{"a space", "sip:ali ce@pbx", ""},
	{"a tag", "sip:<b>@pbx", ""},
	{"an option", "sip:--data", ""},
	{"no user", "sip:@pbx", ""},
	{"no host", "sip:201@", ""},
	{"a host that is none", "sip:201@pb_x", ""},
	{"a host with a path", "sip:201@pbx/x", ""},
	{"a port that is none", "sip:201@pbx:", ""},
	{"a zone", "sip:201@[fe80::1%25eth0]", ""},
	{"half a bracket", "sip:201@[::1", ""},

	{"callto", "callto:+49-30-123", "+4930123"},
	{"callto with slashes", "callto://201/", "201"},
	{"callto with a name", "callto:alice", "alice"},
	{"callto with a host", "callto:alice@office.example", "alice@office.example"},
}

func TestTarget(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Target(tt.link)
			if got != tt.target || (tt.target == "") != errors.Is(err, ErrNoTarget) {
				t.Errorf("Target(%q) = %q, %v, want %q", tt.link, got, err, tt.target)
			}
		})
	}
}

// FuzzTarget states that whatever a link says, it gives a target that a link of that target gives again, and that has nothing in it
// but a user and a host: no space, parameter, header, password or option.
func FuzzTarget(f *testing.F) {
	for _, tt := range targets {
		f.Add(tt.link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		target, err := Target(link)
		if err != nil {
			if target != "" {
				t.Errorf("Target(%q) = %q beside %v", link, target, err)
			}
			return
		}
		again, err := Target("sip:" + target)
		if err != nil || again != target {
			t.Errorf("Target(%q) = %q, and of that %q, %v", link, target, again, err)
		}
		user, host, far := strings.Cut(target, "@")
		if user == "" || user[0] == '-' || far != (host != "") || strings.Contains(host, "@") || len(target) > 3*maxUser+1+260 {
			t.Errorf("Target(%q) = %q", link, target)
		}
		for _, c := range []byte(user) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>:;,?@[]\\^`{|}", c) >= 0 {
				t.Errorf("Target(%q) = %q with %q", link, target, c)
			}
		}
		for _, c := range []byte(host) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>;,?@\\^`{|}%#/", c) >= 0 {
				t.Errorf("Target(%q) = %q with %q", link, target, c)
			}
		}
	})
}

func TestHarmless(t *testing.T) {
	for target, want := range map[string]bool{"+4930123": true, "alice@pbx": true, "*21*0900123#": false, "*21%23@pbx": false, "#31": false} {
		if got := Harmless(target); got != want {
			t.Errorf("Harmless(%q) = %v", target, got)
		}
	}
}
