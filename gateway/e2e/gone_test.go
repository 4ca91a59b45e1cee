//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// The network of a browser is a bad one and goes, and nobody says goodbye. The phone is not left with dead silence, and when the network is back
// so is the page, in the same call: when its media alone was gone, and when all was.
func TestNetworkGone(t *testing.T) {
	t.Parallel()
	proves(t, "Call survives a network that is gone", page, desk)
	proves(t, "Bad network (loss, jitter, MTU 1200)", page)
	o := &office{pbx: startPBX(t, pbxOptions{})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{Buffer: airBuffer})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{bob}, PBX: extensionPBX(o.pbx)})
	w, a := layWire(t, o.gateway), openAir(t, o.gateway)
	p := startBrowser(t, toneBob, o.gateway.ca()).open(t, w.url("/"))
	p.signIn(t, bob.Name, bob.Password)
	p.wantReady(t)
	a.through(t, p)
	takenOver := func(times int) {
		t.Helper()
		eventually(t, patience, "call taken over", func() bool { return strings.Count(o.gateway.output(), "call taken over") >= times })
	}
	a.bad(true)
	o.pageCallsPhone(t, p, toneBob)
	p.wantPath(t, "udp")
	wantSteady(t, "the phone", o.phone, toneBob)
	wantSteady(t, "the page", p, tonePhone)
	a.wantBad(t, signIn(t, o.gateway, bob))

	const gap = 10 * time.Second
	gone := time.Now()
	a.die(true)
	takenOver(1) // the page notices by itself
	p.wantState(t, "talking")
	time.Sleep(time.Until(gone.Add(gap))) // the gap itself is what is tested
	a.die(false)
	wantTone(t, "the phone", o.phone, toneBob)
	wantTone(t, "the page", p, tonePhone)
	t.Logf("both are heard %s after the media was gone", time.Since(gone))
	a.bad(false)
	o.phone.forget()

	gone = time.Now()
	w.die(true)
	a.die(true)
	eventually(t, patience, "tone that says that somebody is waited for", func() bool {
		return o.phone.heard(t).last(min(4*time.Second, time.Since(gone))).beeps() > 0 // not one of the first gap
	})
	t.Logf("a beep %s after the network was gone", time.Since(gone))
	p.wantState(t, "talking")
	w.die(false)
	a.die(false)
	takenOver(2)
	p.wantReady(t)
	p.wantState(t, "talking")
	wantTone(t, "the phone", o.phone, toneBob)
	wantTone(t, "the page", p, tonePhone)
	t.Logf("both are heard %s after it was gone", time.Since(gone))
	p.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
}
