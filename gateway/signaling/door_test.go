package signaling

import (
	"bufio"
	"context"
	"crypto"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cordboard/gateway/auth"
)

// knock sends a handshake, as it would come over TLS to gw.example, and gives the refusal.
func doorKnock(d *door, change func(r *http.Request)) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequest(http.MethodGet, "https://gw.example/ws", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Protocol": "sip",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://gw.example"} {
		r.Header.Set(name, value)
	}
	change(r)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	var body struct{ Error, Message string }
	json.Unmarshal(w.Body.Bytes(), &body)
	if body.Message == "" {
		body.Error = w.Body.String()
	}
	return w, body.Error
}

func TestDoorExaminesHandshakes(t *testing.T) {
	set := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
		}
	}
	fromProxy := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.RemoteAddr, r.TLS = "10.0.0.1:7", nil
			set(headers...)(r)
		}
	}
	b := newDoorBench(t, func(cfg *doorConfig) {
		cfg.Origins = []string{"https://shop.example", "http://Intra.example:80/"}
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	t.Cleanup(b.stop)
	const upgraded = 0 // past all checks: a recorder can't be hijacked
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"ours", set(), upgraded, ""},
		{"POST", func(r *http.Request) { r.Method = http.MethodPost }, 405, "method"},
		{"HTTP/1.0", func(r *http.Request) { r.ProtoMinor = 0 }, 426, "not_websocket"},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 426, "not_websocket"},
		{"no upgrade", set("Upgrade", "h2c"), 426, "not_websocket"},
		{"other subprotocol", set("Sec-WebSocket-Protocol", "sips, mqtt"), 400, "subprotocol"},
		{"no subprotocol", func(r *http.Request) { r.Header.Del("Sec-WebSocket-Protocol") }, 400, "subprotocol"},
		{"subprotocol in a list", set("Sec-WebSocket-Protocol", "mqtt,sip"), upgraded, ""},
		{"no Origin", func(r *http.Request) { r.Header.Del("Origin") }, upgraded, ""},
		{"empty Origin", set("Origin", ""), 403, "origin"},
		{"null Origin", set("Origin", "null"), 403, "origin"},
		{"two Origins", func(r *http.Request) { r.Header.Add("Origin", "https://evil.example") }, 403, "origin"},
		{"other site", set("Origin", "https://evil.example"), 403, "origin"},
		{"other scheme", set("Origin", "http://gw.example"), 403, "origin"},
		{"other port", set("Origin", "https://gw.example:8443"), 403, "origin"},
		{"default port", set("Origin", "https://GW.example:443"), upgraded, ""},
		{"suffix of ours", set("Origin", "https://evilgw.example"), 403, "origin"},
		{"listed", set("Origin", "https://shop.example"), upgraded, ""},
		{"listed with port and slash", set("Origin", "http://intra.example"), upgraded, ""},
		{"forwarded host of a stranger", set("X-Forwarded-Host", "evil.example", "Origin", "https://evil.example"), 403, "origin"},
		{"proxy", fromProxy("X-Forwarded-Proto", "https", "X-Forwarded-Host", "calls.example", "Origin", "https://calls.example"), upgraded, ""},
		{"proxy keeps Host", fromProxy("X-Forwarded-Proto", "https"), upgraded, ""},
		{"proxy without TLS", fromProxy("X-Forwarded-Proto", "http"), 403, "origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, code := doorKnock(b.door, tt.change)
			if tt.status == upgraded {
				if w.Code != http.StatusSwitchingProtocols && w.Code != http.StatusNotImplemented {
					t.Errorf("refused with %d %s", w.Code, code)
				}
				return
			}
			if w.Code != tt.status || code != tt.code {
				t.Errorf("got %d %s, want %d %s", w.Code, code, tt.status, tt.code)
			}
		})
	}
}

