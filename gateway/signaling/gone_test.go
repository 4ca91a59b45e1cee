package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Who calls may give up by BYE too, once it rings (RFC 3261 §15). The call was not answered by that.
func TestByeWhileItRings(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	rings := alice.response(180, sip.INVITE)
	alice.send(alice.within("BYE", rings, 2, ""))
	alice.response(200, sip.BYE)
	alice.response(487, sip.INVITE)
	w.pbx.answer(w.pbx.request(sip.CANCEL), 200, "OK", "", "", "")
	w.pbx.answer(invite, 487, "Request Terminated", "phone", "", "")
	w.pbx.request(sip.ACK)
	w.over()
	eventually(t, "record", func() bool { return len(w.kept.records()) == 1 })
	if r := w.kept.records()[0]; !r.Answered.IsZero() || r.Reason != call.ReasonHungUp {
		t.Errorf("the history says %+v", r)
	}
}

// Who calls while Cordboard stops hears so, instead of ringing on.
func TestCallersHearOfTheEnd(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	atBob := w.ringsAtBob(bob, "x")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.stop()
	}()
	w.pbx.response(503, sip.INVITE)
	bob.answer(bob.request(sip.CANCEL), 200, "OK", "", "", "")
	bob.answer(atBob, 487, "Request Terminated", "b", "", "")
	<-stopped
}

// An answer that comes again before the first one is dealt with is that one still, whoever has rung last.
func TestAnswerComesAgainAtOnce(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	for range 5 {
		alice.invite("200")
		invite := w.pbx.request(sip.INVITE)
		for _, tag := range []string{"a", "b", "a"} {
			w.pbx.answer(invite, 180, "Ringing", tag, "<sip:"+tag+"@"+w.pbx.addr()+">", "")
		}
		for range 3 {
			w.pbx.answer(invite, 200, "OK", "b", "<sip:b@"+w.pbx.addr()+">", "v=0 of phone")
		}
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		w.pbx.request(sip.ACK)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		bye := w.pbx.request(sip.BYE)
		if bye.Recipient.User != "b" {
			t.Errorf("hung up by\n%s", bye)
		}
		w.pbx.answer(bye, 200, "OK", "", "", "")
		alice.response(200, sip.BYE)
		w.over()
		for _, m := range append(w.pbx.kept, alice.kept...) {
			if req, ok := m.(*sip.Request); ok && req.Method == sip.BYE {
				t.Fatalf("besides came\n%s", req)
			}
		}
		alice.seq += 10
	}
}

