//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Devices of alice's, as clients name them (RFC 5626 §4.1).
const (
	firstDevice  = "8f1b7a4e-4d0c-4c1e-9a53-0f6f8e2b1c01"
	secondDevice = "8f1b7a4e-4d0c-4c1e-9a53-0f6f8e2b1c02"
)

// Two tabs of one user, each a device of its own, in SIP.js and JsSIP unmodified.
func TestPlainClientsAsDevices(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob},
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	a, b := startBrowser(t, toneAlice, g.ca()), startBrowser(t, toneBob, g.ca())
	device := func(kind, instance string, regID int) *plainClient {
		t.Helper()
		given := map[string]any{"ws": g.ws() + credentialQuery("alice", time.Now().Add(time.Hour)), "user": "alice", "instance": instance}
		if kind == "sipjs" {
			given["regId"] = regID
		}
		return openDevice(t, a, site.URL, kind, given)
	}
	caller := openClient(t, b, site.URL, "jssip", g.ws()+credentialQuery("bob", time.Now().Add(time.Hour)), "bob", "")
	talk := func(t *testing.T, to *plainClient) {
		t.Helper()
		caller.wantState(t, "talking")
		to.wantState(t, "talking")
		wantTone(t, "the caller", caller, toneAlice)
		wantTone(t, "the device", to, toneBob)
		caller.do(t, "await phone.hangUp()")
		to.wantState(t, "ended")
	}

	for _, kinds := range [][2]string{{"jssip", "sipjs"}, {"sipjs", "jssip"}} {
		t.Run(kinds[0]+" and "+kinds[1]+" both ring", func(t *testing.T) {
			proves(t, "Several devices ring", jsSIP, sipJS)
			proves(t, "GRUU", published[kinds[1]])
			one, two := device(kinds[0], firstDevice, 1), device(kinds[1], secondDevice, 1)
			caller.do(t, "await phone.call('alice')")
			one.wantState(t, "incoming")
			two.wantState(t, "incoming")
			one.do(t, "await phone.answer()")
			two.wantState(t, "ended")
			talk(t, one)

			gruu := eval[string](t, two.tab, "phone.gruu()")
			if want := "sip:alice@" + domain + ";gr=urn:uuid:" + secondDevice; !strings.HasPrefix(gruu, want) {
				t.Fatalf("%s knows itself as %q, want %q", kinds[1], gruu, want)
			}
			one.do(t, "window.state = 'idle'")
			caller.do(t, fmt.Sprintf("await phone.call(%q)", gruu))
			two.wantState(t, "incoming")
			two.do(t, "await phone.answer()")
			talk(t, two)
			proves(t, "GRUU, temporary", published[kinds[1]])
			temporary := eval[string](t, two.tab, "phone.temporary()")
			if !strings.HasPrefix(temporary, "sip:tgruu.") || strings.Contains(temporary, "alice") {
				t.Fatalf("%s can be called as %q, without its name", kinds[1], temporary)
			}
			caller.do(t, fmt.Sprintf("await phone.call(%q)", temporary))
			two.wantState(t, "incoming")
			two.do(t, "await phone.answer()")
			talk(t, two)
			if !one.truth("window.state === 'idle'") {
				t.Errorf("the other device rang too: %q", one.lines())
			}
			one.do(t, "await phone.stop()")
			two.do(t, "await phone.stop()")
		})
	}
	for _, kind := range []string{"jssip", "sipjs"} {
		t.Run(kind+" comes again on another connection", func(t *testing.T) {
			proves(t, "A new connection replaces the old", published[kind])
			old := device(kind, firstDevice, 1)
			fresh := device(kind, firstDevice, 1) // the same device and flow, while the old connection is still there
			caller.do(t, "await phone.call('alice')")
			fresh.wantState(t, "incoming")
			fresh.do(t, "await phone.answer()")
			talk(t, fresh)
			if !old.truth("window.state === 'idle'") {
				t.Errorf("the replaced connection rang: %q", old.lines())
			}
			old.do(t, "await phone.stop()")
			fresh.do(t, "await phone.stop()")
		})
	}
	t.Run("a second flow of sipjs is a backup", func(t *testing.T) {
		proves(t, "Two connections (reg-id)", sipJS)
		first := device("sipjs", firstDevice, 1)
		second := device("sipjs", firstDevice, 2)
		caller.do(t, "await phone.call('alice')")
		second.wantState(t, "incoming")
		second.do(t, "await phone.answer()")
		talk(t, second)
		if !first.truth("window.state === 'idle'") {
			t.Errorf("both flows of one device rang: %q", first.lines())
		}
		second.do(t, "await phone.stop()")
		caller.do(t, "await phone.call('alice')")
		first.wantState(t, "incoming")
		first.do(t, "await phone.answer()")
		talk(t, first)
		first.do(t, "await phone.stop()")
	})
}
