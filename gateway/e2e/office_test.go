//go:build e2e

package e2e

import "testing"

// office is what most calls need: a PBX with a desk phone, a gateway with two
// users, and a browser on the first one's desk.
type office struct {
	pbx        *pbx
	gateway    *gateway
	phone      *phone   // 201
	alice, bob *tab     // 101 and, for those who ask for it, 102
	browser    *browser // alice's, in bothWays
}

// openOffice builds an office in extension mode, with alice signed in.
func openOffice(t *testing.T, extra string) *office {
	t.Helper()
	return openOfficeAt(t, startPBX(t, pbxOptions{}), extra)
}

// openOfficeAt does the same at a PBX that is there.
func openOfficeAt(t *testing.T, k *pbx, extra string) *office {
	t.Helper()
	o := &office{pbx: k}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(o.pbx), Extra: extra})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	o.pbx.wantRegistered(t, "101", "102")
	return o
}

// withBob opens the second browser for tests that need two.
func (o *office) withBob(t *testing.T) {
	t.Helper()
	o.bob = openPage(t, startBrowser(t, toneBob, o.gateway.ca()), o.gateway, bob)
}

// pageCallsPhone sets up a call from a page to the desk phone and listens to both.
func (o *office) pageCallsPhone(t *testing.T, p *tab, tone float64) {
	t.Helper()
	o.phone.startOver()
	p.dial(t, "201")
	o.phone.wantEvent(t, "CALL_INCOMING")
	p.wantState(t, "ringing")
	p.shot(t, "ringing")
	o.phone.answer(t)
	p.wantState(t, "talking")
	o.phone.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", o.phone, tone)
	wantTone(t, "the page", p, tonePhone)
	p.shot(t, "talking")
}

// phoneCallsPage sets up a call from the desk phone to a page.
func (o *office) phoneCallsPage(t *testing.T, p *tab, extension string, tone float64) {
	t.Helper()
	o.phone.startOver()
	o.phone.dial(t, extension)
	p.wantState(t, "incoming")
	p.shot(t, "incoming")
	p.click(t, "#answer")
	p.wantState(t, "talking")
	o.phone.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", o.phone, tone)
	wantTone(t, "the page", p, tonePhone)
}
