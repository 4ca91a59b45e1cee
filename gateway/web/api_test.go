package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
)

func TestAPI(t *testing.T) {
	const good = `{"user":"alice","password":"` + alicePassword + `"}`
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		signedIn                 bool
		status                   int
		code                     string
	}{
		{name: "sign in", method: "POST", path: "login", body: good, status: 204},
		{name: "sign in as a phone types it", method: "POST", path: "login", body: `{"user":" Alice ","password":"` + alicePassword + `"}`, status: 204},
		{name: "wrong password", method: "POST", path: "login", body: `{"user":"alice","password":"wrong"}`, status: 401, code: "wrong_password"},
		{name: "unknown user", method: "POST", path: "login", body: `{"user":"mallory","password":"wrong"}`, status: 401, code: "wrong_password"},
		{name: "nothing typed", method: "POST", path: "login", body: `{}`, status: 401, code: "wrong_password"},
		{name: "one-time password", method: "POST", path: "login", body: `{"user":"carol","password":"` + carolPassword + `"}`, status: 403, code: "choose_password"},
		{name: "choose a password", method: "POST", path: "password", body: `{"user":"carol","password":"` + carolPassword + `","new":"brand new one"}`, status: 204},
		{name: "change a password", method: "POST", path: "password", body: `{"user":"alice","password":"` + alicePassword + `","new":"brand new one"}`, status: 204},
		{name: "change with the wrong one", method: "POST", path: "password", body: `{"user":"alice","password":"wrong","new":"brand new one"}`, status: 401, code: "wrong_password"},
		{name: "short password", method: "POST", path: "password", body: `{"user":"carol","password":"` + carolPassword + `","new":"short"}`, status: 400, code: "weak_password"},
		{name: "same password", method: "POST", path: "password", body: `{"user":"carol","password":"` + carolPassword + `","new":"` + carolPassword + `"}`, status: 400, code: "weak_password"},
		{name: "password of the configuration", method: "POST", path: "password", body: `{"user":"bob","password":"` + alicePassword + `","new":"brand new one"}`, status: 409, code: "password_in_config"},
		{name: "sign out", method: "POST", path: "logout", signedIn: true, status: 204},
		{name: "sign out twice", method: "POST", path: "logout", status: 204},
		{name: "session", method: "GET", path: "session", signedIn: true, status: 200},
		{name: "session by HEAD", method: "HEAD", path: "session", signedIn: true, status: 200},
		{name: "session without cookie", method: "GET", path: "session", status: 401, code: "signed_out"},
		{name: "session with a forged cookie", method: "GET", path: "session", header: []string{"Cookie: cordboard=9999999999:alice:AAAA"}, status: 401, code: "signed_out"},
		{name: "session with a strange cookie", method: "GET", path: "session", header: []string{"Cookie: cordboard=%00::"}, status: 401, code: "signed_out"},
		{name: "status", method: "GET", path: "status", signedIn: true, status: 200},
		{name: "status without cookie", method: "GET", path: "status", status: 401, code: "signed_out"},

		{name: "method", method: "GET", path: "login", status: 405, code: "method_not_allowed"},
		{name: "method of reading", method: "POST", path: "session", body: good, status: 405, code: "method_not_allowed"},
		{name: "unknown path", method: "GET", path: "nothing", status: 404, code: "not_found"},
		{name: "unknown path by POST", method: "POST", path: "nothing", body: `{}`, status: 404, code: "not_found"},
		{name: "not JSON", method: "POST", path: "login", body: `user=alice`, status: 400, code: "malformed"},
		{name: "half JSON", method: "POST", path: "login", body: `{"user":"ali`, status: 400, code: "malformed"},
		{name: "two values", method: "POST", path: "login", body: good + good, status: 400, code: "malformed"},
		{name: "wrong type", method: "POST", path: "login", body: `{"user":7}`, status: 400, code: "malformed"},
		{name: "no body", method: "POST", path: "login", status: 400, code: "malformed"},
		{name: "huge", method: "POST", path: "login", body: `{"user":"` + strings.Repeat("a", maxBody) + `"}`, status: 413, code: "too_large"},
		{name: "huge tail", method: "POST", path: "login", body: good + strings.Repeat(" ", maxBody), status: 413, code: "too_large"},
		{name: "no type", method: "POST", path: "login", body: good, header: []string{"Content-Type:"}, status: 415, code: "json_required"},
		{name: "a form's type", method: "POST", path: "login", body: good, header: []string{"Content-Type: text/plain"}, status: 415, code: "json_required"},
		{name: "type with charset", method: "POST", path: "login", body: good, header: []string{"Content-Type: application/json; charset=utf-8"}, status: 204},
		{name: "foreign origin", method: "POST", path: "login", body: good, header: []string{"Origin: https://evil.example"}, status: 403, code: "foreign_origin"},
		{name: "foreign origin signs out", method: "POST", path: "logout", header: []string{"Origin: https://evil.example"}, status: 403, code: "foreign_origin"},
		{name: "sandboxed origin", method: "POST", path: "login", body: good, header: []string{"Origin: null"}, status: 403, code: "foreign_origin"},
		{name: "own host on another port", method: "POST", path: "login", body: good, header: []string{"Origin: https://127.0.0.1:1"}, status: 403, code: "foreign_origin"},
		{name: "cross-site without origin", method: "POST", path: "login", body: good, header: []string{"Origin:", "Sec-Fetch-Site: cross-site"}, status: 403, code: "foreign_origin"},
		{name: "program without origin", method: "POST", path: "login", body: good, header: []string{"Origin:"}, status: 204},
		{name: "listed origin", method: "POST", path: "login", body: good, header: []string{"Origin: https://intranet.office.example"}, status: 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := newSite(t).open(t)
			header := tt.header
			if tt.signedIn {
				header = append(header, site.signIn(t, "alice", alicePassword))
			}
			res, body := site.send(t, tt.method, "https://"+site.https+"/api/v1/"+tt.path, tt.body, header...)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, tt.status, body)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", got)
			}
			if tt.code == "" {
				return
			}
			var got fault
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Code != tt.code || got.Message == "" {
				t.Errorf("body %s, want error %q with a message (%v)", body, tt.code, err)
			}
			for _, c := range res.Cookies() {
				if c.Value != "" {
					t.Errorf("a refusal sets the cookie %v", c)
				}
			}
		})
	}
}

