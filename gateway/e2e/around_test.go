//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stream reads the gateway's events, as the page does.
type stream struct {
	mu     sync.Mutex
	lamps  map[string][]string // states in their order, by target
	mail   string
	closed bool
}

func (s *session) events(t *testing.T, watch string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.g.url("/api/v1/events?watch="+watch), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.client
	client.Timeout = 0
	res, err := client.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("events: %v %v", res, err)
	}
	t.Cleanup(func() { res.Body.Close() })
	e := &stream{lamps: make(map[string][]string)}
	go func() {
		name := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				name = value
			case "data":
				e.take(name, value)
			}
		}
		e.mu.Lock()
		e.closed = true
		e.mu.Unlock()
	}()
	return e
}

func (e *stream) take(name, data string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if name == "voicemail" {
		e.mail = data
		return
	}
	var lamp struct{ Target, State string }
	if json.Unmarshal([]byte(data), &lamp) == nil {
		e.lamps[lamp.Target] = append(e.lamps[lamp.Target], lamp.State)
	}
}

// wantLamp waits until a lamp has passed through the states since the last time.
func (e *stream) wantLamp(t *testing.T, target string, states ...string) {
	t.Helper()
	if !within(30*time.Second, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		left := e.lamps[target]
		for _, state := range states {
			for len(left) > 0 && left[0] != state {
				left = left[1:]
			}
			if len(left) == 0 {
				return false
			}
			left = left[1:]
		}
		e.lamps[target] = left
		return true
	}) {
		e.mu.Lock()
		defer e.mu.Unlock()
		t.Fatalf("the lamp of %s was %q, want %q", target, e.lamps[target], states)
	}
}

// wantMail waits for a count of messages.
func (e *stream) wantMail(t *testing.T, want string) {
	t.Helper()
	eventually(t, 20*time.Second, "voice mail "+want, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.mail == want
	})
}

// wantNote waits for a line of the client that holds all the words.
func (c *plainClient) wantNote(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, 20*time.Second, fmt.Sprintf("client's note of %q; %q", words, c.lines()), func() bool {
		for _, line := range c.lines() {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				return true
			}
		}
		return false
	})
}

// tellVoicemail publishes the state of a mail box at the PBX, as its voice mail system does.
func (k *pbx) tellVoicemail(t *testing.T, user, counts string) {
	t.Helper()
	c, err := net.Dial("udp4", k.listen.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := "Messages-Waiting: yes\r\nVoice-Message: " + counts + "\r\n"
	id := time.Now().UnixNano()
	fmt.Fprintf(c, "PUBLISH %[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]d;rport\r\nMax-Forwards: 5\r\nFrom: <%[1]s>;tag=%[3]d\r\nTo: <%[1]s>\r\nCall-ID: %[3]d\r\nCSeq: 1 PUBLISH\r\n"+
		"Event: message-summary\r\nExpires: 600\r\nContent-Type: application/simple-message-summary\r\nContent-Length: %[4]d\r\n\r\n%[5]s", k.uri(user), c.LocalAddr(), id, len(body), body)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 4096)
	if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
		t.Fatalf("PUBLISH of voice mail: %s, %v", buf[:n], err)
	}
}

