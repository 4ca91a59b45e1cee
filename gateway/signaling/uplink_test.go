package signaling

import (
	"context"
	"crypto"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
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

func TestClientOfAnotherGateway(t *testing.T) {
	for name, target := range map[string]string{"number": "102@home.example", "name": "bob@home.example", "name there": "bob@office.example"} {
		t.Run(name, func(t *testing.T) {
			office, home := officeAndHome(t, "", func(cfg *Config, _ *Deps) { cfg.PBX[0].Domains = []string{"office.example"} })
			st := home.stands(stateRegistered)
			if st.User != "anna" || !strings.HasPrefix(st.Server, "wss:127.0.0.1:") {
				t.Errorf("status = %+v", st)
			}
			bob, anna := office.member("bob"), home.member("anna")
			anna.calls(target)
			in := bob.answers("v=0 of bob")
			if from := in.From(); from.Address.User != "alice" {
				t.Errorf("the office sees a call of %s, want alice", from.Value())
			}
			if got := string(in.Body()); got != "offer for WebRTC of offer for WebRTC of v=0 of anna" {
				t.Errorf("bob is offered %q", got)
			}
			ok := anna.response(200, sip.INVITE)
			if got := string(ok.Body()); got != "answer for WebRTC of answer for WebRTC of v=0 of bob" {
				t.Errorf("anna is answered %q", got)
			}
			anna.ackOf(ok)
			bob.request(sip.ACK)
			anna.send(anna.within("BYE", ok, 3, ""))
			anna.response(200, sip.BYE)
			bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
			home.over()
			office.over()
		})
	}
}

func TestClientIsCalled(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	bob.calls("101@office.example")
	in := anna.answers("v=0 of anna")
	if from := in.From(); from.Address.User != "bob" || from.DisplayName != "Bob Roe" {
		t.Errorf("anna sees a call of %s, want Bob Roe", from.Value())
	}
	ok := bob.response(200, sip.INVITE)
	contact := ok.Contact().Address
	if contact.Host != "office.example" {
		t.Errorf("Contact of the office = %s", contact.String())
	}
	bob.ackOf(ok)
	anna.request(sip.ACK)

	// Hold by the office's side, and by ours.
	bob.send(bob.within("INVITE", ok, 5, "v=0 hold"))
	hold := anna.request(sip.INVITE)
	if got := string(hold.Body()); got != "offer for WebRTC of offer for WebRTC of v=0 hold" {
		t.Errorf("anna is offered %q", got)
	}
	anna.answer(hold, 200, "OK", "", "<sip:anna@"+anna.host+";transport=ws>", "v=0 held")
	held := bob.response(200, sip.INVITE)
	bob.ackOf(held)
	anna.request(sip.ACK)

	// Keys by INFO, both ways, and the end by the office's side.
	bob.send(bob.within("BYE", ok, 9, ""))
	bob.response(200, sip.BYE)
	anna.answer(anna.request(sip.BYE), 200, "OK", "", "", "")
	home.over()
	office.over()
}

// TestClientGivesUp: CANCEL goes all the way, in both directions.
func TestClientGivesUp(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	for _, way := range []struct {
		from, to *browser
		target   string
	}{{anna, bob, "102@home.example"}, {bob, anna, "101@office.example"}} {
		invite := way.from.calls(way.target)
		in := way.to.request(sip.INVITE)
		way.to.answer(in, 180, "Ringing", "t-"+way.to.user, "<sip:"+way.to.user+"@"+way.to.host+";transport=ws>", "v=0 early")
		if ringing := way.from.response(180, sip.INVITE); !strings.Contains(string(ringing.Body()), "v=0 early") {
			t.Errorf("no early media for %s: %q", way.from.user, ringing.Body())
		}
		way.from.send(cancelOf(invite))
		way.to.answer(way.to.request(sip.CANCEL), 200, "OK", "", "", "")
		way.to.answer(in, 487, "Request Terminated", "t-"+way.to.user, "", "")
		way.from.response(487, sip.INVITE)
	}
}

// TestClientComesBack: the connection breaks in a call, the account registers again by itself, and the call goes on: either side ends it.
func TestClientComesBack(t *testing.T) {
	for _, bobEnds := range []bool{true, false} {
		t.Run(fmt.Sprint("by the office ", bobEnds), func(t *testing.T) {
			office, home := officeAndHome(t, "", unchanged)
			home.stands(stateRegistered)
			bob, anna := office.member("bob"), home.member("anna")
			anna.calls("102@home.example")
			in := bob.answers("v=0 of bob")
			ok := anna.response(200, sip.INVITE)
			anna.ackOf(ok)
			bob.request(sip.ACK)
			eventually(t, "call up", func() bool { return talking(home) && talking(office) })

			cutUplinks(home)
			eventually(t, "leg waits at the office", func() bool { return len(office.media.waited()) == 1 })
			eventually(t, "leg goes on at the office", func() bool { return len(office.media.waited()) == 2 })
			home.stands(stateRegistered)
			if bobEnds {
				bob.send(bob.byeTo(in))
				bob.response(200, sip.BYE)
				anna.answer(anna.request(sip.BYE), 200, "OK", "", "", "")
			} else {
				anna.send(anna.within("BYE", ok, 7, ""))
				anna.response(200, sip.BYE)
				bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
			}
			home.over()
			office.over()
		})
	}
}

func talking(w *world) bool {
	calls := w.srv.Calls()
	return len(calls) == 1 && calls[0].State == call.Talking
}

// cutUplinks breaks the gateway's connections to its PBX.
func cutUplinks(w *world) {
	us := w.srv.uplinks
	us.mu.Lock()
	defer us.mu.Unlock()
	for _, u := range us.source {
		u.mu.Lock()
		u.flow.raw.Close()
		u.mu.Unlock()
	}
}

// byeTo ends the call that the INVITE in, which the browser has answered, began.
func (b *browser) byeTo(in *sip.Request) string {
	from, _ := in.From().Params.Get("tag")
	contact := in.Contact().Address
	return b.build("BYE", contact.String(), "<"+in.From().Address.String()+">;tag="+from, in.CallID().Value(), "tag-of-"+b.user, "")
}

// TestClientOutlivesItsServer: the office's gateway stops and another one takes its place.
func TestClientOutlivesItsServer(t *testing.T) {
	var mu sync.Mutex
	var now http.Handler
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := now
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	use := func(h http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		now = h
	}
	first := newWorld(t, "")
	use(first.srv)
	office := &world{t: t, web: front}
	home := homeOf(t, office, "", unchanged)
	home.stands(stateRegistered)
	use(http.NotFoundHandler())
	first.stop()
	if st := home.stands(stateUnreachable); !strings.Contains(st.Detail, "no WebSocket") && !strings.Contains(st.Detail, "closed") {
		t.Errorf("detail = %q", st.Detail)
	}
	second := newWorld(t, "")
	use(second.srv)
	home.stands(stateRegistered)
	bob, anna := second.member("bob"), home.member("anna")
	invite := bob.calls("101@office.example")
	in := anna.request(sip.INVITE)
	anna.answer(in, 180, "Ringing", "t", "<sip:anna@"+anna.host+";transport=ws>", "")
	bob.response(180, sip.INVITE)
	bob.send(cancelOf(invite))
	anna.answer(anna.request(sip.CANCEL), 200, "OK", "", "", "")
	anna.answer(in, 487, "Request Terminated", "t", "", "")
	bob.response(487, sip.INVITE)
	home.over()
	second.over()
}

func TestClientIsRefused(t *testing.T) {
	office := newWorld(t, "")
	for _, tt := range []struct {
		name   string
		change func(*PBX, *auth.User)
		state  string
		detail string
	}{
		{"wrong password", func(_ *PBX, u *auth.User) { u.PBX.Password = "wrong" }, stateRefused, "403 Forbidden; is the password of alice right?"},
		{"unknown authority", func(p *PBX, _ *auth.User) { p.CA = "" }, stateUnreachable, "certificate not trusted"},
		{"other name", func(p *PBX, _ *auth.User) { p.URI = strings.Replace(p.URI, "127.0.0.1", "localhost", 1) }, stateUnreachable,
			"certificate is for another name"},
		{"not TLS", func(p *PBX, _ *auth.User) { p.URI = strings.Replace(p.URI, "wss", "ws", 1) }, stateUnreachable, "it may want transport=wss"},
		{"foreign origin", func(p *PBX, _ *auth.User) { p.Origin = "https://evil.example" }, stateUnreachable, "it may want another origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home := homeOf(t, office, "", func(cfg *Config, d *Deps) {
				u, err := d.Users.User(t.Context(), "anna")
				if err != nil {
					t.Fatal(err)
				}
				tt.change(&cfg.PBX[0], &u)
				d.Users = auth.Static([]auth.User{u})
			})
			st := home.stands(tt.state)
			eventually(t, tt.detail, func() bool { st = home.srv.PBXStatus()[0]; return strings.Contains(st.Detail, tt.detail) })
			anna := home.member("anna")
			anna.calls("102@home.example")
			anna.response(503, sip.INVITE)
		})
	}
}

