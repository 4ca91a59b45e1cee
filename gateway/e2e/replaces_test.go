//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tonedClient is a published client that speaks at a frequency of its own.
type tonedClient struct {
	name, user, extension string
	*plainClient
	tone float64
}

// talks checks that the client and a phone hear each other, and the phone hangs up.
func (c tonedClient) talks(t *testing.T, p *phone, tone float64) {
	t.Helper()
	c.wantState(t, "talking")
	p.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", p, c.tone)
	wantTone(t, "the client", c, tone)
	p.hangUp(t)
	c.wantState(t, "ended")
}

// startReplaces has sipp, which the PBX takes for a peer, take a party's place in a call with a number, and send back what it hears.
func startReplaces(t *testing.T, k *pbx, peer *port, number, replaces string) {
	t.Helper()
	scenario, err := filepath.Abs("testdata/replaces.xml")
	if err != nil {
		t.Fatal(err)
	}
	rtp, _ := freeRange(t, 4)
	peer.release()
	cmd := exec.Command(program(t, "sipp"), k.listen.addr(), "-sf", scenario, "-i", "127.0.0.1", "-p", strconv.Itoa(peer.number),
		"-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-rtp_echo", "-nostdin", "-m", "1", "-s", number, "-key", "replaces", replaces)
	cmd.Dir = t.TempDir()
	start(t, "sipp", cmd)
}

// Calls whose parties change: attended transfer by what SIP.js and JsSIP do of themselves, a phone that takes another's place,
// pick-up, and calls that are sent elsewhere.
func TestPartiesChange(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
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
		proves(t, "Attended transfer, as who is asked first", jsSIP, sipTest)
		phone.startOver()
		phone.dial(t, "102")
		to.wantState(t, "incoming")
		to.do(t, "await phone.answer()")
		wantTone(t, "the client", to, tonePhone)
		startReplaces(t, k, second, "102", eval[string](t, to.tab, "phone.dialog()"))
		phone.wantEvent(t, "CALL_CLOSED")
		wantTone(t, "the client", to, toneBob) // sipp sends back what it hears
		wantNoTone(t, "the client", to, tonePhone)
		to.do(t, "await phone.hangUp()")
		to.wantState(t, "ended")
	})
	parties := []tonedClient{{sipJS, "alice", "101", from, toneAlice}, {jsSIP, "bob", "102", to, toneBob}}
	for i, c := range parties {
		far := parties[1-i]
		run(c.name+" picks up", func(t *testing.T) {
			proves(t, "Pick-up", c.name)
			phone.startOver()
			phone.dial(t, far.extension)
			far.wantState(t, "incoming")
			c.do(t, fmt.Sprintf("await phone.call('*8%s')", far.extension))
			c.wantState(t, "talking")
			far.wantState(t, "ended")
			c.talks(t, phone, tonePhone)
		})
		run(c.name+" is redirected by the PBX", func(t *testing.T) {
			proves(t, "Redirected call", c.name)
			phone.startOver()
			c.do(t, "await phone.call('9302')") // to somebody busy first
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			c.talks(t, phone, tonePhone)

			proves(t, "Redirected in a circle", c.name)
			c.forget()
			before := strings.Count(k.output(), "INVITE sip:930")
			c.do(t, "await phone.call('9303')")
			c.wantNote(t, "rejected ")
			if n := strings.Count(k.output(), "INVITE sip:930") - before; n == 0 || n > 4 { // two numbers, each with a challenge
				t.Errorf("two numbers that redirect to one another are called %d times", n)
			}
		})
		run(c.name+" passes "+far.name+" on", func(t *testing.T) {
			proves(t, "Blind transfer", c.name)
			proves(t, "Being transferred", far.name)
			other.startOver()
			c.do(t, fmt.Sprintf("await phone.call(%q)", far.user))
			far.wantState(t, "incoming")
			far.do(t, "await phone.answer()")
			c.wantState(t, "talking")
			wantTone(t, c.name, c, far.tone)
			c.do(t, "await phone.pass('202')")
			other.wantEvent(t, "CALL_INCOMING")
			other.answer(t)
			c.wantState(t, "ended")
			far.talks(t, other, tonePhone2)
		})
	}
	for _, c := range parties {
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