// The lamps of desk phones, by one subscription at the PBX for each, and voice mail.
func TestLampsAndVoicemail(t *testing.T) {
	t.Parallel()
	office := t
	proves(t, "Voice mail without subscription (NOTIFY)", sipTest)
	k := startPBX(t, pbxOptions{Presence: true})
	one := startPhone(t, k, "201", phoneOptions{})
	two := startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k)})
	k.wantRegistered(t, "101", "102")
	a, b := signIn(t, g, alice).events(t, "202"), signIn(t, g, bob).events(t, "202,201")
	a.wantLamp(t, "202", "idle")
	b.wantLamp(t, "202", "idle")
	b.wantLamp(t, "201", "idle")
	a.wantLamp(t, "bob", "unreachable")

	one.dial(t, "202")
	two.wantEvent(t, "CALL_INCOMING")
	a.wantLamp(t, "202", "ringing")
	b.wantLamp(t, "202", "ringing")
	two.answer(t)
	a.wantLamp(t, "202", "busy")
	b.wantLamp(t, "202", "busy")
	one.hangUp(t)
	a.wantLamp(t, "202", "idle")
	b.wantLamp(t, "202", "idle")
	if n := strings.Count(k.output(), "SUBSCRIBE sip:202@"); n > 2 { // the challenge makes it two
		t.Errorf("%d SUBSCRIBEs for one number with two watchers, want 2", n)
	}

	k.tellVoicemail(t, "101", "2/1 (0/0)")
	a.wantMail(t, `{"new":2,"old":1}`)
	t.Run("without being asked", func(t *testing.T) {
		scenario, err := filepath.Abs("testdata/voicemail.xml")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program(t, "sipp"), "-sf", scenario, "-s", "102", "-i", "127.0.0.1", "-m", "1", "-nostdin", "127.0.0.1:"+strconv.Itoa(g.sip.number))
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sipp: %v\n%.2000s", err, out)
		}
		b.wantMail(t, `{"new":7,"old":3}`)
	})
	t.Run("after a crash of the gateway", func(t *testing.T) {
		before := k.output()
		g.kill()
		g.start(office)
		a, b = signIn(t, g, alice).events(office, "202"), signIn(t, g, bob).events(office, "202,201")
		a.wantLamp(t, "202", "idle")
		b.wantLamp(t, "202", "idle")
		b.wantLamp(t, "201", "idle")
		one.dial(t, "202")
		a.wantLamp(t, "202", "ringing")
		b.wantLamp(t, "202", "ringing")
		one.hangUp(t)
		a.wantLamp(t, "202", "idle")
		a.wantMail(t, `{"new":2,"old":1}`)
		k.tellVoicemail(t, "101", "8/0 (0/0)")
		a.wantMail(t, `{"new":8,"old":0}`)
		now := k.output()[len(before):]
		for _, number := range []string{"101", "102", "201", "202"} {
			request := "SUBSCRIBE sip:" + number + "@"
			if first, again := strings.Count(before, request), strings.Count(now, request); again > first {
				t.Errorf("%d SUBSCRIBEs for %s after the crash, %d before", again, number, first)
			}
		}
	})
	t.Run("after a restart of the PBX", func(t *testing.T) {
		k.stop()
		a.wantLamp(t, "202", "unknown")
		k.start(t)
		a.wantLamp(t, "202", "idle")
		eventually(t, 20*time.Second, "new subscription to 101's voice mail", func() bool {
			return strings.Contains(k.output(), "SUBSCRIBE sip:101@") && strings.Contains(k.output(), "for event message-summary")
		})
		k.tellVoicemail(t, "101", "5/0 (0/0)")
		a.wantMail(t, `{"new":5,"old":0}`)
	})
	g.stop()
	eventually(t, 10*time.Second, "the streams' end", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.closed
	})
}

// wantColleague waits until the page shows a lamp.
func (p *tab) wantColleague(t *testing.T, name, state string) {
	t.Helper()
	eventually(t, patience, "lamp of "+name+" "+state, func() bool {
		return p.truth(fmt.Sprintf("document.querySelector('#people-list [data-target=%q][data-lamp=%q]')", name, state))
	})
}

// The page shows a colleague come, ring, talk and go, and the messages that wait.
func TestPageShowsColleagues(t *testing.T) {
	t.Parallel()
	proves(t, "Colleagues' lamps", page)
	proves(t, "Voice mail lamp", page)
	o := &office{pbx: startPBX(t, pbxOptions{Presence: true})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(o.pbx)})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	o.alice.wantColleague(t, "bob", "unreachable")
	o.withBob(t)
	o.alice.wantColleague(t, "bob", "idle")
	o.pbx.wantRegistered(t, "102")
	o.phone.dial(t, "102")
	o.bob.wantState(t, "incoming")
	o.alice.wantColleague(t, "bob", "ringing")
	o.bob.click(t, "#answer")
	o.alice.wantColleague(t, "bob", "busy")
	o.pbx.tellVoicemail(t, "101", "3/0 (0/0)")
	eventually(t, patience, "lamp of the voice mail", func() bool { return o.alice.truth("!document.querySelector('#voicemail').hidden") })
	o.alice.looks(t, "lamps")
	o.alice.wantInReach(t, "#voicemail", "#connection")
	o.phone.hangUp(t)
	o.alice.wantColleague(t, "bob", "idle")
}

