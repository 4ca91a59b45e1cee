//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// Firefox on the page calls a desk phone by way of the PBX and is called, by UDP and by TCP.
func TestFirefox(t *testing.T) {
	proves(t, "Call out", fox)
	proves(t, "Call in", fox)
	proves(t, "Browser to browser", fox)
	proves(t, "Hold and resume", fox)
	proves(t, "DTMF (RFC 4733)", fox)
	proves(t, "Call survives a page reload", fox)
	proves(t, "Media by TCP, for want of UDP", fox)
	proves(t, "Bad network (loss, jitter, MTU 1200)", fox)
	if !inNamespace(t) {
		return
	}
	o := &office{pbx: startPBX(t, pbxOptions{})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{Buffer: airBuffer})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(o.pbx), At: spaceAddr})
	o.alice = openPage(t, startFirefox(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	o.pbx.wantRegistered(t, "101", "102")

	t.Run("echo", func(t *testing.T) {
		o.alice.dial(t, "echo")
		o.alice.wantState(t, "talking")
		wantTone(t, "the page", o.alice, toneAlice)
		o.alice.hangUp(t)
	})
	t.Run("page calls phone", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.wantPath(t, "udp")
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("phone calls page", func(t *testing.T) {
		o.phoneCallsPage(t, o.alice, "101", toneAlice)
		o.phone.hangUp(t)
		o.alice.wantOver(t)
	})
	t.Run("hold", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.click(t, "#hold")
		o.alice.wantHold(t, "local")
		eventually(t, patience, "silence in the page that holds", func() bool { // on a busy machine its ear lags behind
			return o.alice.heard(t).last(time.Second).share(tonePhone) < 0.1
		})
		o.alice.click(t, "#hold")
		o.alice.wantHold(t, "")
		wantTone(t, "the page", o.alice, tonePhone) // baresip 1.0 records nothing more of a call that was on hold
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("digits", func(t *testing.T) { digitsReachPhone(t, o) })
	t.Run("bad network, then reload", func(t *testing.T) {
		a := openAir(t, o.gateway)
		a.through(t, o.alice)
		a.bad(true)
		o.pageCallsPhone(t, o.alice, toneAlice)
		wantSteady(t, "the phone", o.phone, toneAlice)
		wantSteady(t, "the page", o.alice, tonePhone)
		a.wantBad(t, signIn(t, o.gateway, alice))
		f := o.alice.fox
		f.browser.must(t, "browsingContext.reload", map[string]any{"context": f.context, "wait": "complete"}, nil)
		o.alice.wantState(t, "talking")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("another browser", func(t *testing.T) {
		b := openPage(t, startFirefox(t, toneBob, o.gateway.ca()), o.gateway, bob)
		o.alice.dial(t, "bob")
		b.wantState(t, "incoming")
		b.click(t, "#answer")
		talk(t, o.alice, b)
		b.hangUp(t)
		o.alice.wantOver(t)
	})
	t.Run("by TCP", func(t *testing.T) {
		eval[bool](t, o.alice, withoutUDP)
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.wantPath(t, "tcp")
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
		o.phoneCallsPage(t, o.alice, "101", toneAlice)
		o.alice.wantPath(t, "tcp")
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
}
