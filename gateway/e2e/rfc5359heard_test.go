//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// The service examples of RFC 5359 that a browser can hear: JsSIP calls sipp, which sends back what it hears.
func TestServiceExamplesHeard(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	var tables strings.Builder
	said := make(map[string]func() []string)
	for _, p := range []struct{ name, scenario, prefix string }{{"forwards", "proxy.xml", ""}, {"phones", "phone.xml", "3"}, {"music", "music.xml", "4"}, {"passes", "transfer.xml", "5"}} {
		at := freePort(t)
		said[p.name] = startScenario(t, p.scenario, at)
		fmt.Fprintf(&tables, "[[pbx]]\nname = %q\nuri = \"sip:%s\"\nmode = \"peer\"\n", p.name, at.addr())
		if p.prefix != "" {
			fmt.Fprintf(&tables, "prefixes = [%q]\n", p.prefix)
		}
	}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL),
		PBX: tables.String()})
	b := startBrowser(t, toneAlice, g.ca())
	screened := openClient(t, b, site.URL, "jssip", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	screened.do(t, "await phone.call('205')") // it takes a while until the call is refused
	c := openClient(t, b, site.URL, "jssip", g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
	wantTone(t, "the client that is screened", screened, toneAlice)
	if !screened.truth(`window.state === "calling"`) {
		t.Errorf("told by %q, want early media", screened.lines())
	}
	talks := func(t *testing.T, number string) {
		c.do(t, "await phone.call('"+number+"')")
		c.wantState(t, "talking")
		wantTone(t, "the client", c, toneAlice)
	}
	over := func(t *testing.T) {
		c.do(t, "await phone.hangUp()")
		c.wantState(t, "ended")
	}
	for _, tt := range []struct{ number, name string }{
		{"200", "call forwarding unconditional"}, {"201", "call forwarding busy"}, {"202", "call forwarding no answer"}, {"203", "find-me"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proves(t, "RFC 5359: "+tt.name, jsSIP)
			talks(t, tt.number)
			over(t)
		})
	}
	t.Run("holds", func(t *testing.T) {
		proves(t, "RFC 5359: call hold", jsSIP)
		proves(t, "RFC 5359: consultation hold", jsSIP)
		talks(t, "300")
		c.do(t, "await phone.hold(true)")
		wantNoTone(t, "the client that holds", c, toneAlice)
		c.do(t, "phone.keep()")
		talks(t, "301")
		over(t)
		c.do(t, "phone.swap(); await phone.hold(false)")
		wantTone(t, "the client, back in its first call", c, toneAlice)
		over(t)
	})
	hears := func(t *testing.T, phone string, words ...string) {
		t.Helper()
		eventually(t, patience, fmt.Sprintf("word of the phones, %q", words), func() bool {
			said := said[phone]()
			return !slices.ContainsFunc(words, func(w string) bool {
				return !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, w) })
			})
		})
	}
	t.Run("music on hold", func(t *testing.T) {
		proves(t, "RFC 5359: music on hold", jsSIP)
		talks(t, "400")
		c.do(t, "await phone.tell('hold me')")
		wantTone(t, "the client that is held", c, toneMusic)
		wantNoTone(t, "the client that is held", c, toneAlice)
		c.do(t, "await phone.tell('back')")
		hears(t, "music", "music ends")
		wantTone(t, "the client, back in its call", c, toneAlice)
		over(t)
	})
	t.Run("unattended transfer by the phone", func(t *testing.T) {
		proves(t, "RFC 5359: unattended transfer by the phone", jsSIP)
		talks(t, "500")
		c.do(t, "await phone.tell('pass me on')")
		hears(t, "passes", "500 has passed the call on")
		wantTone(t, "the client, with the one to whom it was passed", c, toneAlice)
		over(t)
		hears(t, "phones", "300 is over")
	})
	t.Run("unattended transfer by the browser", func(t *testing.T) {
		proves(t, "RFC 5359: unattended transfer by the browser", jsSIP)
		talks(t, "302")
		c.do(t, "await phone.hold(true)")
		wantNoTone(t, "the client that holds", c, toneAlice)
		c.do(t, "phone.pass('303')")
		c.wantState(t, "ended")
		hears(t, "phones", "302 has called sip:303@", "302 is over")
		talks(t, "303") // it is free again, and heard
		over(t)
	})
	t.Run("attended transfer by the browser", func(t *testing.T) {
		proves(t, "RFC 5359: attended transfer by the browser", jsSIP)
		talks(t, "304")
		c.do(t, "await phone.hold(true)")
		wantNoTone(t, "the client that holds", c, toneAlice)
		c.do(t, "phone.keep()")
		talks(t, "305")
		c.do(t, "phone.join()")
		hears(t, "phones", "304 has called sip:305@")
		over(t)
		c.do(t, "phone.swap()")
		over(t)
		hears(t, "phones", "304 is over", "305 is over")
	})
	t.Run("call screening", func(t *testing.T) {
		proves(t, "RFC 5359: call screening", jsSIP)
		proves(t, "Early media", jsSIP)
		screened.wantState(t, "ended")
		if !screened.truth(`window.log.includes("rejected 403")`) {
			t.Errorf("screened by %q, want 403", screened.lines())
		}
		hears(t, "forwards", "205 is screened")
	})
}
