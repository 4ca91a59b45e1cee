package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By how many percent the heap grows before it is collected, unless GOGC says otherwise. That of a gateway without calls is small, so
// Go's 100 would collect often and take a fifth of the time that registrations cost; more costs 5 MB. In a larger heap the head-room would be
// half of what a call takes; it is the heap of calls that are up, which allocate next to nothing.
const (
	collectSmall = 200
	collectLarge = 60
	largeHeap    = 6 << 20 // bytes in use
)

// tendTime is how often the heap is looked at.
const tendTime = 3 * time.Second

// ownHeap says whether it is left to us when the heap is collected.
func ownHeap() bool { return os.Getenv("GOGC") == "" }

// tendHeap sets, until ctx ends, how far the heap may grow. At first it gives back what only the start needed: 7 MB, of which Go would
// keep as much as the heap may grow to.
func tendHeap(ctx context.Context) {
	ticker := time.NewTicker(tendTime)
	defer ticker.Stop()
	percent, started := collectSmall, false
	for {
		select {
		case <-ticker.C:
			if !started {
				started = true
				debug.FreeOSMemory()
			}
			if p := collectAt(liveHeap()); p != percent {
				percent = p
				debug.SetGCPercent(p)
			}
		case <-ctx.Done():
			return
		}
	}
}

// collectAt is by how many percent a heap may grow of which so much is in use.
func collectAt(live uint64) int {
	if live > largeHeap {
		return collectLarge
	}
	return collectSmall
}

// liveHeap is what was in use at the last collection, in bytes. To ask for it does not stop the program.
func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
