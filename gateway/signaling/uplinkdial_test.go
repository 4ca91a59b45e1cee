package signaling

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

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
