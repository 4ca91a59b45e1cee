package signaling

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// fromPhone is an INVITE of a phone at the PBX outside of a dialog; tag names the phone too.
func (w *world) fromPhone(uri, callID, tag, body string, more ...string) string {
	lines := append([]string{
		"INVITE " + uri + " SIP/2.0",
		"Via: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token(),
		"From: \"Phone " + tag + "\" <sip:" + tag + "@pbx>;tag=" + tag,
		"To: <" + uri + ">",
		"Call-ID: " + callID,
		"CSeq: 7 INVITE",
		"Contact: <sip:" + tag + "@" + w.pbx.addr() + ">",
		"Max-Forwards: 70",
	}, more...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(append(lines, "Content-Length: "+itoa(len(body))), "\r\n") + "\r\n\r\n" + body
}

// insidePhone is a request of a phone in the dialog that ok confirmed.
func (w *world) insidePhone(method string, ok *sip.Response, seq int) string {
	return strings.Join([]string{
		method + " " + ok.Contact().Address.String() + " SIP/2.0",
		"Via: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token(),
		"From: " + ok.From().Value(),
		"To: " + ok.To().Value(),
		"Call-ID: " + ok.CallID().Value(),
		"CSeq: " + itoa(seq) + " " + method,
		"Max-Forwards: 70",
		"Content-Length: 0",
	}, "\r\n") + "\r\n\r\n"
}

// ringsAtBob has a phone at the PBX call bob, who rings.
func (w *world) ringsAtBob(bob *browser, tag string) (atBob *sip.Request) {
	w.t.Helper()
	w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-"+tag, tag, "v=0 of "+tag))
	atBob = bob.request(sip.INVITE)
	bob.answer(atBob, 180, "Ringing", "b", "<sip:bob@"+bob.host+";transport=ws>", "")
	w.pbx.response(180, sip.INVITE)
	return atBob
}

// talksToBob has a phone at the PBX call bob, who answers.
func (w *world) talksToBob(bob *browser, tag string) (toPhone *sip.Response, atBob *sip.Request) {
	w.t.Helper()
	atBob = w.ringsAtBob(bob, tag)
	bob.answer(atBob, 200, "OK", "b", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob")
	toPhone = w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.insidePhone("ACK", toPhone, 7))
	bob.request(sip.ACK)
	return toPhone, atBob
}

// replacing is the Replaces header for the dialog of a request's or response's Call-ID, From and To, asked of the party with tag to.
func replacing(callID, to, from string) string {
	return "Replaces: " + callID + ";to-tag=" + to + ";from-tag=" + from
}

// hangUp stops the server while browsers and the PBX take its BYEs.
func (w *world) hangUp(browsers ...*browser) {
	w.t.Helper()
	stopped := make(chan struct{})
	ends := []*end{&w.pbx.end}
	for _, b := range browsers {
		ends = append(ends, &b.end)
	}
	var takers sync.WaitGroup
	for _, e := range ends {
		takers.Go(func() {
			for {
				select {
				case m := <-e.in:
					if req, ok := m.(*sip.Request); ok && req.Method == sip.BYE {
						e.answer(req, 200, "OK", "", "", "")
					}
				case <-stopped:
					return
				}
			}
		})
	}
	w.stop()
	close(stopped)
	takers.Wait()
}

// bobAnswers has bob answer a change of his call.
func bobAnswers(bob *browser, change *sip.Request, body string) {
	bob.answer(change, 200, "OK", "", "<sip:bob@"+bob.host+";transport=ws>", body)
	bob.request(sip.ACK)
}

// A phone attended-transfers another phone into a browser's call: RFC 5589 §7.3, the target is ours.
func TestPhoneReplacesPhone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int // of bob to the change of his media
		body   string
	}{
		{"bob hears of it", 200, "answer for RTP of v=0 of bob again"},
		{"bob refuses the change and goes on", 488, "taken over by v=0 of second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModeExtension)
			bob := w.dial("bob", true)
			bob.register()
			w.talksToBob(bob, "first")

			w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-other", "second", "v=0 of second", replacing("c-first", "b", "first"), "Require: replaces"))
			change := bob.request(sip.INVITE)
			if string(change.Body()) != "offer for WebRTC of v=0 of second" || tagOf(t, change.To().Params) != "b" {
				t.Errorf("bob got %s with %q", change.To().Value(), change.Body())
			}
			if got := valueOf(change, "P-Asserted-Identity"); got != `"Phone second" <sip:second@office.example>` {
				t.Errorf("P-Asserted-Identity = %q, want the new party", got)
			}
			if tt.status == 200 {
				bobAnswers(bob, change, "v=0 of bob again")
			} else {
				bob.answer(change, tt.status, "No", "", "", "")
				bob.request(sip.ACK)
			}
			taken := w.pbx.response(200, sip.INVITE)
			if string(taken.Body()) != tt.body {
				t.Errorf("answer = %q, want %q", taken.Body(), tt.body)
			}
			w.pbx.send(w.insidePhone("ACK", taken, 7))
			bye := w.pbx.request(sip.BYE)
			if tagOf(t, bye.To().Params) != "first" || !strings.Contains(valueOf(bye, "Reason"), "Replaced") {
				t.Errorf("BYE to %s because of %q, want the replaced phone told", bye.To().Value(), valueOf(bye, "Reason"))
			}
			w.pbx.answer(bye, 200, "OK", "", "", "")
			if c := w.srv.Calls(); len(c) != 1 || c[0].State != "talking" || c[0].From != "second" {
				t.Errorf("calls = %+v, want one with the second phone", c)
			}
			// Once replaced, the old dialog is no more.
			w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-third", "third", "v=0 of third", replacing("c-first", "b2", "first")))
			w.pbx.response(481, sip.INVITE)

			w.pbx.send(w.insidePhone("BYE", taken, 8))
			bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// The other way round: the browser has called the phone whose place is taken.
func TestPhoneReplacesPhoneCalledByBrowser(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	w.pbx.send(w.fromPhone(w.pbx.contact("101"), "c-other", "second", "v=0 of second",
		replacing(ok.CallID().Value(), tagOf(t, ok.From().Params), "phone")))
	change := alice.request(sip.INVITE)
	alice.answer(change, 200, "OK", "", "<sip:alice@"+alice.host+";transport=ws>", "v=0 of alice again")
	alice.request(sip.ACK)
	taken := w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.insidePhone("ACK", taken, 7))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	alice.send(alice.within("INFO", ok, int(ok.CSeq().SeqNo)+1, "")) // alice's dialog is as it was
	info := w.pbx.request(sip.INFO)
	if info.Recipient.User != "second" || info.CallID().Value() != "c-other" {
		t.Errorf("INFO went to %s in %s, want the second phone's dialog", info.Recipient.String(), info.CallID().Value())
	}
	w.pbx.answer(info, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+2, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Through a PBX that is a proxy a call between two browsers is ours twice, with the same identifiers. The leg nearest to who stays is replaced.
func TestReplacesInSpiral(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	callID, tag, _ := alice.invite("102")
	toPBX := w.pbx.request(sip.INVITE)
	w.pbx.send(w.fromPhone(w.pbx.contact("102"), callID, tag, "v=0 by the PBX")) // as a proxy passes it on
	atBob := bob.request(sip.INVITE)
	bob.answer(atBob, 200, "OK", "b", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob")
	back := w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.insidePhone("ACK", back, 7))
	bob.request(sip.ACK)
	w.pbx.answer(toPBX, 200, "OK", "b", "<sip:phone@"+w.pbx.addr()+">", "v=0 by the PBX")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)

	w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-other", "second", "v=0 of second", replacing(callID, "b", tag)))
	bobAnswers(bob, bob.request(sip.INVITE), "v=0 of bob again")
	taken := w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.insidePhone("ACK", taken, 7))
	bye := w.pbx.request(sip.BYE)
	if bye.CallID().Value() != callID || tagOf(t, bye.From().Params) != "b" {
		t.Errorf("BYE from %s in %s, want bob's old call ended", bye.From().Value(), bye.CallID().Value())
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	if n := len(w.srv.Calls()); n != 2 {
		t.Errorf("%d calls, want alice's, which the PBX has still to end, and bob's", n)
	}
	w.hangUp(alice, bob)
}

func TestReplacesRefused(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	w.talksToBob(bob, "first")
	contact := w.pbx.contact("102")
	for _, tt := range []struct {
		name, header string
		want         int
	}{
		{"tags the wrong way round", replacing("c-first", "first", "x"), 481},
		{"another call", replacing("c-second", "b", "first"), 481},
		{"only while it rings", replacing("c-first", "b", "first") + ";early-only", 486},
		{"no tags", "Replaces: c-first", 400},
		{"a tag twice", replacing("c-first", "b", "first") + ";to-tag=b", 400},
		{"two at once", replacing("c-first", "b", "first") + "\r\n" + replacing("c-first", "b", "first"), 400},
	} {
		t.Run("phone: "+tt.name, func(t *testing.T) {
			w.pbx.send(w.fromPhone(contact, token(), "second", "v=0 of second", tt.header))
			w.pbx.response(tt.want, sip.INVITE)
		})
	}
	t.Run("a user who was not asked to", func(t *testing.T) {
		alice.send(alice.build("INVITE", "sip:102@office.example", "<sip:102@office.example>", token(), token(), "v=0 of alice", replacing("c-first", "b", "first")))
		alice.response(481, sip.INVITE)
	})
	if c := w.srv.Calls(); len(c) != 1 || c[0].State != "talking" {
		t.Errorf("calls = %+v, want the one as before", c)
	}
	w.hangUp(alice, bob)
}

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

// What a REFER names at the PBX is called there, Replaces and all, if the user was asked to; else nobody rings.
func TestBrowserReplacesAtPBX(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	_, invite := w.up(alice)
	header := replacing("c-9", "y", "x")
	call := func() {
		alice.send(alice.build("INVITE", "sip:300@office.example", "<sip:300@office.example>", token(), "a2", "v=0 of alice", header))
	}
	call()
	alice.response(481, sip.INVITE)
	w.pbx.send(strings.Replace(w.within("REFER", invite, 2, ""), "Content-Length", "Refer-To: <sip:300@"+w.pbx.addr()+"?Replaces=c-9%3Bto-tag%3Dy%3Bfrom-tag%3Dx>\r\nContent-Length", 1))
	alice.answer(alice.request(sip.REFER), 202, "Accepted", "", "", "")
	w.pbx.response(202, sip.REFER)
	call()
	got := w.pbx.request(sip.INVITE)
	if "Replaces: "+valueOf(got, "Replaces") != header || valueOf(got, "Require") != "replaces" || got.Recipient.User != "300" {
		t.Errorf("the PBX got %s", got)
	}
	w.pbx.answer(got, 481, "No", "y", "", "")
	w.pbx.request(sip.ACK)
	alice.response(481, sip.INVITE)
	// A ringing call is picked up by what dialog-info tells, and the PBX decides who may.
	header += ";early-only"
	call()
	got = w.pbx.request(sip.INVITE)
	if "Replaces: "+valueOf(got, "Replaces") != header {
		t.Errorf("Replaces = %q", valueOf(got, "Replaces"))
	}
	w.pbx.answer(got, 200, "OK", "z", "<sip:z@"+w.pbx.addr()+">", "v=0 of z")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	w.hangUp(alice)
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

func TestParseReplaces(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  dialogID
		early bool
		ok    bool
	}{
		{"a@b;to-tag=1;from-tag=2", dialogID{"a@b", "1", "2"}, false, true},
		{" a@b ; From-Tag = 2 ;x=y; to-tag=1;early-only", dialogID{"a@b", "1", "2"}, true, true},
		{"a@b;to-tag=1", dialogID{}, false, false},
		{"a@b;to-tag=1;from-tag=", dialogID{}, false, false},
		{";to-tag=1;from-tag=2", dialogID{}, false, false},
		{"a;to-tag=1;to-tag=1;from-tag=2", dialogID{}, false, false},
		{"a,b;to-tag=1;from-tag=2", dialogID{}, false, false},
		{"a\r\nX: y;to-tag=1;from-tag=2", dialogID{}, false, false},
		{"", dialogID{}, false, false},
	} {
		if d, early, ok := parseReplaces(tt.text); ok != tt.ok || ok && (d != tt.want || early != tt.early) {
			t.Errorf("parseReplaces(%q) = %v, %v, %v, want %v, %v, %v", tt.text, d, early, ok, tt.want, tt.early, tt.ok)
		}
	}
}

// What was read and is written again reads the same, also as part of an address.
func FuzzParseReplaces(f *testing.F) {
	f.Add("a@b;to-tag=1;from-tag=2;early-only")
	f.Add("a;to-tag=%41;from-tag=\"x\"")
	f.Fuzz(func(t *testing.T, text string) {
		d, _, ok := parseReplaces(text)
		if !ok {
			return
		}
		if again, _, ok := parseReplaces(d.String()); !ok || again != d {
			t.Fatalf("%q reads as %v, and that as %v", text, d, again)
		}
		var uri sip.Uri
		if err := sip.ParseUri("sip:a@b?Replaces="+escapeHeader(d.String()), &uri); err != nil || len(uri.Headers) != 1 {
			t.Fatalf("%q in an address: %v, %v", d, uri.Headers, err)
		}
	})
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
