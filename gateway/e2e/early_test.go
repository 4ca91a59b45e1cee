//go:build e2e

package e2e

import "testing"

// Sound flows both ways before the answer: sipp sends back what the page says, in a call that it never answers.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	proves(t, "Early media", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "early")})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "ringing")
	wantTone(t, "the page", p, toneAlice)
	p.wantState(t, "ringing") // still not answered
	p.shot(t, "early")
	p.hangUp(t)
}