// TestClientNeverTurnsToPlain: a server that leads elsewhere is not followed.
func TestClientNeverTurnsToPlain(t *testing.T) {
	plain := make(chan string, 10)
	open := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { plain <- r.URL.Path }))
	t.Cleanup(open.Close)
	front := httptest.NewTLSServer(http.RedirectHandler(open.URL+"/ws", http.StatusMovedPermanently))
	t.Cleanup(front.Close)
	home := homeOf(t, &world{t: t, web: front}, "", unchanged)
	eventually(t, "refusal", func() bool { return strings.Contains(home.srv.PBXStatus()[0].Detail, "301") })
	home.stop()
	if len(plain) > 0 {
		t.Errorf("asked for %s without TLS", <-plain)
	}
}

// TestClientLeavesNoConnection: a server that takes no WebSocket is left at once, not once for each try.
func TestClientLeavesNoConnection(t *testing.T) {
	var mu sync.Mutex
	open, tried := map[net.Conn]bool{}, 0
	front := httptest.NewUnstartedServer(http.NotFoundHandler())
	front.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			open[conn] = true
			tried++
		case http.StateClosed:
			delete(open, conn)
		}
	}
	front.StartTLS()
	t.Cleanup(front.Close)
	home := homeOf(t, &world{t: t, web: front}, "", unchanged)
	eventually(t, "refusal", func() bool { return strings.Contains(home.srv.PBXStatus()[0].Detail, "there is no WebSocket") })
	home.stop()
	eventually(t, "no connection is left", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return tried > 0 && len(open) == 0
	})
}

