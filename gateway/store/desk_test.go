package store

import (
	"path/filepath"
	"testing"
)

// TestBusy keeps do not disturb over the end of the program.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	wants := false
	for _, set := range []bool{true, true, false} {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Busy(t.Context()); got != wants || err != nil {
			t.Errorf("Busy = %v, %v, want %v", got, err, wants)
		}
		if err := s.SetBusy(t.Context(), set); err != nil {
			t.Error(err)
		}
		if wants = set; s.Close() != nil {
			t.Error("not closed")
		}
	}
}
