//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// plainClient is SIP.js or JsSIP as published, in a page of another site.
type plainClient struct{ *tab }

// openClient opens the site's page and registers. ws is the WebSocket's address.
func openClient(t *testing.T, b *browser, site, kind, ws, user, password string) *plainClient {
	t.Helper()
	return openDevice(t, b, site, kind, map[string]any{"ws": ws, "user": user, "password": password})
}

// openDevice does the same with any options.
func openDevice(t *testing.T, b *browser, site, kind string, given map[string]any) *plainClient {
	t.Helper()
	c := &plainClient{b.open(t, site)}
	c.connection = "window.pc"
	if given["domain"] == nil {
		given["domain"] = domain
	}
	options, _ := json.Marshal(given)
	c.do(t, fmt.Sprintf("window.phone = client(%q, %s); await phone.register()", kind, options))
	return c
}

// do runs a step and waits for it.
func (c *plainClient) do(t *testing.T, script string) {
	t.Helper()
	if fault := eval[string](t, c.tab, "(async () => { try { "+script+" } catch (e) { return String(e); } return ''; })()"); fault != "" {
		t.Fatalf("client: %s: %s; %q", script, fault, c.lines())
	}
}

// wantState waits for the state of its call.
func (c *plainClient) wantState(t *testing.T, state string) {
	t.Helper()
	eventually(t, 15*time.Second, "client's call in state "+state, func() bool {
		return c.truth(fmt.Sprintf("window.state === %q", state))
	})
}

// published are the names of the plain clients.
var published = map[string]string{"sipjs": sipJS, "jssip": jsSIP}

