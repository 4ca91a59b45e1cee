package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestBrowserComesBackOnAnotherFlow(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	_ = alice.conn.CloseNow()
	again := w.dial("alice", true)
	again.host = alice.host
	eventually(t, "flow gone", func() bool {
		w.srv.mu.Lock()
		defer w.srv.mu.Unlock()
		for _, l := range w.srv.legs {
			l.mu.Lock()
			lost := l.lost != nil
			l.mu.Unlock()
			if lost {
				return true
			}
		}
		return false
	})
	mallory := w.dial("bob", true)
	mallory.send(strings.ReplaceAll(mallory.within("BYE", ok, 50, ""), "alice@", "bob@"))
	mallory.response(481, sip.BYE)
	again.send(again.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	again.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestTakeOver(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	replaces := "Replaces: " + ok.CallID().Value() + ";from-tag=" + tagOf(t, ok.From().Params) + ";to-tag=" + tagOf(t, ok.To().Params)

	mallory := w.dial("bob", true)
	mallory.send(mallory.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 of mallory", replaces))
	mallory.response(481, sip.INVITE)

	_ = alice.conn.CloseNow() // the page is loaded again
	again := w.dial("alice", true)
	again.send(again.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 after reload", replaces))
	taken := again.response(200, sip.INVITE)
	if string(taken.Body()) != "taken over by v=0 after reload" {
		t.Errorf("answer = %q", taken.Body())
	}
	w.srv.mu.Lock()
	for _, l := range w.srv.legs {
		if l.user != "alice" {
			continue
		}
		if finish, free := l.begin(); free {
			finish()
			t.Error("a re-INVITE may overtake the ACK")
		}
	}
	w.srv.mu.Unlock()
	again.send(again.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	again.send(again.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 too late", replaces))
	again.response(481, sip.INVITE)

	if c := w.srv.Calls(); len(c) != 1 || c[0].State != "talking" {
		t.Errorf("calls = %+v, want the one as before", c)
	}
	w.pbx.send(w.within("INFO", invite, 2, "")) // the far end's dialog is as it was
	info := again.request(sip.INFO)
	again.answer(info, 200, "OK", "", "", "")
	w.pbx.response(200, sip.INFO)
	w.pbx.send(w.within("BYE", invite, 3, ""))
	bye := again.request(sip.BYE)
	again.answer(bye, 200, "OK", "", "", "")
	w.over()
}

// A device that takes a call over has asked for its own user. It is told whom it is with.
func TestTakeOverTells(t *testing.T) {
	for _, tt := range []struct {
		name string
		up   func(w *world, alice *browser) (replaces string)
		want string
	}{
		{"a number at the PBX", func(w *world, alice *browser) string {
			ok, _ := w.up(alice)
			return replacing(ok.CallID().Value(), tagOf(t, ok.To().Params), tagOf(t, ok.From().Params))
		}, "<sip:200@office.example>"},
		{"built in", func(w *world, alice *browser) string {
			alice.invite("echo")
			ok := alice.response(200, sip.INVITE)
			alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
			return replacing(ok.CallID().Value(), tagOf(t, ok.To().Params), tagOf(t, ok.From().Params))
		}, "<sip:echo@office.example>"},
		{"a user who called, and claims another name", func(w *world, alice *browser) string {
			return w.calledBy(alice, func(s string) string { return strings.Replace(s, "From: <sip:bob@", "From: \"The Boss\" <sip:bob@", 1) })
		}, `"Bob Roe" <sip:bob@office.example>`},
		{"a user who called and hides", func(w *world, alice *browser) string {
			return w.calledBy(alice, func(s string) string { return strings.Replace(s, "Max-Forwards", "Privacy: id\r\nMax-Forwards", 1) })
		}, `"Anonymous" <sip:anonymous@anonymous.invalid>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModeExtension)
			alice := w.dial("alice", true)
			alice.register()
			replaces := tt.up(w, alice)
			eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == "talking" })
			for range 2 { // and once more
				next := w.dial("alice", true)
				next.send(next.build("INVITE", "sip:alice@office.example", "<sip:alice@office.example>", token(), token(), "v=0 of another device", replaces))
				taken := next.response(200, sip.INVITE)
				if got := valueOf(taken, "P-Asserted-Identity"); got != tt.want {
					t.Errorf("the device is told of %q, want %q", got, tt.want)
				}
				next.send(next.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
				alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
				alice, replaces = next, replacing(taken.CallID().Value(), tagOf(t, taken.To().Params), tagOf(t, taken.From().Params))
			}
		})
	}
}

// calledBy lets bob call alice, with his INVITE changed, and gives the header that takes alice's place in the call.
func (w *world) calledBy(alice *browser, change func(string) string) (replaces string) {
	bob := w.dial("bob", true)
	bob.send(change(bob.build("INVITE", "sip:alice@office.example", "<sip:alice@office.example>", token(), token(), "v=0 of bob")))
	invite := alice.request(sip.INVITE)
	alice.answer(invite, 200, "OK", "alices", "<sip:alice@"+alice.host+";transport=ws>", "v=0 of alice")
	ok := bob.response(200, sip.INVITE)
	bob.send(bob.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	alice.request(sip.ACK)
	return replacing(invite.CallID().Value(), tagOf(w.t, invite.From().Params), "alices")
}

func TestMoveToAnotherDevice(t *testing.T) {
	w := newWorld(t, "")
	alice, phone := w.dial("alice", true), w.dial("alice", true)
	alice.invite("echo")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == "talking" })
	phone.send(phone.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", token(), token(), "v=0 of phone",
		"Replaces: "+ok.CallID().Value()+";from-tag="+tagOf(t, ok.From().Params)+";to-tag="+tagOf(t, ok.To().Params)))
	taken := phone.response(200, sip.INVITE)
	if string(taken.Body()) != "echo answers v=0 of phone" {
		t.Errorf("answer = %q", taken.Body())
	}
	phone.send(phone.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	bye := alice.request(sip.BYE) // the device that had the call learns that it is gone
	alice.answer(bye, 200, "OK", "", "", "")
	phone.send(phone.within("BYE", taken, int(taken.CSeq().SeqNo)+1, ""))
	phone.response(200, sip.BYE)
	w.over()
}
