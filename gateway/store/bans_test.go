package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/guard"
)

func TestBans(t *testing.T) {
	path := t.TempDir() + "/x.db"
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_800_000_000_123).UTC()
	want := []guard.Ban{
		{Subject: "192.0.2.7", Why: "wrong passwords", Since: at, Until: at.Add(time.Minute), Times: 1},
		{Subject: "2001:db8::/64", Why: "knocked on the SIP port", Since: at, Until: at.Add(time.Hour), Times: 3},
		{Subject: "user:alice", Why: "by hand", Since: at, Until: at.Add(24 * time.Hour), Times: 7},
	}
	for _, list := range [][]guard.Ban{want[:1], want} {
		if err := s.SaveBans(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Bans(t.Context())
	slices.SortFunc(got, func(a, b guard.Ban) int { return strings.Compare(a.Subject, b.Subject) })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("kept %v, %v, want %v", got, err, want)
	}
}

func TestTalkTime(t *testing.T) {
	s, err := Open(t.TempDir() + "/x.db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return midnight.Add(time.Duration(n) * time.Minute) }
	for i, r := range []call.Record{
		{From: "alice", Direction: call.Out, Began: minute(-30), Answered: minute(-20), Ended: minute(-10)}, // yesterday
		{From: "alice", Direction: call.Out, Began: minute(-30), Answered: minute(-20), Ended: minute(3)},   // past midnight
		{From: "alice", Direction: call.Out, Began: minute(10), Answered: minute(11), Ended: minute(31)},
		{From: "alice", Direction: call.Out, Began: minute(10), Ended: minute(31)}, // not answered
		{From: "alice", Direction: call.Internal, Began: minute(10), Answered: minute(11), Ended: minute(31)},
		{From: "alice", Direction: call.In, Began: minute(10), Answered: minute(11), Ended: minute(31)},
		{From: "bob", Direction: call.Out, Began: minute(10), Answered: minute(11), Ended: minute(31), Users: []string{"alice"}},
	} {
		r.ID = fmt.Sprint(i)
		if err := s.Add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for user, want := range map[string]time.Duration{"alice": 23 * time.Minute, "bob": 20 * time.Minute, "carol": 0, "": 43 * time.Minute} {
		if got, err := s.TalkTime(t.Context(), user, midnight); err != nil || got != want {
			t.Errorf("%s talked %v, %v, want %v", user, got, err, want)
		}
	}
}
