//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// A PBX that the settings get registers and takes calls at once, and another that they lose goes on with the call that is up; a call that has
// nothing to do with it never hears of either.
func TestPBXComesAndGoes(t *testing.T) {
	t.Parallel()
	proves(t, "PBX set up and taken out while calls go on", page, desk)
	k := startPBX(t, pbxOptions{})
	o := &office{pbx: k, phone: startPhone(t, k, "201", phoneOptions{}), gateway: startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}})}
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	o.withBob(t)
	o.bob.dial(t, "echo")
	o.bob.wantState(t, "talking")
	wantTone(t, "bob's page", o.bob, toneBob)
	change := func(c map[string]any) {
		t.Helper()
		var now struct{ Version string }
		o.gateway.owner(t, "GET", "/api/v1/settings", nil, &now)
		var done struct {
			Message string
			Waiting []string
		}
		if status := o.gateway.owner(t, "PATCH", "/api/v1/settings", map[string]any{"version": now.Version, "changes": []any{c}}, &done); status != 200 || len(done.Waiting) > 0 {
			t.Fatalf("PATCH: %d %+v", status, done)
		}
	}

	change(map[string]any{"add": "pbx", "entry": map[string]any{"name": "office", "uri": "sip:" + k.addr()}})
	k.wantRegistered(t, "101", "102")
	o.pageCallsPhone(t, o.alice, toneAlice)
	wantTone(t, "bob's page", o.bob, toneBob)

	change(map[string]any{"remove": "pbx[0]"})
	eventually(t, 10*time.Second, "end of the registrations", func() bool { return !k.registered("101") && !k.registered("102") })
	wantTone(t, "the phone", o.phone, toneAlice)
	wantTone(t, "alice's page", o.alice, tonePhone)
	o.phone.hangUp(t)
	o.alice.wantOver(t)
	wantTone(t, "bob's page", o.bob, toneBob)
	o.bob.hangUp(t)
}