// TestClientTrunk: one account for all, with people by their extensions.
func TestClientTrunk(t *testing.T) {
	office, home := officeAndHome(t, ModeTrunk, func(cfg *Config, _ *Deps) {
		cfg.PBX[0].Username, cfg.PBX[0].Password = "alice", "password-of-alice"
	})
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	bob.calls("101@office.example") // whoever is on the trunk
	anna.answers("v=0 of anna")
	ok := bob.response(200, sip.INVITE)
	bob.ackOf(ok)
	anna.request(sip.ACK)
	hangUp(bob, ok, anna)
	home.over()
	office.over()
}

// hangUp ends the call that ok has answered; other answers the BYE.
func hangUp(b *browser, ok *sip.Response, other *browser) {
	b.t.Helper()
	b.send(b.within("BYE", ok, 20, ""))
	b.response(200, sip.BYE)
	other.answer(other.request(sip.BYE), 200, "OK", "", "", "")
}

// TestClientLooksLikeABrowser: Via and Contact have no address, and the Contact names the device (RFC 7118 §5, RFC 5626 §4.2).
func TestClientLooksLikeABrowser(t *testing.T) {
	seen := make(chan *sip.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sip" || r.Header.Get("Origin") != "https://page.example" {
			http.NotFound(w, r)
			return
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		for {
			_, text, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			msg, err := sip.ParseMessage(text)
			if err != nil {
				continue
			}
			req, ok := msg.(*sip.Request)
			if !ok {
				continue
			}
			res := sip.NewResponseFromRequest(req, 200, "OK", nil)
			if req.Method == sip.INVITE {
				res = sip.NewResponseFromRequest(req, 486, "Busy Here", nil)
			}
			seen <- req
			_ = ws.Write(context.Background(), websocket.MessageText, []byte(res.String()))
		}
	}))
	t.Cleanup(server.Close)
	secrets := auth.Ephemeral{Secrets: [][]byte{[]byte("of both runs, so that the device is the same")}}
	instances := make(map[string]bool)
	for range 2 {
		home := homeOf(t, &world{t: t, web: httptest.NewTLSServer(nil)}, "", func(cfg *Config, d *Deps) {
			cfg.PBX[0] = PBX{Name: "office", URI: "sip:" + strings.TrimPrefix(server.URL, "http://") + ";transport=ws", Path: "/sip", Origin: "https://page.example"}
			d.Ephemeral = secrets
		})
		req := <-seen
		contact := req.Contact()
		instance, _ := contact.Params.Get("+sip.instance")
		instances[instance] = true
		id, _ := contact.Params.Get("reg-id")
		if via := req.Via(); !strings.HasSuffix(via.Host, ".invalid") || via.Transport != "WS" {
			t.Errorf("Via = %s", via.Value())
		}
		if u := contact.Address; u.User != "alice" || !strings.HasSuffix(u.Host, ".invalid") || !strings.HasPrefix(instance, `"<urn:uuid:`) || id != "1" {
			t.Errorf("Contact = %s", contact.Value())
		}
		if !strings.Contains(valueOf(req, "Supported"), "outbound") {
			t.Errorf("Supported = %q, want outbound", valueOf(req, "Supported"))
		}
		home.stands(stateRegistered)
		home.eph = secrets
		anna := home.member("anna")
		anna.calls("102@home.example")
		anna.response(486, sip.INVITE)
		invite := <-seen
		if c := invite.Contact().Address; !c.UriParams.Has("ob") || !strings.HasSuffix(c.Host, ".invalid") {
			t.Errorf("Contact of a call = %s, want ;ob", c.String())
		}
		if invite.Recipient.String() != "sip:102@127.0.0.1" {
			t.Errorf("Request-URI = %s", invite.Recipient.String())
		}
		home.stop()
		for len(seen) > 0 {
			<-seen
		}
	}
	if len(instances) != 1 {
		t.Errorf("after a restart it is another device: %v", instances)
	}
}

