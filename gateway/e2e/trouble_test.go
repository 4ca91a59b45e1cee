//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A wrong password at the PBX is told in the status and in words, and the
// other user's registration is not touched by it.
func TestWrongPBXPassword(t *testing.T) {
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	carol := gatewayUser{"carol", "Carol Coe", "carol-in-the-attic", "103", "not-the-password"}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, carol}, PBX: extensionPBX(k)})
	s := signIn(t, g, carol)
	eventually(t, 15*time.Second, "status \"wrong password\" of 103", func() bool {
		return s.pbxState(t, "carol") == "wrong password"
	})
	k.wantRegistered(t, "101")
	if k.registered("103") {
		t.Error("103 is registered with a wrong password")
	}
	p := openPage(t, startBrowser(t, toneBob, g.ca()), g, carol)
	p.dial(t, "101")
	if words := strings.ToLower(p.wantOver(t)); !strings.Contains(words, "password") {
		t.Errorf("a call with a wrong PBX password says %q, want something about the password", words)
	}
	p.shot(t, "wrong-pbx-password")
}

// A PBX that asks for SHA-256 (RFC 8760) gets it for REGISTER and INVITE.
func TestDigestSHA256(t *testing.T) {
	t.Parallel()
	proves(t, "Digest of the PBX (SHA-256)", page)
	k := startPBX(t, pbxOptions{Algorithm: "SHA-256"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k)})
	k.wantRegistered(t, "101")
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "9486")
	if words := strings.ToLower(p.wantOver(t)); !strings.Contains(words, "busy") && !strings.Contains(words, "another call") {
		t.Errorf("after 486 behind a SHA-256 challenge the page says %q", words)
	}
}

// The PBX dies in mid-call. What is said goes on being heard, the call can be
// ended, and when the PBX is back everything works again by itself.
func TestPBXRestarts(t *testing.T) {
	t.Parallel()
	proves(t, "PBX restarts", page, sipJS)
	site := openSite(t)
	o := openOffice(t, forSite(site))
	s := signIn(t, o.gateway, alice)
	c := openClient(t, startBrowser(t, toneBob, o.gateway.ca()), site, "sipjs", o.gateway.ws()+credentialQuery(bob.Name, time.Now().Add(time.Hour)), bob.Name, "")
	second := startPhone(t, o.pbx, "202", phoneOptions{Tone: tonePhone2})
	c.do(t, "await phone.call('202')")
	second.wantEvent(t, "CALL_INCOMING")
	second.answer(t)
	c.wantState(t, "talking")
	wantTone(t, "SIP.js", c, tonePhone2)
	o.pageCallsPhone(t, o.alice, toneAlice)

	o.pbx.kill()
	time.Sleep(1500 * time.Millisecond)
	wantTone(t, "the phone, without PBX", o.phone, toneAlice)
	wantTone(t, "the page, without PBX", o.alice, tonePhone)
	eventually(t, 60*time.Second, "status \"unreachable\"", func() bool { return s.pbxState(t, "alice") == "unreachable" })
	wantTone(t, "the phone, PBX unreachable", o.phone, toneAlice)
	wantTone(t, "SIP.js, PBX unreachable", c, tonePhone2)
	wantTone(t, "the phone of SIP.js, PBX unreachable", second, toneBob)
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
	o.alice.hangUp(t)
	o.alice.wantState(t, "ended", "idle")
	o.alice.dial(t, "201")
	if words := o.alice.wantOver(t); words == "" {
		t.Error("a call without PBX ends without a word")
	} else {
		t.Logf("without PBX: %q", words)
	}
	o.alice.shot(t, "pbx-unreachable")

	o.pbx.start(t)
	eventually(t, 60*time.Second, "registration after the PBX's restart", func() bool { return o.pbx.registered("101") })
	eventually(t, 10*time.Second, "status \"registered\"", func() bool { return s.pbxState(t, "alice") == "registered" })
	o.phone.stop()
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{}) // would be back after its own refresh
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.phone.hangUp(t)
	o.alice.wantOver(t)
	o.phone.startOver()
	c.do(t, "await phone.call('201')")
	o.phone.wantEvent(t, "CALL_INCOMING")
	o.phone.answer(t)
	c.wantState(t, "talking")
	wantTone(t, "SIP.js, after the PBX's restart", c, tonePhone)
	wantTone(t, "its phone", o.phone, toneBob)
	o.phone.hangUp(t)
	c.wantState(t, "ended")
}

// A browser dies in mid-call. Nobody comes back to take the call over, so the
// phone isn't left in a dead call.
func TestBrowserDies(t *testing.T) {
	t.Parallel()
	o := &office{pbx: startPBX(t, pbxOptions{})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(o.pbx)})
	b := startBrowser(t, toneAlice, o.gateway.ca())
	o.alice = openPage(t, b, o.gateway, alice)
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.phone.forget()
	began := time.Now()
	b.kill()
	if !within(50*time.Second, func() bool { // other events tell of reports
		return slices.ContainsFunc(o.phone.recent(), func(e event) bool { return e.Type == "CALL_CLOSED" })
	}) {
		t.Fatal("50 s after the browser's death the phone is still in the call")
	}
	t.Logf("the phone's call ended after %v", time.Since(began).Round(time.Second))
	s := signIn(t, o.gateway, alice)
	if _, status := s.get(t, "/api/v1/status"); status["calls"] != 0.0 {
		t.Errorf("calls after it: %v, want none", status["calls"])
	}
}

// SIGTERM ends calls in order: the phone gets a BYE, the PBX forgets the users.
func TestStop(t *testing.T) {
	o := openOffice(t, "")
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.phone.forget()
	began := time.Now()
	o.gateway.signal(syscall.SIGTERM)
	o.phone.wantEvent(t, "CALL_CLOSED")
	select {
	case <-o.gateway.done:
		if o.gateway.err != nil {
			t.Errorf("the gateway ended with %v, want exit 0", o.gateway.err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the gateway doesn't end after SIGTERM")
	}
	t.Logf("ended in %v", time.Since(began).Round(time.Millisecond))
	for _, user := range []string{"101", "102"} {
		if o.pbx.registered(user) {
			t.Errorf("%s is still registered at the PBX", user)
		}
	}
	o.alice.wantConnection(t, "lost")
	o.alice.wantOver(t)
	o.alice.shot(t, "gateway-gone")

	o.gateway.start(t)
	o.pbx.wantRegistered(t, "101")
	o.alice.wantReady(t) // without a new sign-in: the cookie is still good
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
}
