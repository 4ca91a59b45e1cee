//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A second call while one is up: SIP.js and JsSIP put the first one on hold, talk, and go back to it.
func TestSecondCallOfPlainClients(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	k := startPBX(t, pbxOptions{})
	one := startPhone(t, k, "201", phoneOptions{})
	two := startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	k.wantRegistered(t, "101")
	b := startBrowser(t, toneAlice, g.ca())
	for _, kind := range []string{"sipjs", "jssip"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Call waiting", published[kind], desk)
			c := openClient(t, b, site.URL, kind, g.ws(), "alice", alice.Password)
			one.startOver()
			two.startOver()
			c.do(t, "await phone.call('201')")
			one.wantEvent(t, "CALL_INCOMING")
			one.answer(t)
			c.talksWith(t, one)
			c.do(t, "phone.keep()")
			two.dial(t, "101")
			c.wantState(t, "incoming")
			wantTone(t, "the client, while it rings", c, tonePhone)
			c.do(t, "phone.swap(); await phone.hold(true); phone.swap(); await phone.answer()")
			c.wantState(t, "talking")
			two.wantEvent(t, "CALL_ESTABLISHED")
			wantTone(t, "the second phone", two, toneAlice)
			wantTone(t, "the client", c, tonePhone2)
			two.hangUp(t)
			c.wantState(t, "ended")
			c.do(t, "phone.swap(); await phone.hold(false)")
			wantTone(t, "the client, back in its first call", c, tonePhone)
			c.do(t, "await phone.hangUp()")
			one.wantEvent(t, "CALL_CLOSED")
			c.do(t, "await phone.stop()")
		})
	}
}
