//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// keys are those that sound in what was heard.
func (s sound) keys() (digits string) {
	if s.rate == 0 {
		return ""
	}
	audio.NewKeyDetector(s.rate).Hear(s.samples, func(k audio.KeyPress) {
		if !k.Up {
			digits += string(k.Key)
		}
	})
	return digits
}

// wantKey waits until l hears the tones of a key.
func wantKey(t *testing.T, who string, l listener, key string) {
	t.Helper()
	var last sound
	if !within(12*time.Second, func() bool {
		last = l.heard(t)
		return strings.Contains(last.keys(), key)
	}) {
		t.Fatalf("%s doesn't hear the key %s but: %v, keys %q", who, key, last, last.keys())
	}
}

// A phone's keys reach the page as its browser plays them, and INFO of published clients reaches a phone that knows only events.
func TestKeysAsEvents(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	o := openOffice(t, fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL))
	t.Run("phone to page", func(t *testing.T) {
		proves(t, "DTMF from the other side", page, desk)
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.phone.command(t, "sndcode", "7")
		wantKey(t, "the page", o.alice, "7")
		o.alice.hangUp(t)
	})
	o.alice.close()
	b := startBrowser(t, toneAlice, o.gateway.ca())
	for kind, client := range published {
		t.Run(kind, func(t *testing.T) {
			proves(t, "DTMF by INFO, to events", client, desk)
			c := openClient(t, b, site.URL, kind, o.gateway.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			o.phone.startOver()
			c.do(t, "await phone.call('201')")
			o.phone.wantEvent(t, "CALL_INCOMING")
			o.phone.answer(t)
			c.talksWith(t, o.phone)
			c.do(t, "await phone.key('9')")
			if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "9" {
				t.Errorf("the phone got the key %q, want 9", e.Param)
			}
			wantTone(t, "the phone", o.phone, toneAlice)

			proves(t, "DTMF (RFC 4733)", client)
			o.phone.forget()
			c.do(t, "await phone.tone('4')")
			if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "4" {
				t.Errorf("the phone got the key %q, want 4", e.Param)
			}
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED") // else it would be taken for the next call's

			proves(t, "Hold and resume", client)
			o.phone.startOver()
			c.do(t, "await phone.call('201')")
			o.phone.wantEvent(t, "CALL_INCOMING")
			o.phone.answer(t)
			c.talksWith(t, o.phone)
			c.do(t, "await phone.hold(true)")
			wantNoTone(t, "the phone on hold", o.phone, toneAlice)
			wantNoTone(t, "the client that holds", c, tonePhone)
			c.do(t, "await phone.hold(false)")
			wantTone(t, "the client", c, tonePhone) // baresip 1.0 records nothing more of a call that was on hold
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED") // else it would be taken for the next call's

			proves(t, "Decline", client)
			o.phone.startOver()
			o.phone.dial(t, "101")
			c.wantState(t, "incoming")
			c.do(t, "await phone.decline()")
			if e := o.phone.wantEvent(t, "CALL_CLOSED"); !strings.HasPrefix(e.Param, "486") {
				t.Errorf("a declined call ends with %q, want 486", e.Param)
			}
			proves(t, "CANCEL", client)
			c.wantState(t, "ended")
			o.phone.startOver()
			o.phone.dial(t, "101")
			c.wantState(t, "incoming")
			o.phone.hangUp(t)
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED")

			proves(t, "Request too long for UDP goes by TCP", client)
			c.do(t, "await phone.call('9486', ['X-Story: ' + 'long '.repeat(300)])")
			c.wantNote(t, "rejected 486")
			eventually(t, patience, "INVITE at the PBX by TCP", func() bool { return said(strings.Split(o.pbx.output(), "\n"), "INVITE sip:9486", "by tcp call") })
			c.do(t, "await phone.stop()")
		})
	}
}

// A phone without events hears keys as tones; this one sends back what it hears.
func TestKeysAsTones(t *testing.T) {
	t.Parallel()
	proves(t, "DTMF as tones", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-tones")})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	proves(t, "Packets of another length (ptime)", page, sipTest)
	if x := leg(t, signIn(t, g, alice).media(t), "pbx"); x.BytesOut/max(x.PacketsOut, 1) < 230 { // 30 ms are 240
		t.Errorf("a phone that wants packets of 30 ms gets %d bytes in %d", x.BytesOut, x.PacketsOut)
	}
	for _, key := range []string{"1", "6", "#"} {
		p.press(t, key)
		wantKey(t, "the page", p, key)
	}
	wantTone(t, "the page", p, toneAlice)
	p.hangUp(t)
}

// A PBX that is set to take keys by INFO gets them so, and hangs up when they are right.
func TestKeysToInfo(t *testing.T) {
	t.Parallel()
	proves(t, "DTMF by INFO to the PBX", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-info") + "dtmf = \"info\"\n"})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	p.press(t, "5")
	wantTone(t, "the page", p, toneAlice)
	p.wantState(t, "talking") // a wrong key would have ended the call
	p.press(t, "#")
	p.wantOver(t)
}

// A phone presses keys by INFO, which a page gets as it came, and as events, which its browser plays.
func TestKeysPressedByPhone(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-pressed"), Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for kind, client := range published {
		t.Run(kind, func(t *testing.T) {
			proves(t, "DTMF by INFO from the PBX", client, sipTest)
			proves(t, "DTMF from the other side", client, sipTest)
			c := openClient(t, b, site, kind, g.ws()+credentialQuery(alice.Name, time.Now().Add(time.Hour)), alice.Name, "")
			c.do(t, "await phone.call('200')")
			c.wantState(t, "talking")
			c.wantNote(t, "info Signal=5")
			c.wantNote(t, "info 8")
			wantKey(t, kind, c, "3")
			wantTone(t, kind, c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			c.do(t, "await phone.stop()")
		})
	}
	t.Run("page", func(t *testing.T) {
		proves(t, "DTMF by INFO from the PBX", page, sipTest)
		proves(t, "DTMF from the other side", page, sipTest)
		p := openPage(t, b, g, alice)
		p.dial(t, "200")
		p.wantState(t, "talking")
		wantKey(t, "the page", p, "3") // and its INFO was answered, else there would be no event
		wantTone(t, "the page", p, toneAlice)
		p.hangUp(t)
	})
}
