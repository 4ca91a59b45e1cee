package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// shelf is recordings in memory: one of alice's, of a call "old", and her call "up".
type shelf struct {
	file  string
	state chan call.RecordingState
	set   []bool
	fails bool
}

func (s *shelf) hers(id, want string, u auth.User) error {
	switch {
	case id != want || u.Name != "alice" && !u.Admin:
		return call.ErrNoRecording
	case s.fails:
		return errors.New("disk full")
	}
	return nil
}

func (s *shelf) Set(_ context.Context, id string, u auth.User, on bool) (call.RecordingState, error) {
	if id == "always" {
		return call.RecordingState{}, call.ErrNotAllowed
	}
	s.set = append(s.set, on)
	return call.RecordingState{ID: id, Dialog: "d", On: on, Begun: true, Allowed: true}, s.hers(id, "up", u)
}

func (s *shelf) State(id string, u auth.User) (call.RecordingState, error) {
	return call.RecordingState{ID: id, Allowed: true}, s.hers(id, "up", u)
}

func (s *shelf) Watch(context.Context, auth.User) <-chan call.RecordingState { return s.state }

func (s *shelf) List(_ context.Context, u auth.User, _ time.Time, limit int) ([]call.Recording, error) {
	if s.hers("old", "old", u) != nil || limit < 1 {
		return nil, nil
	}
	return []call.Recording{{ID: "old", File: filepath.Base(s.file), From: "alice", FromDisplay: "Alice Doe", To: "300", Users: []string{"alice"},
		Began: start, Ended: start.Add(90 * time.Second)}}, nil
}

func (s *shelf) Open(ctx context.Context, u auth.User, id string) (call.Recording, *os.File, error) {
	if err := s.hers(id, "old", u); err != nil {
		return call.Recording{}, nil, err
	}
	list, _ := s.List(ctx, u, time.Time{}, 1)
	f, err := os.Open(s.file)
	return list[0], f, err
}

func (s *shelf) Delete(_ context.Context, u auth.User, id string) error {
	if id == "always" {
		return call.ErrNotAllowed
	}
	return s.hers(id, "old", u)
}

