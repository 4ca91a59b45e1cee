package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestHeadersOnEveryPath(t *testing.T) {
	site := newSite(t).open(t)
	for _, path := range []string{"/", "/app.js", "/nothing", "/ws", "/healthz", "/trust", "/trust/trust.css", "/trust/cordboard-ca.crt",
		"/api/v1/session", "/api/v1/login", "/api/v1/nothing", "/help/../app.js"} {
		res, _ := site.send(t, "GET", "https://"+site.https+path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy":    "default-src 'none'; script-src 'self'; ",
			"Permissions-Policy":         "microphone=(self)",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Strict-Transport-Security":  "max-age=",
		} {
			if got := res.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q, want %q…", path, name, got, want)
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' wss://"+site.https+";") ||
			!strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: open to other origins", path)
		}
	}
}

func TestHSTSOnlyWithoutTheLocalCA(t *testing.T) {
	for _, tt := range []struct {
		name, scheme string
		ca           []byte
		want         bool
	}{
		{name: "own files", scheme: "https", want: true},
		{name: "own files, plain", scheme: "http"},
		{name: "local CA", scheme: "https", ca: testCA(t)},
	} {
		s := newSite(t)
		s.deps.CA = tt.ca
		site := s.open(t)
		host := map[string]string{"https": site.https, "http": site.http}[tt.scheme]
		res, _ := site.send(t, "GET", tt.scheme+"://"+host+"/", "")
		if got := res.Header.Get("Strict-Transport-Security") != ""; got != tt.want {
			t.Errorf("%s: sent %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHostCantAddToThePolicy(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "a;script-src*"
	w := httptest.NewRecorder()
	newSite(t).server(t).ServeHTTP(w, r)
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "script-src*") {
		t.Errorf("policy %q", csp)
	}
}

func TestCORS(t *testing.T) {
	site := newSite(t).open(t)
	for _, tt := range []struct{ origin, want string }{
		{"https://intranet.office.example", "https://intranet.office.example"},
		{"https://evil.example", ""},
		{"http://intranet.office.example", ""},
		{"https://intranet.office.example.evil.example", ""},
		{"null", ""},
	} {
		for _, method := range []string{"OPTIONS", "GET"} {
			res, _ := site.send(t, method, "https://"+site.https+"/api/v1/session", "", "Origin: "+tt.origin, "Access-Control-Request-Method: POST")
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("%s from %s: allowed %q, want %q", method, tt.origin, got, tt.want)
			}
			if res.Header.Get("Vary") != "Origin" {
				t.Errorf("%s from %s: Vary %q, want Origin", method, tt.origin, res.Header.Get("Vary"))
			}
			if got := res.Header.Get("Access-Control-Allow-Headers"); (got == "Content-Type") != (tt.want != "" && method == "OPTIONS") {
				t.Errorf("%s from %s: headers %q", method, tt.origin, got)
			}
		}
	}
}

func TestClient(t *testing.T) {
	proxies := Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::1/128")}}
	for _, tt := range []struct {
		name, remote, host, forwarded, proto string
		want                                 string
	}{
		{name: "plain", remote: "198.51.100.7:1", host: "gw.local", want: "198.51.100.7 http public"},
		{name: "this machine", remote: "127.0.0.1:1", host: "localhost:8080", want: "127.0.0.1 http private"},
		{name: "this machine by IPv6", remote: "[::ffff:127.0.0.1]:1", host: "[::1]:8080", want: "127.0.0.1 http private"},
		{name: "rebound name", remote: "127.0.0.1:1", host: "evil.example:8080", want: "127.0.0.1 http public"},
		{name: "untrusted says forwarded", remote: "198.51.100.7:1", host: "gw.local", forwarded: "10.0.0.1", proto: "https", want: "198.51.100.7 http public"},
		{name: "proxy", remote: "192.0.2.1:1", host: "gw.example", forwarded: "203.0.113.9", proto: "https", want: "203.0.113.9 https private"},
		{name: "proxy behind IPv6", remote: "[::1]:1", host: "gw.example", forwarded: "2001:db8::9", proto: "https", want: "2001:db8::9 https private"},
		{name: "client lies to the proxy", remote: "192.0.2.1:1", host: "gw.example", forwarded: "127.0.0.1, 203.0.113.9", proto: "https", want: "203.0.113.9 https private"},
		{name: "two proxies", remote: "192.0.2.1:1", host: "gw.example", forwarded: "203.0.113.9, 192.0.2.2", proto: "http, https", want: "203.0.113.9 https private"},
		{name: "proxy with a port", remote: "192.0.2.1:1", host: "gw.example", forwarded: "203.0.113.9:4711", proto: "http", want: "203.0.113.9 http public"},
		{name: "proxy's nonsense", remote: "192.0.2.1:1", host: "gw.example", forwarded: "203.0.113.9, unknown", proto: "gopher", want: "192.0.2.1 http public"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
				r.Header.Set("X-Forwarded-Proto", tt.proto)
			}
			c := proxies.client(r)
			got := c.addr.String() + " " + c.scheme + map[bool]string{true: " private", false: " public"}[c.private]
			if got != tt.want {
				t.Errorf("client = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNoPasswordInTheClear(t *testing.T) {
	r := request(t, "POST", "http://gw.local:8080/api/v1/login", `{"user":"alice","password":"`+alicePassword+`"}`)
	r.RemoteAddr = "198.51.100.7:1"
	w := httptest.NewRecorder()
	newSite(t).server(t).ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "https_required") || len(w.Result().Cookies()) != 0 {
		t.Errorf("%d %s, want 403 https_required without cookie", w.Code, w.Body)
	}
}

func TestConfigValidate(t *testing.T) {
	for origin, ok := range map[string]bool{
		"https://www.example.com": true, "https://www.example.com:8443": true, "http://localhost:3000": true, "https://www.example.com/": true,
		"": false, "*": false, "www.example.com": false, "https://*.example.com": false, "https://www.example.com/path": false,
		"ftp://example.com": false, "https://": false, "https://user@example.com": false,
	} {
		if err := (Config{Origins: []string{origin}}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted %v", origin, err, ok)
		}
	}
	if err := (Config{Origins: []string{"*", "x"}}).Validate(); err == nil || strings.Count(err.Error(), "origins") != 2 {
		t.Errorf("two faults: %v, want both named", err)
	}
	if !(Config{Origins: []string{"https://WWW.example.com:443/"}}).listed("https://www.example.com") {
		t.Error("an origin in other words is not found")
	}
}

func TestTrust(t *testing.T) {
	ca := testCA(t)
	s := newSite(t)
	s.cfg.Name = "<b>Ours</b>"
	s.deps.CA = ca
	site := s.open(t)
	res, body := site.send(t, "GET", "https://"+site.https+"/trust", "")
	block, _ := pem.Decode(ca)
	sum := sha256.Sum256(block.Bytes)
	for _, want := range []string{fmt.Sprintf("%02X:%02X:", sum[0], sum[1]), "/trust/cordboard-ca.crt", "Windows", "macOS", "iPhone", "Android", "Linux", "Firefox", "&lt;b&gt;Ours"} {
		if !strings.Contains(body, want) {
			t.Errorf("page without %q", want)
		}
	}
	if res.StatusCode != 200 || strings.Contains(body, "<script") {
		t.Errorf("%s, want 200 and no script", res.Status)
	}
	res, body = site.send(t, "GET", "https://"+site.https+"/trust/cordboard-ca.crt", "")
	if res.Header.Get("Content-Type") != "application/x-x509-ca-cert" || body != string(ca) {
		t.Errorf("certificate: %s, %d bytes, want the CA", res.Header.Get("Content-Type"), len(body))
	}
	if res, _ = site.send(t, "GET", "https://"+site.https+"/trust/trust.css", ""); !strings.HasPrefix(res.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %s %s", res.Status, res.Header.Get("Content-Type"))
	}
}

func TestTrustWithOwnFiles(t *testing.T) {
	site := newSite(t).open(t)
	res, body := site.send(t, "GET", "https://"+site.https+"/trust", "")
	if res.StatusCode != 200 || !strings.Contains(body, "Nothing to install") || strings.Contains(body, "cordboard-ca.crt") {
		t.Errorf("%s %s", res.Status, body)
	}
	if res, _ := site.send(t, "GET", "https://"+site.https+"/trust/cordboard-ca.crt", ""); res.StatusCode != 404 {
		t.Errorf("certificate: %s, want 404", res.Status)
	}
}

func TestNewRefusesWhatIsNoCertificate(t *testing.T) {
	for _, ca := range []string{"", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := newTrustPage("", []byte(ca)); err == nil {
			t.Errorf("%q: accepted", ca)
		}
	}
}

// testCA is a self-signed certificate, PEM.
func testCA(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// FuzzBody: whatever is sent to sign in, the answer is success or a refusal in JSON, never a fault of ours, and nobody
// gets in without the password.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"user":"alice","password":"wrong","new":"x"}`, `{"user":null}`, `[]`, `{"user":{}}`, `"`, "{\"user\":\"\xff\"}", `{"USER":"alice"}`} {
		f.Add("login", seed)
		f.Add("password", seed)
		f.Add("logout", seed)
	}
	s := newSite(f)
	server := s.server(f)
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "login" && path != "password" && path != "logout" {
			return
		}
		s.clock.Add(24 * time.Hour) // so that nothing is throttled
		r := httptest.NewRequest("POST", "https://gw.local/api/v1/"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		text, _ := io.ReadAll(w.Body)
		if w.Code >= 500 || (w.Code != http.StatusNoContent) != strings.HasPrefix(string(text), `{"error":"`) {
			t.Errorf("%s %q: %d %s", path, body, w.Code, text)
		}
		for _, c := range w.Result().Cookies() {
			if c.Value != "" && !strings.Contains(body, "horse") {
				t.Errorf("%s %q: signed in", path, body)
			}
		}
	})
}
