package store

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cordboard/gateway/call"
)

func TestFacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	s := open(t, path)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	path2 := call.Fact{Name: "supported", Values: []string{"path", "timer"}, Learned: at.Add(time.Hour)}
	none := call.Fact{Name: "events", Values: []string{}, Learned: at}
	for pbx, facts := range map[string][]call.Fact{
		"sip:one": {{Name: "supported", Values: []string{"timer"}, Learned: at}, none, path2},
		"sip:two": {{Name: "supported", Values: []string{"1;DROP TABLE"}, Learned: at}},
	} {
		for _, f := range facts {
			if err := s.Learn(t.Context(), pbx, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []*Store{s, open(t, path)} {
		if got, err := s.Facts(t.Context(), "sip:one"); err != nil || !reflect.DeepEqual(got, []call.Fact{none, path2}) {
			t.Errorf("facts = %+v, %v, want %+v and %+v", got, err, none, path2)
		}
		if got, err := s.Facts(t.Context(), "sip:three"); err != nil || got != nil {
			t.Errorf("facts of an unknown PBX = %+v, %v", got, err)
		}
	}
}

func TestUserOfPBX(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	u := user(t, "alice", "101")
	u.PBXName = "second"
	if err := s.Put(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if got, err := s.User(t.Context(), "alice"); got != u || err != nil {
		t.Errorf("User = %+v, %v, want %+v", got, err, u)
	}
}
