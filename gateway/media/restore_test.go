package media

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cordboard/gateway/call"
)

// restart ends an engine as a crash would, and begins another one at its ports with one of its calls.
func restart(t *testing.T, e *Engine, id, ports string) *Engine {
	t.Helper()
	state, err := e.Save(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range e.secrets(id) {
		if bytes.Contains(state, []byte(secret)) {
			t.Errorf("%q is in what is saved: %s", secret, state)
		}
	}
	at := e.Addr().String()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := startEngineAt(t, at, ports)
	if err := again.Restore(id, state); err != nil {
		t.Fatal(err)
	}
	if same, err := again.Save(id); err != nil || !bytes.Equal(same, state) {
		t.Errorf("restored as %s, %v, saved as %s", same, err, state)
	}
	if err := again.Restore(id, state); err == nil {
		t.Error("restored twice")
	}
	return again
}

// secrets are the ICE passwords of a call's legs on both sides.
func (e *Engine) secrets(id string) (list []string) {
	s, err := e.lock(id, false)
	if err != nil {
		return nil
	}
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.talk.agreed.ICEPwd != "" {
			list = append(list, l.talk.agreed.ICEPwd, l.talk.local.pwd)
		}
	}
	return list
}

func TestRestore(t *testing.T) {
	for _, name := range []string{"the caller", "the callee"} {
		t.Run(name, func(t *testing.T) {
			const ports = "20700-20719"
			e := startEngine(t, ports)
			before, p := newBrowser(t), newPhone(t)
			if name == "the caller" {
				dial(t, e, before, p)
			} else {
				answer := before.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
				p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
			}
			reaches(t, before.say, p, "before")
			told := p.remote
			e = restart(t, e, "call", ports)

			e.Wait("call", alice.Leg, true)
			if got := p.next(patience); got == nil || !got.Marker {
				t.Errorf("while the browser is waited for, the phone hears %v, want the beginning of the comfort tone", got)
			}
			after := newBrowser(t) // pion can't change to another certificate of its peer; browsers can
			offer := must(t)(e.Reoffer(t.Context(), "call", alice.Leg))
			if again := must(t)(e.Reoffer(t.Context(), "call", alice.Leg)); !bytes.Equal(again, offer) {
				t.Errorf("offered again:\n%s, before\n%s", again, offer)
			}
			for _, want := range []string{"a=setup:actpass", "a=fingerprint:" + e.fingerprint, "a=ice-ufrag:", " 0 8 101 111 96\r\n", "a=sendrecv"} {
				if !strings.Contains(string(offer), want) {
					t.Errorf("no %q in the offer\n%s", want, offer)
				}
			}
			if err := e.Reanswer(t.Context(), "call", alice.Leg, after.answer(offer)); err != nil {
				t.Fatal(err)
			}
			e.Wait("call", alice.Leg, false)
			reaches(t, after.say, p, "after")
			reaches(t, p.mouth, after, "after")
			if nothing, err := e.Reoffer(t.Context(), "call", alice.Leg); len(nothing) > 0 || err != nil {
				t.Errorf("offered once more: %s, %v", nothing, err)
			}
			p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, after.offer())))
			if p.remote.Audio != told.Audio {
				t.Errorf("the phone shall send to %v, before %v", p.remote.Audio, told.Audio)
			}
		})
	}
}

// A browser whose page was loaded again meanwhile takes over.
func TestRestoredLegIsReplaced(t *testing.T) {
	const ports = "20720-20739"
	e := startEngine(t, ports)
	p := newPhone(t)
	dial(t, e, newBrowser(t), p)
	e = restart(t, e, "call", ports)
	after := newBrowser(t)
	again := call.Party{Leg: "alice again", Profile: alice.Profile, Host: alice.Host}
	after.accept(must(t)(e.Replace(t.Context(), "call", alice.Leg, again, after.offer())))
	e.Delete("call", alice.Leg)
	reaches(t, after.say, p, "after")
	reaches(t, p.mouth, after, "after")
}

func TestRestoreBuiltIn(t *testing.T) {
	for _, callee := range []string{Echo, Tone} {
		t.Run(callee, func(t *testing.T) {
			const ports = "20740-20749"
			e := startEngine(t, ports)
			b := newBrowser(t)
			b.accept(must(t)(e.Local(t.Context(), "call", alice, callee, b.offer())))
			e = restart(t, e, "call", ports)
			after := newBrowser(t)
			answer := after.answer(must(t)(e.Reoffer(t.Context(), "call", alice.Leg)))
			if err := e.Reanswer(t.Context(), "call", alice.Leg, answer); err != nil {
				t.Fatal(err)
			}
			if callee == Echo {
				reaches(t, after.say, after, "hello")
			} else if after.next(patience) == nil {
				t.Error("no tone")
			}
		})
	}
	t.Run("for a phone", func(t *testing.T) {
		const ports = "20750-20759"
		e := startEngine(t, ports)
		p := newPhone(t)
		p.hear(must(t)(e.Local(t.Context(), "call", pbx, Echo, p.description("sendrecv"))))
		restart(t, e, "call", ports)
		reaches(t, p.mouth, p, "hello")
	})
}

func TestRestoreFails(t *testing.T) {
	const ports = "20760-20769"
	e := startEngine(t, ports)
	p := newPhone(t)
	dial(t, e, newBrowser(t), p)
	state, err := e.Save("call")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Save("another"); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("save an unknown call: %v", err)
	}
	other := startEngine(t, ports)
	for _, text := range []string{string(state), "", "null?", `[{"name":"x","said":"v=0"}]`} { // the first one's ports are in use
		if err := other.Restore("call", []byte(text)); err == nil {
			t.Errorf("%q is restored", text)
		}
		if len(other.calls) > 0 {
			t.Errorf("%q leaves a call behind", text)
		}
	}
	if err := other.Reanswer(t.Context(), "call", alice.Leg, nil); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("answer of an unknown call: %v", err)
	}
}

// What is left of a description has no secret, whatever it was, and nothing that was not there.
func FuzzWithoutKeys(f *testing.F) {
	for _, text := range []string{
		"v=0\r\nk=clear:x\r\nm=audio 9 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=ice-pwd:x\r\na=sendrecv\r\n",
		"a=ice-pwd\na = ice-pwd:x\nA=ice-pwd:x\n=x\na=\n", "a=sendrecv\ra=ice-pwd:x\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		left := withoutKeys([]byte(text))
		for line := range strings.Lines(left) {
			if !strings.Contains(text, line) {
				t.Errorf("%q was not in %q", line, text)
			}
			for _, secret := range []string{"k=", "a=ice-pwd", "a=ice-ufrag", "a=crypto", "a=key-mgmt"} {
				if strings.HasPrefix(line, secret) {
					t.Errorf("%q is left of %q", line, text)
				}
			}
		}
		if again := withoutKeys([]byte(left)); again != left {
			t.Errorf("%q becomes %q", left, again)
		}
	})
}
