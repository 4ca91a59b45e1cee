package signaling

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Who asks to replace a dialog that has ended is told so (RFC 3891 §3), if it could have replaced it; others learn nothing.
func TestReplacesOfAnEndedDialog(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	toPhone, _ := w.talksToBob(bob, "first")
	w.pbx.send(w.insidePhone("BYE", toPhone, 8))
	w.pbx.response(200, sip.BYE)
	bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
	w.over()

	replaces := replacing("c-first", "b", "first")
	w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-late", "second", "v=0", replaces))
	w.pbx.response(603, sip.INVITE)
	w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-wrong", "second", "v=0", replacing("c-first", "b", "other")))
	w.pbx.response(481, sip.INVITE)

	replaces = replacing("c-first", "first", "b") // as bob knows it
	call := func(b *browser, status int) {
		t.Helper()
		b.send(b.build("INVITE", "sip:102@office.example", "<sip:102@office.example>", token(), "t", "v=0", replaces, "Require: replaces"))
		b.response(status, sip.INVITE)
	}
	call(bob, 603)
	call(alice, 481)
	w.over()
}

func TestPastIsForgotten(t *testing.T) {
	var p past
	now := time.Now()
	d := dialogID{"c", "to", "from"}
	p.add(&leg{callID: "c", local: address{tag: "to"}, remote: address{tag: "from"}, user: "bob"}, now)
	for _, tt := range []struct {
		d    dialogID
		user string
		told bool
		at   time.Duration
		want bool
	}{
		{d, "", true, 0, true}, {d, "bob", false, pastTime, true}, {d, "alice", false, 0, false}, {d, "", false, 0, false},
		{d, "bob", true, pastTime + 1, false}, {dialogID{"c", "from", "to"}, "", true, 0, false},
	} {
		if got := p.has(tt.d, tt.user, tt.told, now.Add(tt.at)); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	for range maxPast + 1 {
		p.add(&leg{callID: "more"}, now)
	}
	if len(p.list) != maxPast || p.has(d, "bob", true, now) {
		t.Errorf("%d are kept", len(p.list))
	}
	p.add(&leg{callID: "last"}, now.Add(pastTime+1))
	if len(p.list) != 1 {
		t.Errorf("%d are kept after their time", len(p.list))
	}
}
