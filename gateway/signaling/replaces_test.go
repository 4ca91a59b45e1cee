package signaling

import (
	"strings"
	"sync"
	"testing"

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
