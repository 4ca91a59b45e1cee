//go:build e2e

package e2e

import (
	"fmt"
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

// The same on the way to the browser: its hold is sent while the phone's is still to come, or is made when that comes. Either has its change in the end,
// or is told that it has not, and the call goes on. JsSIP refuses the phone's and makes it all the same, which takes its own offer from it.
func TestChangesCrossAtTheBrowser(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"2": "meets"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for number, tt := range map[string]struct {
		kind, hold string
		atOnce     bool // the phone's comes while the client makes its own
	}{
		"201": {"jssip", "phone.hold(true)", false},
		"202": {"jssip", "phone.hold(true, true)", false}, // by UPDATE
		"203": {"jssip", "phone.hold(true)", true},
		"204": {"sipjs", "phone.hold(true)", false},
	} {
		t.Run(fmt.Sprint(tt.kind, " ", number), func(t *testing.T) {
			proves(t, "Changes that cross, or are refused", published[tt.kind], sipTest)
			c := openClient(t, b, site, tt.kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			c.do(t, "await phone.call('"+number+"')")
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			sent := func(what string) string {
				return fmt.Sprintf("window.wire.filter((m) => m.startsWith(%q) && m.includes('m=audio')).length > 0", what)
			}
			c.do(t, "way(false); window.wire.length = 0; window.told = phone.tell('next')")
			eventually(t, patience, "hold by the phone on its way", func() bool { return c.truth(sent("< INVITE")) })
			c.do(t, "window.held = "+tt.hold)
			if !tt.atOnce {
				eventually(t, patience, "hold by the client", func() bool { return c.truth(sent("> INVITE") + "||" + sent("> UPDATE")) })
			}
			c.do(t, "way(true); await window.held")
			wantSaid(t, at["2"].log, number, "a=sendonly")
			wantNoTone(t, "the client that holds", c, toneAlice)
			if !c.truth(`window.state === "talking"`) {
				t.Fatalf("the call is %q", c.lines())
			}
			c.do(t, "await phone.tell('next')") // the phone does not hold any more
			wantNoTone(t, "the client that holds", c, toneAlice)
			c.do(t, "await phone.hold(false)")
			wantTone(t, "the client", c, toneAlice)
			wantSaid(t, at["2"].log, number, "a=sendrecv")
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, at["2"].log, number+" is over")
			c.do(t, "await phone.stop()")
		})
	}
}
