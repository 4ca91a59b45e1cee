package store

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ids are the calls' IDs in their order.
func ids(calls []call.Record) string {
	var list []string
	for _, c := range calls {
		list = append(list, c.ID)
	}
	return strings.Join(list, " ")
}

func TestCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	s := open(t, path)
	ctx := t.Context()
	full := call.Record{
		ID: "full", From: "300", FromDisplay: "Carol O'Roe", To: "102", ToDisplay: "Bob", Users: []string{"alice", "bob"}, AnsweredBy: "bob",
		Direction: call.In, Began: began, Rang: began.Add(time.Second), Answered: began.Add(2 * time.Second), Ended: began.Add(time.Minute),
		By: "office", Status: 200, Reason: call.ReasonAnswered,
		Quality: call.Quality{Worst: "Nothing comes from the PBX: a firewall between", Legs: []call.LegQuality{
			{Party: "bob", In: call.PathQuality{Packets: 3000, Loss: 0.012, Jitter: 4.5, MOS: 4.2, Worst: 3.9}}, {Party: "office"}}},
	}
	bare := call.Record{ID: "bare", From: "bob", To: "999", Users: []string{"bob"}, Direction: call.Out,
		Began: began.Add(time.Hour), Ended: began.Add(time.Hour), By: "Cordboard", Status: 404, Reason: call.ReasonNobody}
	for _, r := range []call.Record{bare, full, bare} { // the second bare one changes nothing
		if err := s.Add(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{s, open(t, path)} {
		for user, want := range map[string][]call.Record{"alice": {full}, "bob": {bare, full}, "carol": nil, "300": nil, "": nil} {
			if got, err := s.Calls(ctx, user, time.Time{}, 10); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("calls of %q\n%+v, %v, want\n%+v", user, got, err, want)
			}
		}
	}
	if err := s.Add(ctx, call.Record{ID: "odd", Direction: "sideways"}); err == nil {
		t.Error("a call without direction was kept")
	}
}

func TestCallsAreBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	r := call.Record{ID: "x", From: "300", FromDisplay: strings.Repeat("é\x00", 1<<20), To: "102", Direction: call.In, Began: began, Ended: began}
	for i := range 1000 {
		r.Users = append(r.Users, fmt.Sprintf("user%03d", i))
	}
	if err := s.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Calls(t.Context(), "user000", time.Time{}, 1)
	if err != nil || len(got) != 1 || len(got[0].FromDisplay) > 200 || len(got[0].Users) > 300 || strings.Contains(got[0].FromDisplay, "\x00") {
		t.Errorf("%d calls, %v, with %d bytes of name and %d users", len(got), err, len(got[0].FromDisplay), len(got[0].Users))
	}
}

// Pages one after another give every call once, newest first, even where many began at the same moment.
func TestCallsByPage(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	var want []string
	for i := range 30 {
		r := call.Record{ID: fmt.Sprint("c", i), From: "alice", Users: []string{"alice"}, Direction: call.Out,
			Began: began.Add(time.Duration(i/3) * time.Millisecond), Ended: began} // three a millisecond
		other := r
		other.ID, other.Users = fmt.Sprint("d", i), []string{"bob"}
		if err := errors.Join(s.Add(t.Context(), r), s.Add(t.Context(), other)); err != nil {
			t.Fatal(err)
		}
		want = append(want, r.ID)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 2, 4, 7, 29, 30, 31} {
		var got []call.Record
		var before time.Time
		for {
			page, err := s.Calls(t.Context(), "alice", before, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			before = page[len(page)-1].Began
		}
		if ids(got) != strings.Join(want, " ") {
			t.Errorf("by %d:\n%s, want\n%s", limit, ids(got), want)
		}
	}
	if page, err := s.Calls(t.Context(), "alice", time.Time{}, 0); len(page) != 0 || err != nil {
		t.Errorf("a page of none: %s, %v", ids(page), err)
	}
}

func TestOldCallsGo(t *testing.T) {
	add := func(s *Store, n int, ended time.Time) {
		t.Helper()
		r := call.Record{ID: fmt.Sprint(n), From: "alice", Users: []string{"alice", "bob"}, Direction: call.Out, Began: ended, Ended: ended}
		if err := s.Add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(s *Store) (calls, users int) {
		t.Helper()
		err := errors.Join(s.db.QueryRow("SELECT count(*) FROM calls").Scan(&calls), s.db.QueryRow("SELECT count(*) FROM call_users").Scan(&users))
		if err != nil {
			t.Fatal(err)
		}
		return calls, users
	}
	t.Run("by age", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
		for n := range 10 {
			add(s, n, began)
		}
		for n := range pruneEvery {
			add(s, 100+n, began.Add(defaultCallAge+time.Second))
		}
		if calls, users := kept(s); calls != pruneEvery || users != 2*pruneEvery {
			t.Errorf("%d calls and %d of users after a year, want %d and %d", calls, users, pruneEvery, 2*pruneEvery)
		}
		s.KeepCalls(time.Hour)
		for n := range pruneEvery {
			add(s, 200+n, began.Add(defaultCallAge+2*time.Hour))
		}
		if calls, _ := kept(s); calls > pruneEvery+10 {
			t.Errorf("%d calls after an hour, want at most %d", calls, pruneEvery+10)
		}
	})
	t.Run("by number", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
		s.maxCalls = 100
		for n := range 5 * pruneEvery {
			add(s, n, began.Add(time.Duration(n)*time.Second))
			if calls, users := kept(s); calls >= 100+pruneEvery || users != 2*calls {
				t.Fatalf("%d calls and %d of users after %d, want less than %d", calls, users, n+1, 100+pruneEvery)
			}
		}
		newest, err := s.Calls(t.Context(), "bob", time.Time{}, 1)
		if err != nil || ids(newest) != fmt.Sprint(5*pruneEvery-1) {
			t.Errorf("newest is %s, %v", ids(newest), err)
		}
	})
}

