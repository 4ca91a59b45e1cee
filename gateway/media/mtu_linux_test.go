package media

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cordboard/gateway/sdp"
)

// shortVariable says to the test's own binary that its network takes short packets only.
const shortVariable = "CORDBOARD_SHORT_PACKETS"

// shortScript makes a network of loopback alone whose packets have at most 1200 octets, and runs a command in it.
const shortScript = `PATH=$PATH:/usr/sbin:/sbin; ip link set lo mtu 1200 && ip link set lo up && exec "$@"`

// inShortNetwork runs a test in a network of its own that takes packets of 1200 octets. It says true there; outside it waits for the test
// to end there, and says false.
func inShortNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(shortVariable) == t.Name() {
		return true
	}
	args := []string{"--net"}
	if os.Geteuid() != 0 {
		args = append(args, "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(args, "sh", "-c", shortScript, "sh", "true")...).CombinedOutput(); err != nil {
		t.Skipf("no network of its own here: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(args, "sh", "-c", shortScript, "sh", self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.count=1")...)
	cmd.Env = append(os.Environ(), shortVariable+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "\n--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// Handshakes in both roles and on both sides, and pictures as long as they come, go through a network of short packets: what grows by
// encryption beyond 1200 octets is cut by the kernel, and not refused by it.
func TestPacketsOf1200(t *testing.T) {
	if !inShortNetwork(t) {
		return
	}
	long := func(what string, octets int) string { return what + strings.Repeat(".", octets-len(what)) }
	for _, profile := range []sdp.Profile{sdp.RTP, sdp.SDES, sdp.DTLS} {
		p := newSight(t, profile, func(text string) string { return text })
		p.call()
		p.meet()
		for _, octets := range []int{1100, 1150, 1172 - rtpHeaderSize, 1200 - rtpHeaderSize, 1400} {
			reaches(t, p.here.show, p.away, long(fmt.Sprint(profile, " there"), octets))
			reaches(t, p.away.show, p.here, long(fmt.Sprint(profile, " back"), octets))
		}
		p.near.Delete("call", "")
		p.far.Delete("call", "")
		p.near.Close()
		p.far.Close()
	}
	e := startEngine(t, "23200-23209")
	b, p := newBrowser(t), newPhone(t)
	c, s := newCamera(b), newScreen(p)
	s.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
	for _, octets := range []int{1100, 1150, 1172 - rtpHeaderSize, 1200 - rtpHeaderSize} {
		reaches(t, c.show, s, long("to the phone", octets))
		reaches(t, s.show, b, long("to the browser", octets))
	}
}
