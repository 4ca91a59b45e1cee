package store

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cordboard/gateway/call"
)

func TestNeighboursAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	s, err := Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	ctx := t.Context()
	want := []call.Neighbour{
		{ID: "b", Fingerprint: "bb", Name: "Back office", Address: "back-office", Paired: time.UnixMilli(1000).UTC()},
		{ID: "a", Fingerprint: "aa", Name: "Front office", Address: "front-office", At: netip.MustParseAddrPort("192.0.2.10:8443"), Paired: time.UnixMilli(2000).UTC()},
	}
	for _, n := range append([]call.Neighbour{{ID: "a", Address: "old", Paired: time.UnixMilli(1).UTC()}, {ID: "c", Address: "c", Paired: time.UnixMilli(1).UTC()}}, want...) {
		if err := s.PutNeighbour(ctx, n); err != nil {
			t.Fatalf("PutNeighbour: %v", err)
		}
	}
	if err := s.RemoveNeighbour(ctx, "c"); err != nil {
		t.Errorf("RemoveNeighbour: %v", err)
	}
	if err := s.RemoveNeighbour(ctx, "unknown"); err != nil {
		t.Errorf("RemoveNeighbour of nobody: %v", err)
	}
	if err := s.PutNeighbour(ctx, call.Neighbour{ID: "d", Address: "front-office"}); err == nil {
		t.Error("two neighbours have one address")
	}
	s.Close()
	if s, err = Open(path); err != nil {
		t.Fatalf("Open again: %v", err)
	}
	defer s.Close()
	if got, err := s.Neighbours(ctx); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Neighbours = %+v, %v; want %+v", got, err, want)
	}
}
