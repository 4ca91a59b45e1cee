package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// A NOTIFY that a browser sends right after its 202 to a REFER does not come to the phone before that.
func TestNotifyAfterReferral(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	for i := range 100 {
		w.pbx.send(strings.Replace(w.within("REFER", invite, 2+i, ""), "Content-Length", "Refer-To: <sip:300@"+w.pbx.addr()+">\r\nContent-Length", 1))
		refer := alice.request(sip.REFER)
		alice.answer(refer, 202, "Accepted", "", "<sip:alice@"+alice.host+">", "")
		alice.send(strings.Replace(alice.within("NOTIFY", ok, seq+1+i, ""), "Content-Length", "Event: refer;id="+itoa(int(refer.CSeq().SeqNo))+
			"\r\nSubscription-State: active\r\nContent-Length", 1))
		first := w.pbx.await("answer to REFER, or NOTIFY", func(m sip.Message) bool {
			res, is := m.(*sip.Response)
			return !is && m.(*sip.Request).Method == sip.NOTIFY || is && res.CSeq().MethodName == sip.REFER
		})
		if notify, is := first.(*sip.Request); is {
			t.Fatalf("of referral number %d the PBX hears before it has the answer:\n%s", i+1, notify)
		}
		w.pbx.answer(w.pbx.request(sip.NOTIFY), 200, "OK", "", "", "")
		alice.response(200, sip.NOTIFY)
	}
	alice.send(alice.within("BYE", ok, seq+101, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A phone that tells how it fares before it answers the REFER is heard all the same.
func TestNotifyBeforeReferralIsAnswered(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	alice.send(strings.Replace(alice.within("REFER", ok, seq+1, ""), "Content-Length", "Refer-To: <sip:300@office.example>\r\nContent-Length", 1))
	refer := w.pbx.request(sip.REFER)
	w.pbx.send(strings.Replace(w.within("NOTIFY", invite, 1, ""), "Content-Length", "Event: refer\r\nSubscription-State: active\r\nContent-Length", 1))
	alice.answer(alice.request(sip.NOTIFY), 200, "OK", "", "", "")
	w.pbx.response(200, sip.NOTIFY)
	w.pbx.answer(refer, 202, "Accepted", "", "", "")
	alice.response(202, sip.REFER)
	alice.send(alice.within("BYE", ok, seq+2, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}
