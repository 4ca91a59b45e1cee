package media

import (
	"errors"
	"testing"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

func TestReplace(t *testing.T) {
	for _, name := range []string{"the caller", "the callee"} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t, "20340-20359")
			before, p := newBrowser(t), newPhone(t)
			if name == "the caller" {
				dial(t, e, before, p)
			} else {
				answer := before.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
				p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
			}
			reaches(t, before.say, p, "before")
			reaches(t, p.mouth, before, "before")

			after := newBrowser(t)
			again := call.Party{Leg: "alice again", Profile: sdp.WebRTC, Host: alice.Host}
			after.accept(must(t)(e.Replace(t.Context(), "call", alice.Leg, again, after.offer())))
			reaches(t, after.say, p, "after")
			reaches(t, p.mouth, after, "after")
			silent(t, before.say, p, "still there")
			e.Delete("call", alice.Leg)
			reaches(t, after.say, p, "alone")
			reaches(t, p.mouth, after, "alone")

			third := newBrowser(t)
			if _, err := e.Replace(t.Context(), "call", alice.Leg, call.Party{Leg: "third", Profile: sdp.WebRTC, Host: alice.Host}, third.offer()); !errors.Is(err, ErrUnknownCall) {
				t.Errorf("replace a leg that is gone: %v", err)
			}
			reaches(t, after.say, p, "undisturbed")
		})
	}
}

// A call that rings elsewhere is picked up: both sides have offered.
func TestMeet(t *testing.T) {
	carol := call.Party{Leg: "carol", Profile: sdp.WebRTC, Host: alice.Host}
	t.Run("a browser picks up a phone's call", func(t *testing.T) {
		e := startEngine(t, "20860-20879")
		p, c := newPhone(t), newBrowser(t)
		must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))) // alice rings
		toPhone, toCarol, err := e.Meet(t.Context(), "call", pbx, carol, c.offer())
		if err != nil {
			t.Fatal(err)
		}
		e.Delete("call", alice.Leg)
		p.hear(toPhone)
		c.accept(toCarol)
		reaches(t, c.say, p, "picked up")
		reaches(t, p.mouth, c, "picked up")
	})
	t.Run("a phone picks up a browser's call", func(t *testing.T) {
		e := startEngine(t, "20880-20899")
		p, b := newPhone(t), newBrowser(t)
		must(t)(e.Offer(t.Context(), "call", alice, call.Party{Leg: "rings", Profile: sdp.RTP, Host: pbx.Host}, b.offer()))
		toBrowser, toPhone, err := e.Meet(t.Context(), "call", alice, pbx, p.description("sendrecv"))
		if err != nil {
			t.Fatal(err)
		}
		e.Delete("call", "rings")
		b.accept(toBrowser)
		p.hear(toPhone)
		reaches(t, b.say, p, "picked up")
		reaches(t, p.mouth, b, "picked up")
	})
	t.Run("no offer to answer", func(t *testing.T) {
		e := startEngine(t, "20900-20919")
		if _, _, err := e.Meet(t.Context(), "call", pbx, carol, newBrowser(t).offer()); !errors.Is(err, ErrUnknownCall) {
			t.Errorf("join a call without an offer: %v", err)
		}
	})
}
