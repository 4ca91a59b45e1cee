//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Calls whose parties change: attended transfer by what SIP.js and JsSIP do of themselves, a phone that takes another's place,
// pick-up, and calls that are sent elsewhere.
func TestPartiesChange(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	scenario, err := filepath.Abs("testdata/replaces.xml")
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	second := freePort(t) // of sipp, which the PBX takes for a peer
	k := startPBX(t, pbxOptions{PeerPort: second.number})
	phone, other := startPhone(t, k, "201", phoneOptions{}), startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k),
		Extra: fmt.Sprintf("[web]\norigins = [%q]\n", site.URL)})
	a, b := startBrowser(t, toneAlice, g.ca()), startBrowser(t, toneBob, g.ca())
	k.wantRegistered(t, "101", "102")

	for _, kinds := range [][2]string{{"sipjs", "jssip"}, {"jssip", "sipjs"}} {
		if t.Failed() {
			return // a call that is left would fail all that follow
		}
		t.Run(kinds[0]+" joins "+kinds[1]+" and a phone", func(t *testing.T) {
			proves(t, "Attended transfer", sipJS, jsSIP)
			from := openClient(t, a, site.URL, kinds[0], g.ws(), "alice", alice.Password)
			to := openClient(t, b, site.URL, kinds[1], g.ws(), "bob", bob.Password)
			phone.startOver()
			from.do(t, "await phone.call('bob')")
			to.wantState(t, "incoming")
			to.do(t, "await phone.answer()")
			from.wantState(t, "talking")
			from.do(t, "phone.keep(); await phone.call('201')")
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			from.wantState(t, "talking")
			wantTone(t, "the phone", phone, toneAlice)
			from.do(t, "await phone.join()")
			wantTone(t, "the phone", phone, toneBob)
			wantNoTone(t, "the phone", phone, toneAlice)
			wantTone(t, kinds[1], to, tonePhone)
			from.wantState(t, "ended") // its second call was taken from it
			phone.hangUp(t)
			to.wantState(t, "ended")
			from.do(t, "await phone.stop()")
			to.do(t, "await phone.stop()")
		})
	}
	from := openClient(t, a, site.URL, "sipjs", g.ws(), "alice", alice.Password)
	to := openClient(t, b, site.URL, "jssip", g.ws(), "bob", bob.Password)
	run := func(name string, f func(t *testing.T)) {
		if !t.Failed() {
			t.Run(name, f)
		}
	}
	run("a phone takes another's place", func(t *testing.T) {
		proves(t, "Attended transfer", sipTest)
		phone.startOver()
		phone.dial(t, "102")
		to.wantState(t, "incoming")
		to.do(t, "await phone.answer()")
		wantTone(t, "the client", to, tonePhone)
		rtp, _ := freeRange(t, 4)
		second.release()
		cmd := exec.Command(program(t, "sipp"), k.listen.addr(), "-sf", scenario, "-i", "127.0.0.1", "-p", strconv.Itoa(second.number),
			"-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-rtp_echo", "-nostdin", "-m", "1", "-s", "102", "-key", "replaces", eval[string](t, to.tab, "phone.dialog()"))
		cmd.Dir = t.TempDir()
		start(t, "sipp", cmd)
		phone.wantEvent(t, "CALL_CLOSED")
		wantTone(t, "the client", to, toneBob) // sipp sends back what it hears
		wantNoTone(t, "the client", to, tonePhone)
		to.do(t, "await phone.hangUp()")
		to.wantState(t, "ended")
	})
	run("pick-up", func(t *testing.T) {
		proves(t, "Pick-up", sipJS)
		phone.startOver()
		phone.dial(t, "102")
		to.wantState(t, "incoming")
		from.do(t, "await phone.call('*8102')")
		from.wantState(t, "talking")
		to.wantState(t, "ended")
		phone.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "the phone", phone, toneAlice)
		wantTone(t, "the client", from, tonePhone)
		phone.hangUp(t)
		from.wantState(t, "ended")
	})
	run("the PBX redirects", func(t *testing.T) {
		proves(t, "Redirected call", sipJS)
		phone.startOver()
		from.do(t, "await phone.call('9302')") // to somebody busy first
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		from.talksWith(t, phone)
		phone.hangUp(t)
		from.wantState(t, "ended")
	})
	for _, c := range []struct {
		name, extension string
		*plainClient
		tone float64
	}{{sipJS, "101", from, toneAlice}, {jsSIP, "102", to, toneBob}} {
		run(c.name+" forwards", func(t *testing.T) {
			proves(t, "Forwarding (302)", c.name)
			phone.startOver()
			other.startOver()
			phone.dial(t, c.extension)
			c.wantState(t, "incoming")
			c.do(t, "await phone.forward('202')")
			other.wantEvent(t, "CALL_INCOMING")
			other.answer(t)
			phone.wantEvent(t, "CALL_ESTABLISHED")
			wantTone(t, "201", phone, tonePhone2)
			wantTone(t, "202", other, tonePhone)
			other.hangUp(t)
			phone.wantEvent(t, "CALL_CLOSED")
		})
	}
}
