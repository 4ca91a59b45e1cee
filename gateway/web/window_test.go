package web

import (
	"slices"
	"strings"
	"testing"
)

func TestWindowIsForAdministrators(t *testing.T) {
	s := guarded(t) // alice is an administrator
	var asked []string
	s.deps.Window = func(show bool, dial string) {
		if show {
			asked = append(asked, "show")
		}
		asked = append(asked, dial)
	}
	srv := s.server(t)
	for _, tt := range []struct {
		user, method, body string
		status             int
		says               string
	}{
		{"", "POST", `{"show":true}`, 401, "signed_out"},
		{"bob", "POST", `{"show":true}`, 403, "not_admin"},
		{"alice", "GET", "", 405, "method_not_allowed"},
		{"alice", "POST", `{"show":1}`, 400, "malformed"},
		{"alice", "POST", `{"dial":"2\n1"}`, 400, "bad_target"},
		{"alice", "POST", `{"dial":"` + strings.Repeat("1", maxTarget+1) + `"}`, 400, "bad_target"},
		{"alice", "POST", `{"show":true,"dial":"201"}`, 200, `{"shown":true}`},
		{"alice", "POST", `{}`, 200, `{"shown":false}`},
	} {
		w := ask(s, srv, tt.user, tt.method, "/api/v1/window", tt.body, "198.51.100.1")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s of %q: %d %s, want %d %s", tt.method, tt.body, tt.user, w.Code, w.Body, tt.status, tt.says)
		}
	}
	if want := []string{"show", "201", ""}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestNoWindow(t *testing.T) {
	s := guarded(t)
	srv := s.server(t)
	for body, want := range map[string]string{
		`{"show":true}`:  `"This Cordboard runs without a window."`,
		`{"dial":"201"}`: `"This Cordboard runs without a window. This calls without one: cordboard call 201"`,
	} {
		if w := ask(s, srv, "alice", "POST", "/api/v1/window", body, "198.51.100.1"); w.Code != 409 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want 409 %s", body, w.Code, w.Body, want)
		}
	}
}
