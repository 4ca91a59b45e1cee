//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// SIP.js is called by somebody who acknowledges what comes before the answer (RFC 3262), and lets its sound be heard then already. The gateway
// acknowledges it to SIP.js, and wants it acknowledged by the caller.
func TestSIPJSIsAcknowledged(t *testing.T) {
	t.Parallel()
	proves(t, "Reliable responses (100rel)", sipJS, sipTest)
	site := openSite(t)
	caller := freePort(t)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: forSite(site), PBX: "[[pbx]]\nname = \"office\"\nuri = \"sip:" + caller.addr() + "\"\nmode = \"peer\"\n"})
	c := openClient(t, startBrowser(t, toneAlice, g.ca()), site, "sipjs", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	for _, wants := range []string{"Supported", "Require"} {
		t.Run(wants, func(t *testing.T) {
			log := startScenario(t, "../incall/acknowledges.xml", freePort(t), g.sip.addr(), "-m", "1", "-s", alice.Extension, "-key", "tag", wants, "-key", "header", wants)
			c.wantState(t, "incoming")
			wantSaid(t, log, "180 100rel")
			c.do(t, "await phone.progress()") // until the gateway has acknowledged it
			wantSaid(t, log, "183 has sound")
			wantTone(t, "who is called, before the answer", c, toneAlice)
			if !c.truth(`window.state === "incoming"`) {
				t.Errorf("answered before anybody did: %q", c.lines())
			}
			c.do(t, "await phone.answer()")
			c.wantState(t, "talking")
			wantTone(t, "who is called", c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, log, alice.Extension+" is over")
		})
	}
}
