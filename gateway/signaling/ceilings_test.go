package signaling

import (
	"fmt"
	"testing"
)

// Ceilings are a fifth above what was measured when they were set. Allocations are counted and not timed, so that a busy machine does not matter;
// those of the client, which are few, are among them.

func wantAllocs(t *testing.T, what string, ceiling float64, do func()) {
	t.Helper()
	n := testing.AllocsPerRun(100, do)
	t.Logf("%s: %v allocations", what, n)
	if n > ceiling {
		t.Errorf("%s takes %v allocations, want at most %v", what, n, ceiling)
	}
}

func TestAllocationsPerRequest(t *testing.T) {
	w, a := newCostBench(t)
	wantAllocs(t, "the refresh of a registration", 190, a.refresh())

	c := w.costBrowser(a.conn.RemoteAddr().String(), "user1")
	n := 0
	wantAllocs(t, "a call", 870, func() {
		n++
		callID := fmt.Sprint("call", n)
		a.hangUp(c, a.call(c, callID), callID)
	})
	uri := a.call(c, "call")
	wantAllocs(t, "a request inside a call", 290, func() { a.press(c, uri, "call") })
	a.hangUp(c, uri, "call")
}

// What a registered browser may take of the heap and the stacks beside its socket, in bytes. TLS keeps buffers and keys of its own for a connection: half of it.
const (
	memoryCeiling    = 25 << 10
	memoryCeilingTLS = 26 << 10
)

func TestMemoryPerBrowser(t *testing.T) {
	for _, tt := range []struct {
		name    string
		secure  bool
		ceiling float64
	}{{"plain", false, memoryCeiling}, {"TLS", true, memoryCeilingTLS}} {
		t.Run(tt.name, func(t *testing.T) {
			each := idleMemory(t, 100, 500, tt.secure) / raceMemory
			t.Logf("%.0f bytes for each browser", each)
			if each > tt.ceiling {
				t.Errorf("a browser takes %.0f bytes, want at most %.0f", each, tt.ceiling)
			}
		})
	}
}
