//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// One registration at the PBX stands for all users: 501 is alice's number there.
func TestTrunk(t *testing.T) {
	t.Parallel()
	proves(t, "Trunk", page, desk)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			k := startPBX(t, pbxOptions{})
			o, site := &office{pbx: k}, openSite(t)
			user := alice
			user.Extension, user.PBXPassword = "501", ""
			o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{user}, Extra: forSite(site),
				PBX: pbxTable(k, "trunk", transport, "username = \"trunk\"\npassword = \""+pbxPassword("trunk")+"\"\n")})
			k.wantRegistered(t, "trunk")
			bothWays(t, o, user, "501")
			if transport == "tcp" {
				proves(t, "SIP by TCP", page, desk, sipJS)
				o.callsPhone(t, site, "sipjs")
			}
		})
	}
}

// The PBX and the gateway know each other by address; nobody registers.
func TestPeer(t *testing.T) {
	t.Parallel()
	proves(t, "Peer without registration", page, desk)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			sip := freePort(t)
			o := &office{pbx: startPBX(t, pbxOptions{PeerPort: sip.number, PeerTransport: transport})}
			user := alice
			user.Extension, user.PBXPassword = "601", ""
			o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{user}, SIP: sip, PBX: pbxTable(o.pbx, "peer", transport, "")})
			bothWays(t, o, user, "601")
			if transport == "tcp" {
				proves(t, "SIP by TCP", page, desk)
			}
		})
	}
}

// bothWays makes a call in each direction.
func bothWays(t *testing.T, o *office, user gatewayUser, extension string) {
	t.Helper()
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.browser = startBrowser(t, toneAlice, o.gateway.ca())
	o.alice = openPage(t, o.browser, o.gateway, user)
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	o.phoneCallsPage(t, o.alice, extension, toneAlice)
	o.phone.hangUp(t)
	o.alice.wantOver(t)
}

// openSite serves SIP.js and JsSIP, as a site that may use the gateway once forSite is in its configuration.
func openSite(t *testing.T) (url string) {
	t.Helper()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(site.Close)
	return site.URL
}

// forSite lets a site use the gateway, with credentials made by the tests' secret.
func forSite(url string) string {
	return fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, url)
}

// callsPhone has a plain client of alice's call the phone, after bothWays, and do more in that call.
func (o *office) callsPhone(t *testing.T, site, kind string, more ...func(*testing.T, *plainClient)) {
	t.Helper()
	c := openClient(t, o.browser, site, kind, o.gateway.ws()+credentialQuery(alice.Name, time.Now().Add(time.Hour)), alice.Name, "")
	o.phone.startOver()
	c.do(t, "await phone.call('201')")
	o.phone.wantEvent(t, "CALL_INCOMING")
	o.phone.answer(t)
	c.talksWith(t, o.phone)
	for _, do := range more {
		do(t, c)
	}
	c.do(t, "await phone.hangUp()")
	o.phone.wantEvent(t, "CALL_CLOSED")
	c.do(t, "await phone.stop()")
}
