package signaling

import (
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// wantWaits checks what the media was told of waiting, in order.
func (w *world) wantWaits(want ...string) {
	w.t.Helper()
	var got []string
	eventually(w.t, strings.Join(want, ", "), func() bool { got = w.media.waited(); return len(got) >= len(want) })
	if !slices.Equal(got, want) {
		w.t.Errorf("media was told %q, want %q", got, want)
	}
}

func TestMediaWaitsForABrowser(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	leg := ok.Contact().Address.User
	lost, back := w.srv.Calls()[0].ID+" "+leg+" true", w.srv.Calls()[0].ID+" "+leg+" false"

	info := func(from *browser, seq int) {
		t.Helper()
		from.send(from.within("INFO", ok, int(ok.CSeq().SeqNo)+seq, ""))
		w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
		from.response(200, sip.INFO)
	}
	info(alice, 1)
	w.wantWaits()
	_ = alice.conn.CloseNow()
	w.wantWaits(lost)
	again := w.dial("alice", true)
	again.host = alice.host
	info(again, 2)
	w.wantWaits(lost, back)
	info(again, 3) // told once
	w.wantWaits(lost, back)
	_ = again.conn.CloseNow()
	w.wantWaits(lost, back, lost)
	w.pbx.send(w.within("BYE", invite, 2, ""))
	w.pbx.response(200, sip.BYE)
	w.over()
	w.wantWaits(lost, back, lost)
}

// A browser that closes before its call is up is not waited for.
func TestMediaWaitsForNoCaller(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	alice.response(180, sip.INVITE)
	_ = alice.conn.CloseNow()
	w.pbx.answer(w.pbx.request(sip.CANCEL), 200, "OK", "", "", "")
	w.pbx.answer(invite, 487, "Request Terminated", "phone", "", "")
	w.over()
	w.wantWaits()
}