func TestCallsOfARemovedAccount(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	r := call.Record{ID: "a", From: "alice", To: "bob", Users: []string{"alice", "bob"}, Direction: call.Internal, Began: began, Ended: began}
	err := errors.Join(s.Put(t.Context(), user(t, "alice", "")), s.Add(t.Context(), r), s.Put(t.Context(), user(t, "alice", "101")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Calls(t.Context(), "alice", time.Time{}, 1); len(got) != 1 || err != nil {
		t.Errorf("after a change of the account: %s, %v, want its call", ids(got), err)
	}
	if err := s.Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Calls(t.Context(), "alice", time.Time{}, 1); len(got) != 0 || err != nil {
		t.Errorf("calls of a removed account: %s, %v, want none", ids(got), err)
	}
	if got, err := s.Calls(t.Context(), "bob", time.Time{}, 1); len(got) != 1 || err != nil {
		t.Errorf("calls of the other one: %s, %v, want one", ids(got), err)
	}
}

// A file of the first version keeps its accounts and gets a history.
func TestFromVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	text, err := schema.ReadFile("schema/0001_accounts.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", source(path))
	if err != nil {
		t.Fatal(err)
	}
	alice := user(t, "alice", "101")
	_, err = db.Exec(string(text) + "PRAGMA user_version = 1")
	_, inserted := db.Exec("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		alice.Name, alice.Display, alice.Extension, alice.MD5, alice.SHA256, alice.MustChange, alice.PBX.Username, alice.PBX.Password)
	_, kept := db.Exec("INSERT INTO secrets VALUES ('session', zeroblob(32))")
	if err := errors.Join(err, inserted, kept, db.Close()); err != nil {
		t.Fatal(err)
	}

	s := open(t, path)
	if got, err := s.User(t.Context(), "alice"); got != alice || err != nil {
		t.Errorf("account %+v, %v, want it as it was", got, err)
	}
	if got, err := s.Secret(t.Context(), "session"); len(got) != 32 || slices.Max(got) != 0 || err != nil {
		t.Errorf("secret %x, %v, want it as it was", got, err)
	}
	r := call.Record{ID: "a", From: "alice", To: "200", Users: []string{"alice"}, Direction: call.Out, Began: began, Ended: began}
	if err := s.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, path).Calls(t.Context(), "alice", time.Time{}, 1); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], r) {
		t.Errorf("calls %+v, %v, want %+v", got, err, r)
	}
	if err := s.Remove(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
	if _, err := s.User(t.Context(), "alice"); !errors.Is(err, auth.ErrNoUser) {
		t.Errorf("removed account: %v, want ErrNoUser", err)
	}
}

// Neither a page nor pruning may read all calls.
func TestCallsAreFoundByIndex(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	for query, args := range map[string][]any{
		selectCalls: {"alice", 1, 1},
		"DELETE FROM calls WHERE number IN (SELECT number FROM calls WHERE ended < ? ORDER BY ended LIMIT ?)": {1, 1},
		"SELECT 1 FROM call_users WHERE number = ?":                                                           {1},
	} {
		rows, err := s.db.Query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN c") || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", query, detail)
			}
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkAddCall(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "cordboard.db"))
	r := call.Record{From: "alice", To: "bob", Users: []string{"alice", "bob"}, Direction: call.Internal, Began: began, Ended: began}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		r.ID, r.Began = fmt.Sprint(n), began.Add(time.Duration(n)*time.Second)
		if err := s.Add(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCalls(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "cordboard.db"))
	for n := range 1000 {
		at := began.Add(time.Duration(n) * time.Second)
		if err := s.Add(b.Context(), call.Record{ID: fmt.Sprint(n), From: "alice", Users: []string{"alice", "bob"}, Direction: call.Internal, Began: at, Ended: at}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if page, err := s.Calls(b.Context(), "alice", time.Time{}, 50); len(page) != 50 || err != nil {
			b.Fatal(len(page), err)
		}
	}
}
