package web

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/guard"
)

// guarded is a site with an administrator, and with a list of bans on which loopback is no exception.
func guarded(t testing.TB) *site {
	s := newSite(t)
	boss := s.accounts.users["alice"]
	boss.Admin = true
	s.accounts.users["alice"] = boss
	s.deps.Bans = guard.NewBans(nil)
	s.deps.Bans.Never(nil)
	return s
}

// ask sends a request of a signed-in user ("": nobody) from an address straight to the server.
func ask(s *site, srv *Server, user, method, path, body string, from string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://gw.example"+path, strings.NewReader(body))
	r.RemoteAddr = from + ":4711"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if user != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: s.deps.Sessions.SignSession(s.accounts.users[user], s.clock.Now().Add(time.Hour))})
	}
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	return w
}

func TestBansAreForAdministrators(t *testing.T) {
	s := guarded(t)
	srv := s.server(t)
	for _, tt := range []struct {
		user, method, path, body string
		status                   int
		code                     string
	}{
		{"", "GET", "/api/v1/bans", "", 401, "signed_out"},
		{"", "POST", "/api/v1/bans", `{"address":"192.0.2.9","seconds":60}`, 401, "signed_out"},
		{"", "DELETE", "/api/v1/bans/192.0.2.9", "", 401, "signed_out"},
		{"bob", "GET", "/api/v1/bans", "", 403, "not_admin"},
		{"bob", "POST", "/api/v1/bans", `{"address":"192.0.2.9","seconds":60}`, 403, "not_admin"},
		{"bob", "DELETE", "/api/v1/bans/192.0.2.9", "", 403, "not_admin"},
		{"alice", "PUT", "/api/v1/bans", "{}", 405, "method_not_allowed"},
		{"alice", "DELETE", "/api/v1/bans/192.0.2.9", "", 404, "not_banned"},
		{"alice", "DELETE", "/api/v1/bans/nobody", "", 400, "malformed"},
		{"alice", "POST", "/api/v1/bans", `{"address":"10.0.0.0/8","seconds":60}`, 400, "malformed"},
		{"alice", "POST", "/api/v1/bans", `{"address":"192.0.2.9"}`, 400, "malformed"},
		{"alice", "POST", "/api/v1/bans", `{"address":"192.0.2.9","seconds":1e9}`, 400, "malformed"},
	} {
		w := ask(s, srv, tt.user, tt.method, tt.path, tt.body, "198.51.100.1")
		var f fault
		if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != tt.status || f.Code != tt.code {
			t.Errorf("%s %s of %q: %d %s, want %d %s", tt.method, tt.path, tt.user, w.Code, w.Body, tt.status, tt.code)
		}
	}
	if list := s.deps.Bans.List(start); len(list) > 0 {
		t.Errorf("banned all the same: %v", list)
	}
}

func TestBansByHand(t *testing.T) {
	s := guarded(t)
	srv := s.server(t)
	for _, tt := range []struct{ address, subject, lift string }{
		{"192.0.2.9", "192.0.2.9", "192.0.2.9"},
		{"2001:db8:1:2::9", "2001:db8:1:2::/64", "2001:db8:1:2::/64"},
		{"2001:db8:1:2::9", "2001:db8:1:2::/64", "2001:db8:1:2::7"},
		{"user:bob", "user:bob", "user:bob"},
	} {
		if w := ask(s, srv, "alice", "POST", "/api/v1/bans", `{"address":"`+tt.address+`","seconds":60,"why":"noise"}`, "198.51.100.1"); w.Code != 201 {
			t.Errorf("ban %s: %d %s", tt.address, w.Code, w.Body)
		}
		var got struct{ Bans []guard.Ban }
		w := ask(s, srv, "alice", "GET", "/api/v1/bans", "", "198.51.100.1")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Bans) != 1 || got.Bans[0].Subject != tt.subject ||
			got.Bans[0].Why != "noise" || !got.Bans[0].Until.Equal(start.Add(time.Minute)) {
			t.Errorf("after the ban of %s: %s", tt.address, w.Body)
		}
		if w := ask(s, srv, "alice", "DELETE", "/api/v1/bans/"+tt.lift, "", "198.51.100.1"); w.Code != 204 || len(s.deps.Bans.List(start)) > 0 {
			t.Errorf("lift the ban of %s: %d %s", tt.address, w.Code, w.Body)
		}
	}
	s.deps.Bans.Never([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	if w := ask(s, srv, "alice", "POST", "/api/v1/bans", `{"address":"192.0.2.9","seconds":60}`, "198.51.100.1"); w.Code != 409 {
		t.Errorf("ban who is never banned: %d %s", w.Code, w.Body)
	}
}

func TestManyNamesFromOneAddress(t *testing.T) {
	s := guarded(t)
	s.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("203.0.113.1/32")}
	srv := s.server(t)
	last := 0
	for i := range 40 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		last = ask(s, srv, "", "POST", "/api/v1/login", `{"user":"`+name+`","password":"guess"}`, "203.0.113.1", "X-Forwarded-For", "192.0.2.9", "X-Forwarded-Proto", "https").Code
	}
	if last != 403 || !s.deps.Bans.Address(netip.MustParseAddr("192.0.2.9"), start) || len(s.deps.Bans.List(start)) != 1 {
		t.Errorf("after 40 names: %d, banned %v", last, s.deps.Bans.List(start))
	}
	if w := ask(s, srv, "", "GET", "/healthz", "", "203.0.113.1", "X-Forwarded-For", "192.0.2.10"); w.Code != 200 {
		t.Errorf("another client of the same proxy: %d", w.Code)
	}
	if w := ask(s, srv, "", "GET", "/ws", "", "203.0.113.1", "X-Forwarded-For", "192.0.2.9"); w.Code != 403 {
		t.Errorf("the banned one at /ws: %d", w.Code)
	}
	s.clock.Add(time.Hour)
	if w := ask(s, srv, "", "GET", "/healthz", "", "192.0.2.9"); w.Code != 200 {
		t.Errorf("after the ban: %d", w.Code)
	}
}

func TestBannedConnectionsAreClosedAtOnce(t *testing.T) {
	s := guarded(t)
	site := s.open(t)
	if _, err := s.deps.Bans.Add("127.0.0.1", "", time.Minute, start); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{site.https, site.http} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("a banned connection reads %d, %v, want its end", n, err)
		}
	}
	s.deps.Bans.Remove("127.0.0.1", start)
	if res, _ := site.send(t, "GET", "https://"+site.https+"/healthz", ""); res.StatusCode != 200 {
		t.Errorf("after the ban was lifted: %s", res.Status)
	}
}
