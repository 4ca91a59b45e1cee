package signaling

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/guard"
)

// tolled is a world with rules for calls outside; used is what alice has talked today.
func tolled(t *testing.T, limits guard.Limits, used time.Duration) *world {
	toll := guard.NewToll(func(context.Context, string, time.Time) (time.Duration, error) { return used, nil })
	toll.SetRules(guard.Rules{Default: limits, Emergency: []string{"112"}})
	w := buildWorld(t, ModePeer, func(_ *Config, d *Deps) { d.Toll = toll })
	w.start()
	return w
}

// wantForbidden awaits 403 with words for people.
func (b *browser) wantForbidden(method sip.RequestMethod, words string) {
	b.t.Helper()
	if got := valueOf(b.response(403, method), "Warning"); got != `399 cordboard "`+words+`"` {
		b.t.Errorf("Warning = %s, want %q", got, words)
	}
}

// down has alice end a call that up has made.
func (w *world) down(alice *browser, ok *sip.Response) {
	w.t.Helper()
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+500, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	alice.response(200, sip.BYE)
}

func TestTollNumbers(t *testing.T) {
	w := tolled(t, guard.Limits{Allow: []string{"x"}, Deny: []string{"00", "0900"}}, 0)
	alice := w.dial("alice", true)
	for number, refusal := range map[string]string{
		"0900123":     "Calls to 0900… are not allowed for you",
		"0-900-1":     "Calls to 0900… are not allowed for you",
		"+491721":     "Calls to 00… are not allowed for you",
		"*21*0900%23": "Calls to *21*0900# are not allowed for you",
	} {
		alice.invite(number)
		alice.wantForbidden(sip.INVITE, refusal)
	}
	for _, number := range []string{"200", "112"} {
		alice.invite(number)
		req := w.pbx.request(sip.INVITE) // the first that comes
		if req.Recipient.User != number {
			t.Errorf("the PBX got a call to %s, want %s", req.Recipient.User, number)
		}
		w.pbx.answer(req, 486, "Busy Here", "p", "", "")
		w.pbx.request(sip.ACK)
		alice.response(486, sip.INVITE)
	}
	w.over()
	eventually(t, "the history tells why", func() bool {
		for _, r := range w.kept.records() {
			if r.Reason == "Calls to 0900… are not allowed for you" && r.Status == 403 {
				return true
			}
		}
		return false
	})
}

func TestTollOfTransfers(t *testing.T) {
	w := tolled(t, guard.Limits{Deny: []string{"00", "0900"}}, 0)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	call, local, remote := ok.CallID().Value(), tagOf(t, ok.To().Params), tagOf(t, ok.From().Params)
	seq := int(ok.CSeq().SeqNo)
	refer := func(to string) {
		seq++
		alice.send(strings.Replace(alice.within("REFER", ok, seq, ""), "Content-Length", "Refer-To: "+to+"\r\nContent-Length", 1))
	}
	for _, to := range []string{
		"<sip:0900123@office.example>",
		"<sip:%30900123@office.example>",
		"<sip:0900123@" + w.pbx.addr() + ";user=phone>",
		"<sip:0900123@elsewhere.example>",
		"<sip:0-900-123@office.example;method=INVITE>",
		"<sip:0900123@office.example?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>",
		"<sip:0900123@office.example?Replaces=" + call + "%3Bto-tag%3D" + local + "%3Bfrom-tag%3D" + remote + ">",
	} {
		refer(to)
		alice.wantForbidden(sip.REFER, "Calls to 0900… are not allowed for you")
	}
	for _, more := range []string{"r: <sip:0900123@office.example>", "Refer-To: <sip:0900123@office.example>", "REFER-TO: <sip:0900123@office.example>"} {
		for _, first := range []string{"Refer-To: <sip:300@office.example>\r\n", ""} {
			seq++
			alice.send(strings.Replace(alice.within("REFER", ok, seq, ""), "Content-Length", first+more+"\r\nContent-Length", 1))
			if first == "" {
				alice.wantForbidden(sip.REFER, "Calls to 0900… are not allowed for you")
			} else {
				alice.response(400, sip.REFER)
			}
		}
	}
	for _, to := range []string{"<sip:300@office.example>", "<sip:112@office.example>", "<sip:carol@elsewhere.example>"} {
		refer(to)
		req := w.pbx.request(sip.REFER)
		if got := req.GetHeader("Refer-To").Value(); !strings.HasPrefix(got, strings.SplitAfter(to, "@")[0]) {
			t.Errorf("the PBX got a transfer to %s, want %s", got, to)
		}
		w.pbx.answer(req, 202, "Accepted", "", "", "")
		alice.response(202, sip.REFER)
	}
	w.down(alice, ok)
}