func TestPauseGrows(t *testing.T) {
	u := &uplink{retry: firstPause}
	for range 10 {
		if p := u.pause(); p >= lastRetry {
			t.Errorf("pause = %v, want less than %v", p, lastRetry)
		}
	}
	if u.retry != lastRetry {
		t.Errorf("the longest pause is %v at last, want %v", u.retry, lastRetry)
	}
}

func TestValidateWebSocket(t *testing.T) {
	for _, tt := range []struct {
		pbx  PBX
		want string
	}{
		{PBX{URI: "sip:h;transport=wss"}, ""},
		{PBX{URI: "sip:h:8443;transport=ws", Mode: ModeTrunk, Username: "u", Path: "/sip?x=1", Origin: "https://a.example"}, ""},
		{PBX{URI: "sips:h;transport=wss"}, ""},
		{PBX{URI: "sips:h;transport=ws"}, "uri: sips goes over tls or wss"},
		{PBX{URI: "sip:h;transport=wss", Mode: ModePeer}, "mode:"},
		{PBX{URI: "sip:h;transport=wss", Mode: ModePassthrough}, "mode:"},
		{PBX{URI: "sip:h", Path: "/ws"}, "path:"},
		{PBX{URI: "sip:h", Origin: "https://a.example"}, "origin:"},
		{PBX{URI: "sip:h;transport=wss", Path: "ws"}, "path:"},
		{PBX{URI: "sip:h;transport=wss", Origin: "a.example"}, "origin:"},
	} {
		err := tt.pbx.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.pbx, err, tt.want)
		}
	}
}

