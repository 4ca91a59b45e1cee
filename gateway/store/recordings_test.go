package store

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

func TestRecordings(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	ctx := t.Context()
	for _, name := range []string{"alice", "bob"} {
		u, err := auth.NewUser(name, "", "", "correct horse battery")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	first := call.Recording{ID: "one", File: "one.wav", From: "alice", FromDisplay: "Alice Doe", To: "300", ToDisplay: "Carol", Users: []string{"alice"},
		Began: began, Paused: true}
	second := call.Recording{ID: "two", File: "two.wav", From: "300", To: "bob", Users: []string{"bob"}, Began: began.Add(time.Hour), Ended: began.Add(2 * time.Hour), Rule: true}
	for _, r := range []call.Recording{first, second} {
		if err := s.SaveRecording(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Recording(ctx, "one"); err != nil || !reflect.DeepEqual(got, first) {
		t.Errorf("Recording = %+v, %v, want %+v", got, err, first)
	}
	if _, err := s.Recording(ctx, "three"); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("an unknown one = %v", err)
	}
	list := func(name string, got []call.Recording, err error, want ...call.Recording) {
		t.Helper()
		if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %+v, %v, want %+v", name, got, err, want)
		}
	}
	unfinished, err := s.UnfinishedRecordings(ctx)
	list("unfinished", unfinished, err, first)
	first.Ended, first.Paused, first.Users = began.Add(time.Minute), false, []string{"alice", "bob"}
	changed := first
	changed.Users = []string{"bob"} // took over; alice still took part
	if err := s.SaveRecording(ctx, changed); err != nil {
		t.Fatal(err)
	}
	all, err := s.Recordings(ctx, "", time.Time{}, 10)
	list("all", all, err, second, first)
	hers, err := s.Recordings(ctx, "alice", time.Time{}, 10)
	list("alice's", hers, err, first)
	his, err := s.Recordings(ctx, "bob", second.Began, 10)
	list("bob's, page two", his, err, first)
	newest, err := s.Recordings(ctx, "bob", time.Time{}, 1)
	list("bob's newest", newest, err, second)
	old, err := s.OldRecordings(ctx, began.Add(time.Hour), 10)
	list("old", old, err, first)

	record := call.Record{ID: "one", From: "alice", To: "300", Users: []string{"alice", "bob"}, Direction: call.Out, Began: began, Ended: began, By: "alice"}
	if err := s.Add(ctx, record); err != nil {
		t.Fatal(err)
	}
	if calls, err := s.Calls(ctx, "alice", time.Time{}, 1); err != nil || len(calls) != 1 || !calls[0].Recorded {
		t.Errorf("the history says %+v, %v, want that the call is recorded", calls, err)
	}
	// Who gets the name of a removed account gets nothing of it.
	if err := s.Remove(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	hers, err = s.Recordings(ctx, "alice", time.Time{}, 10)
	list("alice's, after her", hers, err)
	if err := s.ForgetRecording(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if calls, err := s.Calls(ctx, "bob", time.Time{}, 1); err != nil || len(calls) != 1 || calls[0].Recorded {
		t.Errorf("the history says %+v, %v, want no recording any more", calls, err)
	}
}
