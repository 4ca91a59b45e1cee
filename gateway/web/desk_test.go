package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
)

// fakeDesk notes what it is asked for; its one call is "c1".
type fakeDesk struct {
	did  []string
	busy bool
}

func (d *fakeDesk) State() call.DeskState {
	return call.DeskState{Ready: true, Owner: "bob", Busy: d.busy, Calls: []call.DeskCall{{ID: "c1", Peer: "300"}}}
}

func (d *fakeDesk) Watch(context.Context) <-chan call.DeskState {
	ch := make(chan call.DeskState, 1)
	ch <- d.State()
	return ch
}

func (d *fakeDesk) do(what, id string) error {
	if id != "c1" {
		return &call.DeskFault{Code: "no_call", Message: "There is no such call on this machine."}
	}
	d.did = append(d.did, what)
	return nil
}

func (d *fakeDesk) Call(target string) (string, error) {
	switch target {
	case "":
		return "", &call.DeskFault{Code: "bad_target", Message: "That is no number or name to call."}
	case "none":
		return "", &call.DeskFault{Code: "no_phone", Message: "Not yet."}
	}
	return "c1", d.do("call "+target, "c1")
}

func (d *fakeDesk) Take(replaces string) (string, error) { return "c1", d.do("take "+replaces, "c1") }
func (d *fakeDesk) Answer(id string) error               { return d.do("answer", id) }
func (d *fakeDesk) HangUp(id string) error               { return d.do("hangup", id) }
func (d *fakeDesk) Hold(id string) error                 { return d.do("hold", id) }
func (d *fakeDesk) Resume(id string) error               { return d.do("resume", id) }
func (d *fakeDesk) Press(id, keys string) error          { return d.do("press "+keys, id) }
func (d *fakeDesk) Transfer(id, target string) error     { return d.do("transfer "+target, id) }
func (d *fakeDesk) Move(id string) error                 { return d.do("move", id) }
func (d *fakeDesk) DoNotDisturb(on bool)                 { d.busy = on }

func (d *fakeDesk) Join() error {
	return &call.DeskFault{Code: "not_now", Message: "A conference needs two calls that are answered."}
}

func (d *fakeDesk) Mute(id string, muted bool) error {
	if muted {
		return d.do("mute", id)
	}
	return d.do("unmute", id)
}

func TestDeskIsForItsOwner(t *testing.T) {
	s := guarded(t) // alice is an administrator
	desk := &fakeDesk{}
	s.deps.Desk = desk
	s.deps.Dialog = func(id, user string) string { return map[string]string{"up bob": "dialog"}[id+" "+user] }
	srv := s.server(t)
	for _, tt := range []struct {
		user, method, path, body string
		status                   int
		want                     string // what was done, or the fault
	}{
		{"", "GET", "", "", 401, "signed_out"},
		{"bob", "GET", "", "", 200, ""},
		{"alice", "GET", "", "", 200, ""},
		{"bob", "PUT", "", "{}", 405, "method_not_allowed"},
		{"bob", "POST", "", "{}", 400, "malformed"},
		{"bob", "POST", "/calls", `{"target":"300"}`, 201, "call 300"},
		{"bob", "POST", "/calls", `{}`, 400, "bad_target"},
		{"bob", "POST", "/calls", `{"target":"none"}`, 503, "no_phone"},
		{"bob", "POST", "/calls", `{"take":"up"}`, 201, "take dialog"},
		{"bob", "POST", "/calls", `{"take":"gone"}`, 404, "no_call"},
		{"", "POST", "/calls", `{"target":"300"}`, 401, "signed_out"},
		{"bob", "POST", "/calls/c1/answer", "{}", 200, "answer"},
		{"bob", "POST", "/calls/c1/hangup", "{}", 200, "hangup"},
		{"bob", "POST", "/calls/c1/hold", "{}", 200, "hold"},
		{"bob", "POST", "/calls/c1/resume", "{}", 200, "resume"},
		{"bob", "POST", "/calls/c1/mute", "{}", 200, "mute"},
		{"bob", "POST", "/calls/c1/mute", `{"on":false}`, 200, "unmute"},
		{"bob", "POST", "/calls/c1/digits", `{"digits":"1#"}`, 200, "press 1#"},
		{"alice", "POST", "/calls/c1/transfer", `{"target":"bob"}`, 200, "transfer bob"},
		{"bob", "POST", "/calls/c1/move", "{}", 200, "move"},
		{"bob", "POST", "/calls/c2/hold", "{}", 404, "no_call"},
		{"bob", "POST", "/calls/c1/dance", "{}", 404, "not_found"},
		{"bob", "POST", "/join", "{}", 409, "not_now"},
	} {
		desk.did = nil
		w := ask(s, srv, tt.user, tt.method, "/api/v1/desk"+tt.path, tt.body, "192.0.2.7")
		var fault struct{ Error string }
		_ = json.Unmarshal(w.Body.Bytes(), &fault)
		if got := strings.Join(desk.did, ", ") + fault.Error; w.Code != tt.status || got != tt.want {
			t.Errorf("%s %s %s %s: %d %q, want %d %q", tt.user, tt.method, tt.path, tt.body, w.Code, got, tt.status, tt.want)
		}
	}
	if ask(s, srv, "bob", "POST", "/api/v1/desk", `{"busy":true}`, "192.0.2.7"); !desk.busy {
		t.Error("not busy")
	}
}

// A call that was placed for somebody who did not wait for the answer does not ring on. One that was taken over goes on.
func TestDeskCallsForNobodyGone(t *testing.T) {
	s := guarded(t)
	desk := &fakeDesk{}
	s.deps.Desk, s.deps.Dialog = desk, func(string, string) string { return "dialog" }
	srv := s.server(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for body, want := range map[string]string{`{"target":"300"}`: "call 300, hangup", `{"take":"up"}`: "take dialog"} {
		desk.did = nil
		r := httptest.NewRequestWithContext(ctx, "POST", "https://gw.example/api/v1/desk/calls", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.AddCookie(&http.Cookie{Name: cookieName, Value: s.deps.Sessions.SignSession(s.accounts.users["bob"], s.clock.Now().Add(time.Hour))})
		srv.ServeHTTP(httptest.NewRecorder(), r)
		if got := strings.Join(desk.did, ", "); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestDeskOfAnother(t *testing.T) {
	s := newSite(t)
	s.deps.Desk = &fakeDesk{}
	if w := ask(s, s.server(t), "alice", "GET", "/api/v1/desk", "", "192.0.2.7"); w.Code != 403 {
		t.Errorf("somebody else: %d", w.Code)
	}
	s.deps.Desk = nil
	if w := ask(s, s.server(t), "bob", "GET", "/api/v1/desk", "", "192.0.2.7"); w.Code != 404 {
		t.Errorf("no desk: %d", w.Code)
	}
}

func (d *fakeDesk) Listen(time.Duration) {}

func (d *fakeDesk) Sample(audio.Purpose) error { return nil }
