package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// A browser that connects again and registers goes on with its call; so does the PBX.
func TestCallSurvivesACrash(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, invite := w.up(alice)
	w.pbx.send(w.within("INFO", invite, 2, ""))
	before := alice.request(sip.INFO)
	alice.answer(before, 200, "OK", "", "", "")
	w.pbx.response(200, sip.INFO)
	id := w.srv.Calls()[0].ID
	state := w.live.state(id)
	for _, secret := range []string{"password", "pbx-101"} {
		if strings.Contains(state, secret) {
			t.Errorf("%q is in what is kept: %s", secret, state)
		}
	}
	w.crash()
	_ = alice.conn.CloseNow()
	w.restart()

	eventually(t, "the call as before", func() bool { return len(w.srv.Calls()) == 1 })
	if c := w.srv.Calls(); len(c) != 1 || c[0].ID != id || c[0].State != call.Talking || c[0].From != "alice" || c[0].To != "200" {
		t.Fatalf("calls = %+v, want the one as before", c)
	}
	w.pbx.send(w.within("UPDATE", invite, 9, "")) // finds its leg, though numbers were missed
	w.pbx.response(200, sip.UPDATE)
	w.pbx.send(w.within("INFO", invite, 10, ""))
	w.pbx.response(504, sip.INFO)

	again := w.again(alice)
	again.register()
	offer := w.comesBack(again, ok)
	if offer.CSeq().SeqNo <= before.CSeq().SeqNo {
		t.Errorf("CSeq %d after %d", offer.CSeq().SeqNo, before.CSeq().SeqNo)
	}
	leg := ok.Contact().Address.User
	w.wantWaits(id+" "+leg+" true", id+" "+leg+" false")
	again.send(again.within("INFO", ok, int(ok.CSeq().SeqNo)+7, ""))
	info := w.pbx.request(sip.INFO)
	if info.CSeq().SeqNo <= invite.CSeq().SeqNo || tagOf(t, info.To().Params) != "phone" || tagOf(t, info.From().Params) != tagOf(t, invite.From().Params) {
		t.Errorf("INFO to the PBX after INVITE %d:\n%s", invite.CSeq().SeqNo, info)
	}
	w.pbx.answer(info, 200, "OK", "", "", "")
	again.response(200, sip.INFO)
	w.pbx.send(w.within("BYE", invite, 11, ""))
	again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	if states, _, _ := w.live.Kept(); len(states) > 0 {
		t.Errorf("still kept: %v", states)
	}
	if r := w.recorded(); r.ID != id || r.Reason != call.ReasonAnswered || r.Direction != call.Out {
		t.Errorf("recorded %+v", r)
	}
}

