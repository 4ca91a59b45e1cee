package signaling

import (
	"strconv"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// soon checks that a 500 says when to try again (RFC 3261 §14.2).
func soon(t *testing.T, res *sip.Response) {
	t.Helper()
	if n, err := strconv.Atoi(valueOf(res, "Retry-After")); err != nil || n < 0 || n > 10 {
		t.Errorf("Retry-After %q, want 0 to 10", valueOf(res, "Retry-After"))
	}
}

// A second change of the same side, before the first is answered, is put off; one that crosses ours hears 491.
func TestSecondChange(t *testing.T) {
	for _, method := range []sip.RequestMethod{sip.INVITE, sip.UPDATE} {
		t.Run(string(method), func(t *testing.T) {
			w := newWorld(t, ModePeer)
			alice := w.dial("alice", true)
			ok, invite := w.up(alice)
			w.pbx.send(w.within(string(method), invite, 2, "v=0 hold"))
			first := alice.request(method)
			w.pbx.send(w.within(string(method), invite, 3, "v=0 hold again"))
			soon(t, w.pbx.response(500, method))
			alice.answer(first, 200, "OK", "", "<sip:alice@"+alice.host+">", "v=0 held")
			w.pbx.response(200, method)
			if method == sip.INVITE {
				w.pbx.send(w.within("ACK", invite, 2, ""))
				alice.request(sip.ACK)
			}

			alice.send(alice.within("INVITE", ok, 2, "v=0 hold"))
			ours := w.pbx.request(sip.INVITE)
			w.pbx.send(w.within(string(method), invite, 4, "v=0 crossing"))
			w.pbx.response(491, method)
			w.pbx.answer(ours, 200, "OK", "", w.phone(), "v=0 held")
			alice.response(200, sip.INVITE)
			alice.send(alice.within("ACK", ok, 2, ""))
			w.pbx.request(sip.ACK)
			alice.send(alice.within("BYE", ok, 3, ""))
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// The same with a built-in callee, which has one leg.
func TestSecondChangeOfABuiltin(t *testing.T) {
	l := &leg{pbx: &pbx{}}
	if _, ok := l.beginOf(true); !ok {
		t.Fatal("busy")
	}
	for chance, want := range map[float64]string{0: "0", 0.9999: "10"} {
		if f := l.pending(chance); f.status != 500 || f.headers[0].Value() != want {
			t.Errorf("theirs: %+v", f)
		}
	}
	l.free()
	if f := l.pending(0); f.status != 491 {
		t.Errorf("just over: %+v", f)
	}
	l.begin()
	if f := l.pending(0); f.status != 491 {
		t.Errorf("ours: %+v", f)
	}
}

// An UPDATE that crosses from the browser is asked for once more with the longer session that the PBX wants (RFC 4028 §7.4).
func TestCrossingUpdateIsRaised(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.upTimed(alice, "Session-Expires: 1800;refresher=uas", "Allow: INVITE, UPDATE, BYE")
	alice.send(alice.within("UPDATE", ok, 2, "v=0 hold"))
	first := w.pbx.request(sip.UPDATE)
	if valueOf(first, "Session-Expires") != "1800;refresher=uas" {
		t.Errorf("asked with\n%s", first)
	}
	w.pbx.with(first, 422, "Session Interval Too Small", "", "", "", "Min-SE: 3600")
	again := w.pbx.request(sip.UPDATE)
	if valueOf(again, "Session-Expires") != "3600;refresher=uas" || valueOf(again, "Min-SE") != "3600" || again.CSeq().SeqNo <= first.CSeq().SeqNo ||
		string(again.Body()) != string(first.Body()) {
		t.Errorf("asked again with\n%s", again)
	}
	w.pbx.with(again, 200, "OK", "", w.phone(), "v=0 held", "Session-Expires: 3600;refresher=uas")
	if r := alice.response(200, sip.UPDATE); string(r.Body()) != "answer for WebRTC of v=0 held" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("BYE", ok, 3, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}
