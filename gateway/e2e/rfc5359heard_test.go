//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The service examples of RFC 5359 that a browser can hear: JsSIP calls sipp, which sends back what it hears.
func TestServiceExamplesHeard(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	forwards, phones := freePort(t), freePort(t)
	startScenario(t, "proxy.xml", forwards)
	startScenario(t, "phone.xml", phones)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL),
		PBX: fmt.Sprintf("[[pbx]]\nname = \"forwards\"\nuri = \"sip:%s\"\nmode = \"peer\"\n[[pbx]]\nname = \"phones\"\nuri = \"sip:%s\"\nmode = \"peer\"\nprefixes = [\"3\"]\n", forwards.addr(), phones.addr())})
	c := openClient(t, startBrowser(t, toneAlice, g.ca()), site.URL, "jssip", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	talks := func(t *testing.T, number string) {
		c.do(t, "await phone.call('"+number+"')")
		c.wantState(t, "talking")
		wantTone(t, "the client", c, toneAlice)
	}
	over := func(t *testing.T) {
		c.do(t, "await phone.hangUp()")
		c.wantState(t, "ended")
	}
	for _, tt := range []struct{ number, name string }{
		{"200", "call forwarding unconditional"}, {"201", "call forwarding busy"}, {"202", "call forwarding no answer"}, {"203", "find-me"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proves(t, "RFC 5359: "+tt.name, jsSIP)
			talks(t, tt.number)
			over(t)
		})
	}
	t.Run("holds", func(t *testing.T) {
		proves(t, "RFC 5359: call hold", jsSIP)
		proves(t, "RFC 5359: consultation hold", jsSIP)
		talks(t, "300")
		c.do(t, "await phone.hold(true)")
		wantNoTone(t, "the client that holds", c, toneAlice)
		c.do(t, "phone.keep()")
		talks(t, "301")
		over(t)
		c.do(t, "phone.swap(); await phone.hold(false)")
		wantTone(t, "the client, back in its first call", c, toneAlice)
		over(t)
	})
}
