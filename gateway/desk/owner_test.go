package desk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"cordboard/gateway/call"
)

// owned is a phone whose owner changes.
type owned struct {
	*Phone
	mu            sync.Mutex
	name, display string // empty: nobody's
}

// changing runs a phone of alice's that may get another owner, beside those of the office.
func (o *office) changing() *owned {
	return o.changingWith(&fakeCard{})
}

func (o *office) changingWith(card *fakeCard) *owned {
	w := &owned{name: "alice", display: "ALICE"}
	w.Phone = New(Config{Domain: "office.example", Version: "test"}, Deps{
		Attach: func(user string) (Line, error) { return o.srv.Attach(user) },
		Owner: func(context.Context) (string, string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.name == "" {
				return "", "", errors.New("there is no account yet")
			}
			return w.name, w.display, nil
		},
		Voice: o.media.voice, Card: card,
	}, slog.New(slog.DiscardHandler))
	w.host = "other.invalid"
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	o.t.Cleanup(func() { cancel(); running.Wait() })
	return w
}

// becomes gives it another owner.
func (w *owned) becomes(name, display string) {
	w.mu.Lock()
	w.name, w.display = name, display
	w.mu.Unlock()
	w.Reown()
}

func (w *owned) wants(t *testing.T, owner string) {
	t.Helper()
	eventually(t, "the phone is "+owner+"'s", func() bool { s := w.State(); return s.Ready && s.Owner == owner })
}

// Another owner holds at once while there is no call.
func TestOwnerChanges(t *testing.T) {
	o := newOffice(t, "carol", "alice", "bob")
	w := o.changing()
	w.wants(t, "alice")
	w.becomes("bob", "BOB")
	w.wants(t, "bob")
	o.must(first(w.Call("carol")))
	o.with("carol", "bob", "ringing by the name of who it is", func(c call.DeskCall) bool { return c.State == call.Ringing && c.Name == "BOB" })
	o.must(w.HangUp(w.State().Calls[0].ID))
	w.becomes("", "")
	eventually(t, "the phone is nobody's", func() bool { s := w.State(); return s.Owner == "" && !s.Ready && s.Problem != "" })
	w.becomes("alice", "ALICE")
	w.wants(t, "alice")
}

// A call that is up goes on as its owner's; the next is another one's.
func TestOwnerChangesAfterCalls(t *testing.T) {
	o := newOffice(t, "carol", "alice", "bob")
	w := o.changing()
	w.wants(t, "alice")
	id, err := w.Call("carol")
	o.must(err)
	o.must(o.phones["carol"].Answer(o.in("carol", "alice", call.Ringing).ID))
	o.in("carol", "alice", call.Talking)
	eventually(t, "the call is answered", func() bool { return w.State().Calls[0].State == call.Talking })
	w.becomes("bob", "BOB")
	w.becomes("alice", "ALICE") // and all is as it was
	w.becomes("bob", "BOB")
	o.must(w.Hold(id))
	o.with("carol", "alice", "held", func(c call.DeskCall) bool { return c.Waits })
	if s := w.State(); s.Owner != "alice" || !s.Ready {
		t.Errorf("during the call it is %+v", s)
	}
	o.must(w.HangUp(id))
	o.in("carol", "alice", call.Ended)
	w.wants(t, "bob")

	o.must(first(o.phones["carol"].Call("desk")))
	rings := ringsAt(t, w.Phone)
	w.becomes("alice", "ALICE")
	o.must(w.Answer(rings.ID))
	talks := o.in("carol", "desk", call.Talking)
	o.must(o.phones["carol"].HangUp(talks.ID))
	w.wants(t, "alice")
	eventually(t, "no call is left", func() bool { return len(o.srv.Calls()) == 0 })
}

// Without sound there is no phone, but it is known whose it would be: who asks is told what is missing.
func TestOwnerWithoutSound(t *testing.T) {
	w := newOffice(t, "alice").changingWith(&fakeCard{missing: true})
	eventually(t, "the owner is known", func() bool {
		s := w.State()
		return s.Owner == "alice" && !s.Ready && s.Problem == "This machine has no loudspeaker. Plug one in."
	})
}
