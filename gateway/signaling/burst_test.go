package signaling

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

// Requests inside a call that come at once go on in their order, and none is taken for one that came too late.
func TestRequestsKeepTheirOrder(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	const burst = 20
	seq := int(ok.CSeq().SeqNo)
	for i := range burst {
		alice.send(alice.within("INFO", ok, seq+1+i, "v=0 of "+itoa(i)))
	}
	for i := range burst {
		req := w.pbx.request(sip.INFO)
		if got := string(req.Body()); got != "v=0 of "+itoa(i) {
			t.Errorf("the PBX got %q as number %d", got, i)
		}
		w.pbx.answer(req, 200, "OK", "", "", "")
	}
	for range burst {
		alice.response(200, sip.INFO)
	}
	w.pbx.send(w.within("INFO", invite, 49, "")) // its first number may be any
	alice.answer(alice.request(sip.INFO), 200, "OK", "", "", "")
	w.pbx.response(200, sip.INFO)
	for i := range burst {
		w.pbx.send(w.within("INFO", invite, 50+i, "v=0 of "+itoa(i)))
	}
	for i := range burst {
		req := alice.request(sip.INFO)
		if got := string(req.Body()); got != "v=0 of "+itoa(i) {
			t.Errorf("alice got %q as number %d", got, i)
		}
		alice.answer(req, 200, "OK", "", "", "")
	}
	for range burst {
		w.pbx.response(200, sip.INFO)
	}
	alice.send(alice.within("BYE", ok, seq+burst+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}
