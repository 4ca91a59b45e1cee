//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A call that may go no further, and one that comes round, end at once; and of too many calls those that are too many.
func TestRounds(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	phones := freePort(t)
	startScenario(t, "phone.xml", phones)
	scenario, err := filepath.Abs("testdata/rounds.xml")
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", phones.addr()),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n[guard]\nbusy = %d\n", secret, site.URL, busy)})
	b := startBrowser(t, toneAlice, g.ca())
	c := openClient(t, b, site.URL, "jssip", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	t.Run("one that goes round", func(t *testing.T) {
		proves(t, "Calls that go round (482, 483)", sipTest)
		cmd := exec.Command(program(t, "sipp"), g.sip.addr(), "-sf", scenario, "-i", "127.0.0.1", "-s", alice.Extension, "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error")
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sipp: %v\n%.2000s", err, out)
		}
		c.wantState(t, "ended")
	})
	t.Run("too many", func(t *testing.T) { floods(t, g, b, site.URL, c) })
}

// SIP.js and JsSIP notice nothing of a phone whose session is refreshed, by us and by itself (RFC 4028), nor of one that asks for a session
// that is too soon over.
func TestSessionTimersOfPlainClients(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	pbx := freePort(t)
	log := startScenario(t, "../timers.xml", pbx)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL),
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", pbx.addr())})
	b := startBrowser(t, toneAlice, g.ca())
	for number, kind := range map[string]string{"200": "sipjs", "300": "jssip"} {
		t.Run(kind, func(t *testing.T) {
			client := published[kind]
			proves(t, "Session timers", client, sipTest)
			c := openClient(t, b, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			c.do(t, "await phone.call('"+number+"')")
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			eventually(t, patience, "refreshes of both sides", func() bool {
				return slices.Contains(log(), number+" is refreshed") && slices.Contains(log(), number+" has refreshed")
			})
			wantSaid(t, log, number+" has updated")
			proves(t, "UPDATE without an offer", sipTest)
			if kind == "jssip" {
				proves(t, "UPDATE without an offer", client)
				c.do(t, "await phone.update()")
			}
			wantTone(t, "the client", c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")

			proves(t, "Session interval that is too small (422)", published[kind], sipTest)
			said := startScenario(t, "../incall/hurries.xml", freePort(t), g.sip.addr(), "-m", "1", "-s", alice.Extension)
			c.wantState(t, "incoming")
			wantSaid(t, said, alice.Extension+" wants at least 90")
			c.do(t, "await phone.answer()")
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			c.do(t, "await phone.hangUp()")
			wantSaid(t, said, alice.Extension+" is over")
			if line := alice.Extension + " agrees to 90;refresher=uac"; !slices.Contains(said(), line) {
				t.Errorf("the phone says %q, want %q", said(), line)
			}
			c.do(t, "await phone.stop()")
		})
	}
}