// A 2xx that comes again is acknowledged under its own number, even when the next change is through already.
func TestOldAnswerComesAgain(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	var old *sip.Request
	for i := range 2 {
		seq++
		alice.send(alice.within("INVITE", ok, seq, "v=0 hold "+itoa(i)))
		change := w.pbx.request(sip.INVITE)
		w.pbx.answer(change, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 held")
		alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, seq, ""))
		w.pbx.request(sip.ACK)
		if old == nil {
			old = change
		}
	}
	w.pbx.answer(old, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 held")
	if ack := w.pbx.request(sip.ACK); ack.CSeq().SeqNo != old.CSeq().SeqNo || ack.To().Value() != old.To().Value() {
		t.Errorf("to the change\n%s\ncame again\n%s", old, ack)
	}
	alice.send(alice.within("BYE", ok, seq+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Who declines at one device declines for all of them.
func TestDeclinesForAllDevices(t *testing.T) {
	for _, tt := range []struct {
		status int
		all    bool
	}{{603, true}, {486, false}} {
		w := newWorld(t, ModeExtension)
		desk, mobile := w.dial("bob", true), w.dial("bob", true)
		desk.register()
		mobile.register()
		w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-x", "x", "v=0 of x"))
		atDesk, atMobile := desk.request(sip.INVITE), mobile.request(sip.INVITE)
		mobile.answer(atMobile, 180, "Ringing", "m", "<sip:bob@"+mobile.host+";transport=ws>", "")
		w.pbx.response(180, sip.INVITE)
		desk.answer(atDesk, tt.status, "No", "d", "", "")
		if !tt.all {
			mobile.answer(atMobile, 480, "Not now", "m", "", "")
			w.pbx.response(486, sip.INVITE)
			w.over()
			continue
		}
		w.pbx.response(tt.status, sip.INVITE)
		cancel := mobile.request(sip.CANCEL)
		if got := valueOf(cancel, "Reason"); got != `SIP;cause=603;text="Declined elsewhere"` {
			t.Errorf("Reason: %s", got)
		}
		mobile.answer(cancel, 200, "OK", "", "", "")
		mobile.answer(atMobile, 487, "Request Terminated", "m", "", "")
		w.over()
	}
}

// Who does not answer a request inside a call leaves its caller the call: to JsSIP a 408 would be its end.
func TestSilenceInsideACall(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	w.pbx.setMute(true)
	alice.send(alice.within("INFO", ok, seq+1, ""))
	alice.response(504, sip.INFO)
	w.pbx.setMute(false)
	if c := w.srv.Calls(); len(c) != 1 {
		t.Errorf("calls = %+v, want the one that is up", c)
	}
	alice.send(alice.within("BYE", ok, seq+2, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A CANCEL that crosses the answer changes nothing (RFC 3261 §9.2).
func TestCancelAfterTheAnswer(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	text := w.fromPhone(w.pbx.contact("102"), "c-x", "x", "v=0 of x")
	w.pbx.send(text)
	atBob := bob.request(sip.INVITE)
	bob.answer(atBob, 200, "OK", "b", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob")
	ok := w.pbx.response(200, sip.INVITE)
	cancel := strings.ReplaceAll(text[:strings.Index(text, "Content-Type:")], "INVITE", "CANCEL") + "Content-Length: 0\r\n\r\n"
	w.pbx.send(cancel)
	w.pbx.response(200, sip.CANCEL)
	w.pbx.send(w.insidePhone("ACK", ok, 7))
	bob.request(sip.ACK)
	w.pbx.send(w.insidePhone("BYE", ok, 8))
	bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
	w.pbx.response(200, sip.BYE)
	w.over()
	for _, m := range w.pbx.kept {
		if res, is := m.(*sip.Response); is && res.StatusCode == 487 {
			t.Errorf("after the answer came\n%s", res)
		}
	}
}

// Two requests inside a call that are both asked for a password go out again under numbers of their own.
func TestChallengesInsideACall(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	alice.send(alice.within("INVITE", ok, seq+1, "v=0 hold"))
	hold := w.pbx.request(sip.INVITE)
	alice.send(alice.within("INFO", ok, seq+2, ""))
	info := w.pbx.request(sip.INFO)
	last := info.CSeq().SeqNo
	for _, req := range []*sip.Request{hold, info} {
		w.pbx.challenged(req)
		again := w.pbx.request(req.Method)
		if n := again.CSeq().SeqNo; n <= last {
			t.Errorf("%s again under number %d, after %d", req.Method, n, last)
		} else {
			last = n
		}
		w.pbx.answer(again, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", map[bool]string{true: "v=0 held"}[again.IsInvite()])
		alice.response(200, req.Method)
	}
	alice.send(alice.within("ACK", ok, seq+1, ""))
	alice.send(alice.within("BYE", ok, seq+3, ""))
	bye := w.pbx.request(sip.BYE)
	if bye.CSeq().SeqNo <= last {
		t.Errorf("BYE under number %d, after %d", bye.CSeq().SeqNo, last)
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	w.over()
}

// A call whose one party asks much while the other keeps silent does not take what all calls share.
func TestManyRequestsOfOneCall(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	var waiting []*sip.Request
	for range maxPassing {
		seq++
		alice.send(alice.within("INFO", ok, seq, ""))
		waiting = append(waiting, w.pbx.request(sip.INFO))
	}
	seq++
	alice.send(alice.within("INFO", ok, seq, ""))
	if res := alice.response(500, sip.INFO); valueOf(res, "Retry-After") == "" {
		t.Errorf("too many at a time:\n%s", res)
	}
	for _, req := range waiting {
		w.pbx.answer(req, 200, "OK", "", "", "")
		alice.response(200, sip.INFO)
	}
	seq++
	alice.send(alice.within("INFO", ok, seq, ""))
	w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	alice.send(alice.within("BYE", ok, seq+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Of two phones that both answer behind a proxy the first one has the call; the other is acknowledged and hung up (RFC 3261 §13.2.2.4).
func TestSecondPhoneAnswersToo(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	for _, tag := range []string{"a", "b"} {
		w.pbx.answer(invite, 180, "Ringing", tag, "<sip:"+tag+"@"+w.pbx.addr()+">", "")
	}
	w.pbx.answer(invite, 200, "OK", "a", "<sip:a@"+w.pbx.addr()+">", "v=0 of a")
	ok := alice.response(200, sip.INVITE)
	w.pbx.answer(invite, 200, "OK", "b", "<sip:b@"+w.pbx.addr()+">", "v=0 of b")
	bye := w.pbx.request(sip.BYE)
	if tagOf(t, ok.To().Params) != "a" || tagOf(t, bye.To().Params) != "b" || bye.Recipient.User != "b" {
		t.Errorf("hung up, while %s has the call:\n%s", tagOf(t, ok.To().Params), bye)
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	acked := make(map[string]bool)
	for range 2 {
		acked[tagOf(t, w.pbx.request(sip.ACK).To().Params)] = true
	}
	if !acked["a"] || !acked["b"] {
		t.Errorf("acknowledged: %v", acked)
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	last := w.pbx.request(sip.BYE)
	if tagOf(t, last.To().Params) != tagOf(t, ok.To().Params) {
		t.Errorf("at the end\n%s", last)
	}
	w.pbx.answer(last, 200, "OK", "", "", "")
	w.over()
}
