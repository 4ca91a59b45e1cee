//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// descendants are a process and all that come from it, children last.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	children := make(map[int][]int)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		var parent int
		fmt.Sscan(rest, &state, &parent)
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// freeze stops a browser as a computer that sleeps does, with its network still there, and gives what wakes it.
func (b *browser) freeze(t *testing.T) (wake func()) {
	t.Helper()
	all := descendants(t, b.cmd.Process.Pid)
	send := func(s syscall.Signal) {
		for _, pid := range all {
			syscall.Kill(pid, s)
		}
	}
	send(syscall.SIGSTOP)
	wake = func() { send(syscall.SIGCONT) }
	t.Cleanup(wake)
	return wake
}

// A browser that does not check its connection any more, since it is frozen, is sent nothing after 30 s (RFC 7675); the call waits for it,
// which both sides are told in words, and goes on when it wakes. This takes 40 s, so CORDBOARD_CONSENT must ask for it.
func TestConsentRunsOut(t *testing.T) {
	if os.Getenv("CORDBOARD_CONSENT") == "" {
		t.Skip("CORDBOARD_CONSENT is not set")
	}
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k)})
	b := startBrowser(t, toneAlice, g.ca())
	o := &office{pbx: k, phone: phone, gateway: g, alice: openPage(t, b, g, alice)}
	k.wantRegistered(t, "101")
	api := signIn(t, g, alice)
	o.pageCallsPhone(t, o.alice, toneAlice)

	wake, began := b.freeze(t), time.Now()
	x := api.wantTrouble(t, "browser", call.TroubleSilent, false)
	t.Logf("after %s: %s, %s", time.Since(began), x.Text, x.Cause)
	eventually(t, patience, "tone that says that somebody is waited for", func() bool { return phone.heard(t).last(4*time.Second).beeps() > 0 })
	t.Logf("a beep after %s", time.Since(began))
	eventually(t, 40*time.Second, "end of the browser's consent", func() bool { return leg(t, api.media(t), "browser").State == "lost" })
	if waited := time.Since(began); waited < 25*time.Second { // its last check was up to 5 s before
		t.Errorf("consent ran out after %s", waited)
	}
	t.Logf("no more is sent after %s", time.Since(began))
	sent := func() uint64 { return leg(t, api.media(t), "browser").PacketsOut }
	before := sent()
	time.Sleep(time.Second)
	if after := sent(); after != before {
		t.Errorf("%d packets were sent without consent", after-before)
	}

	wake()
	o.alice.wantState(t, "talking")
	wantTone(t, "the phone", phone, toneAlice)
	wantTone(t, "the page", o.alice, tonePhone)
	t.Logf("both are heard %s after the browser was frozen", time.Since(began))
	if legs := api.media(t).Legs; slices.ContainsFunc(legs, func(l call.MediaLeg) bool { return l.State != "up" }) {
		t.Errorf("the legs are %+v", legs)
	}
	o.alice.hangUp(t)
	phone.wantEvent(t, "CALL_CLOSED")
}
