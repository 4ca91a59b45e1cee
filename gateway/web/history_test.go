package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// callList is a history in memory, newest first.
type callList []call.Record

func (l callList) Add(context.Context, ...call.Record) error { return errors.New("web adds no calls") }

func (l callList) Calls(_ context.Context, user string, before time.Time, limit int) (page []call.Record, err error) {
	for _, r := range l {
		if slices.Contains(r.Users, user) && (before.IsZero() || r.Began.Before(before)) && len(page) < limit {
			page = append(page, r)
		}
	}
	return page, nil
}

func TestHistory(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	site := newSite(t)
	site.deps.History = callList{
		{ID: "4", From: "300", FromDisplay: "Carol", To: "102", ToDisplay: "Bob", Users: []string{"bob"}, Direction: call.In, Began: at(40), Ended: at(41), Reason: call.ReasonBusy},
		{ID: "3", From: "300", FromDisplay: "Carol", To: "0301234", Users: []string{"alice", "bob"}, AnsweredBy: "bob", Direction: call.In,
			Began: at(30), Rang: at(31), Answered: at(32), Ended: at(39), Reason: call.ReasonAnswered},
		{ID: "2", From: "bob", FromDisplay: "Bob", To: "alice", ToDisplay: "Alice Doe", Users: []string{"alice", "bob"}, Direction: call.Internal,
			Began: at(20), Ended: at(25), Reason: call.ReasonHungUp},
		{ID: "1", From: "alice", FromDisplay: "Alice Doe", To: "200", Users: []string{"alice"}, Direction: call.Out,
			Began: at(10), Answered: at(12), Ended: at(19), Reason: call.ReasonAnswered,
			Quality: call.Quality{Legs: []call.LegQuality{{Party: "alice", In: call.PathQuality{Packets: 350, MOS: 4.4, Worst: 4.3}}}}},
	}
	open := site.open(t)
	cookies := map[string]string{"alice": open.signIn(t, "alice", alicePassword), "bob": open.signIn(t, "bob", alicePassword)}
	ms := func(s int) string { return fmt.Sprint(at(s).UnixMilli()) }
	first := `{"id":"1","from":"alice","to":"200","display":"","direction":"made","began":` + ms(10) + `,"answered":` + ms(12) + `,"ended":` + ms(19) + `,"seconds":7,"reason":"Answered",` +
		`"quality":{"legs":[{"party":"alice","in":{"packets":350,"loss":0,"jitter":0,"mos":4.4,"mos_min":4.3},"out":{"packets":0,"loss":0,"jitter":0,"mos":0,"mos_min":0}}]}}`
	missed := `{"id":"2","from":"bob","to":"alice","display":"Bob","direction":"received","began":` + ms(20) + `,"ended":` + ms(25) + `,"seconds":0,"reason":"Caller hung up before the answer"}`
	taken := `{"id":"3","from":"300","to":"0301234","display":"Carol","direction":"received","began":` + ms(30) + `,"ended":` + ms(39) + `,"seconds":0,"reason":"Answered by bob"}`
	for _, tt := range []struct {
		name, user, query string
		want              string
	}{
		{"all", "alice", "", taken + "," + missed + "," + first},
		{"first page", "alice", "?limit=1", taken},
		{"second page", "alice", "?limit=1&before=" + ms(30), missed},
		{"the rest", "alice", "?before=" + ms(20), first},
		{"after the last", "alice", "?before=" + ms(10), ""},
		{"of the other one", "bob", "?before=" + ms(21), `{"id":"2","from":"bob","to":"alice","display":"Alice Doe","direction":"made","began":` + ms(20) + `,"ended":` + ms(25) + `,"seconds":0,"reason":"Caller hung up before the answer"}`},
		{"who took it", "bob", "?limit=1&before=" + ms(31), `{"id":"3","from":"300","to":"0301234","display":"Carol","direction":"received","began":` + ms(30) + `,"answered":` + ms(32) + `,"ended":` + ms(39) + `,"seconds":7,"reason":"Answered"}`},
	} {
		res, body := open.send(t, "GET", "https://"+open.https+"/api/v1/history"+tt.query, "", cookies[tt.user])
		if want := `{"calls":[` + tt.want + `]}`; res.StatusCode != 200 || body != want {
			t.Errorf("%s: %s\n%s, want\n%s", tt.name, res.Status, body, want)
		}
	}
}

func TestHistoryRefuses(t *testing.T) {
	open := newSite(t).open(t)
	cookie := open.signIn(t, "alice", alicePassword)
	for _, tt := range []struct {
		method, query, cookie string
		status                int
		code                  string
	}{
		{"GET", "", "", 401, "signed_out"},
		{"GET", "?limit=-1", "", 401, "signed_out"},
		{"GET", "", "Cookie: cordboard=9999999999:alice:AAAA", 401, "signed_out"},
		{"POST", "", cookie, 405, "method_not_allowed"},
		{"GET", "?limit=0", cookie, 400, "malformed"},
		{"GET", "?limit=201", cookie, 400, "malformed"},
		{"GET", "?limit=ten", cookie, 400, "malformed"},
		{"GET", "?before=-5", cookie, 400, "malformed"},
		{"GET", "?before=yesterday", cookie, 400, "malformed"},
		{"GET", "?before=99999999999999999999", cookie, 400, "malformed"},
		{"GET", "?before=9223372036854775807&limit=200", cookie, 200, ""},
		{"GET", "?user=bob", cookie, 200, ""},
	} {
		res, body := open.send(t, tt.method, "https://"+open.https+"/api/v1/history"+tt.query, "", tt.cookie)
		var got fault
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != tt.status || got.Code != tt.code {
			t.Errorf("%s %s: %s %s (%v), want %d %s", tt.method, tt.query, res.Status, body, err, tt.status, tt.code)
		}
		if res.StatusCode == 200 && body != `{"calls":[]}` {
			t.Errorf("%s: %s, want no calls", tt.query, body)
		}
	}
}

// brokenHistory is a store that fails.
type brokenHistory struct{ callList }

func (brokenHistory) Calls(context.Context, string, time.Time, int) ([]call.Record, error) {
	return nil, errors.New("disk full, see /var/lib/secret")
}

func TestFaultOfTheHistorySaysNothing(t *testing.T) {
	site := newSite(t)
	site.deps.History = brokenHistory{}
	open := site.open(t)
	res, body := open.send(t, "GET", "https://"+open.https+"/api/v1/history", "", open.signIn(t, "alice", alicePassword))
	if res.StatusCode != 500 || strings.Contains(body, "disk") || !strings.Contains(body, `"internal"`) {
		t.Errorf("%s %s, want 500 without detail", res.Status, body)
	}
}
