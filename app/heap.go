package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap of a gateway is small: a few MB, and 17 KB a call. Go would collect it whenever it has grown by as much again, which is each
// hundred calls, and take a tenth of the time that their set-up costs. So the collector is told of headRoom bytes more than are in use;
// nobody touches them, and the system never has to find memory for them. By collectAt percent of both together the heap grows before
// it is collected, unless GOGC says otherwise. What it has grown by is given back when nothing has happened for a while: calls
// that are up allocate next to nothing.
const (
	headRoom  = 32 << 20
	collectAt = 60
)

var room []byte // headRoom

// makeRoom lets the heap grow as said above.
func makeRoom() {
	if room == nil { // a second one might be made of memory that was in use, and be cleared
		room = make([]byte, headRoom)
	}
	debug.SetGCPercent(collectAt)
}

// The heap is looked at each tendTime. It has grown when muchGarbage bytes were allocated, and is quiet when less than littleGarbage were
// since the last look.
const (
	tendTime      = 3 * time.Second
	muchGarbage   = 4 << 20
	littleGarbage = 512 << 10
)

// ownHeap says whether it is left to us when the heap is collected.
func ownHeap() bool { return os.Getenv("GOGC") == "" }

// tendHeap gives back, until ctx ends, what the heap has grown by when it is quiet: first of all the 7 MB that only the start needed.
func tendHeap(ctx context.Context) {
	ticker := time.NewTicker(tendTime)
	defer ticker.Stop()
	var t tender
	for {
		select {
		case <-ticker.C:
			if t.look(allocated()) {
				debug.FreeOSMemory()
			}
		case <-ctx.Done():
			return
		}
	}
}

// tender knows when memory is worth giving back. Its counts are bytes that were allocated since the start.
type tender struct{ last, given uint64 }

// look takes the count of now and says whether to give memory back.
func (t *tender) look(now uint64) bool {
	quiet := now-t.last < littleGarbage
	t.last = now
	if !quiet || now-t.given < muchGarbage {
		return false
	}
	t.given = now
	return true
}

// allocated is how many bytes were allocated since the start. To ask for it does not stop the program.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
