package signaling

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// A browser that a REFER asked to takes the place of another user's leg: all of the parties are ours, or all but one.
func TestBrowserFollowsReferWithReplaces(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	_, atBob := w.talksToBob(bob, "first") // the phone "first" talks to bob, and
	ok, invite := w.up(alice)              // alice to a phone, which now passes her on to bob
	refer := w.within("REFER", invite, 2, "")
	w.pbx.send(strings.Replace(refer, "Content-Length", "Refer-To: <sip:102@"+w.pbx.addr()+"?Replaces=c-first%3Bto-tag%3Db%3Bfrom-tag%3Dfirst>\r\nReferred-By: <sip:200@"+w.pbx.addr()+">\r\nContent-Length", 1))
	got := alice.request(sip.REFER)
	if to := valueOf(got, "Refer-To"); to != "<sip:102@office.example?Replaces=c-first%3Bto-tag%3Db%3Bfrom-tag%3Dfirst>" {
		t.Errorf("Refer-To became %s", to)
	}
	alice.answer(got, 202, "Accepted", "", "", "")
	w.pbx.response(202, sip.REFER)

	alice.send(alice.build("INVITE", "sip:102@office.example", "<sip:102@office.example>", "c-alice", "a2", "v=0 of alice", replacing("c-first", "b", "first")))
	change := bob.request(sip.INVITE)
	if pai := valueOf(change, "P-Asserted-Identity"); pai != `"Alice Doe" <sip:alice@office.example>` {
		t.Errorf("P-Asserted-Identity = %q, want alice", pai)
	}
	bobAnswers(bob, change, "v=0 of bob again")
	taken := alice.response(200, sip.INVITE)
	if string(taken.Body()) != "answer for WebRTC of v=0 of bob again" {
		t.Errorf("answer = %q", taken.Body())
	}
	alice.send(alice.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	bye := w.pbx.request(sip.BYE)
	if tagOf(t, bye.To().Params) != "first" {
		t.Errorf("BYE to %s, want the replaced phone", bye.To().Value())
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")

	// Alice tells the phone how it went, and the phone hangs up its call with her.
	body := "SIP/2.0 200 OK\r\n"
	notify := alice.within("NOTIFY", ok, int(ok.CSeq().SeqNo)+1, "")
	alice.send(strings.Replace(notify, "Content-Length: 0\r\n\r\n", "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body, 1))
	told := w.pbx.request(sip.NOTIFY)
	if string(told.Body()) != body {
		t.Errorf("NOTIFY with %q", told.Body())
	}
	w.pbx.answer(told, 200, "OK", "", "", "")
	alice.response(200, sip.NOTIFY)
	w.pbx.send(w.within("BYE", invite, 3, ""))
	w.pbx.response(200, sip.BYE)
	bye = alice.request(sip.BYE)
	if bye.CallID().Value() != ok.CallID().Value() {
		t.Error("BYE of another call than the first")
	}
	alice.answer(bye, 200, "OK", "", "", "")

	bob.send("BYE " + atBob.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/WSS " + bob.host + ";branch=z9hG4bK" + token() + "\r\nFrom: <sip:bob@office.example>;tag=b\r\nTo: " +
		atBob.From().Value() + "\r\nCall-ID: c-first\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n")
	bob.response(200, sip.BYE)
	bye = alice.request(sip.BYE)
	if bye.CallID().Value() != "c-alice" {
		t.Error("BYE of another call than the second")
	}
	alice.answer(bye, 200, "OK", "", "", "")
	w.over()
	w.stop()
	for _, r := range w.kept.records() {
		if r.From == "first" && strings.Join(r.Users, " ") != "alice bob" {
			t.Errorf("record of %v, want alice in it too", r.Users)
		}
	}
}

// Once a leg was taken over, its dialog has another name on each side; what a REFER names is translated.
func TestReferAfterTakeOver(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	alice.invite("300")
	second := w.pbx.request(sip.INVITE)
	w.pbx.answer(second, 200, "OK", "other", "<sip:other@"+w.pbx.addr()+">", "v=0 of other")
	old := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", old, int(old.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	again := w.dial("alice", true)
	again.send(again.build("INVITE", "sip:300@office.example", "<sip:300@office.example>", "c-again", "again", "v=0 after reload",
		replacing(old.CallID().Value(), tagOf(t, old.To().Params), tagOf(t, old.From().Params))))
	taken := again.response(200, sip.INVITE)
	again.send(again.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")

	to := "<sip:300@office.example?Replaces=c-again%3Bto-tag%3D" + tagOf(t, taken.To().Params) + "%3Bfrom-tag%3Dagain>"
	alice.send(strings.Replace(alice.within("REFER", ok, int(ok.CSeq().SeqNo)+1, ""), "Content-Length",
		"Refer-To: "+to+"\r\nTarget-Dialog: c-again;local-tag="+tagOf(t, taken.To().Params)+";remote-tag=again\r\nContent-Length", 1))
	refer := w.pbx.request(sip.REFER)
	want := second.CallID().Value() + ";to-tag=other;from-tag=" + tagOf(t, second.From().Params)
	if got := valueOf(refer, "Refer-To"); got != "<sip:300@"+w.pbx.addr()+"?Replaces="+escapeHeader(want)+">" {
		t.Errorf("Refer-To became %s, want the PBX's dialog %s", got, want)
	}
	want = second.CallID().Value() + ";local-tag=other;remote-tag=" + tagOf(t, second.From().Params)
	if got := valueOf(refer, "Target-Dialog"); got != want {
		t.Errorf("Target-Dialog became %s, want %s", got, want)
	}
	w.pbx.answer(refer, 603, "Decline", "", "", "") // a phone that does not transfer: its answer comes back as it is
	alice.response(603, sip.REFER)

	for _, bad := range []string{"Replaces=c-again", "Replaces=%zz", "Replaces=a%3Bto-tag%3D1%3Bto-tag%3D2%3Bfrom-tag%3D3"} {
		alice.send(strings.Replace(alice.within("REFER", ok, int(ok.CSeq().SeqNo)+2, ""), "Content-Length", "Refer-To: <sip:300@office.example?"+bad+">\r\nContent-Length", 1))
		alice.response(400, sip.REFER)
	}
	w.hangUp(alice, again)
}

func TestReferOutsideOfCall(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.send(alice.build("REFER", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "", "Refer-To: <sip:0900@office.example>"))
	alice.response(403, sip.REFER)
	w.over()
}

func TestReferOptionTags(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	text := alice.within("REFER", ok, int(ok.CSeq().SeqNo)+1, "")
	alice.send(strings.Replace(text, "Content-Length", "Refer-To: <sip:300@office.example>\r\nRefer-Sub: false\r\nRequire: norefersub\r\nSupported: norefersub, path, tdialog\r\nContent-Length", 1))
	refer := w.pbx.request(sip.REFER)
	if valueOf(refer, "Refer-Sub") != "false" || valueOf(refer, "Require") != "norefersub" || valueOf(refer, "Supported") != "norefersub, tdialog" {
		t.Errorf("REFER became\n%s", refer)
	}
	res := sip.NewResponseFromRequest(refer, 202, "Accepted", nil)
	res.AppendHeader(sip.NewHeader("Refer-Sub", "false"))
	w.pbx.send(res.String())
	if got := alice.response(202, sip.REFER); valueOf(got, "Refer-Sub") != "false" {
		t.Errorf("the answer became\n%s", got)
	}
	w.hangUp(alice)
}

// A user can't have another entitled to a dialog that is not its own.
func TestReferEntitles(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	ok, _ := w.up(alice) // a call of alice's with a phone
	own := dialogID{ok.CallID().Value(), tagOf(t, ok.To().Params), tagOf(t, ok.From().Params)}
	alice.invite("bob")
	at := bob.request(sip.INVITE)
	bob.answer(at, 200, "OK", "b", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob")
	up := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", up, int(up.CSeq().SeqNo), ""))
	bob.request(sip.ACK)
	for i, tt := range []struct {
		d    dialogID
		want bool
	}{{dialogID{"elsewhere", "1", "2"}, false}, {dialogID{own.callID, own.from, own.to}, false}, {own, true}} {
		text := alice.within("REFER", up, int(up.CSeq().SeqNo)+1+i, "")
		alice.send(strings.Replace(text, "Content-Length", "Refer-To: <sip:200@office.example?Replaces="+escapeHeader(tt.d.String())+">\r\nContent-Length", 1))
		bob.answer(bob.request(sip.REFER), 202, "Accepted", "", "", "")
		alice.response(202, sip.REFER)
		if got := w.srv.grants.has("bob", tt.d, time.Now()); got != tt.want {
			t.Errorf("bob may replace %v: %v, want %v", tt.d, got, tt.want)
		}
	}
	// Bob follows: alice's leg is his now, and the phone notices a new offer only.
	bob.send(bob.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", "c-bob", "b2", "v=0 of bob again", "Replaces: "+own.String()))
	change := w.pbx.request(sip.INVITE)
	if got := values(change, "P-Asserted-Identity"); got != `"Bob Roe" <sip:102@`+w.srv.pbxes()[0].uri.Host+`>` {
		t.Errorf("P-Asserted-Identity = %s, want bob", got)
	}
	w.pbx.answer(change, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone again")
	w.pbx.request(sip.ACK)
	taken := bob.response(200, sip.INVITE)
	bob.send(bob.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	if bye := alice.request(sip.BYE); bye.CallID().Value() != own.callID {
		t.Error("BYE of another call than the replaced")
	} else {
		alice.answer(bye, 200, "OK", "", "", "")
	}
	w.hangUp(alice, bob)
}

func TestGrants(t *testing.T) {
	var g grants
	now := time.Unix(1000, 0)
	d := dialogID{"c", "1", "2"}
	g.add("bob", d, now)
	for _, tt := range []struct {
		user string
		d    dialogID
		at   time.Duration
		want bool
	}{
		{"bob", d, grantTime, true},
		{"bob", d, grantTime + 1, false},
		{"alice", d, 0, false},
		{"bob", dialogID{"c", "2", "1"}, 0, false},
	} {
		if got := g.has(tt.user, tt.d, now.Add(tt.at)); got != tt.want {
			t.Errorf("%s may replace %v after %s: %v, want %v", tt.user, tt.d, tt.at, got, tt.want)
		}
	}
	for i := range maxGrants {
		g.add("eve", dialogID{itoa(i), "1", "2"}, now)
	}
	if len(g.until) != maxGrants || g.has("eve", dialogID{itoa(maxGrants - 1), "1", "2"}, now) || !g.has("bob", d, now) {
		t.Errorf("%d grants, want %d, the last refused", len(g.until), maxGrants)
	}
	g.add("eve", d, now.Add(grantTime+1))
	if len(g.until) != 1 {
		t.Errorf("%d grants, want the old ones gone", len(g.until))
	}
}