// A crash comes a second time, and nobody's numbers go back.
func TestCallSurvivesTwice(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, _ := w.up(alice)
	last := uint32(0)
	for range 2 {
		w.crash()
		_ = alice.conn.CloseNow()
		w.restart()
		alice = w.again(alice)
		alice.register()
		offer := w.comesBack(alice, ok)
		if offer.CSeq().SeqNo <= last {
			t.Errorf("CSeq %d after %d", offer.CSeq().SeqNo, last)
		}
		last = offer.CSeq().SeqNo
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A client that does not register is back with its next request.
func TestRequestBringsALegBack(t *testing.T) {
	for _, method := range []string{"INFO", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			w := newLasting(t, ModeExtension)
			alice := w.dial("alice", true)
			ok, _ := w.up(alice)
			w.media.settled = method == "INVITE" // its own offer brings new ICE and DTLS
			w.crash()
			w.restart()
			again := w.again(alice)
			seq := int(ok.CSeq().SeqNo) + 1
			if method == "INFO" {
				again.send(again.within("INFO", ok, seq, ""))
				w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
				again.response(200, sip.INFO)
				w.comesBack(again, ok)
			} else {
				again.send(again.within("INVITE", ok, seq, "v=0 with new ICE"))
				w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
				again.response(200, sip.INVITE)
				again.send(again.within("ACK", ok, seq, ""))
				w.pbx.request(sip.ACK)
			}
			eventually(t, "leg warm", func() bool { return len(w.media.waited()) == 2 })
			again.send(again.within("BYE", ok, seq+1, ""))
			again.response(200, sip.BYE)
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// A page that was loaded again meanwhile takes over.
func TestTakeOverAfterACrash(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, invite := w.up(alice)
	w.crash()
	_ = alice.conn.CloseNow()
	w.restart()
	again := w.dial("alice", true)
	again.register()
	replaces := "Replaces: " + ok.CallID().Value() + ";from-tag=" + tagOf(t, ok.From().Params) + ";to-tag=" + tagOf(t, ok.To().Params)
	again.send(again.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 after reload", replaces))
	taken := again.response(200, sip.INVITE)
	again.send(again.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	w.pbx.send(w.within("BYE", invite, 3, ""))
	again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Two browsers both come back, and a call to a built-in callee does too.
func TestBrowsersComeBack(t *testing.T) {
	t.Run("both", func(t *testing.T) {
		w := newLasting(t, "")
		alice, bob := w.dial("alice", true), w.dial("bob", true)
		bob.register()
		alice.invite("bob")
		atBob := bob.request(sip.INVITE)
		bob.answer(atBob, 200, "OK", "bob", "<sip:bob@"+bob.host+">", "v=0 of bob")
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		bob.request(sip.ACK)
		w.crash()
		w.restart()
		alice, bob = w.again(alice), w.again(bob)
		alice.register()
		w.comesBack(alice, ok)
		bob.register()
		offer := bob.request(sip.INVITE)
		bob.answer(offer, 200, "OK", "", "<sip:bob@"+bob.host+">", "v=0 of bob again")
		bob.request(sip.ACK)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		alice.response(200, sip.BYE)
		bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
		w.over()
	})
	t.Run("echo", func(t *testing.T) {
		w := newLasting(t, "")
		alice := w.dial("alice", true)
		alice.invite("echo")
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		eventually(t, "the call is up", func() bool { return w.srv.Calls()[0].State == call.Talking })
		w.crash()
		w.restart()
		alice = w.again(alice)
		alice.register()
		w.comesBack(alice, ok)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		alice.response(200, sip.BYE)
		w.over()
	})
}

// A browser that has hung up meanwhile, or can't, ends the call.
func TestBrowserRefusesToComeBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	w.up(alice)
	w.crash()
	w.restart()
	again := w.again(alice)
	again.register()
	busy := again.request(sip.INVITE)
	again.answer(busy, 491, "Request Pending", "", "", "") // its own offer is under way: asked again
	again.request(sip.ACK)
	gone := again.request(sip.INVITE)
	again.answer(gone, 481, "Call/Transaction Does Not Exist", "", "", "")
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	again.answer(again.request(sip.BYE), 481, "Call/Transaction Does Not Exist", "", "", "")
	w.over()
	if r := w.recorded(); r.Reason != call.ReasonLost {
		t.Errorf("recorded %+v", r)
	}
}

// A client whose connection broke, while we lived, is back with its registration; its media went on all the time.
func TestRegistrationBringsALegBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, _ := w.up(alice)
	id, leg := w.srv.Calls()[0].ID, ok.Contact().Address.User
	_ = alice.conn.CloseNow()
	w.wantWaits(id + " " + leg + " true")
	stranger := w.dial("alice", true) // another program of hers
	stranger.register()
	again := w.again(alice)
	again.register()
	w.wantWaits(id+" "+leg+" true", id+" "+leg+" false")
	again.send(again.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	again.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A browser that does not come back after the restart ends the call.
func TestBrowserDoesNotComeBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	w.crash()
	w.restart()
	var lost *leg
	eventually(t, "leg that waits", func() bool {
		w.srv.mu.Lock()
		defer w.srv.mu.Unlock()
		if lost = w.srv.legs[ok.Contact().Address.User]; lost == nil {
			return false
		}
		lost.mu.Lock()
		defer lost.mu.Unlock()
		return lost.lost != nil && lost.cold
	})
	eventually(t, "the PBX is reached", func() bool { return w.srv.PBXStatus()[0].State == stateRegistered })
	lost.giveUpOn(lost.flow) // as after lostTime
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	if r := w.recorded(); r.Reason != call.ReasonLost {
		t.Errorf("recorded %+v", r)
	}
}
