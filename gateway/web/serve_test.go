package web

import (
	"bufio"
	"context"
	"cordboard/gateway/guard"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestPlainHTTPOnTheHTTPSPort(t *testing.T) {
	site := newSite(t).open(t)
	for _, tt := range []struct{ name, request, status, to string }{
		{"page", "GET / HTTP/1.1\r\nHost: gw.local:8443\r\n\r\n", "307", "https://gw.local:8443/"},
		{"path and query", "GET /trust?a=b%20c HTTP/1.1\r\nHost: gw.local:8443\r\n\r\n", "307", "https://gw.local:8443/trust?a=b%20c"},
		{"post", "POST /api/v1/login HTTP/1.1\r\nHost: gw.local:8443\r\nContent-Length: 2\r\n\r\n{}", "307", "https://gw.local:8443/api/v1/login"},
		{"no host", "GET / HTTP/1.0\r\n\r\n", "400", ""},
		{"strange host", "GET / HTTP/1.1\r\nHost: a;b\r\n\r\n", "400", ""},
		{"proxy request", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", "400", ""},
		{"no HTTP", "HELO there\r\n\r\n", "400", ""},
		{"huge", "GET / HTTP/1.1\r\nHost: gw.local\r\nX: " + strings.Repeat("x", maxHeader) + "\r\n\r\n", "400", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dial(t, site.https)
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if !strings.HasPrefix(res.Status, tt.status) || res.Header.Get("Location") != tt.to {
				t.Errorf("%s to %q, want %s to %q", res.Status, res.Header.Get("Location"), tt.status, tt.to)
			}
		})
	}
}

func TestHalfOpenConnectionsKeepNobodyOut(t *testing.T) {
	s := newSite(t)
	s.deps.ICE = func(conn net.Conn, _ []byte) { _ = conn.Close() }
	site := s.open(t)
	hello := []byte{22, 3, 1, 2, 0, 1, 0} // the start of a ClientHello (RFC 8446 §5.1)
	for _, tt := range []struct{ name, url, addr, start string }{
		{"nothing sent", "https://" + site.https, site.https, ""},
		{"half a handshake", "https://" + site.https, site.https, string(hello)},
		{"half a check", "https://" + site.https, site.https, string(check[:frameStart-1])},
		{"half a request in the clear", "https://" + site.https, site.https, "GET / HTTP/1.1\r\n"},
		{"half a request", "http://" + site.http, site.http, "GET / HTTP/1.1\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var first net.Conn
			for i := range 100 {
				conn := dial(t, tt.addr)
				if i == 0 {
					first = conn
				}
				_, _ = io.WriteString(conn, tt.start) // may be closed already
			}
			begin := time.Now()
			if res, _ := site.send(t, "GET", tt.url+"/healthz", ""); res.StatusCode != 200 {
				t.Errorf("%s, want 200", res.Status)
			}
			if took := time.Since(begin); took > handshakeTimeout/2 {
				t.Errorf("an honest client waited %v", took)
			}
			_ = first.SetReadDeadline(time.Now().Add(5 * time.Second))
			var timeout net.Error
			if _, err := first.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("the oldest of 100: %v, want it closed", err)
			}
		})
	}
}

func TestWaitingCountsOnlyThoseWithoutHeader(t *testing.T) {
	w := newWaiting(&Server{cfg: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, deps: Deps{Bans: guard.NewBans(nil), Now: time.Now}})
	fill := func(addr string, n int) (in []*visitor) {
		for range n {
			in = append(in, w.enter(&fakeConn{from: netip.AddrPortFrom(netip.MustParseAddr(addr), 1)}))
		}
		return in
	}
	closed := func(v *visitor) bool { return v.Conn.(*fakeConn).closed }

	passed := fill("198.51.100.1", maxWaiting)
	for _, v := range passed {
		v.pass()
	}
	mine, other := fill("198.51.100.1", maxWaiting), fill("198.51.100.2", 1)
	proxy, v6 := fill("192.0.2.1", 2*maxWaiting), fill("2001:db8::1", maxWaiting)
	fill("2001:db8::2", 1)
	if closed(passed[0]) || closed(mine[0]) || closed(other[0]) || closed(proxy[0]) {
		t.Error("a connection was closed without need")
	}
	if !closed(v6[0]) || closed(v6[1]) {
		t.Error("of one IPv6 network too many: the oldest must go, and it alone")
	}
	fill("198.51.100.1", 1)
	if !closed(mine[0]) || closed(mine[1]) || closed(passed[0]) {
		t.Error("of one address too many: the oldest must go, and it alone")
	}
	for _, v := range proxy {
		if closed(v) {
			t.Error("a trusted proxy was limited")
		}
	}
	for _, v := range append(mine, append(other, append(v6, proxy...)...)...) {
		_ = v.Close()
		_ = v.Close()
	}
	if n := len(w.by); n != 2 { // the two filled without a name here
		t.Errorf("%d addresses remembered, want 2", n)
	}
}

