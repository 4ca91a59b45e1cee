package web

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

// newsroom hands out what a test writes into it.
type newsroom struct {
	news    chan call.News
	user    string
	targets []string
	left    chan struct{} // closed when the reader has gone
}

func newNewsroom() *newsroom {
	return &newsroom{news: make(chan call.News), left: make(chan struct{})}
}

func (n *newsroom) watch(ctx context.Context, user string, targets []string) <-chan call.News {
	n.user, n.targets = user, targets
	context.AfterFunc(ctx, func() { close(n.left) })
	return n.news
}

var (
	busyBob  = call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob", Extension: "102", State: call.LampBusy}}}
	newMail  = call.News{Voicemail: &call.Voicemail{New: 2, Old: 1}}
	bobEvent = "event: lamp\ndata: {\"target\":\"bob\",\"name\":\"Bob\",\"extension\":\"102\",\"state\":\"busy\"}\n\n"
)

func TestEvents(t *testing.T) {
	site, room := newSite(t), newNewsroom()
	site.deps.Watch = room.watch
	open := site.open(t)
	res, err := open.Do(request(t, "GET", "https://"+open.https+"/api/v1/events?watch=300,%20bob&watch=301,", "", open.signIn(t, "alice", alicePassword)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("answer %s %v", res.Status, res.Header)
	}
	room.news <- busyBob
	room.news <- newMail
	want := ": hello\n\n" + bobEvent + "event: voicemail\ndata: {\"new\":2,\"old\":1}\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
		t.Errorf("stream %q, %v, want %q", got, err, want)
	}
	if room.user != "alice" || !slices.Equal(room.targets, []string{"300", "bob", "301"}) {
		t.Errorf("%s watches %q", room.user, room.targets)
	}
	res.Body.Close()
	<-room.left
}

// A stop does not wait for streams, and they end like any answer.
func TestEventsEndWithTheServer(t *testing.T) {
	site, room := newSite(t), newNewsroom()
	site.deps.Watch = room.watch
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	on := Listeners{HTTP: listen(t)}
	addr := on.HTTP.Addr().String()
	server := site.server(t)
	go func() { done <- server.Serve(ctx, on) }()
	r := &running{https: addr}
	u, err := site.deps.Users.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	cookie := "Cookie: " + cookieName + "=" + site.deps.Sessions.SignSession(u, start.Add(time.Hour))
	res, err := r.Do(request(t, "GET", "http://"+addr+"/api/v1/events", "", cookie))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := bufio.NewReader(res.Body)
	if line, err := body.ReadString('\n'); err != nil || line != ": hello\n" {
		t.Fatalf("stream begins with %q, %v", line, err)
	}
	stop()
	if rest, err := io.ReadAll(body); err != nil {
		t.Errorf("the stream was cut off: %q, %v", rest, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestEventsRefused(t *testing.T) {
	site := newSite(t)
	site.deps.Watch = newNewsroom().watch
	open := site.open(t)
	cookie := open.signIn(t, "alice", alicePassword)
	for _, tt := range []struct {
		method, query, cookie string
		status                int
		code                  string
	}{
		{"GET", "", "", 401, "signed_out"},
		{"POST", "", cookie, 405, "method_not_allowed"},
		{"GET", "?watch=" + strings.Repeat("1,", maxWatched+1), cookie, 400, "malformed"},
		{"GET", "?watch=" + strings.Repeat("1", maxWatchedName+1), cookie, 400, "malformed"},
	} {
		res, body := open.send(t, tt.method, "https://"+open.https+"/api/v1/events"+tt.query, "", tt.cookie)
		if res.StatusCode != tt.status || !strings.Contains(body, tt.code) {
			t.Errorf("%s %.40s: %s %s", tt.method, tt.query, res.Status, body)
		}
	}
}

func TestTooManyStreams(t *testing.T) {
	s := newStreams()
	var leave func()
	for range maxStreams {
		var ok bool
		if leave, ok = s.admit("alice"); !ok {
			t.Fatal("refused too early")
		}
	}
	if _, ok := s.admit("alice"); ok {
		t.Error("no limit")
	}
	if _, ok := s.admit("bob"); !ok {
		t.Error("alice's streams count for bob")
	}
	leave()
	if _, ok := s.admit("alice"); !ok {
		t.Error("a stream that has ended still counts")
	}
}

// The stream shows signs of life, and ends with the session.
func TestEventsEndWithTheSession(t *testing.T) {
	site, room := newSite(t), newNewsroom()
	synctest.Test(t, func(t *testing.T) {
		room.news, room.left = make(chan call.News), make(chan struct{})
		site.deps.Watch = room.watch
		server := site.server(t)
		u, err := site.deps.Users.User(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		r := httptest.NewRequestWithContext(ctx, "GET", "https://office.example/api/v1/events", http.NoBody)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: site.deps.Sessions.SignSession(u, start.Add(time.Hour))})
		w := httptest.NewRecorder()
		time.AfterFunc(2*streamAlive+time.Second, func() { site.clock.Add(2 * time.Hour) })
		began := time.Now()
		server.ServeHTTP(w, r)
		if got := w.Body.String(); got != ": hello\n\n: alive\n\n: alive\n\n" {
			t.Errorf("stream %q", got)
		}
		if took := time.Since(began); took != 3*streamAlive {
			t.Errorf("ended after %v, want %v", took, 3*streamAlive)
		}
	})
}
