package desk

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// shelf is a Live in memory.
type shelf struct {
	mu     sync.Mutex
	states map[string][]byte
}

func (s *shelf) Keep(id string, state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states == nil {
		s.states = map[string][]byte{}
	}
	s.states[id] = slices.Clone(state)
	return nil
}

func (s *shelf) Forget(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.states, id)
	return nil
}

func (s *shelf) Kept() (map[string][]byte, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.states), time.Now(), nil
}

// A call that is up is written down as it changes, taken up again as it was, and forgotten at its end.
func TestCallsAreKept(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	live := new(shelf)
	alice := o.phones["alice"]
	alice.mu.Lock()
	alice.deps.Live = live
	alice.mu.Unlock()
	made, taken := o.up("alice", "bob")
	o.must(alice.Mute(made.ID, true))
	o.must(alice.Hold(made.ID))
	o.quiet("alice", "bob")
	o.with("bob", "alice", "waiting", func(c call.DeskCall) bool { return c.Waits })
	alice.mu.Lock()
	alice.changed() // the numbers of the last exchange
	before := alice.calls[0].save()
	alice.mu.Unlock()

	_ = live.Keep("broken", []byte(`{"local":`))
	again := New(Config{Domain: "office.example"}, Deps{Live: live, Card: &fakeCard{}}, slog.New(slog.DiscardHandler))
	again.recall()
	if calls := again.State().Calls; len(calls) > 0 {
		t.Errorf("seen before the server goes on with them: %+v", calls)
	}
	again.mu.Lock()
	if c := again.awake(before.CallID, before.Local.Tag, "another"); c != nil {
		t.Errorf("another dialog's: %+v", c)
	}
	c := again.awake(before.CallID, before.Local.Tag, before.Remote.Tag)
	if c == nil || again.awake(before.CallID, before.Local.Tag, before.Remote.Tag) != nil {
		t.Fatalf("taken up again: %+v", c)
	}
	after := c.save()
	if after.LocalSeq -= recallJump; after.Version-recallJump != before.Version || after.LocalSeq != before.LocalSeq || !after.Muted || !after.Held || !after.Told {
		t.Errorf("is %+v, was %+v", after, before)
	}
	again.mu.Unlock()
	if seen := again.State().Calls; len(seen) != 1 || seen[0].ID != made.ID || seen[0].Dialog == "" || seen[0].Answered != made.Answered {
		t.Errorf("seen as %+v, before %+v", seen, made)
	}
	if states, _, _ := live.Kept(); len(states) != 1 || states[made.ID] == nil {
		t.Errorf("kept are %d", len(states))
	}
	o.must(o.phones["bob"].HangUp(taken.ID))
	o.in("alice", "bob", call.Ended)
	eventually(t, "nothing is kept", func() bool { states, _, _ := live.Kept(); return len(states) == 0 })
}