func TestSessionTellsThePage(t *testing.T) {
	site := newSite(t).open(t)
	cookie := site.signIn(t, "alice", alicePassword)
	_, got := site.send(t, "GET", "https://"+site.https+"/api/v1/session", "", cookie)
	want := `{"user":"alice","display":"Alice Doe","extension":"101","domain":"office.example","name":"Front office",` +
		`"version":"1.2.3","sip":{"uri":"sip:alice@office.example","ws":"/ws"},"pbx":true,"admin":false}`
	if got != want {
		t.Errorf("session\n%s\nwant\n%s", got, want)
	}
	_, got = site.send(t, "GET", "https://"+site.https+"/api/v1/status", "", cookie)
	want = `{"name":"Front office","version":"1.2.3","pbx":[{"name":"office","mode":"","uri":"","state":"registered","detail":""}],"calls":2,"users":3}`
	if got != want {
		t.Errorf("status\n%s\nwant\n%s", got, want)
	}
}

func TestStatusWithoutPBXIsAnEmptyList(t *testing.T) {
	s := newSite(t)
	s.deps.Status = func() Status { return Status{} }
	site := s.open(t)
	_, got := site.send(t, "GET", "https://"+site.https+"/api/v1/status", "", site.signIn(t, "alice", alicePassword))
	if !strings.Contains(got, `"pbx":[]`) {
		t.Errorf("status %s, want an empty list", got)
	}
}

func TestSessionSlidesAndEnds(t *testing.T) {
	s := newSite(t)
	site := s.open(t)
	url := "https://" + site.https + "/api/v1/session"
	first := site.signIn(t, "alice", alicePassword)

	s.clock.Add(sessionLife - time.Hour)
	res, _ := site.send(t, "GET", url, "", first)
	if res.StatusCode != 200 || len(res.Cookies()) != 1 {
		t.Fatalf("before its end: %s with %d cookies, want 200 with a new one", res.Status, len(res.Cookies()))
	}
	second := "Cookie: cordboard=" + res.Cookies()[0].Value

	s.clock.Add(2 * time.Hour)
	if res, _ := site.send(t, "GET", url, "", first); res.StatusCode != 401 || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("after its end: %s, cookies %v, want 401 and the cookie taken away", res.Status, res.Cookies())
	}
	if res, _ := site.send(t, "GET", url, "", second); res.StatusCode != 200 {
		t.Errorf("renewed: %s, want 200", res.Status)
	}
}

