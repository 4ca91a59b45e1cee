package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"cordboard/audio"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// ledger are the parts behind the API on paper: all that is done stands in it.
type ledger struct {
	done []string
	card
	fakeNeighbours
	fakeSettings
	desk fakeDesk
}

func (l *ledger) note(format string, args ...any) {
	l.done = append(l.done, fmt.Sprintf(format, args...))
}

func (l *ledger) Accounts(context.Context) ([]Account, error) { return nil, nil }

func (l *ledger) AddAccount(_ context.Context, c AccountChange) (string, error) {
	if c.Name == nil {
		return "", &SettingsRefused{[]SettingsFault{{Key: "name", Problem: "missing"}}}
	}
	l.note("add %s", *c.Name)
	return "one-time", nil
}

func (l *ledger) ChangeAccount(_ context.Context, name string, _ AccountChange) (string, error) {
	l.note("change %s", name)
	return "", nil
}

func (l *ledger) RemoveAccount(context.Context, string) error { return auth.ErrNoUser }

// all is everything that was done, and forgets it.
func (l *ledger) all(s *site) []string {
	all := slices.Concat(l.done, l.card.done, l.fakeNeighbours.said, l.desk.did)
	for _, c := range l.changed {
		all = append(all, "set "+c.Set+c.Add+c.Remove)
	}
	for _, b := range s.deps.Bans.List(s.clock.Now()) {
		all = append(all, fmt.Sprint("ban ", b))
		s.deps.Bans.Remove(b.Subject, s.clock.Now())
	}
	if l.desk.busy {
		all = append(all, "busy")
	}
	*l = ledger{}
	return all
}

// changing are the requests of the API with a body, but for those to sign in, by who may make them.
var changing = map[string][]string{
	"an administrator": {"POST bans", "POST users", "PATCH users/dora", "PATCH settings", "POST try/pbx", "POST neighbours/Attic/pair", "POST window"},
	"the owner": {"POST desk", "POST desk/calls", "POST desk/calls/c1/answer", "POST desk/calls/c1/mute", "POST desk/calls/c1/digits", "POST desk/calls/c1/transfer",
		"POST desk/calls/c2/hold", "PUT devices"},
}

// Whatever is sent to the API, and by whom: the answer is JSON and no fault of ours, nothing is done for who may not have it done nor by what can't be
// read, and what is done stays within its bounds.
func FuzzAPI(f *testing.F) {
	for i, body := range []string{`{"address":"192.0.2.9","seconds":60,"why":"x"}`, `{"name":"dora","extension":null}`, `{"password":"correct horse"}`, `{"version":"1","changes":[{"set":"name","to":"x"}]}`,
		`{"uri":"sip:h","username":"1","password":"2"}`, `{"code":"123456","same":true}`, `{"show":true,"dial":"201"}`, `{"busy":true}`, `{"target":"201"}`, `{"on":false}`, `{"digits":"1#"}`,
		`{"choose":{"ringer":""},"gain":{"microphone":-3,"loudspeaker":1e2},"muted":true,"listen":61,"sample":"ringer"}`, `{} {}`, `[]`, `null`, `{"seconds":-9223372036854775808}`} {
		for j, user := range []string{"", "alice", "bob", "carol"} {
			f.Add(user, uint8(i+j), body)
		}
	}
	s := guarded(f) // alice is an administrator
	l := &ledger{}
	s.deps.Card, s.deps.Neighbours, s.deps.Settings, s.deps.Accounts = &l.card, &l.fakeNeighbours, &l.fakeSettings, l
	s.deps.Desk = phoneOf{Desk: &l.desk, owner: "bob", card: &l.card}
	s.deps.Window = func(show bool, dial string) { l.note("window %q", dial) }
	s.deps.TryPBX = func(_ context.Context, uri, _, _ string) (call.Trial, error) {
		l.note("try %s", uri)
		return call.Trial{}, nil
	}
	srv := s.server(f)
	f.Fuzz(func(t *testing.T, user string, which uint8, body string) {
		if _, known := s.accounts.users[user]; user != "" && !known {
			return
		}
		s.clock.Add(time.Hour) // so that nothing is throttled
		for rank, requests := range changing {
			request := requests[int(which)%len(requests)]
			method, path, _ := strings.Cut(request, " ")
			w := ask(s, srv, user, method, "/api/v1/"+path, body, "198.51.100.1")
			did := l.all(s)
			may := user == "alice" || user == "bob" && rank == "the owner"
			text := w.Body.String()
			if w.Code >= 500 || w.Code != http.StatusNoContent && !json.Valid(w.Body.Bytes()) || (w.Code >= 400) != strings.HasPrefix(text, `{"error":"`) {
				t.Errorf("%s of %q with %q: %d %s", request, user, body, w.Code, text)
			}
			if (w.Code < 300 || len(did) > 0) && (!may || !json.Valid([]byte(body))) {
				t.Errorf("%s of %q with %q: %d, done: %q", request, user, body, w.Code, did)
			}
			for _, one := range did {
				var dB float64
				var listened string
				if fmt.Sscanf(one, "gain microphone %g", &dB); dB < -60 || dB > 20 {
					t.Errorf("%q of %q", one, body)
				}
				if n, _ := fmt.Sscanf(one, "listen %s", &listened); n == 1 {
					if d, err := time.ParseDuration(listened); err != nil || d < 0 || d > maxListen*time.Second {
						t.Errorf("%q of %q", one, body)
					}
				}
				if strings.HasPrefix(one, "sample") && one != "sample "+string(audio.Ringer) && one != "sample "+string(audio.Loudspeaker) || strings.HasPrefix(one, "window") && strings.ContainsFunc(one, unicode.IsControl) {
					t.Errorf("%q of %q", one, body)
				}
			}
		}
	})
}
