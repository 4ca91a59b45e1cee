//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// phones are sipps that the gateway takes for PBXs, each with a scenario and what it logs, by the first digit of the numbers that go there.
type phones map[string]*scripted

type scripted struct {
	scenario string
	at       *port
	log      func() []string
}

// startPhones starts sipp with scenarios of testdata/incall, by the first digit of their numbers, and gives their tables for the gateway.
func startPhones(t *testing.T, scenarios map[string]string) (p phones, tables string) {
	t.Helper()
	p = make(phones)
	for digit, name := range scenarios {
		s := &scripted{scenario: name, at: freePort(t)}
		s.log = startScenario(t, "../incall/"+name+".xml", s.at)
		p[digit] = s
		tables += fmt.Sprintf("[[pbx]]\nname = %q\nuri = \"sip:%s\"\nmode = \"peer\"\nprefixes = [%q]\n", name, s.at.addr(), digit)
	}
	return p, tables
}

// signal gives the word for which a call of the scenario waits.
func (s *scripted) signal(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("udp", s.at.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	from := conn.LocalAddr().String()
	fmt.Fprintf(conn, "MESSAGE sip:now@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK%[3]d\r\nMax-Forwards: 70\r\nFrom: <sip:test@%[1]s>;tag=1\r\nTo: <sip:now@%[2]s>\r\n"+
		"Call-ID: %[3]d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", from, s.at.addr(), time.Now().UnixNano())
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 2000)); err != nil || n == 0 {
		t.Fatalf("%s does not take the word: %v", s.scenario, err)
	}
}

// A phone that has two calls connects who is in them: the browser takes the phone's place in the other one (REFER and INVITE with Replaces).
func TestPhoneJoinsItsCalls(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"5": "passer", "7": "third"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	joins := func(t *testing.T, number string, hears listener, call, talks func()) {
		t.Helper()
		proves(t, "Being transferred to who was asked first", sipTest)
		other := startScenario(t, "../incall/calls.xml", freePort(t), at["7"].at.addr(), "-m", "1", "-s", "7"+number, "-cid_str", "consult-"+number, "-key", "tag", "consult")
		wantSaid(t, at["7"].log, "7"+number+" talks")
		call()
		talks()
		wantTone(t, "the client", hears, toneAlice)
		at["5"].signal(t)
		wantSaid(t, at["7"].log, "7"+number+" goes on in place of consult-"+number+";to-tag=a7"+number+";from-tag=consult")
		wantSaid(t, other, "7"+number+" is over")
		wantSaid(t, at["5"].log, number+" has passed its caller on")
		talks()
		wantTone(t, "the client, in the other call", hears, toneMusic)
	}
	t.Run("page", func(t *testing.T) {
		proves(t, "Being transferred to who was asked first", page)
		p := openPage(t, b, g, alice)
		joins(t, "501", p, func() { p.dial(t, "501") }, func() { p.wantState(t, "talking") })
		if peer := p.text(t, "#call-peer"); peer != "7501" {
			t.Errorf("the page that was put through to 7501 talks to %q", peer)
		}
		p.hangUp(t)
		wantSaid(t, at["7"].log, "7501 is over")
		p.close()
	})
	for number, kind := range map[string]string{"502": "sipjs", "503": "jssip"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Being transferred to who was asked first", published[kind])
			c := openClient(t, b, site, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			joins(t, number, c, func() { c.do(t, "await phone.call('"+number+"')") }, func() { c.wantState(t, "talking") })
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, at["7"].log, "7"+number+" is over")
			c.do(t, "await phone.stop()")
		})
	}
}

// early takes a dialog that rings out of a document.
var early = regexp.MustCompile(`<dialog id="[^"]*" call-id="([^"]*)" local-tag="([^"]*)" remote-tag="([^"]*)" direction="recipient"> ?<state>early</state>.*<remote> ?<identity[^>]*>([^<]*)</identity>`)

// ringing waits until the client's lamp of somebody shows a call, and gives who calls, and the Replaces that takes the call from there.
func (c *plainClient) ringing(t *testing.T, target string) (caller, replaces string) {
	t.Helper()
	eventually(t, patience, "call at "+target+" in the NOTIFY", func() bool {
		for _, line := range c.lines() {
			if d := early.FindStringSubmatch(line); d != nil && strings.Contains(line, "dialog of "+target+": ") {
				caller, replaces = d[4], d[1]+";to-tag="+d[3]+";from-tag="+d[2]+";early-only"
			}
		}
		return caller != ""
	})
	return caller, replaces
}

// Who watches a lamp takes the call that rings there by what the NOTIFY tells of it (RFC 4235, RFC 3891): here, and at the PBX.
func TestPickUpFromALamp(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"4": "watched"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for kind, other := range map[string]string{"sipjs": "jssip", "jssip": "sipjs"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Pick-up from a lamp (INVITE with Replaces)", published[kind], sipTest)
			c := openClient(t, b, site, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			colleague := openClient(t, b, site, other, g.ws()+credentialQuery("bob", time.Now().Add(time.Hour)), "bob", "")
			take := func(target string, tone float64) (replaces string) {
				caller, replaces := c.ringing(t, target)
				c.do(t, fmt.Sprintf(`await phone.call(%q, ["Require: replaces", "Replaces: %s"])`, caller, replaces))
				c.wantState(t, "talking")
				wantTone(t, "the client", c, tone)
				return replaces
			}
			c.do(t, "window.lamps = [await phone.subscribe('bob', 'dialog')]")
			c.wantNote(t, "dialog of bob: ", "<dialog-info")
			log := startScenario(t, "../incall/calls.xml", freePort(t), g.sip.addr(), "-m", "1", "-s", bob.Extension, "-key", "tag", "somebody")
			colleague.wantState(t, "incoming")
			take("bob", toneAlice) // the caller sends back what it hears
			colleague.wantState(t, "ended")
			colleague.wantNote(t, "end Reason: SIP;cause=200;", "Call completed elsewhere")
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, log, bob.Extension+" is over")

			number := map[string]string{"sipjs": "4202", "jssip": "4203"}[kind]
			c.do(t, "window.lamps.push(await phone.subscribe('"+number+"', 'dialog'))")
			replaces := take(number, toneMusic)
			wantSaid(t, at["4"].log, "4999 gives "+replaces)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			colleague.do(t, "await phone.stop()")
			c.do(t, "for (const lamp of window.lamps) await (lamp.unsubscribe ?? lamp.terminate).call(lamp); await phone.stop()")
		})
	}
}
