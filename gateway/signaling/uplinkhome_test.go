package signaling

import (
	"crypto"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// officeAndHome are two gateways: at home we are the WebRTC client of the office. At home lives anna, who is alice there.
func officeAndHome(t *testing.T, mode string, change func(*Config, *Deps)) (office, home *world) {
	t.Helper()
	office = newWorld(t, "")
	return office, homeOf(t, office, mode, change)
}

// homeOf is a gateway that is a client of the office; its PBX is called office.
func homeOf(t *testing.T, office *world, mode string, change func(*Config, *Deps)) *world {
	t.Helper()
	w := &world{t: t, media: &fakeMedia{}, kept: &fakeHistory{}, eph: auth.Ephemeral{Secrets: [][]byte{[]byte("another secret of home")}, Hash: crypto.SHA1}}
	anna, err := auth.NewUser("anna", "Anna", "201", "password-of-anna")
	if err != nil {
		t.Fatal(err)
	}
	anna.PBX = auth.Credentials{Username: "alice", Password: "password-of-alice"}
	cfg := Config{Name: "Home", Domain: "home.example", Version: "test", Listen: "127.0.0.1:0", PBX: []PBX{{Name: "office", Mode: mode,
		URI: "sip:" + strings.TrimPrefix(office.web.URL, "https://") + ";transport=wss", CA: certificateOf(t, office.web)}}}
	deps := Deps{Users: auth.Static([]auth.User{anna}), Ephemeral: w.eph, Digest: auth.NewDigest([]byte("digest secret of home")),
		Sessions: auth.Sessions{Secret: []byte("session secret of home")}, Media: w.media, History: w.kept}
	change(&cfg, &deps)
	w.srv = buildServer(t, cfg, deps)
	w.start()
	return w
}

// certificateOf writes down the certificate of a test server.
func certificateOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func unchanged(*Config, *Deps) {}

// stands waits until the PBX of home is in that state.
func (w *world) stands(state string) PBXStatus {
	w.t.Helper()
	var last PBXStatus
	eventually(w.t, "PBX "+state, func() bool {
		last = w.srv.PBXStatus()[0]
		return last.State == state
	})
	return last
}

// member is a browser of the gateway, which has another domain than that of most tests.
func (w *world) member(user string) *browser {
	w.t.Helper()
	b := w.dial(user, true)
	b.domain = w.srv.cfg.Domain
	b.send(b.build("REGISTER", "sip:"+b.domain, "<sip:"+user+"@"+b.domain+">", token(), token(), "", "Expires: 600"))
	b.response(200, sip.REGISTER)
	return b
}

// calls calls a target and gives the INVITE.
func (b *browser) calls(target string) string {
	text := b.build("INVITE", "sip:"+target, "<sip:"+target+">", token(), token(), "v=0 of "+b.user)
	b.send(text)
	return text
}

// ackOf acknowledges an answer.
func (b *browser) ackOf(res *sip.Response) {
	b.send(b.within("ACK", res, int(res.CSeq().SeqNo), ""))
}

// answered takes the call that comes, and gives its INVITE.
func (b *browser) answers(body string) *sip.Request {
	b.t.Helper()
	in := b.request(sip.INVITE)
	b.answer(in, 180, "Ringing", "tag-of-"+b.user, "<sip:"+b.user+"@"+b.host+";transport=ws>", "")
	b.answer(in, 200, "OK", "tag-of-"+b.user, "<sip:"+b.user+"@"+b.host+";transport=ws>", body)
	return in
}

func talking(w *world) bool {
	calls := w.srv.Calls()
	return len(calls) == 1 && calls[0].State == call.Talking
}

// hangUp ends the call that ok has answered; other answers the BYE.
func hangUp(b *browser, ok *sip.Response, other *browser) {
	b.t.Helper()
	b.send(b.within("BYE", ok, 20, ""))
	b.response(200, sip.BYE)
	other.answer(other.request(sip.BYE), 200, "OK", "", "", "")
}

// byeTo ends the call that the INVITE in, which the browser has answered, began.
func (b *browser) byeTo(in *sip.Request) string {
	from, _ := in.From().Params.Get("tag")
	contact := in.Contact().Address
	return b.build("BYE", contact.String(), "<"+in.From().Address.String()+">;tag="+from, in.CallID().Value(), "tag-of-"+b.user, "")
}

// across is a call of anna's, who is at home, with bob in the office, who has answered.
type across struct {
	office, home *world
	anna, bob    *browser
	in           *sip.Request  // the INVITE as bob has it
	ok           *sip.Response // his answer as anna has it
}

// talkingAcross waits until they talk.
func talkingAcross(t *testing.T, change func(*Config, *Deps)) across {
	t.Helper()
	var c across
	c.office, c.home = officeAndHome(t, "", change)
	c.home.stands(stateRegistered)
	c.bob, c.anna = c.office.member("bob"), c.home.member("anna")
	c.anna.calls("102@home.example")
	c.in = c.bob.answers("v=0 of bob")
	c.ok = c.anna.response(200, sip.INVITE)
	c.anna.ackOf(c.ok)
	c.bob.request(sip.ACK)
	eventually(t, "call up", func() bool { return talking(c.home) && talking(c.office) })
	return c
}

// ends has one of them hang up. Nothing is left of the call at either gateway.
func (c across) ends(byBob bool) {
	c.anna.t.Helper()
	if byBob {
		c.bob.send(c.bob.byeTo(c.in))
		c.bob.response(200, sip.BYE)
		c.anna.answer(c.anna.request(sip.BYE), 200, "OK", "", "", "")
	} else {
		hangUp(c.anna, c.ok, c.bob)
	}
	c.home.over()
	c.office.over()
}
