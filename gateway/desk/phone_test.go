package desk

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"cordboard/audio"
	"cordboard/gateway/call"
)

func TestCallIsAnsweredHeardAndEnded(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	id, err := o.phones["alice"].Call("bob")
	o.must(err)
	ringing := o.in("bob", "alice", call.Ringing)
	if ringing.Name != "ALICE" || ringing.Direction != "in" {
		t.Errorf("rings as %+v", ringing)
	}
	o.in("alice", "bob", call.Ringing)
	eventually(t, "bob's machine rings", o.cards["bob"].ringing)
	eventually(t, "alice hears that it rings", func() bool { return audio.RMS(o.cards["alice"].play()) > 100 })
	o.must(o.phones["bob"].Answer(ringing.ID))
	made, taken := o.in("alice", "bob", call.Talking), o.in("bob", "alice", call.Talking)
	if made.ID != id || made.Direction != "out" || made.Name != "BOB" || made.Dialog == "" {
		t.Errorf("talks as %+v", made)
	}
	o.says("alice", true, made)
	o.says("bob", true, taken)
	eventually(t, "nothing rings any more", func() bool { return !o.cards["bob"].ringing() })

	o.must(o.phones["alice"].Mute(made.ID, true))
	o.says("alice", false, made)
	o.must(o.phones["alice"].Mute(made.ID, false))
	o.says("alice", true, made)

	o.must(o.phones["alice"].Press(made.ID, "12#"))
	o.with("bob", "alice", "12#", func(c call.DeskCall) bool { return c.Digits == "12#" })

	o.must(o.phones["bob"].HangUp(taken.ID))
	if ended := o.in("alice", "bob", call.Ended); ended.Reason != call.ReasonAnswered {
		t.Errorf("ended by %q", ended.Reason)
	}
	eventually(t, "the cards are closed", func() bool { return !o.cards["alice"].open() && !o.cards["bob"].open() })
	eventually(t, "no call is left", func() bool { return len(o.srv.Calls()) == 0 })
}

func TestCallsThatAreNotAnswered(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	alice, bob := o.phones["alice"], o.phones["bob"]
	ended := func(peer, want string) {
		t.Helper()
		o.with("alice", peer, want, func(c call.DeskCall) bool { return c.State == call.Ended && c.Reason == want })
	}
	o.must(first(alice.Call("nobody")))
	ended("nobody", call.ReasonNobody)
	o.must(first(alice.Call("999")))
	ended("999", call.ReasonNobody)

	o.must(first(alice.Call("bob")))
	o.must(bob.HangUp(o.in("bob", "alice", call.Ringing).ID))
	ended("bob", call.ReasonDeclined)

	bob.DoNotDisturb(true)
	o.must(first(alice.Call("102"))) // bob's extension
	ended("102", call.ReasonBusy)
	bob.DoNotDisturb(false)

	id, err := alice.Call("bob")
	o.must(err)
	o.in("bob", "alice", call.Ringing)
	o.must(alice.HangUp(id))
	o.with("bob", "alice", "given up", func(c call.DeskCall) bool { return c.State == call.Ended && c.Reason == call.ReasonHungUp })
	eventually(t, "no call is left", func() bool { return len(o.srv.Calls()) == 0 })

	for target, want := range map[string]error{"": errTarget, "bad name": errTarget, "a@": errTarget, "<sip:x>": errTarget, strings.Repeat("1", 200): errTarget} {
		if _, err := alice.Call(target); !errors.Is(err, want) {
			t.Errorf("Call(%q) = %v", target, err)
		}
	}
	if err := alice.Answer("none"); !errors.Is(err, errNoCall) {
		t.Errorf("Answer = %v", err)
	}
}

func TestDeskRingsByItsOwnName(t *testing.T) {
	o := newOffice(t, "alice", "bob") // who came last is desk
	o.srv.SetName("Reception")
	o.must(first(o.phones["alice"].Call("desk")))
	o.must(o.phones["bob"].Answer(o.in("bob", "alice", call.Ringing).ID))
	o.with("alice", "desk", "talking", func(c call.DeskCall) bool { return c.State == call.Talking && c.Name == "Reception" })
	taken := o.in("bob", "alice", call.Talking)
	o.must(o.phones["bob"].Hold(taken.ID))
	o.with("alice", "desk", "held", func(c call.DeskCall) bool { return c.Waits })
	o.must(o.phones["bob"].HangUp(taken.ID))
	o.with("alice", "desk", "ended", func(c call.DeskCall) bool { return c.State == call.Ended })
}

