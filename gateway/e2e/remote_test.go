//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// anna works at home: there she has an account of her own, and in the office that of alice.
var anna = gatewayUser{Name: "anna", Display: "Anna", Password: "anna-in-the-kitchen", Extension: "301"}

// startHome is a gateway that is the WebRTC client of another: its user anna is alice there. Its way to the office is the wire.
func startHome(t *testing.T, office *gateway, w *wire) *gateway {
	t.Helper()
	return startGateway(t, gatewayOptions{Domain: "home.example",
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:localhost:%d;transport=wss\"\nca = %q\n", w.port(), office.ca()),
		Extra: withDesk + fmt.Sprintf("[[user]]\nname = %q\ndisplay = %q\npassword = %q\nextension = %q\npbx_username = %q\npbx_password = %q\n",
			anna.Name, anna.Display, anna.Password, anna.Extension, alice.Name, alice.Password)})
}

// A Cordboard at home signs in to the office's as alice: it calls and is called by a phone and by colleagues there, and a call survives that the
// connection between the two breaks.
func TestRemote(t *testing.T) {
	proves(t, "Account at another Cordboard, by WebSocket", page, desk)
	sound := deskSound(t)
	k := startPBX(t, pbxOptions{})
	o := &office{pbx: k, phone: startPhone(t, k, "201", phoneOptions{})}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k)})
	w := layWire(t, o.gateway)
	home := startHome(t, o.gateway, w)
	p := openPage(t, startBrowser(t, toneAlice, home.ca()), home, anna)
	k.wantRegistered(t, "101", "102")
	s := signIn(t, home, anna)
	registered := func(t *testing.T) {
		t.Helper()
		eventually(t, 20*time.Second, "account at the office", func() bool { return s.pbxState(t, anna.Name) == "registered" })
	}
	registered(t)
	d := openDesk(t, sound, home, anna)
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}

	run("home calls the phone", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		p.press(t, "5")
		if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "5" {
			t.Errorf("the phone got digit %q, want 5", e.Param)
		}
		p.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	run("the phone calls home", func(t *testing.T) {
		o.phoneCallsPage(t, p, "101", toneAlice)
		w.set(true)
		o.gateway.wantLog(t, "flow closed", "user=alice")
		wantTone(t, "the phone without the connection", o.phone, toneAlice)
		w.set(false)
		home.wantLog(t, "call goes on by another connection")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", p, tonePhone)
		o.phone.hangUp(t)
		p.wantOver(t)
		registered(t)
	})
	run("the machine at home", func(t *testing.T) {
		proves(t, "Account at another Cordboard, by WebSocket", thisMachine)
		o.deskAndPhone(t, d, "101")
	})
	all := t
	run("either side crashes", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		for _, g := range []*gateway{home, o.gateway} {
			g.kill()
			eventually(t, patience, "end of the tones", func() bool {
				return !o.phone.heard(t).speaks(toneAlice) && !p.heard(t).speaks(tonePhone)
			})
			g.start(all)
			eventually(t, patience, "tones at both ends after the crash", func() bool {
				return o.phone.heard(t).speaks(toneAlice) && p.heard(t).speaks(tonePhone)
			})
		}
		p.wantState(t, "talking")
		p.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
		registered(t)
	})
	run("colleagues", func(t *testing.T) {
		o.withBob(t)
		p.dial(t, "bob")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		p.wantState(t, "talking")
		wantTone(t, "bob", o.bob, toneAlice)
		wantTone(t, "the page", p, toneBob)
		p.click(t, "#hold")
		o.bob.wantHold(t, "remote")
		eventually(t, patience, "end of the tones", func() bool { // a browser that gets no CPU lags behind
			return !o.bob.heard(t).speaks(toneAlice) && !p.heard(t).speaks(toneBob)
		})
		wantNoTone(t, "bob on hold", o.bob, toneAlice)
		wantNoTone(t, "the page that holds", p, toneBob)
		p.click(t, "#hold")
		o.bob.wantHold(t, "")
		wantTone(t, "bob again", o.bob, toneAlice)
		wantTone(t, "the page again", p, toneBob)
		p.hangUp(t)
		o.bob.wantOver(t)
		o.bob.dial(t, "alice")
		p.wantState(t, "incoming")
		p.click(t, "#answer")
		o.bob.wantState(t, "talking")
		wantTone(t, "bob", o.bob, toneAlice)
		wantTone(t, "the page", p, toneBob)
		o.bob.hangUp(t)
		p.wantOver(t)
	})
}

// Kamailio with its WebSocket module and rtpengine is a server of that kind, too. It loses all registrations when it dies.
func TestWebSocketPBX(t *testing.T) {
	proves(t, "PBX by WebSocket: Kamailio with rtpengine", page, desk, thisMachine)
	sound := deskSound(t)
	ca, engine, secure := newAuthority(t), startRTPEngine(t), freePort(t)
	cert, key := ca.leaf(t, "kamailio")
	secure.release()
	k := startPBX(t, pbxOptions{TLS: &pbxTLS{Addr: secure.addr(), Cert: cert, Key: key}, RTPEngine: engine.conn.RemoteAddr().String()})
	o := &office{pbx: k, phone: startPhone(t, k, "201", phoneOptions{})}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: withDesk,
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s;transport=wss\"\npath = \"/sip\"\nca = %q\n", secure.addr(), ca.file)})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	k.wantRegistered(t, "101", "201")
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	o.phoneCallsPage(t, o.alice, "101", toneAlice)
	o.phone.hangUp(t)
	o.alice.wantOver(t)
	o.deskAndPhone(t, openDesk(t, sound, o.gateway, alice), "101")
	k.kill()
	k.start(t)
	k.wantRegistered(t, "101")
}
