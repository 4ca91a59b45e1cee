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