// Who was called from a number that may not be called can be connected to another call all the same.
func TestTollOfConsultations(t *testing.T) {
	w := tolled(t, guard.Limits{Deny: []string{"0900"}}, 0)
	alice := w.dial("alice", true)
	alice.register()
	ok, _ := w.up(alice)
	w.pbx.send("INVITE sip:101@" + w.srv.Addr().String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKin\r\nFrom: <sip:0900123@pbx>;tag=in\r\n" +
		"To: <sip:101@pbx>\r\nCall-ID: in-call\r\nCSeq: 1 INVITE\r\nContact: <sip:in@" + w.pbx.addr() + ">\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0")
	invite := alice.request(sip.INVITE)
	alice.answer(invite, 200, "OK", "a", "<sip:alice@"+alice.host+">", "v=0 of alice")
	res := w.pbx.response(200, sip.INVITE)
	w.pbx.send("ACK " + res.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKack\r\nFrom: " + res.From().Value() +
		"\r\nTo: " + res.To().Value() + "\r\nCall-ID: in-call\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")
	alice.request(sip.ACK)
	seq := int(ok.CSeq().SeqNo) + 1
	alice.send(strings.Replace(alice.within("REFER", ok, seq, ""), "Content-Length",
		"Refer-To: <sip:0900123@office.example?Replaces=in-call%3Bto-tag%3Da%3Bfrom-tag%3Din>\r\nContent-Length", 1))
	w.pbx.answer(w.pbx.request(sip.REFER), 202, "Accepted", "", "", "")
	alice.response(202, sip.REFER)
	w.down(alice, ok)
	alice.send(alice.build("BYE", invite.Contact().Address.String(), "<sip:0900123@office.example>;tag=in", "in-call", "a", ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
}

func TestTollCallsAtATime(t *testing.T) {
	w := tolled(t, guard.Limits{Calls: 1}, 0)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	ok, _ := w.up(alice)
	alice.invite("300")
	alice.wantForbidden(sip.INVITE, "Only one call at a time is allowed for you")
	alice.invite("112")
	emergency := w.pbx.request(sip.INVITE)
	if emergency.Recipient.User != "112" {
		t.Errorf("the PBX got a call to %s, want 112", emergency.Recipient.User)
	}
	w.pbx.answer(emergency, 486, "Busy Here", "p", "", "")
	w.pbx.request(sip.ACK)
	alice.response(486, sip.INVITE)
	alice.invite("echo") // no call outside
	echo := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", echo, int(echo.CSeq().SeqNo), ""))
	alice.send(alice.within("BYE", echo, int(echo.CSeq().SeqNo)+1, ""))
	alice.response(200, sip.BYE)
	bobs, _ := w.up(bob)
	w.down(alice, ok)
	again, _ := w.up(alice)
	w.down(alice, again)
	w.down(bob, bobs)
}

func TestTollTalkTime(t *testing.T) {
	w := tolled(t, guard.Limits{Talk: time.Minute}, time.Minute-200*time.Millisecond)
	alice := w.dial("alice", true)
	w.up(alice)
	why := `SIP;cause=403;text="The daily limit of one minute is used up"`
	for _, e := range []*end{&w.pbx.end, &alice.end} {
		bye := e.request(sip.BYE)
		if got := valueOf(bye, "Reason"); got != why {
			t.Errorf("%s: Reason = %s, want %s", e.name, got, why)
		}
		e.answer(bye, 200, "OK", "", "", "")
	}
	w.over()
	eventually(t, "the history tells why", func() bool {
		r := w.kept.records()
		return len(r) == 1 && r[0].Reason == "The daily limit of one minute is used up" && r[0].By == "Cordboard"
	})
	alice.invite("200")
	alice.wantForbidden(sip.INVITE, "The daily limit of one minute is used up")
	alice.invite("112")
	req := w.pbx.request(sip.INVITE)
	if req.Recipient.User != "112" {
		t.Errorf("the PBX got a call to %s, want 112", req.Recipient.User)
	}
	w.pbx.answer(req, 486, "Busy Here", "p", "", "")
	alice.response(486, sip.INVITE)
}
