//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// busy is how much a gateway does at a time that floods tries.
const busy = 10

// floods has the PBX call bob more often than the gateway sets up calls at a time. alice, who talks with a phone that sends back what it hears, keeps her
// call, with sound and hold, and gets no other one; when bob goes away there is room again.
func floods(t *testing.T, g *gateway, b *browser, site string, alice *plainClient) {
	t.Helper()
	proves(t, "Overload (503 with Retry-After)", jsSIP, sipJS, sipTest)
	callee := openClient(t, b, site, "sipjs", g.ws()+credentialQuery(bob.Name, time.Now().Add(time.Hour)), bob.Name, "")
	alice.do(t, "await phone.call('300')")
	alice.wantState(t, "talking")
	wantTone(t, "alice", alice, toneAlice)

	scenario, err := filepath.Abs("testdata/flood.xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	logs, faults := filepath.Join(dir, "log"), filepath.Join(dir, "errors")
	cmd := exec.Command(program(t, "sipp"), g.sip.addr(), "-sf", scenario, "-i", "127.0.0.1", "-s", bob.Extension, "-m", strconv.Itoa(2*busy), "-r", "100", "-nostdin",
		"-trace_logs", "-log_file", logs, "-trace_err", "-error_file", faults)
	cmd.Dir = dir
	sipp := start(t, "sipp", cmd)
	said := func(what string) func() bool {
		return func() bool {
			text, _ := os.ReadFile(logs)
			return strings.Count(string(text), what+"\n") >= busy
		}
	}
	eventually(t, patience, "calls that ring", said("rings"))
	eventually(t, patience, "calls that are sent away", said("sent away"))

	alice.do(t, "phone.keep(); await phone.call('301')")
	eventually(t, patience, "503 for JsSIP", func() bool { return alice.truth(`window.log.includes("rejected 503")`) })
	callee.do(t, "await phone.call('302')")
	eventually(t, patience, "503 for SIP.js", func() bool { return callee.truth(`window.log.includes("rejected 503")`) })
	alice.do(t, "phone.swap(); await phone.hold(true)")
	wantNoTone(t, "alice, who holds", alice, toneAlice)
	alice.do(t, "await phone.hold(false)")
	wantTone(t, "alice, while the gateway is busy", alice, toneAlice)

	callee.do(t, "await phone.stop()")
	eventually(t, patience, "calls that end", said("gone"))
	eventually(t, patience, "end of sipp", func() bool { return !sipp.running() })
	if sipp.err != nil {
		text, _ := os.ReadFile(faults)
		t.Errorf("sipp: %v\n%.2000s", sipp.err, text)
	}
	wantTone(t, "alice, afterwards", alice, toneAlice)
	alice.do(t, "await phone.hangUp()")
	alice.wantState(t, "ended")
	alice.do(t, "await phone.call('301')")
	alice.wantState(t, "talking")
	wantTone(t, "alice, in a new call", alice, toneAlice)
	alice.do(t, "await phone.hangUp()")
	alice.wantState(t, "ended")
}
