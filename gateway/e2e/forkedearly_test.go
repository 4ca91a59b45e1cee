//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// The PBX rings two phones at once, and each plays something else before the answer: the caller hears one of them, and whoever answers from then on.
func TestPhonesPlayBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	tones := [2]float64{toneMusic, toneChime}
	var rings [2]*scripted
	for i, tone := range tones {
		rings[i] = &scripted{scenario: "rings", at: freePort(t)}
		rings[i].log = startTuned(t, "../incall/rings.xml", tone, rings[i].at, "-set", "soon", [2]string{"yes", "no"}[i])
	}
	k := startPBX(t, pbxOptions{Fork: [2]int{rings[0].at.number, rings[1].at.number}})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k), Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	k.wantRegistered(t, "101")
	for kind, call := range map[string]string{"sipjs": "phone.call('9700', [], false, { earlyMedia: true })", "jssip": "phone.call('9700')"} {
		c := openClient(t, b, site, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
		for i, phone := range rings {
			if kind == "sipjs" && i > 0 {
				continue // with sound before the answer it bears no answer of another than who began it
			}
			t.Run(fmt.Sprint(kind, ", phone ", i+1, " answers"), func(t *testing.T) {
				proves(t, "Forked early media", published[kind], sipTest)
				c.do(t, call)
				c.wantState(t, "calling")
				eventually(t, patience, "tone before the answer", func() bool {
					s := c.heard(t).last(time.Second)
					return s.share(tones[0]) > 0.4 || s.share(tones[1]) > 0.4
				})
				if !c.truth(`window.state === "calling"`) {
					t.Errorf("answered before anybody did: %q", c.lines())
				}
				phone.signal(t)
				c.wantState(t, "talking")
				wantTone(t, "the client", c, tones[i])
				wantNoTone(t, "the client", c, tones[1-i])
				c.do(t, "await phone.hangUp()")
				c.wantState(t, "ended")
				wantSaid(t, phone.log, "9700 is over")
			})
		}
		c.do(t, "await phone.stop()")
	}
}

// SIP.js acknowledges what comes before the answer (RFC 3262), whether it demands that or only can, and hears it.
func TestSIPJSAcknowledges(t *testing.T) {
	t.Parallel()
	proves(t, "Reliable responses (100rel)", sipJS, sipTest)
	proves(t, "Early media", sipJS, sipTest)
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"8": "reliable"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for _, wants := range []string{"Required", "Supported"} {
		t.Run(wants, func(t *testing.T) {
			c := openDevice(t, b, site, "sipjs", map[string]any{"ws": g.ws() + credentialQuery("alice", time.Now().Add(time.Hour)), "user": "alice", "reliable": wants})
			c.do(t, "await phone.call('800', [], false, { earlyMedia: true })")
			wantTone(t, "who calls, before the answer", c, toneAlice)
			if !c.truth(`window.state === "calling"`) {
				t.Errorf("answered before anybody did: %q", c.lines())
			}
			at["8"].signal(t)
			c.wantState(t, "talking")
			wantTone(t, "who calls", c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, at["8"].log, "800 is over")
			c.do(t, "await phone.stop()")
		})
	}
}