// fakeConn has an address and may be closed.
type fakeConn struct {
	net.Conn
	from   netip.AddrPort
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }
func (c *fakeConn) Close() error         { c.closed = true; return nil }

func TestOnlyHTTP1(t *testing.T) {
	site := newSite(t).open(t)
	conn, err := tls.Dial("tcp", site.https, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated %q, want http/1.1", got)
	}
}

func TestLongHeaderIsRefused(t *testing.T) {
	site := newSite(t).open(t)
	res, _ := site.send(t, "GET", "https://"+site.https+"/", "", "X-Long: "+strings.Repeat("x", 2*maxHeader))
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%s, want 431", res.Status)
	}
}

func TestStopFinishesRequests(t *testing.T) {
	s := newSite(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s.deps.WS = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "finished")
	})
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	on := Listeners{HTTPS: listen(t), TLS: lender.TLS}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	server := s.server(t)
	go func() { done <- server.Serve(ctx, on) }()
	halfOpen := dial(t, on.HTTPS.Addr().String())
	answer := make(chan string, 1)
	go func() {
		res, err := lender.Client().Get("https://" + on.HTTPS.Addr().String() + "/ws")
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(body)
	}()
	<-arrived
	begin := time.Now()
	stop()
	if _, err := halfOpen.Read(make([]byte, 1)); err == nil {
		t.Error("a connection that had sent nothing got an answer")
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("the request under way got %q, want finished", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if took := time.Since(begin); took >= stopTimeout {
		t.Errorf("stopping took %v", took)
	}
	if conn, err := net.Dial("tcp", on.HTTPS.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("still listening")
	}
}

func TestListenerFails(t *testing.T) {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	on := Listeners{HTTPS: listen(t), TLS: lender.TLS, HTTP: listen(t)}
	_ = on.HTTP.Close()
	if err := newSite(t).server(t).Serve(t.Context(), on); err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v, want the listener's error", err)
	}
}

func TestPanicEndsOnlyItsRequest(t *testing.T) {
	var log strings.Builder
	s := newSite(t)
	s.deps.WS = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("ouch") })
	server, err := New(s.cfg, s.deps, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("panic %v, want ErrAbortHandler", p)
			}
		}()
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/ws", nil))
	}()
	if !strings.Contains(log.String(), "ouch") {
		t.Errorf("log %q, want the panic", log.String())
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// What hands out the connection must let /ws take it over.
func TestUpgrade(t *testing.T) {
	s := newSite(t)
	s.deps.WS = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		kind, text, err := conn.Read(r.Context())
		if err == nil {
			err = conn.Write(r.Context(), kind, text)
		}
		if err != nil {
			t.Errorf("echo: %v", err)
		}
	})
	site := s.open(t)
	conn, res, err := websocket.Dial(t.Context(), "wss://"+site.https+"/ws", &websocket.DialOptions{HTTPClient: &site.Client, Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer func() { _ = conn.CloseNow() }()
	if res.StatusCode != http.StatusSwitchingProtocols || conn.Subprotocol() != "sip" {
		t.Errorf("%s, subprotocol %q", res.Status, conn.Subprotocol())
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.Read(t.Context()); err != nil || string(text) != "hello" {
		t.Errorf("heard %q, %v", text, err)
	}
}
