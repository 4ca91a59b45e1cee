package media

import (
	"slices"
	"testing"
)

func TestSilent(t *testing.T) {
	pad := func(octet byte, n int) []byte { return slices.Repeat([]byte{octet}, n) }
	noise := slices.Repeat([]byte{0xD5, 0x55, 0x55, 0xD5, 0x55}, 32)
	for _, tt := range []struct {
		name    string
		kind    formatKind
		payload []byte
		want    bool
	}{
		{"zeros in PCMU", formatMuLaw, pad(0xFF, 160), true},
		{"zeros in PCMA", formatALaw, pad(0xD5, 160), true},
		{"negative zeros", formatMuLaw, pad(0x7F, 160), false},
		{"the faintest noise", formatALaw, noise, false},
		{"zeros of the other law", formatMuLaw, pad(0xD5, 160), false},
		{"a short packet", formatMuLaw, pad(0xFF, 3), true},
		{"an empty packet", formatMuLaw, nil, true},
		{"Opus, digital silence", formatOpus, []byte{0xF8, 0xFF, 0xFE}, true},
		{"Opus, DTX", formatOpus, []byte{0x08}, false},
		{"Opus, sound", formatOpus, pad(1, 60), false},
		{"noise", formatNoise, []byte{70}, true},
		{"G.722", formatOther, pad(0xFA, 160), false},
	} {
		if got := (format{kind: tt.kind}).silent(tt.payload); got != tt.want {
			t.Errorf("%s: silent = %v", tt.name, got)
		}
	}
}
