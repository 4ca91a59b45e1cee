package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// busy is a site with two calls of the moment: bob's, and one between others. Alice is an administrator.
func busy(t *testing.T) *site {
	s := guarded(t)
	s.deps.Calls = func() []call.Live {
		return []call.Live{
			{Info: call.Info{ID: "one", From: "bob", To: "200", State: call.Talking, Since: start, Answer: start.Add(time.Second)}, Users: []string{"bob"}},
			{Info: call.Info{ID: "two", From: "300", To: "301", State: call.Ringing, Since: start.Add(time.Minute)}},
		}
	}
	s.deps.Media = func(id string) call.Media {
		if id != "one" {
			return call.Media{}
		}
		return call.Media{
			Legs: []call.MediaLeg{{Leg: "t", User: "bob", Side: "browser", State: "up", Codec: "PCMU/8000", Security: "DTLS-SRTP AEAD_AES_128_GCM",
				Local: "192.0.2.1:8443", Announced: "192.0.2.7:9", Remote: "192.0.2.7:4000", PacketsIn: 50, Samples: []call.Sample{{At: 5, In: call.Path{MOS: 4.2}}}}},
			Troubles: []call.Trouble{{Call: "one", Leg: "t", Side: "browser", Kind: call.TroubleSilent, Text: "The browser sends nothing", Began: 7}},
		}
	}
	return s
}

func TestCallsOfTheMoment(t *testing.T) {
	s := busy(t)
	srv := s.server(t)
	const one = `{"id":"one","from":"bob","to":"200","state":"talking","asked":1772366400000,"answered":1772366401000,"users":["bob"]}`
	const two = `{"id":"two","from":"300","to":"301","state":"ringing","asked":1772366460000,"users":[]}`
	for _, tt := range []struct {
		user   string
		status int
		want   string
	}{
		{"bob", 200, `{"calls":[` + one + `]}`},
		{"alice", 200, `{"calls":[` + one + `,` + two + `]}`},
		{"", 401, ""},
	} {
		w := ask(s, srv, tt.user, "GET", "/api/v1/calls", "", "192.0.2.7")
		if w.Code != tt.status || tt.want != "" && w.Body.String() != tt.want {
			t.Errorf("%s: %d %s, want %s", tt.user, w.Code, w.Body, tt.want)
		}
	}
}

func TestMediaIsForThoseWhoTakePart(t *testing.T) {
	s := busy(t)
	srv := s.server(t)
	for _, tt := range []struct {
		user, id  string
		status    int
		addresses bool
	}{
		{"bob", "one", 200, false},
		{"alice", "one", 200, true},
		{"bob", "two", 404, false},
		{"alice", "two", 200, false},
		{"bob", "none", 404, false},
		{"", "one", 401, false},
	} {
		w := ask(s, srv, tt.user, "GET", "/api/v1/calls/"+tt.id+"/media", "", "192.0.2.7")
		if w.Code != tt.status || strings.Contains(w.Body.String(), "192.0.2.") != tt.addresses {
			t.Errorf("%s asks for %s: %d %s", tt.user, tt.id, w.Code, w.Body)
		}
		if tt.status != 200 || tt.id != "one" {
			continue
		}
		var m call.Media
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || len(m.Legs) != 1 || m.Legs[0].User != "bob" || len(m.Legs[0].Samples) != 1 || len(m.Troubles) != 1 ||
			m.Asked != start.UnixMilli() || m.Answered != start.Add(time.Second).UnixMilli() {
			t.Errorf("%v %s", err, w.Body)
		}
	}
}

func TestConcernsAreStreamed(t *testing.T) {
	s, room := newSite(t), newNewsroom()
	concerns := make(chan call.Concern)
	s.deps.Watch = room.watch
	s.deps.Concerns = func(_ context.Context, user string) <-chan call.Concern {
		if user != "alice" {
			t.Errorf("concerns of %s", user)
		}
		return concerns
	}
	open := s.open(t)
	res, err := open.Do(request(t, "GET", "https://"+open.https+"/api/v1/events", "", open.signIn(t, "alice", alicePassword)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	concerns <- call.Concern{Trouble: call.Trouble{Call: "one", Leg: "secret", Side: "pbx", Kind: call.TroubleSilent, Text: "Nothing comes", Cause: "a firewall", Began: 5}, SIP: "abc"}
	want := ": hello\n\nevent: media\ndata: {\"call\":\"one\",\"side\":\"pbx\",\"kind\":\"silent\",\"text\":\"Nothing comes\",\"cause\":\"a firewall\",\"began\":5,\"sip\":\"abc\",\"own\":false}\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
		t.Errorf("stream %q, %v, want %q", got, err, want)
	}
	close(concerns) // too slow: the stream ends, and the reader comes back
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
}

func TestWhoMayReadMetrics(t *testing.T) {
	const token = "a token of the tests"
	s := guarded(t)
	s.cfg.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16")}
	s.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.9.9/32")}
	s.deps.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	srv := s.server(t)
	s.cfg.MetricsToken = token
	withToken := s.server(t)
	for _, tt := range []struct {
		name   string
		srv    *Server
		user   string
		from   string
		header []string
		status int
	}{
		{"this machine", srv, "", "127.0.0.1", nil, 200},
		{"an allowed network", srv, "", "10.1.2.3", nil, 200},
		{"anybody", srv, "", "192.0.2.7", nil, 403},
		{"a user", srv, "bob", "192.0.2.7", nil, 403},
		{"an administrator", srv, "alice", "192.0.2.7", nil, 200},
		{"a proxy on this machine that nobody trusts", srv, "", "127.0.0.1", []string{"X-Forwarded-For", "192.0.2.7"}, 403},
		{"by the way of another proxy", srv, "", "127.0.0.1", []string{"Via", "1.1 proxy"}, 403},
		{"a trusted proxy, for anybody", srv, "", "10.9.9.9", []string{"X-Forwarded-For", "192.0.2.7"}, 403},
		{"a trusted proxy, for an allowed network", srv, "", "10.9.9.9", []string{"X-Forwarded-For", "10.1.2.3"}, 200},
		{"an empty token where none is set", srv, "", "192.0.2.7", []string{"Authorization", "Bearer "}, 403},
		{"the token", withToken, "", "192.0.2.7", []string{"Authorization", "Bearer " + token}, 200},
		{"a wrong token", withToken, "", "192.0.2.7", []string{"Authorization", "Bearer " + token + "x"}, 403},
		{"another scheme", withToken, "", "192.0.2.7", []string{"Authorization", "Basic " + token}, 403},
	} {
		if w := ask(s, tt.srv, tt.user, "GET", "/metrics", "", tt.from, tt.header...); w.Code != tt.status || (w.Body.String() == "metrics") != (tt.status == 200) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	if w := ask(s, srv, "", "POST", "/metrics", "", "127.0.0.1"); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
	if n := s.deps.Bans.Offences()["wrong_password"]; n != 2 {
		t.Errorf("%d wrong tokens were counted", n)
	}
	guess := []string{"Authorization", "Bearer guess"}
	codes := []int{}
	for range 30 {
		codes = append(codes, ask(s, withToken, "", "GET", "/metrics", "", "192.0.2.8", guess...).Code)
	}
	if !s.deps.Bans.Address(netip.MustParseAddr("192.0.2.8"), s.clock.Now()) {
		t.Errorf("whoever guesses is not banned: %v", slices.Compact(codes))
	}
}