func TestDoorBelievesOnlyTrustedProxies(t *testing.T) {
	d := newDoor(doorConfig{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}, nil)
	for _, tt := range []struct{ peer, forwarded, client string }{
		{"192.0.2.1:5", "198.51.100.1", "192.0.2.1:5"},
		{"10.0.0.1:5", "", "10.0.0.1:5"},
		{"10.0.0.1:5", "198.51.100.1", "198.51.100.1:5"},
		{"10.0.0.1:5", "203.0.113.66, 198.51.100.1", "198.51.100.1:5"},
		{"10.0.0.1:5", "198.51.100.1, 10.0.0.2", "198.51.100.1:5"},
		{"10.0.0.1:5", "198.51.100.1:1234", "198.51.100.1:5"},
		{"10.0.0.1:5", "[2001:db8::1]:1234", "[2001:db8::1]:5"},
		{"10.0.0.1:5", "2001:db8::1", "[2001:db8::1]:5"},
		{"10.0.0.1:5", "unknown", "10.0.0.1:5"},
		{"10.0.0.1:5", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2:5"},
		{"[fd00::1]:5", "::ffff:198.51.100.1", "198.51.100.1:5"},
		{"[::ffff:192.0.2.1]:5", "", "192.0.2.1:5"},
		{"[fe80::1%eth0]:5", "", "[fe80::1]:5"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.RemoteAddr = tt.peer
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if v, err := d.visitor(r); err != nil || v.client.String() != tt.client {
			t.Errorf("%s for %q: client %v, %v, want %s", tt.peer, tt.forwarded, v.client, err, tt.client)
		}
	}
}

func TestDoorChecksCredentials(t *testing.T) {
	alice, err := auth.NewUser("alice", "Alice", "101", "secret enough")
	if err != nil {
		t.Fatal(err)
	}
	ephemeral := auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1}
	sessions := auth.Sessions{Secret: []byte("fedcba9876543210")}
	now := time.Now()
	user, password := ephemeral.Sign("visitor", now.Add(time.Hour))
	oldUser, oldPassword := ephemeral.Sign("visitor", now.Add(-time.Second))
	cookie := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "cordboard", Value: value}) }
	}
	query := func(user, password string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set("username", user)
			q.Set("password", password)
			r.URL.RawQuery = q.Encode()
		}
	}
	basic := func(credential string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credential)))
		}
	}
	good := cookie(sessions.SignSession(alice, now.Add(time.Hour)))
	both := func(fs ...func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			for _, f := range fs {
				f(r)
			}
		}
	}
	noOrigin := func(r *http.Request) { r.Header.Del("Origin") }
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		who    string // or
		code   string
	}{
		{"query", query(user, password), "visitor", ""},
		{"query without Origin", both(query(user, password), noOrigin), "visitor", ""},
		{"query, wrong", query(user, "x"), "", "wrong_credential"},
		{"query, wrong, with cookie", both(query(user, "x"), good), "", "wrong_credential"},
		{"query, expired", query(oldUser, oldPassword), "", "expired"},
		{"query, no ephemeral name", query("alice", "secret enough"), "", "wrong_credential"},
		{"Basic", basic(user + ":" + password), "visitor", ""},
		{"Basic, wrong", basic(user + ":" + oldPassword), "", "wrong_credential"},
		{"cookie", good, "alice", ""},
		{"cookie without Origin", both(good, noOrigin), "", "no_credential"},
		{"cookie, expired", cookie(sessions.SignSession(alice, now.Add(-time.Second))), "", "expired"},
		{"cookie, forged", cookie("x"), "", "wrong_credential"},
		{"none", func(*http.Request) {}, "", "no_credential"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := authenticate(ephemeral, sessions, auth.Static([]auth.User{alice}))
			var got auth.Identity
			d := newDoor(doorConfig{RequireHandshake: true, Authenticate: func(r *http.Request, now time.Time) (who auth.Identity, err error) {
				who, err = check(r, now)
				got = who
				return who, err
			}}, doorLog())
			w, code := doorKnock(d, tt.change)
			if tt.who != "" {
				if got.User != tt.who || got.Expiry.Unix() != now.Add(time.Hour).Unix() {
					t.Errorf("identity %v (%d %s), want %s", got, w.Code, code, tt.who)
				}
			} else if w.Code != http.StatusUnauthorized || code != tt.code {
				t.Errorf("got %d %s, want 401 %s", w.Code, code, tt.code)
			}
		})
	}

	d := newDoor(doorConfig{Authenticate: authenticate(ephemeral, sessions, auth.Static(nil))}, doorLog())
	var w *httptest.ResponseRecorder
	for range 7 {
		w, _ = doorKnock(d, query(user, "guess"))
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("seventh guess: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	d = newDoor(doorConfig{Authenticate: func(*http.Request, time.Time) (auth.Identity, error) { return auth.Identity{}, io.ErrUnexpectedEOF }}, doorLog())
	if w, code := doorKnock(d, func(*http.Request) {}); w.Code != 500 || code != "internal" || strings.Contains(w.Body.String(), "EOF") {
		t.Errorf("store out of order: %d %s", w.Code, w.Body)
	}
}

func TestDoorBindsHandshakeIdentity(t *testing.T) {
	b := newDoorBench(t, func(cfg *doorConfig) {
		cfg.Authenticate = func(*http.Request, time.Time) (auth.Identity, error) { return auth.Identity{User: "alice"}, nil }
	}).overTLS()
	b.browser()
	if who, ok := b.theFlow().Identity(); !ok || who.User != "alice" {
		t.Errorf("identity %v, %v", who, ok)
	}
}

func TestDoorLimitsFlowsPerAddress(t *testing.T) {
	b := newDoorBench(t, func(cfg *doorConfig) {
		cfg.FlowsPerAddress = 3
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}).overTLS()
	from := func(addr string) http.Header {
		return http.Header{"Origin": {b.web.URL}, "X-Forwarded-For": {addr}}
	}
	var flows []*websocket.Conn
	for range 3 {
		ws, _, err := b.dial("/ws", from("192.0.2.9"))
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		flows = append(flows, ws)
	}
	if _, res, err := b.dial("/ws", from("192.0.2.9")); err == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("fourth flow: %v", err)
	}
	other, _, err := b.dial("/ws", from("192.0.2.10"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.CloseNow()
	flows[0].Close(websocket.StatusNormalClosure, "")
	for range 100 {
		if ws, _, err := b.dial("/ws", from("192.0.2.9")); err == nil {
			ws.CloseNow()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a place that was left is not given again")
}

func TestDoorOpensWhileOthersStall(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	addr := b.web.Listener.Addr().String()
	for i := range 100 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		switch i % 3 {
		case 0: // not even TLS
		case 1: // TLS, no request
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			if err := conn.(*tls.Conn).Handshake(); err != nil {
				t.Fatal(err)
			}
		case 2: // half a request
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: webso", addr)
		}
	}
	for range 5 { // upgraded, and half a frame
		conn := tls.Client(mustDial(net.Dial("tcp", addr)), &tls.Config{InsecureSkipVerify: true})
		defer conn.Close()
		fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n", addr)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Fatalf("handshake: %v, %v", res, err)
		}
		conn.Write([]byte{0x81, 0xfe, 0x10})
	}
	start := time.Now()
	ws := b.browser()
	flowWrite(t, ws, sipMessage("through"))
	wantAnswer(t, ws, "through")
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestDoorRefusesWhileStopping(t *testing.T) {
	b := newDoorBench(t, nil)
	b.door.close(context.Background())
	if w, code := doorKnock(b.door, func(*http.Request) {}); w.Code != 503 || code != "stopping" {
		t.Errorf("got %d %s, want 503 stopping", w.Code, code)
	}
	b.stop()
}

func TestDoorClosingDuringAHandshakeSaysSo(t *testing.T) {
	b := newDoorBench(t, nil)
	closed := make(chan struct{})
	b.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.door.ServeHTTP(slowHijacker{w, func() {
			go func() { b.door.close(context.Background()); close(closed) }()
			for !isClosing(b.door) {
				time.Sleep(time.Millisecond)
			}
		}}, r)
	}))
	t.Cleanup(b.stop)
	ws, _, err := b.dial("/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("flow ended with %v, want going away", err)
	}
	<-closed
}

func isClosing(d *door) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.closing
}

// slowHijacker does something while the handshake is going on.
type slowHijacker struct {
	http.ResponseWriter
	before func()
}

func (w slowHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.before()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func mustDial(c net.Conn, err error) net.Conn {
	if err != nil {
		panic(err)
	}
	return c
}