func TestDoNotDisturbIsSeen(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	news := o.srv.Watch(t.Context(), "alice", nil)
	wait := func(want call.LampState) {
		t.Helper()
		for n := range news {
			for _, l := range n.Lamps {
				if l.Target == "bob" && l.State == want {
					return
				}
			}
		}
		t.Fatalf("bob's lamp is never %s", want)
	}
	wait(call.LampIdle)
	o.phones["bob"].DoNotDisturb(true)
	wait(call.LampDisturb)
	o.phones["bob"].DoNotDisturb(false)
	wait(call.LampIdle)
}

// TestDoNotDisturbIsKept for the phone's next life, its last change too.
func TestDoNotDisturbIsKept(t *testing.T) {
	was := false
	for _, wants := range []bool{true, true, false, false} {
		p := New(Config{Busy: was}, Deps{Card: &fakeCard{}, Owner: func(context.Context) (string, string, error) { return "", "", errors.New("none") },
			Keep: func(busy bool) error { was = busy; return nil }}, slog.New(slog.DiscardHandler))
		if busy := p.State().Busy; busy != was {
			t.Errorf("it begins with %v, want %v", busy, was)
		}
		p.DoNotDisturb(!wants)
		p.DoNotDisturb(wants)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := p.Run(ctx); err != nil || was != wants {
			t.Errorf("kept %v, %v, want %v", was, err, wants)
		}
	}
}

func TestOwnCallIsBusy(t *testing.T) {
	o := newOffice(t, "alice")
	o.must(first(o.phones["alice"].Call("alice")))
	o.with("alice", "alice", "busy", func(c call.DeskCall) bool { return c.Reason == call.ReasonBusy })
}

func TestHoldAndSwap(t *testing.T) {
	o := newOffice(t, "alice", "bob", "carol")
	alice := o.phones["alice"]
	withBob, _ := o.up("alice", "bob")
	o.must(alice.Hold(withBob.ID))
	o.with("bob", "alice", "held", func(c call.DeskCall) bool { return c.Waits })
	o.says("alice", false, withBob)
	o.must(alice.Resume(withBob.ID))
	o.with("bob", "alice", "resumed", func(c call.DeskCall) bool { return !c.Waits })
	o.says("alice", true, withBob)

	o.must(first(o.phones["carol"].Call("alice")))
	fromCarol := o.in("alice", "carol", call.Ringing)
	eventually(t, "call waiting sounds", func() bool { return audio.RMS(o.cards["alice"].play()) > 50 })
	o.must(alice.Answer(fromCarol.ID))
	o.with("bob", "alice", "held by the answer", func(c call.DeskCall) bool { return c.Waits })
	o.says("alice", true, fromCarol)
	o.says("alice", false, withBob)
	o.must(alice.Resume(withBob.ID)) // swap
	o.with("carol", "alice", "held by the swap", func(c call.DeskCall) bool { return c.Waits })
	o.with("bob", "alice", "back", func(c call.DeskCall) bool { return !c.Waits })
	o.says("alice", false, fromCarol)
	o.says("alice", true, withBob)

	o.must(alice.Join())
	o.with("carol", "alice", "in the conference", func(c call.DeskCall) bool { return !c.Waits })
	o.says("alice", true, fromCarol)
	o.says("alice", true, withBob)
	o.must(alice.Hold(withBob.ID))
	o.says("alice", false, withBob)
	o.says("alice", true, fromCarol)
}

// Both sides hold at the same moment: the changes meet, and are told one after the other.
func TestBothHoldAtOnce(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	made, taken := o.up("alice", "bob")
	o.must(o.phones["alice"].Hold(made.ID))
	o.must(o.phones["bob"].Hold(taken.ID))
	o.quiet("alice", "bob")
	o.says("alice", false, made)
	o.says("bob", false, taken)
	o.must(o.phones["alice"].Resume(made.ID))
	o.must(o.phones["bob"].Resume(taken.ID))
	o.with("alice", "bob", "resumed", func(c call.DeskCall) bool { return !c.Waits && !c.Held })
	o.with("bob", "alice", "resumed", func(c call.DeskCall) bool { return !c.Waits && !c.Held })
}

