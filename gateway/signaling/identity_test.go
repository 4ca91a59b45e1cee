package signaling

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func TestRegisterByDigest(t *testing.T) {
	for _, tt := range []struct {
		name, algorithm, password string
		want                      int
	}{
		{"MD5", "MD5", "password-of-alice", 200},
		{"SHA-256", "SHA-256", "password-of-alice", 200},
		{"wrong password", "MD5", "guess", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			alice := w.dial("alice", false)
			alice.send(alice.build("REGISTER", "sip:office.example", "<sip:alice@office.example>", "r", "t", ""))
			res := alice.response(401, sip.REGISTER)
			var given string
			challenges := res.GetHeaders("WWW-Authenticate")
			for i, h := range challenges {
				chal, err := digest.ParseChallenge(h.Value())
				if err != nil {
					t.Fatal(err)
				}
				if i == len(challenges)-1 && chal.Algorithm != "MD5" {
					t.Error("MD5 must come last: JsSIP and SIP.js keep the last challenge they read")
				}
				if chal.Algorithm == tt.algorithm {
					cred, err := digest.Digest(chal, digest.Options{Method: "REGISTER", URI: "sip:office.example", Username: "alice", Password: tt.password, Count: 1})
					if err != nil {
						t.Fatal(err)
					}
					given = cred.String()
				}
			}
			alice.send(alice.build("REGISTER", "sip:office.example", "<sip:alice@office.example>", "r", "t", "", "Authorization: "+given))
			res = alice.response(tt.want, sip.REGISTER)
			if tt.want != 200 {
				return
			}
			if c := res.Contact(); c == nil || c.Address.Host != alice.host {
				t.Errorf("Contact = %v, want the browser's", c)
			}
			if got := w.srv.reg.of("alice", time.Now()); len(got) != 1 {
				t.Errorf("%d bindings, want 1", len(got))
			}
			_ = alice.conn.CloseNow()
			eventually(t, "unregistered with the flow", func() bool { return len(w.srv.reg.of("alice", time.Now())) == 0 })
		})
	}
}

func TestCallByDigest(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", false)
	alice.invite("echo")
	alice.response(407, sip.INVITE)
	w.over()
}

func TestBreach(t *testing.T) {
	for _, tt := range []struct {
		name string
		text func(b *browser) string
	}{
		{"From of another user", func(b *browser) string {
			return strings.Replace(b.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", "c", "t", "v=0"), "From: <sip:alice@", "From: <sip:bob@", 1)
		}},
		{"a method we don't know, of another user", func(b *browser) string {
			return strings.Replace(b.build("MESSAGE", "sip:bob@office.example", "<sip:bob@office.example>", "c", "t", ""), "From: <sip:alice@", "From: <sip:bob@", 1)
		}},
		{"registration for another user", func(b *browser) string {
			return b.build("REGISTER", "sip:office.example", "<sip:bob@office.example>", "c", "t", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			conn := w.dial("alice", true)
			conn.send(tt.text(conn))
			conn.await("403", func(m sip.Message) bool { r, ok := m.(*sip.Response); return ok && r.StatusCode == 403 })
			eventually(t, "flow closed", func() bool { return conn.conn.Ping(context.Background()) != nil })
			w.over()
		})
	}
	t.Run("closes with 1008", func(t *testing.T) {
		w := newWorld(t, "")
		name, password := w.eph.Sign("alice", time.Now().Add(time.Hour))
		url := "wss" + strings.TrimPrefix(w.web.URL, "https") + "/ws?username=" + name + "&password=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(password)
		conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: w.web.Client()})
		if err != nil {
			t.Fatal(err)
		}
		b := &browser{user: "bob", host: "x.invalid"}
		_ = conn.Write(t.Context(), websocket.MessageText, []byte(b.build("REGISTER", "sip:office.example", "<sip:bob@office.example>", "c", "t", "")))
		for {
			if _, _, err = conn.Read(t.Context()); err != nil {
				break
			}
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusPolicyViolation {
			t.Errorf("closed with %d, want 1008", got)
		}
	})
}

func TestMalformedRequests(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	good := alice.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", "c", "t", "v=0")
	for _, header := range []string{"Call-ID: c", "To: <sip:echo@office.example>"} {
		alice.send(strings.Replace(good, header+"\r\n", "", 1)) // dropped: there is nobody to answer
	}
	for _, tt := range []struct {
		name, from, to string
		want           int
	}{
		{"body of another kind", "application/sdp", "text/plain", 415},
		{"an extension we lack", "Max-Forwards: 69", "Max-Forwards: 69\r\nRequire: teleport", 420},
		{"no hops left", "Max-Forwards: 69", "Max-Forwards: 0", 483},
		{"another domain", "INVITE sip:echo@office.example", "INVITE sip:echo@elsewhere.example", 404},
		{"unknown method", "INVITE", "BREW", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := alice.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", token(), "t", "v=0")
			alice.send(strings.ReplaceAll(text, tt.from, tt.to))
			alice.await(itoa(tt.want), func(m sip.Message) bool { r, ok := m.(*sip.Response); return ok && r.StatusCode == tt.want })
		})
	}
	alice.send(alice.build("OPTIONS", "sip:office.example", "<sip:office.example>", "o", "t", ""))
	alice.response(200, sip.OPTIONS)
	w.over()
}