// Unmodified SIP.js and JsSIP write to one another, here and through the PBX, and watch a phone, a colleague and their own mail.
func TestPlainClientsAroundCalls(t *testing.T) {
	t.Parallel()
	proves(t, "Messages (MESSAGE)", sipJS, jsSIP)
	proves(t, "Lamps (SUBSCRIBE dialog)", sipJS, jsSIP)
	proves(t, "Voice mail (SUBSCRIBE message-summary)", sipJS, jsSIP)
	proves(t, "Presence (SUBSCRIBE)", sipJS, jsSIP)
	proves(t, "Registrations (SUBSCRIBE reg)", sipJS, jsSIP)
	proves(t, "Presence (PUBLISH)", sipJS)
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	peer := freePort(t) // of sipp
	k := startPBX(t, pbxOptions{Presence: true, PeerPort: peer.number})
	one := startPhone(t, k, "201", phoneOptions{})
	two := startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	k.wantRegistered(t, "101", "102")
	browser := startBrowser(t, toneAlice, g.ca())
	a := openClient(t, browser, site.URL, "sipjs", g.ws(), "alice", alice.Password)
	b := openClient(t, browser, site.URL, "jssip", g.ws(), "bob", bob.Password)

	a.do(t, "await phone.message('bob', 'from SIP.js')")
	b.wantNote(t, "text from SIP.js")
	a.wantNote(t, "sent 200")
	b.do(t, "phone.message('alice', 'from JsSIP')")
	a.wantNote(t, "text from JsSIP")
	a.do(t, "await phone.message('102', 'by way of the PBX')")
	b.wantNote(t, "text by way of the PBX")
	b.do(t, "phone.message('101', 'and back')")
	a.wantNote(t, "text and back")
	b.do(t, "phone.message('nobody', 'x')")
	b.wantNote(t, "not sent 404")

	k.tellVoicemail(t, "102", "4/0 (0/0)")
	for _, c := range []*plainClient{a, b} {
		c.do(t, "window.lamp = await phone.subscribe('202', 'dialog')")
		c.wantNote(t, "dialog of 202: ", `entity="sip:202@office.example"`)
	}
	b.do(t, "phone.subscribe('bob', 'message-summary')")
	b.wantNote(t, "message-summary of bob: ", "Voice-Message: 4/0")
	b.do(t, "phone.subscribe('alice', 'presence')")
	b.wantNote(t, "presence of alice: ", "<basic>open</basic>")
	a.do(t, `await phone.publish('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@office.example"><tuple id="t"><status><basic>open</basic></status><note>At the dentist</note></tuple></presence>')`)
	b.wantNote(t, "presence of alice: ", "At the dentist")
	a.do(t, "await phone.subscribe('alice', 'message-summary')")
	k.tellVoicemail(t, "101", "6/2 (0/0)")
	a.wantNote(t, "message-summary of alice: ", "Voice-Message: 6/2")
	a.do(t, "await phone.subscribe('bob', 'presence')")
	a.wantNote(t, "presence of bob: ", "<basic>open</basic>")
	a.do(t, "await phone.subscribe('alice', 'reg')")
	a.wantNote(t, "reg of alice: ", `aor="sip:alice@office.example"`, `state="active"`)
	b.do(t, "phone.subscribe('bob', 'reg')")
	b.wantNote(t, "reg of bob: ", `aor="sip:bob@office.example"`, `state="active"`)

	one.dial(t, "202")
	two.wantEvent(t, "CALL_INCOMING")
	for _, c := range []*plainClient{a, b} {
		c.wantNote(t, "dialog of 202: ", `direction="recipient"`, "<state>early</state>", "call-id=")
	}
	two.answer(t)
	for _, c := range []*plainClient{a, b} {
		c.wantNote(t, "dialog of 202: ", "<state>confirmed</state>")
	}
	one.hangUp(t)
	a.do(t, "await window.lamp.unsubscribe()")
	a.wantNote(t, "subscription to dialog of 202 Terminated")
	b.do(t, "window.lamp.terminate()")
	b.wantNote(t, "subscription to dialog of 202 Terminated")

	proves(t, "Pick-up from a lamp (INVITE with Replaces)", sipJS, jsSIP, desk, sipTest)
	for _, c := range []*plainClient{a, b} {
		c.callPickedUp(t, k, peer, two)
	}

	// SIP.js stops while it watches: it has unregistered, and its subscription ends as RFC 6665 §4.1.2.3 has it. That of itself SIP.js 0.21 never comes to the stop's
	// end: it waits to be told by its dialog, which tells of a refusal only.
	a.do(t, "window.wire.length = 0; window.stopping = phone.stop()")
	a.wantOnWire(t, []string{"> REGISTER ", ";expires=0\r\n"}, []string{"> SUBSCRIBE ", "\r\nExpires: 0\r\n"}, []string{"< SIP/2.0 200 OK", " SUBSCRIBE\r\n", "\r\nExpires: 0\r\n"},
		[]string{"< NOTIFY ", "\r\nSubscription-State: terminated;reason=timeout\r\n"}, []string{"> SIP/2.0 200 OK", " NOTIFY\r\n"})
}

// callPickedUp has the client call a phone, whose call somebody takes who watches the phone at the PBX.
func (c *plainClient) callPickedUp(t *testing.T, k *pbx, picker *port, p *phone) {
	t.Helper()
	log := startScenario(t, "../incall/picker.xml", picker, k.addr(), "-m", "1", "-s", p.number, "-aa")
	wantSaid(t, log, p.number+" is watched")
	p.startOver()
	c.do(t, "await phone.call('"+p.number+"')")
	wantSaid(t, log, p.number+" has lost the call of 10")
	p.wantEvent(t, "CALL_CLOSED")
	c.wantState(t, "talking")
	wantTone(t, "the client", c, toneAlice) // sipp sends back what it hears
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
}

// wantOnWire waits until messages have gone by the client's WebSocket one after the other, others between them: each that has all of its words.
func (c *plainClient) wantOnWire(t *testing.T, messages ...[]string) {
	t.Helper()
	var left [][]string
	if !within(patience, func() bool {
		left = messages
		for _, text := range eval[[]string](t, c.tab, "window.wire") {
			if len(left) > 0 && said([]string{text}, left[0]...) {
				left = left[1:]
			}
		}
		return len(left) == 0
	}) {
		t.Fatalf("no %q on the wire; %q", left[0], eval[[]string](t, c.tab, "window.wire"))
	}
}
