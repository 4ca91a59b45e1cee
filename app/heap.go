package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By how many percent the heap grows before it is collected, unless GOGC says otherwise. That of a gateway without calls is small, so
// Go's 100 would collect often and take a fifth of the time that registrations cost; more costs 5 MB. In a larger heap it would cost 30 KB
// a call.
const (
	collectSmall = 200
	collectLarge = 100
	largeHeap    = 6 << 20 // bytes in use
)

const (
	// tendTime is how often the heap is looked at.
	tendTime = 3 * time.Second

	// spareLeast is how much memory must at least lie idle to be given back, in bytes, beside half of what is in use. To find out what is
	// in use costs 10 ms of CPU when 200 calls are up, so little is not worth it.
	spareLeast = 4 << 20
)

// ownHeap says whether it is left to us when the heap is collected.
func ownHeap() bool { return os.Getenv("GOGC") == "" }

// tendHeap sets, until ctx ends, how far the heap may grow, and returns to the system what is left over once a burst of calls has been
// set up or has ended. The collector keeps that for the next burst: it would begin to collect only when the heap has grown, and nothing
// grows while calls are just relayed.
func tendHeap(ctx context.Context) {
	ticker := time.NewTicker(tendTime)
	defer ticker.Stop()
	var s spare
	percent := collectSmall
	for {
		select {
		case <-ticker.C:
			now := readHeap()
			if p := collectAt(now.live); p != percent && ownHeap() {
				percent = p
				debug.SetGCPercent(p)
			}
			if s.look(now) {
				debug.FreeOSMemory()
				s.gave(readHeap())
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

// heapState is what is known of the heap, in bytes.
type heapState struct {
	made uint64 // allocated since the start
	live uint64 // in use at the last collection
	held uint64 // of the system's memory, that was not given back
}

// readHeap does not stop the program, as runtime.ReadMemStats does.
func readHeap() heapState {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return heapState{made: s[0].Value.Uint64(), live: s[1].Value.Uint64(), held: s[2].Value.Uint64() + s[3].Value.Uint64() + s[4].Value.Uint64()}
}

// spare says when memory is to be given back.
type spare struct {
	made uint64 // at the last look
	gaps uint64 // between what is in use, which could not be given back the last time
}

// look says whether memory is to be given back now: much lies idle, and little was allocated since the last look.
func (s *spare) look(now heapState) bool {
	grown := now.made - s.made
	s.made = now.made
	return grown < (now.live+spareLeast)/8 && now.held > now.live+now.live/2+s.gaps+spareLeast
}

// gave takes note of what is left after memory was given back.
func (s *spare) gave(now heapState) { s.gaps = now.held - min(now.live, now.held) }
