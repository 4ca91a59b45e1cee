package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

func TestTryPBXIsForAdministrators(t *testing.T) {
	s := guarded(t)
	var tried []string
	s.deps.TryPBX = func(_ context.Context, uri, username, password string) (call.Trial, error) {
		if uri == "" {
			return call.Trial{}, errors.New("the PBX's address is missing")
		}
		tried = append(tried, uri+" "+username+" "+password)
		return call.Trial{Works: true, Code: call.TrialWorks, Text: "It works.", Date: time.Now()}, nil
	}
	srv := s.server(t)
	const path, good = "/api/v1/try/pbx", `{"uri":"sip:192.0.2.10","username":"101","password":"secret"}`
	for _, tt := range []struct {
		user, method, body string
		status             int
		says               string
	}{
		{"", "POST", good, 401, "signed_out"},
		{"bob", "POST", good, 403, "not_admin"},
		{"alice", "GET", "", 405, "method_not_allowed"},
		{"alice", "POST", `{}`, 400, "the PBX's address is missing"},
		{"alice", "POST", good, 200, `{"works":true,"code":"works","text":"It works."}`},
	} {
		w := ask(s, srv, tt.user, tt.method, path, tt.body, "198.51.100.1")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s of %q: %d %s, want %d %s", tt.method, tt.user, w.Code, w.Body, tt.status, tt.says)
		}
	}
	if len(tried) != 1 || tried[0] != "sip:192.0.2.10 101 secret" {
		t.Errorf("tried %q", tried)
	}
	for range maxTrials {
		ask(s, srv, "alice", "POST", path, good, "198.51.100.1")
	}
	if w := ask(s, srv, "alice", "POST", path, good, "198.51.100.1"); w.Code != 429 || w.Header().Get("Retry-After") != "60" {
		t.Errorf("too often: %d %s %v", w.Code, w.Body, w.Header())
	}
	if len(tried) != maxTrials-1 { // one was refused for what it asked
		t.Errorf("tried %d times", len(tried))
	}
	s.clock.Add(trialTime)
	if w := ask(s, srv, "alice", "POST", path, good, "198.51.100.1"); w.Code != 200 {
		t.Errorf("a minute later: %d %s", w.Code, w.Body)
	}
}

func TestOneTrialAtATime(t *testing.T) {
	var p pace
	now := time.Now()
	if _, ok := p.begin(now); !ok {
		t.Fatal("the first may not begin")
	}
	if after, ok := p.begin(now); ok || after <= 0 {
		t.Errorf("a second one begins meanwhile (%v)", after)
	}
	p.end()
	if _, ok := p.begin(now); !ok {
		t.Error("none may begin after the end of the first")
	}
}