func newShelf(t *testing.T, name string) *shelf {
	s := &shelf{file: filepath.Join(t.TempDir(), name), state: make(chan call.RecordingState, 1)}
	if err := os.WriteFile(s.file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecordings(t *testing.T) {
	shelf := newShelf(t, "old.wav")
	site := newSite(t)
	site.deps.Recordings = shelf
	open := site.open(t)
	alice, bob := open.signIn(t, "alice", alicePassword), open.signIn(t, "bob", alicePassword)
	one := `{"id":"old","from":"alice","from_display":"Alice Doe","to":"300","to_display":"","users":["alice"],"began":1767225600000,"seconds":90,"format":"wav"}`
	one = strings.Replace(one, "1767225600000", fmt.Sprint(start.UnixMilli()), 1)
	for _, tt := range []struct {
		name, method, path, body, cookie, header string
		status                                   int
		want                                     string // what the answer has
	}{
		{"list", "GET", "recordings", "", alice, "", 200, `{"recordings":[` + one + `]}`},
		{"list of somebody else", "GET", "recordings", "", bob, "", 200, `{"recordings":[]}`},
		{"list, signed out", "GET", "recordings", "", "", "", 401, "signed_out"},
		{"list, no such page", "GET", "recordings?limit=1000", "", alice, "", 400, "malformed"},
		{"whole", "GET", "recordings/old", "", alice, "", 200, "0123456789"},
		{"part", "GET", "recordings/old", "", alice, "Range: bytes=3-5", 206, "345"},
		{"beyond the end", "GET", "recordings/old", "", alice, "Range: bytes=30-", 416, ""},
		{"signed out", "GET", "recordings/old", "", "", "", 401, "signed_out"},
		{"of somebody else", "GET", "recordings/old", "", bob, "", 404, "no_recording"},
		{"unknown", "GET", "recordings/new", "", alice, "", 404, "no_recording"},
		{"another method", "POST", "recordings/old", "{}", alice, "", 405, "method_not_allowed"},
		{"delete, of somebody else", "DELETE", "recordings/old", "", bob, "", 404, "no_recording"},
		{"delete, signed out", "DELETE", "recordings/old", "", "", "", 401, "signed_out"},
		{"delete, from another site", "DELETE", "recordings/old", "", alice, "Origin: https://evil.example", 403, "foreign_origin"},
		{"delete what is kept", "DELETE", "recordings/always", "", alice, "", 403, "not_allowed"},
		{"delete", "DELETE", "recordings/old", "", alice, "", 204, ""},
		{"state", "GET", "calls/up/recording", "", alice, "", 200, `{"id":"up","dialog":"","on":false,"begun":false,"allowed":true,"failed":false}`},
		{"state for somebody else", "GET", "calls/up/recording", "", bob, "", 404, "no_call"},
		{"state, signed out", "GET", "calls/up/recording", "", "", "", 401, "signed_out"},
		{"on", "POST", "calls/up/recording", `{"on":true}`, alice, "", 200, `"on":true`},
		{"off", "POST", "calls/up/recording", `{"on":false}`, alice, "", 200, `"on":false`},
		{"neither", "POST", "calls/up/recording", `{}`, alice, "", 400, "malformed"},
		{"from another site", "POST", "calls/up/recording", `{"on":true}`, alice, "Origin: https://evil.example", 403, "foreign_origin"},
		{"on, by nobody", "POST", "calls/up/recording", `{"on":true}`, "", "", 401, "signed_out"},
		{"on, not allowed", "POST", "calls/always/recording", `{"on":true}`, alice, "", 403, "not_allowed"},
		{"another way", "DELETE", "calls/up/recording", "", alice, "", 405, "method_not_allowed"},
	} {
		header := []string{tt.header}
		if tt.header == "" {
			header = nil
		}
		if tt.cookie != "" {
			header = append(header, tt.cookie)
		}
		res, body := open.send(t, tt.method, "https://"+open.https+"/api/v1/"+tt.path, tt.body, header...)
		if res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %s\n%s, want %d with %s", tt.name, res.Status, body, tt.status, tt.want)
		}
	}
	if !slices.Equal(shelf.set, []bool{true, false}) {
		t.Errorf("switched %v", shelf.set)
	}
	res, _ := open.send(t, "GET", "https://"+open.https+"/api/v1/recordings/old?download", "", alice)
	if kind, name := res.Header.Get("Content-Type"), res.Header.Get("Content-Disposition"); kind != "audio/wav" || name != `attachment; filename="old.wav"` {
		t.Errorf("download: %s, %s", kind, name)
	}
}

func TestRecordingFaults(t *testing.T) {
	shelf := newShelf(t, "old.opus")
	site := newSite(t)
	site.deps.Recordings = shelf
	open := site.open(t)
	alice := open.signIn(t, "alice", alicePassword)
	if res, _ := open.send(t, "GET", "https://"+open.https+"/api/v1/recordings/old", "", alice); res.Header.Get("Content-Type") != "audio/ogg" {
		t.Errorf("a recording in Opus: %s", res.Header.Get("Content-Type"))
	}
	shelf.fails = true
	if res, body := open.send(t, "POST", "https://"+open.https+"/api/v1/calls/up/recording", `{"on":true}`, alice); res.StatusCode != 500 || !strings.Contains(body, "not_recorded") {
		t.Errorf("when the recorder fails: %s %s", res.Status, body)
	}
	bare := newSite(t).open(t) // a gateway that records nothing
	alice = bare.signIn(t, "alice", alicePassword)
	for path, want := range map[string]string{"recordings": `{"recordings":[]}`, "recordings/old": "no_recording", "calls/up/recording": "no_call"} {
		if _, body := bare.send(t, "GET", "https://"+bare.https+"/api/v1/"+path, "", alice); !strings.Contains(body, want) {
			t.Errorf("%s without recordings: %s, want %s", path, body, want)
		}
	}
}

func TestRecordingEvents(t *testing.T) {
	shelf := newShelf(t, "old.wav")
	site := newSite(t)
	site.deps.Recordings = shelf
	site.deps.Watch = func(context.Context, string, []string) <-chan call.News { return nil } // never any
	open := site.open(t)
	shelf.state <- call.RecordingState{ID: "up", Dialog: "d", On: true, Begun: true}
	res, err := open.Do(request(t, "GET", "https://"+open.https+"/api/v1/events", "", open.signIn(t, "alice", alicePassword)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	const want = `data: {"id":"up","dialog":"d","on":true,"begun":true,"allowed":false,"failed":false}`
	for lines, before := bufio.NewScanner(res.Body), ""; lines.Scan(); before = lines.Text() {
		if lines.Text() == want && before == "event: recording" {
			return
		}
	}
	t.Errorf("the stream ended without %s", want)
}
