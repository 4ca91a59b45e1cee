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
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
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
