package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// withCarol adds a user without an extension.
func withCarol(t *testing.T) func(*Config, *Deps) {
	return func(_ *Config, d *Deps) {
		u, err := auth.NewUser("carol", "Carol Guest", "", "password-of-carol")
		if err != nil {
			t.Fatal(err)
		}
		d.Users = auth.Join(d.Users, auth.Static([]auth.User{u}))
	}
}

// A call of the PBX rings at bob; alice takes it.
func TestPickUp(t *testing.T) {
	for _, tt := range []struct {
		name, target, header string
	}{
		{"by code", "*8102", ""},
		{"by dialog-info", "102", replacing("c-first", "first", "b") + ";early-only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModeExtension)
			alice, bob := w.dial("alice", true), w.dial("bob", true)
			bob.register()
			atBob := w.ringsAtBob(bob, "first")
			var more []string
			if tt.header != "" {
				more = append(more, tt.header)
			}
			alice.send(alice.build("INVITE", "sip:"+tt.target+"@office.example", "<sip:"+tt.target+"@office.example>", "c-alice", "a", "v=0 of alice", more...))
			toAlice := alice.response(200, sip.INVITE)
			if string(toAlice.Body()) != "WebRTC meets v=0 of alice" {
				t.Errorf("answer = %q", toAlice.Body())
			}
			if got := valueOf(toAlice, "P-Asserted-Identity"); got != `"Phone first" <sip:first@office.example>` {
				t.Errorf("alice learns that she has %q, want the caller", got)
			}
			alice.send(alice.within("ACK", toAlice, int(toAlice.CSeq().SeqNo), ""))
			toPhone := w.pbx.response(200, sip.INVITE)
			if string(toPhone.Body()) != "answer for RTP of v=0 of alice" {
				t.Errorf("answer to the caller = %q", toPhone.Body())
			}
			if got := valueOf(toPhone, "P-Asserted-Identity"); got != `"Alice Doe" <sip:101@127.0.0.1>` {
				t.Errorf("the caller learns that it has %q, want alice", got)
			}
			w.pbx.send(w.insidePhone("ACK", toPhone, 7))
			cancel := bob.request(sip.CANCEL)
			if !strings.Contains(valueOf(cancel, "Reason"), "elsewhere") {
				t.Errorf("Reason = %q, want answered elsewhere", valueOf(cancel, "Reason"))
			}
			bob.answer(cancel, 200, "OK", "", "", "")
			bob.answer(atBob, 487, "Request Terminated", "b", "", "")
			bob.request(sip.ACK)
			eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == "talking" })
			alice.send(alice.within("BYE", toAlice, int(toAlice.CSeq().SeqNo)+1, ""))
			alice.response(200, sip.BYE)
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
			w.stop()
			if r := w.kept.records(); len(r) != 1 || r[0].AnsweredBy != "alice" || strings.Join(r[0].Users, " ") != "alice bob" {
				t.Errorf("records %+v, want one, answered by alice", r)
			}
		})
	}
}

// A phone at the PBX takes the call that alice has made to another phone.
func TestPhonePicksUp(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	callID, tag, _ := alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	alice.response(180, sip.INVITE)
	w.pbx.send(w.fromPhone(w.pbx.contact("101"), "c-other", "second", "v=0 of second", replacing(callID, tag, "phone")+";early-only"))
	taken := w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.insidePhone("ACK", taken, 7))
	ok := alice.response(200, sip.INVITE)
	if string(ok.Body()) != "answer for WebRTC of v=0 of second" {
		t.Errorf("answer = %q", ok.Body())
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.answer(w.pbx.request(sip.CANCEL), 200, "OK", "", "", "")
	w.pbx.answer(invite, 487, "Request Terminated", "phone", "", "")
	w.pbx.request(sip.ACK)
	w.pbx.send(w.insidePhone("BYE", taken, 8))
	w.pbx.response(200, sip.BYE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestPickUpRefused(t *testing.T) {
	w := buildWorld(t, ModeExtension, withCarol(t))
	w.start()
	alice, bob, carol := w.dial("alice", true), w.dial("bob", true), w.dial("carol", true)
	bob.register()
	ask := func(b *browser, target, want string, more ...string) {
		t.Helper()
		b.send(b.build("INVITE", "sip:"+target+"@office.example", "<sip:"+target+"@office.example>", token(), token(), "v=0", more...))
		b.await(want, func(m sip.Message) bool {
			r, ok := m.(*sip.Response)
			return ok && r.CSeq().MethodName == sip.INVITE && itoa(r.StatusCode) == want
		})
	}
	passes := func(b *browser, target string) {
		t.Helper()
		b.invite(target)
		got := w.pbx.request(sip.INVITE)
		if got.Recipient.User != target {
			t.Errorf("the PBX got %s, want %s", got.Recipient.User, target)
		}
		w.pbx.answer(got, 404, "No", "x", "", "")
		w.pbx.request(sip.ACK)
		b.response(404, sip.INVITE)
	}
	passes(alice, "*8102") // nothing rings: the PBX's own code
	atBob := w.ringsAtBob(bob, "first")
	passes(alice, "*8101")
	passes(carol, "*8102") // a guest
	early := replacing("c-first", "first", "b")
	ask(carol, "102", "481", early)
	alice.send(alice.build("INVITE", "sip:102@office.example", "<sip:102@office.example>", token(), token(), "v=0", replacing("c-first", "b", "first")+";early-only"))
	other := w.pbx.request(sip.INVITE) // the caller's own leg is not picked up here
	w.pbx.answer(other, 481, "No", "x", "", "")
	w.pbx.request(sip.ACK)
	alice.response(481, sip.INVITE)
	bob.answer(atBob, 486, "Busy Here", "b", "", "")
	bob.request(sip.ACK)
	w.pbx.response(486, sip.INVITE)
	w.over()
}
