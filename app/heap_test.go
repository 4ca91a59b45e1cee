package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// The garbage of a hundred calls is collected once at most.
func TestRoomOfHeap(t *testing.T) {
	makeRoom()
	runtime.GC()
	cycles := collections()
	for range 100 {
		garbage = make([]byte, 100<<10)
	}
	if n := collections() - cycles; n > 1 {
		t.Errorf("%d collections for the garbage of 100 calls", n)
	}
}

// Memory is given back once, after much was allocated, when nothing is any more.
func TestTender(t *testing.T) {
	var tender tender
	for i, look := range []struct {
		allocated uint64
		gives     bool
	}{
		{7 << 20, false},                          // the start
		{7<<20 + 1000, true},                      // over
		{7<<20 + 2000, false},                     // given back already
		{20 << 20, false},                         // calls are set up
		{30 << 20, false},                         // and more of them
		{30<<20 + littleGarbage, false},           // one was
		{30<<20 + littleGarbage + 1, true},        // quiet
		{31 << 20, false}, {31<<20 + 1000, false}, // little to give
	} {
		if gives := tender.look(look.allocated); gives != look.gives {
			t.Errorf("look %d, at %d bytes: gives %v", i, look.allocated, gives)
		}
	}
	if allocated() == 0 {
		t.Error("nothing was ever allocated")
	}
}

var garbage []byte

// collections is how often the heap was collected.
func collections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
