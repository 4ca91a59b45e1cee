package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"
)

// quiet is a log for tests that don't look at it.
var quiet = slog.New(slog.DiscardHandler)

// loopback is a configuration on free ports of this machine, with more of a file behind it.
func loopback(t *testing.T, more string) Config {
	t.Helper()
	cfg, err := Parse("cordboard.toml", []byte(`
domain = "office.example"
[listen]
https = "127.0.0.1:0"
http = "127.0.0.1:0"
media = "127.0.0.1:0"
sip = "127.0.0.1:0"
`+more))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a gateway until the returned function is called, which gives Run's error.
func start(t *testing.T, cfg Config, dir string) (*Gateway, func() error) {
	t.Helper()
	page := fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>Cordboard</title>")}}
	g, err := New(cfg, Host{Dir: dir, Version: "test", Page: page}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(StopTime + time.Second):
			return fmt.Errorf("not stopped after %v", StopTime+time.Second)
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run = %v, want nil after a normal stop", err)
		}
	})
	return g, stop
}

// browser keeps cookies, as the page's browser does, and takes any certificate.
type browser struct {
	http.Client
	base string
}

func newBrowser(t *testing.T, g *Gateway) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{Client: http.Client{Jar: jar, Transport: transport, Timeout: 5 * time.Second}, base: "https://" + g.https.Addr().String()}
}

// ask gives the status and the body of an answer; with a body to send it is a POST of JSON.
func (b *browser) ask(t *testing.T, path string, body any) (int, string) {
	t.Helper()
	method, sent := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		sent, _ = json.Marshal(body)
	}
	req, err := http.NewRequest(method, b.base+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", b.base)
	res, err := b.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, string(text)
}

// noneLeft fails the test when there are more goroutines than before.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, want at most the %d of before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

func TestFirstStartToStop(t *testing.T) {
	dir, before := t.TempDir(), runtime.NumGoroutine()
	g, stop := start(t, loopback(t, ""), dir)
	hello := g.Greeting()
	if hello.Account != "operator" || hello.Password == "" || len(hello.Pages) != 1 || !strings.HasPrefix(hello.Pages[0], "https://localhost:") || !hello.LocalCA {
		t.Fatalf("greeting = %+v, want an operator with a password and a page on localhost", hello)
	}
	b := newBrowser(t, g)
	if status, body := b.ask(t, "/healthz", nil); status != 200 || strings.TrimSpace(body) != "ok" {
		t.Errorf("/healthz = %d %q, want ok", status, body)
	}
	signIn := map[string]string{"user": "operator", "password": hello.Password}
	if status, body := b.ask(t, "/api/v1/login", signIn); status != 403 || !strings.Contains(body, "choose_password") {
		t.Errorf("login with a one-time password = %d %s, want choose_password", status, body)
	}
	signIn["new"] = "correct horse"
	if status, body := b.ask(t, "/api/v1/password", signIn); status != 204 {
		t.Errorf("choosing a password = %d %s", status, body)
	}
	if status, body := b.ask(t, "/api/v1/session", nil); status != 200 || !strings.Contains(body, "sip:operator@office.example") {
		t.Errorf("session = %d %s, want the operator's", status, body)
	}
	if status, body := b.ask(t, "/api/v1/status", nil); status != 200 || !strings.Contains(body, `"users":1`) {
		t.Errorf("status = %d %s, want one user", status, body)
	}
	b.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil after a normal stop", err)
	}
	noneLeft(t, before)

	again, stop := start(t, loopback(t, ""), dir)
	if hello := again.Greeting(); hello.Account != "" || hello.Password != "" {
		t.Errorf("greeting of the second start = %+v, want no account", hello)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	noneLeft(t, before)
}

func TestStopClosesWebSockets(t *testing.T) {
	before := runtime.NumGoroutine()
	g, stop := start(t, loopback(t, "[[pbx]]\nuri = \"sip:127.0.0.1:9\"\nmode = \"peer\""), t.TempDir())
	b := newBrowser(t, g)
	ws, _, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(b.base, "https")+"/ws", &websocket.DialOptions{
		HTTPClient: &b.Client, Subprotocols: []string{"sip"}, HTTPHeader: http.Header{"Origin": {b.base}},
	})
	if err != nil {
		t.Fatalf("open /ws: %v", err)
	}
	defer ws.CloseNow()
	closed := make(chan error, 1)
	go func() {
		_, _, err := ws.Read(context.Background())
		closed <- err
	}()
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil after a normal stop", err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("/ws ended with %v, want going away", err)
	}
	b.CloseIdleConnections()
	noneLeft(t, before)
}

func TestOneTimePasswordIsShownOnce(t *testing.T) {
	dir := t.TempDir()
	_, stop := start(t, loopback(t, ""), dir)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	g, _ := start(t, loopback(t, ""), dir)
	if hello := g.Greeting(); hello.Account != "operator" || hello.Password != "" {
		t.Errorf("greeting = %+v, want the account that nobody has used, without its password", hello)
	}
}