func TestBlindTransfer(t *testing.T) {
	o := newOffice(t, "alice", "bob", "carol")
	made, _ := o.up("alice", "bob")
	o.must(o.phones["alice"].Transfer(made.ID, "carol"))
	o.must(o.phones["carol"].Answer(o.in("carol", "bob", call.Ringing).ID))
	o.in("bob", "carol", call.Talking)
	o.in("carol", "bob", call.Talking)
	o.in("alice", "bob", call.Ended)
	o.in("bob", "alice", call.Ended)
}

func TestBlindTransferThatFails(t *testing.T) {
	o := newOffice(t, "alice", "bob", "carol")
	made, _ := o.up("alice", "bob")
	o.must(o.phones["alice"].Transfer(made.ID, "carol"))
	o.must(o.phones["carol"].HangUp(o.in("carol", "bob", call.Ringing).ID))
	o.with("alice", "bob", "told of the failure", func(c call.DeskCall) bool { return strings.HasPrefix(c.Transfer, "The transfer failed") })
	o.must(o.phones["alice"].Resume(made.ID))
	o.with("bob", "alice", "back", func(c call.DeskCall) bool { return c.State == call.Talking && !c.Waits && !c.Held })
}

func TestAttendedTransfer(t *testing.T) {
	o := newOffice(t, "alice", "bob", "carol")
	withBob, _ := o.up("alice", "bob")
	withCarol, _ := o.up("alice", "carol")
	o.must(o.phones["alice"].Transfer(withBob.ID, withCarol.ID))
	o.in("bob", "carol", call.Talking)
	o.with("carol", "bob", "talking", func(c call.DeskCall) bool { return c.State == call.Talking && !c.Waits })
	o.in("alice", "bob", call.Ended)
	o.in("alice", "carol", call.Ended)
	eventually(t, "one call is left", func() bool { return len(o.srv.Calls()) == 1 })
}

// A call moves to another device of the same user.
func TestTakeOver(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	made, _ := o.up("alice", "bob")
	other := &fakeCard{}
	second := o.another("alice", other)
	_, err := second.Take(made.Dialog)
	o.must(err)
	o.with("alice", "bob", "moved", func(c call.DeskCall) bool { return c.State == call.Ended && c.Reason == "Moved to another device" })
	o.in("bob", "alice", call.Talking)
	eventually(t, "the other machine talks", other.open)
	eventually(t, "the other machine knows who it is", func() bool {
		list := second.State().Calls
		return len(list) == 1 && list[0].Peer == "bob" && list[0].Name == "BOB"
	})
}

func TestCardThatDoesNotOpen(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	o.cards["alice"].mu.Lock()
	o.cards["alice"].refuses = errors.New("Cordboard may not use the microphone.")
	o.cards["alice"].mu.Unlock()
	made, _ := o.up("alice", "bob")
	o.await("alice", "told", func(s call.DeskState) bool { return s.Problem == "Cordboard may not use the microphone." })
	o.cards["alice"].mu.Lock()
	o.cards["alice"].refuses = nil
	o.cards["alice"].mu.Unlock()
	o.await("alice", "well again", func(s call.DeskState) bool { return s.Problem == "" })
	o.says("alice", true, made)
}

// Who wants to call without a card is told what is missing.
func TestCallWithoutCard(t *testing.T) {
	o := newOffice(t, "alice")
	p := o.another("alice", &fakeCard{missing: true})
	_, err := p.Call("echo")
	var fault *call.DeskFault
	if !errors.As(err, &fault) || fault.Code != "no_phone" || fault.Message != p.State().Problem {
		t.Errorf("Call = %v, want %q", err, p.State().Problem)
	}
	if fault.Message == errNoPhone.Message {
		t.Errorf("the fault says %q, which tells nothing of the card", fault.Message)
	}
}

// A call that is answered and then can't be heard says so when it has ended, not that somebody hung up.
func TestCallWithoutSound(t *testing.T) {
	o := newOffice(t, "alice", "bob")
	alice := o.phones["alice"]
	alice.mu.Lock()
	alice.deps.Voice = func(string, func(rune)) (Voice, error) { return nil, errors.New("no such sound") }
	alice.mu.Unlock()
	o.must(first(alice.Call("bob")))
	o.must(o.phones["bob"].Answer(o.in("bob", "alice", call.Ringing).ID))
	o.with("alice", "bob", "ended without sound", func(c call.DeskCall) bool { return c.State == call.Ended && c.Reason == call.ReasonNoSound })
	o.in("bob", "alice", call.Ended)
}
