package codec

import (
	"errors"
	"testing"
)

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name     string
		clock    uint32
		channels int
		rate     int // 0: unknown
	}{
		{"PCMU", 8000, 1, 8000},
		{"pcma", 8000, 0, 8000},
		{"G722", 8000, 1, 16000},
		{"opus", 48000, 2, 48000},
		{"OPUS", 48000, 0, 48000},
		{"opus", 8000, 2, 0},
		{"G722", 8000, 2, 0},
		{"PCMA", 16000, 1, 0},
		{"PCMA", 8000, 2, 0},
		{"G729", 8000, 1, 0},
		{"telephone-event", 8000, 1, 0},
		{"", 0, 0, 0},
	} {
		_, in, err := NewDecoder(tt.name, tt.clock, tt.channels)
		if in != tt.rate || errors.Is(err, ErrUnknown) != (tt.rate == 0) {
			t.Errorf("NewDecoder(%q, %d, %d) = %d, %v; want rate %d", tt.name, tt.clock, tt.channels, in, err, tt.rate)
		}
		_, out, err := NewEncoder(tt.name, tt.clock, tt.channels)
		if out != tt.rate || errors.Is(err, ErrUnknown) != (tt.rate == 0) {
			t.Errorf("NewEncoder(%q, %d, %d) = %d, %v; want rate %d", tt.name, tt.clock, tt.channels, out, err, tt.rate)
		}
		if can := Encodes(tt.name, tt.clock, tt.channels); can != (tt.rate != 0) {
			t.Errorf("Encodes(%q, %d, %d) = %v", tt.name, tt.clock, tt.channels, can)
		}
	}
}
