//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Sound flows both ways before the answer: sipp sends back what the page says, in a call that it never answers.
func TestEarlyMedia(t *testing.T) {
	proves(t, "Early media", page, sipTest)
	scenario, err := filepath.Abs("testdata/early.xml")
	if err != nil {
		t.Fatal(err)
	}
	sip := freePort(t)
	rtp, _ := freeRange(t, 4)
	sip.release()
	cmd := exec.Command(program(t, "sipp"), "-sf", scenario, "-i", "127.0.0.1", "-p", strconv.Itoa(sip.number),
		"-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-rtp_echo", "-nostdin")
	cmd.Dir = t.TempDir()
	start(t, "sipp", cmd)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice},
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:127.0.0.1:%d\"\nmode = \"peer\"\n", sip.number)})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "ringing")
	wantTone(t, "the page", p, toneAlice)
	p.wantState(t, "ringing") // still not answered
	p.shot(t, "early")
	p.hangUp(t)
}
