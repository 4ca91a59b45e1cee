//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pbxDomain is the SIP domain of a PBX whose accounts browsers use themselves.
const pbxDomain = "pbx.example"

// SIP.js and JsSIP, unmodified, with an account of the PBX: its password is in the browser and at the PBX only.
func TestPassthrough(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	for transport, path := range map[string]bool{"udp": true, "tcp": false} {
		t.Run(fmt.Sprintf("%s path %v", transport, path), func(t *testing.T) {
			k, office := startPBX(t, pbxOptions{Path: path, Presence: true}), t
			one := startPhone(t, k, "201", phoneOptions{})
			var other *phone
			if path {
				other = startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
			}
			local := alice
			local.PBXPassword = "" // signs in at the page only
			g := startGateway(t, gatewayOptions{Users: []gatewayUser{local}, PBX: pbxTable(k, "passthrough", transport, fmt.Sprintf("domains = [%q]\n", pbxDomain)),
				Extra: fmt.Sprintf("[web]\norigins = [%q]\n", site.URL)})
			b := startBrowser(t, toneAlice, g.ca())
			for _, kind := range []string{"jssip", "sipjs"} {
				t.Run(kind, func(t *testing.T) {
					proves(t, "Passthrough of PBX accounts", published[kind])
					proves(t, "Passthrough: lamps of the PBX", published[kind])
					passesThrough(t, k, one, g, b, site.URL, kind)
					if path {
						passedCallChanges(t, k, one, other, g, b, site.URL, kind)
						passedCallMoves(t, k, one, g, b, site.URL, kind)
						passedCallsAreJoined(t, k, one, g, b, site.URL, kind)
						passedCallSurvives(t, office, k, one, g, b, site.URL, kind)
					}
				})
			}
			if kept := strings.Contains(factsOf(t, g, local)["supported"], "path"); kept != path {
				t.Errorf("the PBX takes Path: %v, learned was %v", path, kept)
			}
			g.stop()
			g.start(t)
			facts := factsOf(t, g, local)
			if kept := strings.Contains(facts["supported"], "path"); kept != path || !strings.Contains(facts["authentication"], "MD5") {
				t.Errorf("after a restart the PBX's facts are %q", facts)
			}
		})
	}
}

// passesThrough makes calls in both directions with one client.
func passesThrough(t *testing.T, k *pbx, phone *phone, g *gateway, b *browser, site, kind string) {
	c := openDevice(t, b, site, kind, map[string]any{"ws": g.ws(), "user": "101", "domain": pbxDomain, "password": pbxPassword("101")})
	k.wantRegistered(t, "101")
	t.Logf("%s", k.location("101"))
	c.do(t, "window.lamp = await phone.subscribe('201', 'dialog')") // which the PBX answers, when it has the password
	c.wantNote(t, "subscription to dialog of 201 "+map[string]string{"sipjs": "Subscribed", "jssip": "active"}[kind])
	c.do(t, map[string]string{"sipjs": "await window.lamp.unsubscribe()", "jssip": "window.lamp.terminate()"}[kind])
	c.wantNote(t, "subscription to dialog of 201 Terminated")
	phone.startOver()
	c.do(t, "await phone.call('201')")
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	c.talksWith(t, phone)
	c.do(t, "await phone.hangUp()")
	phone.wantEvent(t, "CALL_CLOSED")

	phone.startOver()
	phone.dial(t, "101")
	c.wantState(t, "incoming")
	c.do(t, "await phone.answer()")
	c.talksWith(t, phone)
	phone.hangUp(t)
	c.wantState(t, "ended")

	c.do(t, "await phone.stop()")
	eventually(t, 10*time.Second, "end of the registration at the PBX", func() bool { return !k.registered("101") })

	wrong := &plainClient{b.open(t, site)}
	options, _ := json.Marshal(map[string]string{"ws": g.ws(), "user": "101", "domain": pbxDomain, "password": "wrong"})
	fault := eval[string](t, wrong.tab, fmt.Sprintf("(async () => { try { await client(%q, %s).register(); return 'registered'; } catch (e) { return String(e); } })()", kind, options))
	if !strings.Contains(fault, "401") {
		t.Errorf("with a wrong password: %q, want 401", fault)
	}
	if k.registered("101") {
		t.Error("registered with a wrong password")
	}
}

// passedCallChanges has a client that uses an account of the PBX hold a call, press keys in it and pass it on.
func passedCallChanges(t *testing.T, k *pbx, phone, other *phone, g *gateway, b *browser, site, kind string) {
	proves(t, "Passthrough: hold, keys and blind transfer", published[kind], desk)
	c := openDevice(t, b, site, kind, map[string]any{"ws": g.ws(), "user": "101", "domain": pbxDomain, "password": pbxPassword("101")})
	k.wantRegistered(t, "101")
	phone.startOver()
	other.startOver()
	c.do(t, "await phone.call('201')")
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	c.talksWith(t, phone)
	c.do(t, "await phone.hold(true)")
	wantNoTone(t, "the phone on hold", phone, toneAlice)
	wantNoTone(t, "the client that holds", c, tonePhone)
	c.do(t, "await phone.hold(false)")
	wantTone(t, "the client", c, tonePhone)                                                                 // baresip 1.0 records nothing more of a call that was on hold
	for script, key := range map[string]string{"await phone.key('9')": "9", "await phone.tone('5')": "5"} { // by INFO, and in the media
		phone.forget()
		c.do(t, script)
		if e := phone.wantEvent(t, "CALL_DTMF_START"); e.Param != key {
			t.Errorf("the phone got the key %q, want %s", e.Param, key)
		}
	}
	phone.forget()
	c.do(t, fmt.Sprintf("await phone.pass('202', %q)", k.addr())) // the PBX's domain is in no DNS for baresip
	other.wantEvent(t, "CALL_INCOMING")
	other.answer(t)
	c.wantState(t, "ended")
	other.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "201", phone, tonePhone2)
	wantTone(t, "202", other, tonePhone)
	wantNoTone(t, "201", phone, toneAlice)
	other.hangUp(t)
	phone.wantEvent(t, "CALL_CLOSED")
	c.do(t, "await phone.stop()")
	eventually(t, 10*time.Second, "end of the registration at the PBX", func() bool { return !k.registered("101") })
}

