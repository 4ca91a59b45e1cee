//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// A hold of JsSIP's crosses one of the phone's on the wire between that and the gateway (RFC 3261 §14.1): each refuses the other's, and both have theirs
// in the end.
func TestChangesCross(t *testing.T) {
	t.Parallel()
	proves(t, "Changes that cross, or are refused", jsSIP, sipTest)
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"2": "crosses"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	c := openClient(t, startBrowser(t, toneAlice, g.ca()), site, "jssip", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	c.do(t, "await phone.call('200')")
	c.wantState(t, "talking")
	wantTone(t, "the client", c, toneAlice)
	c.do(t, "await phone.hold(true)")
	wantSaid(t, at["2"].log, "200 has its changes")
	wantNoTone(t, "the client that holds", c, toneAlice)
	c.do(t, "await phone.hold(false)")
	wantTone(t, "the client", c, toneAlice)
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
	wantSaid(t, at["2"].log, "200 is over")
}
