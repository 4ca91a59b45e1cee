//go:build cgo

package device

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOnlyMonitorSleepsLonger looks at the slack of all threads.
func TestOnlyMonitorSleepsLonger(t *testing.T) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip(err)
	}
	late := 0
	for _, thread := range threads {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%s/timerslack_ns", thread.Name()))
		if os.IsPermission(err) {
			t.Skip(err) // of other threads it is told to administrators alone
		}
		if strings.TrimSpace(string(text)) == "10000000" {
			late++
		}
	}
	if late != 1 {
		t.Errorf("%d threads of %d sleep 10 ms longer, want only Go's monitor", late, len(threads))
	}
}
