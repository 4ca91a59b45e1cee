//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a call of the machine's phone costs of a core, by codec, with echo cancellation, noise suppression and gain control and without: with
// one at the PBX, in Opus with the built-in echo, which is then part of it. It is measured, for as long as CORDBOARD_DESK_COST says, as "10s",
// and not judged: that takes a quiet machine, and a build with all libraries (CORDBOARD_E2E_TAGS=speex,opus).
func TestDeskCost(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("CORDBOARD_DESK_COST"))
	if err != nil {
		t.Skip("CORDBOARD_DESK_COST does not say how long to measure, as 10s")
	}
	for _, clean := range []bool{true, false} {
		for _, codec := range []string{"opus", "g722", "pcma"} {
			t.Run(fmt.Sprintf("%s/clean=%v", codec, clean), func(t *testing.T) {
				p := startPulse(t)
				p.latency = 2 * time.Second // PulseAudio cuts a device's sound for all by the one who waits least: here the gateway
				p.use()
				p.sink("bell")
				p.plug()
				k := startPBX(t, pbxOptions{})
				to := "echo"
				if codec != "opus" {
					to = "201"
					startPhone(t, k, to, phoneOptions{Answer: true, Codecs: []string{codec}})
				}
				extra := strings.ReplaceAll(withDesk, "= false", fmt.Sprint("= ", clean))
				g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k), Extra: extra})
				k.wantRegistered(t, "101")
				d := openDesk(t, p, g, alice)
				idle := g.took(t, 2*time.Second)
				if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": to}); code/100 != 2 {
					t.Fatalf("call: %d %v", code, answer)
				}
				id := d.with(t, to, "talking")
				time.Sleep(3 * time.Second) // it has learned the room by then
				t.Logf("%.2f %% of a core; %.2f without a call", g.took(t, length), idle)
				_, media := d.get(t, "/api/v1/calls/"+d.onlyCall(t)+"/media")
				if spoken := fmt.Sprint(media); !strings.Contains(strings.ToLower(spoken), codec) {
					t.Errorf("the call is not in %s: %s", codec, spoken)
				}
				d.does(t, id, "hangup", nil)
				d.wantFree(t)
			})
		}
	}
}

// onlyCall is the ID of the one call that there is.
func (d *deskPhone) onlyCall(t *testing.T) string {
	t.Helper()
	_, list := d.get(t, "/api/v1/calls")
	calls, _ := list["calls"].([]any)
	if len(calls) != 1 {
		t.Fatalf("calls %v, want one", list)
	}
	return calls[0].(map[string]any)["id"].(string)
}

// took is what a process takes of a core, in percent, for a while.
func (p *process) took(t *testing.T, length time.Duration) float64 {
	t.Helper()
	used := func() (sum time.Duration) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
		for _, thread := range threads {
			text, _ := os.ReadFile(thread)
			var took time.Duration
			fmt.Sscan(string(text), &took)
			sum += took
		}
		return sum
	}
	began, before := time.Now(), used()
	time.Sleep(length)
	return 100 * float64(used()-before) / float64(time.Since(began))
}