// TestClientFindsAnotherWay: when the media has lost its way it gets another one by an offer, which the far side does not notice.
func TestClientFindsAnotherWay(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	anna.calls("102@home.example")
	in := bob.answers("v=0 of bob")
	ok := anna.response(200, sip.INVITE)
	anna.ackOf(ok)
	bob.request(sip.ACK)
	eventually(t, "call up", func() bool { return talking(home) && talking(office) })
	id := home.srv.Calls()[0].ID
	for _, token := range home.legsToPBX() {
		home.media.Wait(id, token, true) // has the fake want an offer
		home.srv.Restart("another call", token)
		home.srv.Restart(id, token)
	}
	again := bob.request(sip.INVITE)
	if got := string(again.Body()); got != "offer for WebRTC of v=0 offered anew" {
		t.Errorf("bob is offered %q", got)
	}
	bob.answer(again, 200, "OK", "", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob again")
	eventually(t, "answer", func() bool {
		home.media.mu.Lock()
		defer home.media.mu.Unlock()
		return len(home.media.answers) == 1 && home.media.answers[0] == "answer for WebRTC of v=0 of bob again"
	})
	bob.send(bob.byeTo(in))
	bob.response(200, sip.BYE)
	anna.answer(anna.request(sip.BYE), 200, "OK", "", "", "")
	home.over()
	office.over()
}

// legsToPBX are the legs of the gateway's calls toward its PBX.
func (w *world) legsToPBX() (tokens []string) {
	w.srv.mu.Lock()
	defer w.srv.mu.Unlock()
	for token, l := range w.srv.legs {
		if l.pbx != nil {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// TestClientTransfers: a call that came from the office goes on to somebody else there, and one that went there comes back to another.
func TestClientTransfers(t *testing.T) {
	office, home := officeAndHome(t, "", func(cfg *Config, _ *Deps) { cfg.PBX[0].Domains = []string{"office.example"} })
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	anna.calls("102@home.example")
	in := bob.answers("v=0 of bob")
	ok := anna.response(200, sip.INVITE)
	anna.ackOf(ok)
	bob.request(sip.ACK)
	anna.send(strings.Replace(anna.within("REFER", ok, 4, ""), "Contact:", "Refer-To: <sip:103@home.example>\r\nContact:", 1))
	refer := bob.request(sip.REFER)
	if got := valueOf(refer, "Refer-To"); got != "<sip:103@office.example>" {
		t.Errorf("bob is referred to %s", got)
	}
	bob.answer(refer, 202, "Accepted", "", "", "")
	anna.response(202, sip.REFER)

	from, _ := in.From().Params.Get("tag")
	contact := in.Contact().Address
	bob.send(bob.build("REFER", contact.String(), "<"+in.From().Address.String()+">;tag="+from, in.CallID().Value(), "tag-of-bob", "", "Refer-To: <sip:104@office.example>"))
	refer = anna.request(sip.REFER)
	if got := valueOf(refer, "Refer-To"); got != "<sip:104@home.example>" {
		t.Errorf("anna is referred to %s", got)
	}
	anna.answer(refer, 202, "Accepted", "", "", "")
	bob.response(202, sip.REFER)
	hangUp(anna, ok, bob)
	home.over()
	office.over()
}

// TestClientSendsKeysAndTexts: what belongs to a call passes, and messages do without one.
func TestClientSendsKeysAndTexts(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	anna.calls("102@home.example")
	bob.answers("v=0 of bob")
	ok := anna.response(200, sip.INVITE)
	anna.ackOf(ok)
	bob.request(sip.ACK)
	anna.send(infoOf(anna, ok, 4, relayType, "Signal=5\r\nDuration=160\r\n"))
	info := bob.request(sip.INFO)
	if !strings.Contains(string(info.Body()), "Signal=5") {
		t.Errorf("bob is told %q", info.Body())
	}
	bob.answer(info, 200, "OK", "", "", "")
	anna.response(200, sip.INFO)

	text := anna.build("MESSAGE", "sip:102@home.example", "<sip:102@home.example>", token(), token(), "")
	anna.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", 1))
	message := bob.request(sip.MESSAGE)
	if string(message.Body()) != "hello" {
		t.Errorf("bob reads %q", message.Body())
	}
	bob.answer(message, 200, "OK", "", "", "")
	anna.response(200, sip.MESSAGE)
	hangUp(anna, ok, bob)
	home.over()
	office.over()
}

// TestClientSeesLamps: the office tells how its people are doing, and again after the connection broke.
func TestClientSeesLamps(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob := office.member("bob")
	s := home.spectator("anna", "102")
	s.lamp("102", call.LampIdle)
	cutUplinks(home)
	eventually(t, "no connection", func() bool { return home.srv.uplinks.by(home.srv.pbxes[0].uplinkName("alice")).gone() })
	bob.calls("echo@office.example")
	ok := bob.response(200, sip.INVITE)
	bob.ackOf(ok)
	s.lamp("102", call.LampBusy)
	bob.send(bob.within("BYE", ok, 20, ""))
	bob.response(200, sip.BYE)
	office.over()
}

func (u *uplink) gone() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flow == nil
}
