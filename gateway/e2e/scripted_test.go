//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// startScripted starts sipp with a scenario as the PBX, which sends back what it hears, and gives its table for the gateway.
func startScripted(t *testing.T, name string) (table string) {
	t.Helper()
	return startSipp(t, name, t.TempDir(), "-rtp_echo")
}

// startSipp starts sipp in a folder with a scenario as the PBX, and gives its table for the gateway.
func startSipp(t *testing.T, name, dir string, more ...string) (table string) {
	t.Helper()
	scenario, err := filepath.Abs("testdata/" + name + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	sip := freePort(t)
	rtp, _ := freeRange(t, 4)
	sip.release()
	cmd := exec.Command(program(t, "sipp"), append(more, "-sf", scenario, "-i", "127.0.0.1", "-p", strconv.Itoa(sip.number),
		"-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-nostdin")...)
	cmd.Dir = dir
	start(t, "sipp", cmd)
	return fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:127.0.0.1:%d\"\nmode = \"peer\"\n", sip.number)
}

// A phone that wants a longer session interval, sends reliable responses, has its session refreshed and refreshes it itself, and holds
// by an address of zeros. The page notices the hold and nothing else.
func TestStrictPhone(t *testing.T) {
	t.Parallel()
	proves(t, "Reliable responses (100rel)", page, sipTest)
	proves(t, "Session timers", page, sipTest)
	proves(t, "Hold of old (0.0.0.0)", page, sipTest)
	site := openSite(t)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "strict"), Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	p := openPage(t, b, g, alice)
	p.dial(t, "200")
	p.wantHold(t, "remote") // as soon as its refreshes are done
	wantNoTone(t, "the page on hold", p, toneAlice)
	p.shot(t, "held-of-old")
	p.click(t, "#hold")
	p.wantHold(t, "local") // which the phone answers by ending its own hold
	wantNoTone(t, "the page that holds", p, toneAlice)
	p.click(t, "#hold")
	p.wantHold(t, "")
	wantTone(t, "the page", p, toneAlice)
	p.hangUp(t)

	proves(t, "Reliable responses (100rel)", jsSIP)
	proves(t, "Hold of old (0.0.0.0)", jsSIP)
	c := openClient(t, b, site, "jssip", g.ws()+credentialQuery(alice.Name, time.Now().Add(time.Hour)), alice.Name, "")
	c.do(t, "await phone.call('200')")
	eventually(t, patience, "hold by the phone", func() bool { return c.truth(`window.log.includes("hold remote")`) })
	wantNoTone(t, "JsSIP on hold", c, toneAlice)
	c.do(t, "await phone.hold(true)")
	wantNoTone(t, "JsSIP that holds", c, toneAlice)
	c.do(t, "await phone.hold(false)")
	wantTone(t, "JsSIP", c, toneAlice)
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
}

// A hold that crosses a change of the phone is tried again, and one that the phone refuses does not end the call.
func TestHoldPutOffAndRefused(t *testing.T) {
	t.Parallel()
	proves(t, "Changes that cross, or are refused", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "glare")})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	for range 2 {
		p.click(t, "#hold")
		p.wantHold(t, "local")
		wantNoTone(t, "the page that holds", p, toneAlice)
		p.click(t, "#hold")
		p.wantHold(t, "")
		wantTone(t, "the page", p, toneAlice)
	}
	p.hangUp(t)
}

// SIP.js and JsSIP get along with several phones that ring at once, and with the answer of one that was not heard last.
func TestForkedEarlyMedia(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "forked"),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	b := startBrowser(t, toneAlice, g.ca())
	for kind, client := range map[string]string{"sipjs": sipJS, "jssip": jsSIP} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Forked early media", client, sipTest)
			c := openClient(t, b, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			c.do(t, "await phone.call('200')")
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			c.do(t, "await phone.stop()")
		})
	}
}