func TestNoFirstAccountBesideOthers(t *testing.T) {
	g, _ := start(t, loopback(t, "[[user]]\nname = \"alice\"\npassword = \"correct horse\""), t.TempDir())
	if hello := g.Greeting(); hello.Account != "" {
		t.Errorf("greeting = %+v, want none beside a user of the configuration", hello)
	}
	if status, body := newBrowser(t, g).ask(t, "/api/v1/login", map[string]string{"user": "alice", "password": "correct horse"}); status != 204 {
		t.Errorf("login = %d %s", status, body)
	}
}

func TestTakenPortIsOneSentence(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Skipf("the same port for UDP: %v", err)
	}
	defer udp.Close()
	taken := tcp.Addr().String()
	for _, tt := range []struct {
		key, what string
		set       func(*Listen)
	}{
		{"https", "HTTPS", func(l *Listen) { l.HTTPS = taken }},
		{"http", "HTTP", func(l *Listen) { l.HTTP = taken }},
		{"media", "media", func(l *Listen) { l.Media = taken }},
		{"sip", "SIP", func(l *Listen) { l.SIP = taken }},
	} {
		t.Run(tt.key, func(t *testing.T) {
			before, dir := runtime.NumGoroutine(), t.TempDir()
			cfg := loopback(t, "[[pbx]]\nuri = \"sip:127.0.0.1:9\"\nmode = \"peer\"")
			tt.set(&cfg.Listen)
			_, err := New(cfg, Host{Dir: dir, Page: fstest.MapFS{}}, quiet)
			want := fmt.Sprintf("the %s port %s is in use by another program; set [listen] %s in cordboard.toml to another port, or stop that program", tt.what, taken, tt.key)
			if err == nil || err.Error() != want {
				t.Errorf("New = %v\nwant %s", err, want)
			}
			noneLeft(t, before)
			a, err := OpenAccounts(cfg, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if users, err := a.List(t.Context()); err != nil || len(users) > 0 {
				t.Errorf("users = %v, %v, want none made by a gateway that did not start", users, err)
			}
		})
	}
}

func TestReload(t *testing.T) {
	g, _ := start(t, loopback(t, ""), t.TempDir())
	next := loopback(t, `
trusted_proxies = ["10.0.0.0/8"]
[[user]]
name = "alice"
password = "correct horse"
[[pbx]]
uri = "sip:127.0.0.1:9"
[log]
level = "debug"`)
	waiting, err := g.Reload(next)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"[listen]"}; !slices.Equal(waiting, want) || len(g.PBXs()) != 1 {
		t.Errorf("waiting = %q, want %q", waiting, want)
	}
	b := newBrowser(t, g)
	signIn := map[string]string{"user": "alice", "password": "correct horse"}
	if status, body := b.ask(t, "/api/v1/login", signIn); status != 204 {
		t.Errorf("login of a user who came with the reload = %d %s", status, body)
	}
	signIn["new"] = "battery staple"
	if status, body := b.ask(t, "/api/v1/password", signIn); status != 409 {
		t.Errorf("new password for a user of the configuration = %d %s, want 409", status, body)
	}
	if waiting, err := g.Reload(loopback(t, "")); err != nil || len(waiting) > 0 {
		t.Errorf("Reload of what it started with = %q, %v, want nothing waiting", waiting, err)
	}
	if status, _ := b.ask(t, "/api/v1/login", signIn); status != 401 {
		t.Errorf("login of a user who went = %d, want 401", status)
	}
}

func TestStagesStopInOrder(t *testing.T) {
	var order []string
	part := func(name string) *stage {
		return &stage{name: name, run: func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, name) // one at a time, as the next is stopped only then
			return nil
		}}
	}
	stages := []*stage{part("signaling"), part("web"), part("media")}
	failed := make(chan struct{}, 3)
	for _, s := range stages {
		s.start(t.Context(), failed)
	}
	if err := stopAll(stages, time.Now().Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if want := []string{"signaling", "web", "media"}; !slices.Equal(order, want) {
		t.Errorf("stopped in the order %q, want %q", order, want)
	}
}

func TestStagesDoNotWaitForever(t *testing.T) {
	release := make(chan struct{})
	stuck := &stage{name: "web", run: func(context.Context) error { <-release; return nil }}
	ended := &stage{name: "media", run: func(context.Context) error { return errors.New("socket closed") }}
	failed := make(chan struct{}, 2)
	stuck.start(t.Context(), failed)
	ended.start(t.Context(), failed)
	<-failed
	err := stopAll([]*stage{stuck, ended}, time.Now().Add(20*time.Millisecond))
	if err == nil || err.Error() != "stop web: not done in time\nmedia: socket closed" {
		t.Errorf("stopAll = %v", err)
	}
	close(release)
	<-stuck.done
}
