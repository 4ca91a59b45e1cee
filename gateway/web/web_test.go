package web

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

const (
	alicePassword = "correct horse"
	carolPassword = "one-time-only"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// accounts are users in memory; those named in config can't change their password.
type accounts struct {
	mu     sync.Mutex
	users  map[string]auth.User
	config map[string]bool
}

func (a *accounts) joined() auth.Users {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []auth.User
	for _, u := range a.users {
		all = append(all, u)
	}
	return auth.Static(all)
}

func (a *accounts) User(ctx context.Context, name string) (auth.User, error) {
	return a.joined().User(ctx, name)
}

func (a *accounts) ByExtension(ctx context.Context, extension string) (auth.User, error) {
	return a.joined().ByExtension(ctx, extension)
}

func (a *accounts) List(ctx context.Context) ([]auth.User, error) { return a.joined().List(ctx) }

func (a *accounts) SetPassword(_ context.Context, name, password string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.users[name]
	if !ok {
		return auth.ErrNoUser
	}
	if a.config[name] {
		return ErrPasswordInConfig
	}
	u, err := u.WithPassword(password)
	if err == nil {
		a.users[name] = u
	}
	return err
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// site is a server under test; change it before open.
type site struct {
	cfg      Config
	deps     Deps
	accounts *accounts
	clock    *clock
}

func newSite(t testing.TB) *site {
	t.Helper()
	store := &accounts{users: map[string]auth.User{}, config: map[string]bool{"bob": true}}
	for _, u := range [][4]string{
		{"alice", "Alice Doe", "101", alicePassword},
		{"bob", "Bob", "102", alicePassword},
		{"carol", "Carol", "", carolPassword},
	} {
		user, err := auth.NewUser(u[0], u[1], u[2], u[3])
		if err != nil {
			t.Fatal(err)
		}
		user.MustChange = u[0] == "carol"
		store.users[user.Name] = user
	}
	c := &clock{now: start}
	return &site{
		cfg: Config{
			Name: "Front office", Domain: "office.example", Version: "1.2.3",
			Origins: []string{"https://intranet.office.example"},
		},
		deps: Deps{
			Users: store, Passwords: store, Sessions: auth.Sessions{Secret: []byte("a secret of the tests, 32 bytes.")},
			Page: testPage(),
			WS: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "signaling")
			}),
			PBXs:         func() []call.PBX { return testPBXs },
			NumbersGoOut: func() bool { return true },
			Status:       func() Status { return Status{PBX: []PBX{{Name: "office", State: "registered"}}, Calls: 2} },
			History:      callList(nil),
			Calls:        func() []call.Live { return nil },
			Media:        func(string) call.Media { return call.Media{} },
			Now:          c.Now,
		},
		accounts: store,
		clock:    c,
	}
}

func testPage() fs.FS {
	return fstest.MapFS{
		"index.html":   {Data: []byte("<!doctype html><title>Cordboard</title>")},
		"app.js":       {Data: []byte(strings.Repeat("export const page = 1;\n", 200))},
		"ring.wav":     {Data: []byte("RIFF")},
		".gitkeep":     {Data: []byte("hidden")},
		"help/a b.txt": {Data: []byte("help")},
	}
}

func (s *site) server(t testing.TB) *Server {
	t.Helper()
	server, err := New(s.cfg, s.deps, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// running is a site on real sockets.
type running struct {
	http.Client
	https, http string // "host:port"
}

// open serves on loopback, over real TLS, until the test ends.
func (s *site) open(t testing.TB) *running {
	t.Helper()
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // lends its certificate and a client that knows it
	t.Cleanup(lender.Close)
	on := Listeners{HTTPS: listen(t), TLS: lender.TLS, HTTP: listen(t)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := s.server(t)
	go func() { done <- server.Serve(ctx, on) }()
	t.Cleanup(func() {
		lender.Client().CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil after a stop", err)
		}
	})
	r := &running{Client: *lender.Client(), https: on.HTTPS.Addr().String(), http: on.HTTP.Addr().String()}
	r.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.Timeout = 20 * time.Second
	return r
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// request makes one as the page itself would; "Name: value" pairs change its header, "Name:" removes.
func request(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	return r
}

// send gives the answer and its body.
func (r *running) send(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	res, err := r.Do(request(t, method, url, body, header...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// signIn gives the cookie of a session as a header line.
func (r *running) signIn(t testing.TB, user, password string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"user": user, "password": password})
	res, text := r.send(t, "POST", "https://"+r.https+"/api/v1/login", string(body))
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("sign in: %s %s", res.Status, text)
	}
	return "Cookie: " + res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
}
