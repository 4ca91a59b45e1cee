package web

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPage(t *testing.T) {
	site := newSite(t).open(t)
	for _, tt := range []struct {
		path, kind string
		status     int
	}{
		{path: "/", kind: "text/html; charset=utf-8", status: 200},
		{path: "/index.html", kind: "text/html; charset=utf-8", status: 200},
		{path: "/app.js", kind: "text/javascript; charset=utf-8", status: 200},
		{path: "/ring.wav", kind: "audio/wav", status: 200},
		{path: "/help/a%20b.txt", kind: "text/plain; charset=utf-8", status: 200},
		{path: "/healthz", kind: "text/plain; charset=utf-8", status: 200},
		{path: "/ws", kind: "text/plain; charset=utf-8", status: 200},
		{path: "/nothing", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/help/", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/.gitkeep", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/%2e%2e/%2e%2e/etc/passwd", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/..%2f..%2fetc%2fpasswd", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/..%5c..%5cetc%5cpasswd", kind: "text/plain; charset=utf-8", status: 404},
		{path: "/app.js%00.html", kind: "text/plain; charset=utf-8", status: 404},
	} {
		res, body := site.send(t, "GET", "https://"+site.https+tt.path, "")
		if res.StatusCode != tt.status || res.Header.Get("Content-Type") != tt.kind {
			t.Errorf("%s: %s, %s, want %d, %s: %.60s", tt.path, res.Status, res.Header.Get("Content-Type"), tt.status, tt.kind, body)
		}
		if to := res.Header.Get("Location"); strings.Contains(to, "..") || strings.HasPrefix(to, "//") {
			t.Errorf("%s: leads to %s", tt.path, to)
		}
	}
}

func TestPageIsKeptAndAskedAbout(t *testing.T) {
	site := newSite(t).open(t)
	url := "https://" + site.https + "/app.js"
	plain, text := site.send(t, "GET", url, "", "Accept-Encoding: identity")
	packed, small := site.send(t, "GET", url, "", "Accept-Encoding: br, gzip")
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || len(small) >= len(text) {
		t.Errorf("encodings %q and %q, %d and %d bytes", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"), len(text), len(small))
	}
	tag := packed.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) || tag == plain.Header.Get("ETag") || packed.Header.Get("Vary") != "Accept-Encoding" || packed.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("ETag %s and %s, Vary %q, Cache-Control %q", tag, plain.Header.Get("ETag"), packed.Header.Get("Vary"), packed.Header.Get("Cache-Control"))
	}
	if res, body := site.send(t, "GET", url, "", "Accept-Encoding: gzip", "If-None-Match: "+tag); res.StatusCode != 304 || body != "" {
		t.Errorf("asked again: %s, want 304", res.Status)
	}
	if res, body := site.send(t, "HEAD", url, ""); res.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s with %d bytes", res.Status, len(body))
	}
	if res, _ := site.send(t, "POST", url, ""); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, want 405", res.Status)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=0.5": true, "x-gzip": false, "identity": false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestPageNotBuilt(t *testing.T) {
	s := newSite(t)
	s.deps.Page = fstest.MapFS{".gitkeep": {}}
	site := s.open(t)
	res, body := site.send(t, "GET", "https://"+site.https+"/", "")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "packaging/build") {
		t.Errorf("%s %s, want 503 and what to do", res.Status, body)
	}
}