// passedCallMoves has a client that uses an account of the PBX come back to its call in another page, which names it in Replaces: after the first one is gone, or
// while it is there.
func passedCallMoves(t *testing.T, k *pbx, phone *phone, g *gateway, b *browser, site, kind string) {
	proves(t, "Passthrough: call moves to another device", published[kind])
	account := map[string]any{"ws": g.ws(), "user": "101", "domain": pbxDomain, "password": pbxPassword("101")}
	c := openDevice(t, b, site, kind, account)
	k.wantRegistered(t, "101")
	phone.startOver()
	c.do(t, "await phone.call('201')")
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	c.talksWith(t, phone)
	own := eval[string](t, c.tab, "phone.own()")
	if kind == "jssip" {
		c.close()
	}
	other := openDevice(t, b, site, kind, account)
	other.do(t, fmt.Sprintf("await phone.call('201', ['Replaces: %s'])", own))
	other.wantState(t, "talking")
	wantTone(t, "the phone", phone, toneAlice)
	wantTone(t, "the other device", other, tonePhone)
	if kind != "jssip" {
		c.wantState(t, "ended")
		c.do(t, "await phone.stop()")
	}
	other.do(t, "await phone.hangUp()")
	phone.wantEvent(t, "CALL_CLOSED")
	other.do(t, "await phone.stop()")
}

// passedCallsAreJoined has a client that uses an account of the PBX connect its two calls, with another such client and with a phone.
func passedCallsAreJoined(t *testing.T, k *pbx, phone *phone, g *gateway, b *browser, site, kind string) {
	proves(t, "Passthrough: attended transfer", published[kind])
	open := func(user, kind string) *plainClient {
		c := openDevice(t, b, site, kind, map[string]any{"ws": g.ws(), "user": user, "domain": pbxDomain, "password": pbxPassword(user)})
		k.wantRegistered(t, user)
		return c
	}
	from, to := open("101", kind), open("102", map[string]string{"jssip": "sipjs", "sipjs": "jssip"}[kind])
	phone.startOver()
	from.do(t, "await phone.call('102')")
	to.wantState(t, "incoming")
	to.do(t, "await phone.answer()")
	from.wantState(t, "talking")
	from.do(t, "phone.keep(); await phone.call('201')")
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	from.wantState(t, "talking")
	wantTone(t, "who connects its calls", from, tonePhone)
	from.do(t, "await phone.join()")
	from.wantState(t, "ended") // its second call was taken from it
	wantTone(t, "who is passed on", to, tonePhone)
	wantTone(t, "the phone", phone, toneAlice)
	phone.hangUp(t)
	from.do(t, "await phone.stop()")
	to.do(t, "await phone.stop()")
}

// passedCallSurvives has the gateway crash in a call of a client that uses an account of the PBX. It comes back with its own password.
func passedCallSurvives(t, office *testing.T, k *pbx, phone *phone, g *gateway, b *browser, site, kind string) {
	proves(t, "Passthrough: call survives a crash of the gateway", published[kind])
	c := openDevice(t, b, site, kind, map[string]any{"ws": g.ws(), "user": "101", "domain": pbxDomain, "password": pbxPassword("101")})
	k.wantRegistered(t, "101")
	phone.startOver()
	c.do(t, "await phone.call('201')")
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	c.talksWith(t, phone)
	g.crash(office, func() { c.wantNote(t, "disconnected") }, toneAlice, phone, c)
	c.do(t, "await phone.hangUp()")
	phone.wantEvent(t, "CALL_CLOSED")
	c.do(t, "await phone.stop()")
}

// factsOf is what the gateway has learned of its first PBX, by name.
func factsOf(t *testing.T, g *gateway, user gatewayUser) map[string]string {
	t.Helper()
	_, answer := signIn(t, g, user).get(t, "/api/v1/pbx")
	text, _ := json.Marshal(answer["pbx"])
	var pbxs []struct {
		Facts []struct {
			Name   string
			Values []string
		}
	}
	if err := json.Unmarshal(text, &pbxs); err != nil || len(pbxs) == 0 {
		t.Fatalf("/api/v1/pbx: %v, %v", answer, err)
	}
	facts := map[string]string{}
	for _, f := range pbxs[0].Facts {
		facts[f.Name] = strings.Join(f.Values, " ")
	}
	return facts
}