func TestNewPasswordEndsOldSessions(t *testing.T) {
	site := newSite(t).open(t)
	old := site.signIn(t, "alice", alicePassword)
	res, body := site.send(t, "POST", "https://"+site.https+"/api/v1/password",
		`{"user":"alice","password":"`+alicePassword+`","new":"another horse"}`)
	if res.StatusCode != 204 || len(res.Cookies()) != 1 {
		t.Fatalf("change: %s %s", res.Status, body)
	}
	for cookie, want := range map[string]int{old: 401, "Cookie: cordboard=" + res.Cookies()[0].Value: 200} {
		if res, _ := site.send(t, "GET", "https://"+site.https+"/api/v1/session", "", cookie); res.StatusCode != want {
			t.Errorf("session: %s, want %d", res.Status, want)
		}
	}
	site.signIn(t, "alice", "another horse")
}

func TestCookieFlags(t *testing.T) {
	s := newSite(t)
	site := s.open(t)
	body := `{"user":"alice","password":"` + alicePassword + `"}`
	for url, secure := range map[string]bool{"https://" + site.https: true, "http://" + site.http: false} {
		res, text := site.send(t, "POST", url+"/api/v1/login", body)
		if res.StatusCode != 204 || len(res.Cookies()) != 1 {
			t.Fatalf("%s: %s %s", url, res.Status, text)
		}
		c := res.Cookies()[0]
		if c.Name != "cordboard" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" ||
			c.MaxAge != 30*24*3600 || c.Secure != secure {
			t.Errorf("%s: cookie %v, want HttpOnly, SameSite=Strict, Path=/, 30 days, Secure %v", url, c, secure)
		}
	}
}

func TestThrottling(t *testing.T) {
	s := newSite(t)
	site := s.open(t)
	url := "https://" + site.https + "/api/v1/login"
	var res *http.Response
	var body string
	for range 10 {
		if res, body = site.send(t, "POST", url, `{"user":"alice","password":"guess"}`); res.StatusCode != 401 {
			break
		}
	}
	var refusal fault
	if err := json.Unmarshal([]byte(body), &refusal); err != nil || res.StatusCode != 429 || refusal.Code != "too_many_tries" ||
		refusal.RetryAfter < 1 || res.Header.Get("Retry-After") == "" {
		t.Fatalf("after ten tries: %s %s, want 429 with retry_after", res.Status, body)
	}
	right := `{"user":"alice","password":"` + alicePassword + `"}`
	if res, _ := site.send(t, "POST", url, right); res.StatusCode != 429 {
		t.Errorf("the right password while waiting: %s, want 429", res.Status)
	}
	if res, _ := site.send(t, "POST", url, `{"user":"bob","password":"`+alicePassword+`"}`); res.StatusCode != 204 {
		t.Errorf("a colleague at the same address: %s, want 204", res.Status)
	}
	s.clock.Add(time.Duration(refusal.RetryAfter) * time.Second)
	if res, _ := site.send(t, "POST", url, right); res.StatusCode != 204 {
		t.Errorf("the right password after waiting: %s, want 204", res.Status)
	}
}

// broken is a store that fails.
type broken struct{ auth.Users }

func (broken) User(context.Context, string) (auth.User, error) {
	return auth.User{}, errors.New("disk full, see /var/lib/secret")
}

func TestFaultOfTheStoreSaysNothing(t *testing.T) {
	s := newSite(t)
	s.deps.Users = broken{s.accounts}
	site := s.open(t)
	res, body := site.send(t, "POST", "https://"+site.https+"/api/v1/login", `{"user":"alice","password":"x"}`)
	if res.StatusCode != 500 || strings.Contains(body, "disk") || !strings.Contains(body, `"internal"`) {
		t.Errorf("%s %s, want 500 without detail", res.Status, body)
	}
}
