//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// crash kills the gateway and starts it again once its client has lost the connection and nobody hears anything. It gives how
// long after the start the phone heard the client, which says tone, and the client the phone. The new process lives until t ends.
func (g *gateway) crash(t *testing.T, lost func(), tone float64, phone, client listener) (atPhone, atClient time.Duration) {
	t.Helper()
	return g.crashFor(t, 0, lost, tone, phone, client)
}

// crashFor is crash with the gateway gone for as long as outage at least.
func (g *gateway) crashFor(t *testing.T, outage time.Duration, lost func(), tone float64, phone, client listener) (atPhone, atClient time.Duration) {
	t.Helper()
	g.kill()
	killed := time.Now()
	lost()
	before := 0 // samples in the phone's recording, which goes on where it stopped
	eventually(t, 10*time.Second, "silence", func() bool {
		heard := phone.heard(t)
		before = max(before, len(heard.samples))
		return len(heard.samples) == 0 && !client.heard(t).speaks(tonePhone)
	})
	time.Sleep(outage - time.Since(killed))
	begun := time.Now()
	g.start(t)
	eventually(t, 20*time.Second, "tones at both ends", func() bool {
		now := phone.heard(t)
		now.samples = now.samples[min(before, len(now.samples)):]
		if atPhone == 0 && now.speaks(tone) {
			atPhone = time.Since(begun)
		}
		if atClient == 0 && client.heard(t).speaks(tonePhone) {
			atClient = time.Since(begun)
		}
		return atPhone > 0 && atClient > 0
	})
	backAfterCrash.want(t, "the client at the phone", atPhone)
	backAfterCrash.want(t, "the phone at the client", atClient)
	return atPhone, atClient
}

// speaks says whether a tone is at the end of the sound.
func (s sound) speaks(freq float64) bool { return s.last(500*time.Millisecond).share(freq) > 0.4 }

// passwords are the ICE passwords of a tab's call, of both sides.
func (p *tab) passwords(t *testing.T) []string {
	t.Helper()
	return eval[[]string](t, p, "["+p.connection+".localDescription.sdp, "+p.connection+".remoteDescription.sdp].map((s) => /a=ice-pwd:(\\S+)/.exec(s)[1])")
}

// wantNotOnDisk looks for secrets in all files of the gateway, and for what must be there.
func (g *gateway) wantNotOnDisk(t *testing.T, secrets []string, there string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.data, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		found = found || bytes.Contains(text, []byte(there))
		for _, secret := range append(secrets, "a=ice-pwd", "a=crypto") {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s has %q", name, secret)
			}
		}
	}
	if !found {
		t.Errorf("%q is in none of %q", there, files)
	}
}

// A call of the page goes on after the gateway has crashed, and nobody does anything.
func TestPageCallSurvivesACrash(t *testing.T) {
	proves(t, "Call survives a crash of the gateway", page, desk)
	o, office := openOffice(t, ""), t
	for _, tt := range []struct {
		name    string
		setUp   func()
		outages []time.Duration // at least so long each
	}{
		{"page called", func() { o.pageCallsPhone(t, o.alice, toneAlice) }, []time.Duration{0, 0}},
		{"phone called", func() { o.phoneCallsPage(t, o.alice, "101", toneAlice) }, []time.Duration{9 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.setUp()
			o.gateway.wantNotOnDisk(t, o.alice.passwords(t), "m=audio")
			o.phone.forget()
			seen := o.pbx.invites()
			for _, outage := range tt.outages {
				o.gateway.crashFor(office, outage, func() { o.alice.wantConnection(t, "lost") }, toneAlice, o.phone, o.alice)
				o.alice.wantState(t, "talking")
			}
			o.wantUndisturbed(t, seen)
			o.gateway.wantNotOnDisk(t, o.alice.passwords(t), "m=audio")
			o.alice.hangUp(t)
			o.phone.wantEvent(t, "CALL_CLOSED")
			o.pbx.wantRegistered(t, "101", "102")
		})
	}
	t.Run("held", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.click(t, "#hold")
		o.alice.wantHold(t, "local")
		wantNoTone(t, "the page", o.alice, tonePhone)
		o.gateway.kill()
		o.alice.wantConnection(t, "lost")
		o.gateway.start(office)
		o.alice.wantReady(t)
		o.alice.wantHold(t, "local")
		wantNoTone(t, "the page", o.alice, tonePhone)
		wantNoTone(t, "the phone", o.phone, toneAlice)
		o.alice.click(t, "#hold")
		wantTone(t, "the page", o.alice, tonePhone) // baresip 1.0 records nothing more of a call that was on hold
		o.phone.hangUp(t)
		o.alice.wantOver(t)
	})
	t.Run("page loaded again meanwhile", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.gateway.kill()
		o.alice.wantConnection(t, "lost")
		o.gateway.start(office)
		o.alice.run(t, "reload", chromedp.Reload())
		o.alice.wantState(t, "talking")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.phone.hangUp(t)
		o.alice.wantOver(t)
	})
}

// So does one of a SIP client from elsewhere, unmodified.
func TestClientCallSurvivesACrash(t *testing.T) {
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	b, office := startBrowser(t, toneAlice, g.ca()), t
	for _, kind := range []string{"sipjs", "jssip"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Call survives a crash of the gateway", map[string]string{"sipjs": sipJS, "jssip": jsSIP}[kind])
			c := openClient(t, b, site.URL, kind, g.ws(), "alice", alice.Password)
			phone.startOver()
			c.do(t, "await phone.call('201')")
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			c.talksWith(t, phone)
			seen := k.invites()
			g.crash(office, func() {
				eventually(t, 10*time.Second, "disconnected client", func() bool { return c.truth("window.log.some((l) => l.startsWith('disconnected'))") })
			}, toneAlice, phone, c)
			if now := k.invites(); len(seen) == 0 || len(now) > len(seen) {
				t.Errorf("INVITEs at the PBX: %q, want those from before: %q", now, seen)
			}
			c.do(t, "await phone.hangUp()")
			phone.wantEvent(t, "CALL_CLOSED")
			c.do(t, "await phone.stop()")
		})
	}
}
