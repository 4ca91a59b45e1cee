package ui

import (
	"strings"
	"testing"
)

func TestDialable(t *testing.T) {
	for _, tt := range []struct{ typed, want string }{
		{"102", "102"},
		{" 030 123-45 67 ", "0301234567"},
		{"+49 (0)30 123 45 67", "+49301234567"},
		{"0049 (0) 30/1234", "0049301234"},
		{"0049 (0)30/1234", "0049301234"},
		{"(030) 1234", "0301234"},
		{"(0)30 1234", "0301234"},
		{"tel:+49-30-1234567;ext=5", "+49301234567"},
		{"callto://0301234", "0301234"},
		{"*8102#", "*8102#"},
		{"+49\u00a030\u2009123\u20114", "+49301234"},
		{"Bob Miller", "Bob Miller"},
		{"bob-2", "bob-2"},
		{"1+1", "1+1"},
		{"sip:bob@office.example", "sip:bob@office.example"},
		{"-", "-"},
		{"", ""},
	} {
		if got := dialable(tt.typed); got != tt.want {
			t.Errorf("dialable(%q) = %q, want %q", tt.typed, got, tt.want)
		}
	}
}

// FuzzDialable: what comes out is a number of keys alone, or what went in without the space around it; and it stays so.
func FuzzDialable(f *testing.F) {
	for _, text := range []string{"+49 (0)30 1", "tel:+1;x", "Bob", "callto:", "(0)", "00(0)(0)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := dialable(text)
		if strings.Trim(strings.TrimPrefix(got, "+"), "0123456789*#") != "" && got != strings.TrimSpace(text) {
			t.Errorf("dialable(%q) = %q", text, got)
		}
		if again := dialable(got); strings.Trim(strings.TrimPrefix(got, "+"), "0123456789*#") == "" && again != got {
			t.Errorf("dialable(%q) = %q, and of that %q", text, got, again)
		}
	})
}
