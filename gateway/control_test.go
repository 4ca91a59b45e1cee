package gateway

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// byControl asks by the control socket of a data folder.
func byControl(t *testing.T, dir, method, path, body string) (int, string, http.Header) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, ControlName))
	}}}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://cordboard"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func TestControlSocket(t *testing.T) {
	dir := t.TempDir()
	// What a dead process left.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, ControlName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	g, stop := start(t, loopback(t, "[[user]]\nname = \"zoe\"\npassword = \"correct horse battery\"\n[[user]]\nname = \"bob\"\n"), dir)
	info, err := os.Lstat(filepath.Join(dir, ControlName))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("control socket is %v, %v, want a socket of mode 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".c*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	status, text, header := byControl(t, dir, "GET", "/api/v1/session", "")
	var session struct {
		User  string
		Admin bool
	}
	if err := json.Unmarshal([]byte(text), &session); status != 200 || err != nil || session.User != "zoe" || !session.Admin {
		t.Errorf("session by the control socket: %d %s", status, text)
	}
	if header.Get("Set-Cookie") != "" {
		t.Error("a cookie came by the control socket")
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v1/bans", "", 200},
		{"POST", "/api/v1/bans", `{"address": "192.0.2.7", "seconds": 60}`, 201},
		{"DELETE", "/api/v1/bans/192.0.2.7", "", 204},
		{"GET", "/api/v1/nothing", "", 404},
		{"GET", "/", "", 404},
		{"GET", "/ws", "", 404},
		{"GET", "/metrics", "", 404},
		{"GET", "/api/../metrics", "", 404},
	} {
		if status, text, _ := byControl(t, dir, tt.method, tt.path, tt.body); status != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, status, text, tt.status)
		}
	}
	// Nobody becomes the owner by network, whatever the request says.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, base := range []string{"https://" + g.https.Addr().String(), "http://" + g.http.Addr().String()} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", base+"/api/v1/bans", nil)
		r.Host = "cordboard"
		r.Header.Set("X-Forwarded-For", "@")
		r.Header.Set("Forwarded", "for=unix")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("bans by network: %s, want 401", res.Status)
		}
	}
	if _, err := New(loopback(t, ""), Host{Dir: dir, Version: "test"}, quiet); err == nil || !strings.Contains(err.Error(), "another Cordboard runs with this data folder") {
		t.Errorf("second gateway of the folder: %v", err)
	}
	if status, _, _ := byControl(t, dir, "GET", "/api/v1/status", ""); status != 200 {
		t.Errorf("after a second gateway was refused: %d", status)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ControlName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("control socket after the end: %v", err)
	}
}

// A folder in which no socket can be made is no reason not to start.
func TestNoControlSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	_, stop := start(t, loopback(t, ""), dir)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if l, err := openControl(dir); err == nil {
		l.Close()
		t.Skip("this system has no limit")
	}
}
