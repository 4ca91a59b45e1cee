package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cordboard/gateway/call"
)

// Limits of event streams.
const (
	streamAlive    = 20 * time.Second // between comments that keep the connection open
	streamWrite    = 10 * time.Second // for one event to leave
	maxStreams     = 20               // of one user: tabs and devices
	maxWatched     = 200              // names and numbers of one stream
	maxWatchedName = 64               // bytes
)

var (
	errStreams = &fault{Status: http.StatusTooManyRequests, Code: "too_many_streams", RetryAfter: 60,
		Message: "Cordboard is open in too many windows. Close some of them."}
	errWatched = &fault{Status: http.StatusBadRequest, Code: "malformed",
		Message: fmt.Sprintf("At most %d names or numbers of %d characters can be watched.", maxWatched, maxWatchedName)}
)

// streams counts the event streams of each user, and ends them when the server stops.
type streams struct {
	stopping chan struct{}
	end      func() // closes stopping
	mu       *sync.Mutex
	open     map[string]int
}

func newStreams() streams {
	s := streams{stopping: make(chan struct{}), mu: new(sync.Mutex), open: make(map[string]int)}
	s.end = sync.OnceFunc(func() { close(s.stopping) })
	return s
}

// admit counts a stream until leave; false when its user has too many.
func (s *streams) admit(user string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user] >= maxStreams {
		return nil, false
	}
	s.open[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[user]--; s.open[user] == 0 {
			delete(s.open, user)
		}
	}, true
}

// events streams lamps and voice mail (HTML Living Standard §9.2) until the client leaves, the session ends or the server stops.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	targets, err := watched(r)
	if err != nil {
		return err
	}
	leave, ok := s.streams.admit(u.Name)
	if !ok {
		return errStreams
	}
	defer leave()
	send := stream(w)
	if r.Method == http.MethodHead {
		return nil
	}
	if !send(": hello\n\n") {
		return nil
	}
	news := s.deps.Watch(r.Context(), u.Name, targets)
	var taped <-chan call.RecordingState
	if s.deps.Recordings != nil {
		taped = s.deps.Recordings.Watch(r.Context(), u)
	}
	var concerns <-chan call.Concern
	if s.deps.Concerns != nil {
		concerns = s.deps.Concerns(r.Context(), u.Name)
	}
	var near <-chan struct{}
	if s.deps.Neighbours != nil && u.Admin {
		near = s.deps.Neighbours.Watch(r.Context())
	}
	alive := time.NewTicker(streamAlive)
	defer alive.Stop()
	for {
		var text strings.Builder
		select {
		case <-r.Context().Done():
			return nil
		case <-s.streams.stopping:
			return nil
		case <-alive.C:
			if _, err := s.signedIn(r); err != nil {
				return nil
			}
			text.WriteString(": alive\n\n")
		case t, open := <-taped:
			if !open {
				return nil
			}
			event(&text, "recording", t)
		case n, open := <-news:
			if !open {
				return nil
			}
			for _, l := range n.Lamps {
				event(&text, "lamp", l)
			}
			if n.Voicemail != nil {
				event(&text, "voicemail", n.Voicemail)
			}
		case <-near:
			switch u, err := s.signedIn(r); {
			case err != nil:
				return nil
			case !u.Admin: // any more
				continue
			}
			event(&text, "neighbours", s.neighbourList(true))
		case c, open := <-concerns:
			if !open {
				return nil
			}
			event(&text, "media", c)
		}
		if !send(text.String()) {
			return nil
		}
	}
}

// stream begins a stream of events. What it gives sends text, and says false when nobody reads any more.
func stream(w http.ResponseWriter) (send func(text string) bool) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's would end the request
	return func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
}

// event writes one server-sent event; JSON has no line ends.
func event(b *strings.Builder, name string, v any) {
	data, err := json.Marshal(v)
	if err != nil { // the types sent here can all be written
		panic(err)
	}
	fmt.Fprintf(b, "event: %s\ndata: %s\n\n", name, data)
}

// watched are the names and numbers in ?watch=.
func watched(r *http.Request) ([]string, error) {
	var list []string
	for _, text := range r.URL.Query()["watch"] {
		for target := range strings.SplitSeq(text, ",") {
			if target = strings.TrimSpace(target); target != "" {
				list = append(list, target)
			}
			if len(list) > maxWatched || len(target) > maxWatchedName {
				return nil, errWatched
			}
		}
	}
	return list, nil
}