// SIP.js and JsSIP, unmodified, on a site that may use the gateway.
func TestPlainClients(t *testing.T) {
	t.Parallel()
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
	a, b := startBrowser(t, toneAlice, g.ca()), startBrowser(t, toneBob, g.ca())

	for _, kind := range []string{"sipjs", "jssip"} {
		client := published[kind]
		t.Run(kind+" with digest", func(t *testing.T) {
			proves(t, "Digest (MD5)", client)
			c := openClient(t, a, site.URL, kind, g.ws(), "alice", alice.Password)
			callsEcho(t, c)
			c.do(t, "await phone.stop()")
		})
		t.Run(kind+" with an ephemeral credential", func(t *testing.T) {
			proves(t, "Ephemeral credential in the handshake", client)
			c := openClient(t, a, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			callsEcho(t, c)
			c.do(t, "await phone.stop()")
		})
		t.Run(kind+" with a wrong password", func(t *testing.T) {
			c := &plainClient{a.open(t, site.URL)}
			options, _ := json.Marshal(map[string]string{"ws": g.ws(), "user": "alice", "domain": domain, "password": "wrong"})
			fault := eval[string](t, c.tab, fmt.Sprintf("(async () => { try { await client(%q, %s).register(); return 'registered'; } catch (e) { return String(e); } })()", kind, options))
			if !strings.Contains(fault, "401") && !strings.Contains(fault, "403") {
				t.Errorf("with a wrong password: %q, want 401 or 403", fault)
			}
		})
	}
	api := signIn(t, g, alice)
	for _, kind := range []string{"sipjs", "jssip"} {
		t.Run(kind+" and the desk phone", func(t *testing.T) {
			client := published[kind]
			proves(t, "Call out", client)
			proves(t, "Call in", client)
			c := openClient(t, a, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			phone.startOver()
			c.do(t, "await phone.call('201')")
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			c.talksWith(t, phone)
			proves(t, "ICE restart", client)
			c.restarts(t, phone, api)
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
		})
	}
	for _, kind := range []string{"sipjs", "jssip"} {
		t.Run(kind+" and why its calls ended", func(t *testing.T) {
			proves(t, "Reason of the end, in the history", published[kind])
			c := openClient(t, a, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			want := map[string]string{"echo": "Answered", "9486": "Busy", "9603": "Declined", "9418": "Not answered", "9404": "No such name or number"}
			callsEcho(t, c)
			for number := range want {
				if number != "echo" {
					c.do(t, "await phone.call('"+number+"')")
					c.wantState(t, "ended")
				}
			}
			var got map[string]string
			if !within(patience, func() bool {
				got = api.reasons(t, len(want))
				return maps.Equal(got, want)
			}) {
				t.Errorf("the history says %q, want %q", got, want)
			}
			c.do(t, "await phone.stop()")
		})
	}
	t.Run("among themselves", func(t *testing.T) {
		proves(t, "Browser to browser", sipJS, jsSIP)
		for _, kinds := range [][2]string{{"sipjs", "jssip"}, {"jssip", "sipjs"}} {
			from := openClient(t, a, site.URL, kinds[0], g.ws(), "alice", alice.Password)
			to := openClient(t, b, site.URL, kinds[1], g.ws(), "bob", bob.Password)
			from.do(t, "await phone.call('bob')")
			to.wantState(t, "incoming")
			to.do(t, "await phone.answer()")
			from.wantState(t, "talking")
			to.wantState(t, "talking")
			wantTone(t, kinds[0], from, toneBob)
			wantTone(t, kinds[1], to, toneAlice)
			to.do(t, "await phone.hangUp()")
			from.wantState(t, "ended")
			from.do(t, "await phone.stop()")
			to.do(t, "await phone.stop()")
		}
	})
	t.Run("with a picture", func(t *testing.T) {
		proves(t, "Video between browsers", sipJS, jsSIP)
		seeing := func(user gatewayUser) map[string]any {
			return map[string]any{"ws": g.ws(), "user": user.Name, "password": user.Password, "video": true}
		}
		from := openDevice(t, a, site.URL, "sipjs", seeing(alice))
		to := openDevice(t, b, site.URL, "jssip", seeing(bob))
		from.do(t, "await phone.call('bob')")
		to.wantState(t, "incoming")
		to.do(t, "await phone.answer()")
		from.wantPicture(t)
		to.wantPicture(t)
		wantTone(t, "sipjs", from, toneBob)
		wantTone(t, "jssip", to, toneAlice)
		to.do(t, "await phone.hangUp()")
		from.wantState(t, "ended")
	})
}

// reasons are why the last calls in the history ended, by who was called.
func (s *session) reasons(t *testing.T, calls int) map[string]string {
	t.Helper()
	_, answer := s.get(t, fmt.Sprintf("/api/v1/history?limit=%d", calls))
	reasons := make(map[string]string)
	list, _ := answer["calls"].([]any)
	for _, c := range list {
		if c, ok := c.(map[string]any); ok {
			reasons[fmt.Sprint(c["to"])] = fmt.Sprint(c["reason"])
		}
	}
	return reasons
}

// wantPicture waits until the far end's picture moves: frames that the browser has decoded, in the size that was sent.
func (c *plainClient) wantPicture(t *testing.T) {
	t.Helper()
	eventually(t, patience, "picture that moves", func() bool {
		moves, err := evaluate[bool](c.tab, `(async () => [...(await window.pc.getStats()).values()].some(
			(s) => s.type === "inbound-rtp" && s.kind === "video" && s.framesDecoded > 20 && s.frameWidth === 160))()`)
		return err == nil && moves
	})
}

// talksWith checks that alice's client and the phone hear each other.
func (c *plainClient) talksWith(t *testing.T, p *phone) {
	t.Helper()
	c.wantState(t, "talking")
	p.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", p, toneAlice)
	wantTone(t, "the client", c, tonePhone)
}

// icePair is JavaScript for the candidate pair by which the call's media goes, and the name by which the browser's checks of now go.
const icePair = `(async () => {
  const stats = [...(await window.pc.getStats()).values()];
  const pair = stats.find((s) => s.type === "transport")?.selectedCandidatePairId ?? "";
  const mine = stats.find((s) => s.id === stats.find((s) => s.id === pair)?.localCandidateId)?.usernameFragment ?? "";
  return { pair, mine, now: /^a=ice-ufrag:(.*)$/m.exec(window.pc.localDescription.sdp)[1].trim() };
})()`

// restarts has alice's client restart ICE in its call with the phone (RFC 8445 §9), and checks that the media takes the new way without a packet
// lost: what they say is heard all the time.
func (c *plainClient) restarts(t *testing.T, p *phone, api *session) {
	t.Helper()
	type path struct{ Pair, Mine, Now string }
	var before, after path
	before, lost := eval[path](t, c.tab, icePair), leg(t, api.media(t), "browser").Lost
	c.do(t, "await phone.restart()")
	eventually(t, patience, "way that the new checks have found", func() bool {
		after, _ = evaluate[path](c.tab, icePair)
		return after.Now != before.Now && after.Mine == after.Now && after.Pair != before.Pair
	})
	wantSteady(t, "the phone", p, toneAlice)
	wantSteady(t, "the client", c, tonePhone)
	if now := leg(t, api.media(t), "browser").Lost; now > lost {
		t.Errorf("%d packets of the browser are missing after a restart of ICE", now-lost)
	}
	if n := eval[int](t, c.tab, `(async () => [...(await window.pc.getStats()).values()].find((s) => s.type === "inbound-rtp").packetsLost)()`); n > 0 {
		t.Errorf("the browser misses %d packets after a restart of ICE", n)
	}
}

// callsEcho hears itself.
func callsEcho(t *testing.T, c *plainClient) {
	t.Helper()
	c.do(t, "await phone.call('echo')")
	c.wantState(t, "talking")
	wantTone(t, "the client", c, toneAlice)
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
}
