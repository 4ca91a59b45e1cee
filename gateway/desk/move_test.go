package desk

import (
	"errors"
	"testing"

	"cordboard/gateway/call"
)

// ringsAt waits until one of several phones of a user rings, and gives the call as it sees it.
func ringsAt(t *testing.T, p *Phone) (found call.DeskCall) {
	t.Helper()
	eventually(t, "the other device rings", func() bool {
		for _, c := range p.State().Calls {
			if c.State == call.Ringing && c.Direction == "in" {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// A call is offered to the user's other device, and goes on there.
func TestMove(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	made, _ := o.up("alice", "bob")
	other := &fakeCard{}
	second := o.another("alice", other)
	alice := o.phones["alice"]
	o.must(alice.Move(made.ID))
	rings := ringsAt(t, second)
	if rings.Peer != "alice" || rings.To != "alice" {
		t.Errorf("rings as %+v", rings)
	}
	o.with("alice", "alice", "ringing there", func(c call.DeskCall) bool { return c.Moves == made.ID && c.State == call.Ringing })
	o.with("alice", "bob", "going on meanwhile", func(c call.DeskCall) bool {
		return c.State == call.Talking && !c.Held && c.Transfer == noteMoves
	})
	if err := alice.Move(made.ID); !errors.Is(err, errNotNow) {
		t.Errorf("a second move = %v", err)
	}
	o.must(second.Answer(rings.ID))
	o.with("alice", "bob", "moved", func(c call.DeskCall) bool { return c.State == call.Ended && c.Reason == "Moved to another device" })
	o.with("alice", "alice", "over", func(c call.DeskCall) bool { return c.State == call.Ended })
	o.in("bob", "alice", call.Talking)
	eventually(t, "the other machine talks", other.open)
	eventually(t, "one call is left", func() bool { return len(o.srv.Calls()) == 1 })
}

// A call that nobody takes elsewhere stays.
func TestMoveThatFails(t *testing.T) {
	for _, tt := range []struct {
		name string
		does func(o *office, alice *Phone, second *Phone)
		note string
	}{
		{"declined", func(o *office, _, second *Phone) { o.must(second.HangUp(ringsAt(o.t, second).ID)) }, noteStays},
		{"given up", func(o *office, alice, second *Phone) {
			ringsAt(o.t, second)
			o.must(alice.HangUp(o.with("alice", "alice", "ringing", func(c call.DeskCall) bool { return c.State == call.Ringing }).ID))
		}, noteStays},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, "alice", "bob")
			made, _ := o.up("alice", "bob")
			second := o.another("alice", &fakeCard{})
			o.must(o.phones["alice"].Move(made.ID))
			tt.does(o, o.phones["alice"], second)
			o.with("alice", "bob", "still here", func(c call.DeskCall) bool { return c.State == call.Talking && c.Transfer == tt.note })
			o.in("bob", "alice", call.Talking)
		})
	}
}

// Without another device the call stays, and when it ends nothing rings any more.
func TestMoveToNowhere(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	made, taken := o.up("alice", "bob")
	o.must(o.phones["alice"].Move(made.ID))
	o.with("alice", "bob", "still here", func(c call.DeskCall) bool { return c.State == call.Talking && c.Transfer == noteStays })
	second := o.another("alice", &fakeCard{})
	o.must(o.phones["alice"].Move(made.ID))
	ringsAt(t, second)
	o.must(o.phones["bob"].HangUp(taken.ID))
	eventually(t, "nothing is left", func() bool { return len(o.srv.Calls()) == 0 })
	if err := o.phones["alice"].Move("none"); !errors.Is(err, errNoCall) {
		t.Errorf("Move = %v", err)
	}
}
