package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

// fakeNeighbours has one that is paired and one that asks to be.
type fakeNeighbours struct {
	said  []string
	ticks chan struct{} // of Watch
}

func (*fakeNeighbours) Server(*tls.ClientHelloInfo) *tls.Config     { return nil }
func (*fakeNeighbours) Protocols() []string                         { return []string{"sip/2"} }
func (*fakeNeighbours) Take(*tls.Conn)                              {}
func (f *fakeNeighbours) Watch(ctx context.Context) <-chan struct{} { return f.ticks }
func (f *fakeNeighbours) note(words ...string)                      { f.said = append(f.said, strings.Join(words, " ")) }
func (f *fakeNeighbours) Forget(_ context.Context, name string) error {
	f.note("forget", name)
	return nil
}

func (*fakeNeighbours) List() []call.NeighbourState {
	return []call.NeighbourState{
		{ID: "1", Name: "Workshop", Address: "workshop", Paired: true, Trouble: "Somebody pretends to be Workshop.", People: []call.Lamp{{Target: "bob@workshop", State: call.LampIdle}}},
		{ID: "2", Name: "Attic", Pairing: &call.Pairing{ID: "2", Code: "123456"}},
	}
}

func (f *fakeNeighbours) Pair(_ context.Context, name string) (call.Pairing, error) {
	f.note("pair", name)
	if name == "nobody" {
		return call.Pairing{}, errors.New("Nobody is there.") //nolint:staticcheck // people read it
	}
	return call.Pairing{ID: "2", Code: "123456"}, nil
}

func (f *fakeNeighbours) Answer(name, code string, yes bool) error {
	f.note("answer", name, code, map[bool]string{true: "yes", false: "no"}[yes])
	return nil
}

func TestNeighboursByRank(t *testing.T) {
	s := guarded(t)
	near := &fakeNeighbours{}
	s.deps.Neighbours = near
	srv := s.server(t)
	for _, tt := range []struct {
		user, method, path, body string
		status                   int
		said                     string // what the neighbours heard; "": nothing
	}{
		{"", "GET", "", "", 401, ""},
		{"bob", "POST", "/Attic/pair", "{}", 403, ""},
		{"bob", "POST", "/2/pair", `{"code":"123456","same":true}`, 403, ""},
		{"bob", "DELETE", "/workshop", "", 403, ""},
		{"", "POST", "/Attic/pair", "{}", 401, ""},
		{"alice", "POST", "/192.0.2.1:8443/pair", "{}", 200, "pair 192.0.2.1:8443"},
		{"alice", "POST", "/nobody/pair", "{}", 409, "pair nobody"},
		{"alice", "POST", "/2/pair", `{"code":"123456","same":true}`, 204, "answer 2 123456 yes"},
		{"alice", "POST", "/2/pair", `{"code":"123456","same":false}`, 204, "answer 2 123456 no"},
		{"alice", "POST", "/2/pair", `{"same":"yes"}`, 400, ""},
		{"alice", "GET", "/2/pair", "", 405, ""},
		{"alice", "DELETE", "/Front%20office", "", 204, "forget Front office"},
	} {
		near.said = nil
		w := ask(s, srv, tt.user, tt.method, "/api/v1/neighbours"+tt.path, tt.body, "192.0.2.7")
		if said := strings.Join(near.said, ", "); w.Code != tt.status || said != tt.said {
			t.Errorf("%s %s %s by %q: %d, heard %q; want %d, %q", tt.method, tt.path, tt.body, tt.user, w.Code, said, tt.status, tt.said)
		}
	}
}

func TestOthersSeeNoMoreThanColleagues(t *testing.T) {
	s := guarded(t)
	s.deps.Neighbours = &fakeNeighbours{}
	srv := s.server(t)
	var got struct{ Neighbours []call.NeighbourState }
	body := ask(s, srv, "bob", "GET", "/api/v1/neighbours", "", "192.0.2.7").Body.Bytes()
	if err := json.Unmarshal(body, &got); err != nil || len(got.Neighbours) != 1 || len(got.Neighbours[0].People) != 1 || got.Neighbours[0].Trouble != "" {
		t.Errorf("bob sees %s, %v", body, err)
	}
	body = ask(s, srv, "alice", "GET", "/api/v1/neighbours", "", "192.0.2.7").Body.Bytes()
	if err := json.Unmarshal(body, &got); err != nil || len(got.Neighbours) != 2 || got.Neighbours[1].Pairing.Code != "123456" || got.Neighbours[0].Trouble == "" {
		t.Errorf("the administrator sees %s, %v", body, err)
	}
	s.deps.Neighbours = nil
	if w := ask(s, s.server(t), "alice", "GET", "/api/v1/neighbours", "", "192.0.2.7"); w.Code != 404 {
		t.Errorf("without neighbours: %d", w.Code)
	}
}

// What goes on with neighbours is told to who is an administrator then, whatever the reader was when the stream began.
func TestNeighboursEventOfAdministratorsAlone(t *testing.T) {
	s := guarded(t)
	synctest.Test(t, func(t *testing.T) {
		near := &fakeNeighbours{ticks: make(chan struct{})}
		s.deps.Neighbours, s.deps.Watch = near, func(context.Context, string, []string) <-chan call.News { return nil }
		ctx, stop := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", "https://office.example/api/v1/events", http.NoBody)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: s.deps.Sessions.SignSession(s.accounts.users["alice"], s.clock.Now().Add(time.Hour))})
		w, done := httptest.NewRecorder(), make(chan struct{})
		srv := s.server(t)
		go func() {
			defer close(done)
			srv.ServeHTTP(w, r)
		}()
		for _, admin := range []bool{true, false, true} {
			synctest.Wait()
			before := w.Body.Len()
			u := s.accounts.users["alice"]
			u.Admin = admin
			s.accounts.users["alice"] = u
			near.ticks <- struct{}{}
			synctest.Wait()
			if told := strings.Contains(w.Body.String()[before:], "event: neighbours\n"); told != admin {
				t.Errorf("administrator %v: told %v", admin, told)
			}
		}
		stop()
		<-done
	})
}

// Which PBXs are nearby is for who sets one up.
func TestFound(t *testing.T) {
	s := guarded(t)
	srv := s.server(t)
	for _, tt := range []struct {
		user   string
		status int
		body   string
	}{
		{"", 401, ""},
		{"bob", 403, ""},
		{"alice", 200, `{"pbx":[]}`},
	} {
		if w := ask(s, srv, tt.user, "GET", "/api/v1/found", "", "192.0.2.1"); w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body {
			t.Errorf("%q: %d %s, want %d %s", tt.user, w.Code, w.Body, tt.status, tt.body)
		}
	}
	s.deps.Found = func() []Found {
		return []Found{{Name: "Main", Transport: "udp", Host: "pbx.local", Port: 5060, Addresses: []string{"10.0.0.9"}, URI: "sip:10.0.0.9:5060;transport=udp"}}
	}
	const want = `{"pbx":[{"name":"Main","transport":"udp","host":"pbx.local","port":5060,"addresses":["10.0.0.9"],"uri":"sip:10.0.0.9:5060;transport=udp"}]}`
	if w := ask(s, s.server(t), "alice", "GET", "/api/v1/found", "", "192.0.2.1"); w.Code != 200 || w.Body.String() != want {
		t.Errorf("found: %d %s, want %s", w.Code, w.Body, want)
	}
}
