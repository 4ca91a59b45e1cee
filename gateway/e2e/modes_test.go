//go:build e2e

package e2e

import "testing"

// One registration at the PBX stands for all users: 501 is alice's number there.
func TestTrunk(t *testing.T) {
	t.Parallel()
	proves(t, "Trunk", page, desk)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			k := startPBX(t, pbxOptions{})
			o := &office{pbx: k}
			user := alice
			user.Extension, user.PBXPassword = "501", ""
			o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{user},
				PBX: pbxTable(k, "trunk", transport, "username = \"trunk\"\npassword = \""+pbxPassword("trunk")+"\"\n")})
			k.wantRegistered(t, "trunk")
			bothWays(t, o, user, "501")
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
		})
	}
}

// bothWays makes a call in each direction.
func bothWays(t *testing.T, o *office, user gatewayUser, extension string) {
	t.Helper()
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, user)
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	o.phoneCallsPage(t, o.alice, extension, toneAlice)
	o.phone.hangUp(t)
	o.alice.wantOver(t)
}
