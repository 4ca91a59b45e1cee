package main

import (
	"runtime"
	"testing"
)

// A heap that calls have made large is collected more often than that of a gateway without them.
func TestCollectAt(t *testing.T) {
	runtime.GC()
	before := liveHeap()
	held := make([]byte, largeHeap)
	runtime.GC()
	now := liveHeap()
	if now < largeHeap || now < before {
		t.Errorf("%d bytes in use, and %d when %d more are", before, now, len(held))
	}
	runtime.KeepAlive(held)
	if small, large := collectAt(1<<20), collectAt(now); small != collectSmall || large != collectLarge {
		t.Errorf("collected at %d and %d %%", small, large)
	}
}
