package call

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestReason(t *testing.T) {
	for _, tt := range []struct {
		status int
		rang   bool
		want   string
	}{
		{200, true, "Answered"},
		{302, false, "The other side could not take the call"},
		{400, false, "The other side could not take the call"},
		{403, false, "Not allowed"},
		{404, false, "No such name or number"},
		{407, false, "Not allowed"},
		{408, false, "Not answered"},
		{410, false, "No such name or number"},
		{480, false, "Not available"},
		{480, true, "Not answered"},
		{483, false, "The call went in a circle"},
		{484, false, "The number is incomplete"},
		{486, false, "Busy"},
		{486, true, "Busy"},
		{487, true, "Not answered"},
		{488, false, "No common sound format"},
		{500, false, "The other side had a fault"},
		{503, true, "The other side had a fault"},
		{600, false, "Busy"},
		{603, true, "Declined"},
		{604, false, "No such name or number"},
		{606, false, "No common sound format"},
		{699, false, "The other side could not take the call"},
	} {
		if got := Reason(tt.status, tt.rang); got != tt.want {
			t.Errorf("Reason(%d, %v) = %q, want %q", tt.status, tt.rang, got, tt.want)
		}
	}
	if got := ReasonUnreachable("office"); got != "The PBX office is unreachable" {
		t.Errorf("ReasonUnreachable = %q", got)
	}
}

func TestWhoseCall(t *testing.T) {
	for _, tt := range []struct {
		name            string
		r               Record
		made, elsewhere bool // for alice
	}{
		{"made", Record{From: "alice", Direction: Out}, true, false},
		{"made and taken by a colleague", Record{From: "alice", AnsweredBy: "bob", Direction: Internal}, true, false},
		{"missed", Record{From: "300", Direction: In}, false, false},
		{"taken", Record{From: "300", AnsweredBy: "alice", Direction: In}, false, false},
		{"taken by a colleague", Record{From: "300", AnsweredBy: "bob", Direction: In}, false, true},
		{"an outsider of the same name", Record{From: "alice", Direction: In}, false, false},
	} {
		if made, elsewhere := tt.r.Made("alice"), tt.r.Elsewhere("alice"); made != tt.made || elsewhere != tt.elsewhere {
			t.Errorf("%s: made %v, elsewhere %v, want %v and %v", tt.name, made, elsewhere, tt.made, tt.elsewhere)
		}
	}
}

func FuzzBounded(f *testing.F) {
	for _, seed := range []string{"", "Alice Doe", "a\x00b\r\nc\u0085d", strings.Repeat("é", 200), "x" + strings.Repeat("é", 200), strings.Repeat("\xff", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Record{FromDisplay: text}.Bounded().FromDisplay
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q became %q", text, got)
		}
		if len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) && got != text {
			t.Errorf("%q became %q, want it unchanged", text, got)
		}
	})
}
