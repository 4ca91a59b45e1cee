package signaling

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestSessionExpires(t *testing.T) {
	for _, tt := range []struct {
		header, want string
	}{
		{"Session-Expires: 1800", "30m0s  true"},
		{"x: 90;refresher=uas", "1m30s uas true"},
		{"Session-Expires: 4000 ; a=b ; Refresher = UAC", "1h6m40s uac true"},
		{"Session-Expires: 90;refresher=me", "1m30s  true"},
		{"Session-Expires: 0", "0s  false"},
		{"Session-Expires: -1", "0s  false"},
		{"Session-Expires: 99999999999", "1193046h28m15s  false"},
		{"More: x", "0s  false"},
	} {
		interval, refresher, ok := sessionExpires(requestOf(t, "INVITE", "More: x", tt.header))
		if got := fmt.Sprint(interval, " ", refresher, " ", ok); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.header, got, tt.want)
		}
	}
}

func FuzzSessionExpires(f *testing.F) {
	f.Add("1800;refresher=uac")
	f.Add(" 90 ;refresher = uas;x")
	f.Fuzz(func(t *testing.T, value string) {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Host: "a"})
		req.AppendHeader(sip.NewHeader("Session-Expires", value))
		interval, refresher, ok := sessionExpires(req)
		if !ok {
			return
		}
		if interval < time.Second || refresher != "" && refresher != "uac" && refresher != "uas" {
			t.Fatalf("%q is %v %q", value, interval, refresher)
		}
		again := sip.NewRequest(sip.INVITE, sip.Uri{Host: "a"})
		again.AppendHeader(expiry(interval, refresher))
		if i, r, ok := sessionExpires(again); i != interval || r != refresher || !ok {
			t.Fatalf("%q is written as %q", value, valueOf(again, "Session-Expires"))
		}
	})
}

// upTimed has alice call the PBX, which answers with further headers.
func (w *world) upTimed(alice *browser, headers ...string) (toAlice *sip.Response, atPBX *sip.Request) {
	w.t.Helper()
	alice.invite("200")
	atPBX = w.pbx.request(sip.INVITE)
	w.pbx.with(atPBX, 200, "OK", "phone", w.phone(), "v=0 of phone", headers...)
	toAlice = alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", toAlice, int(toAlice.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	return toAlice, atPBX
}

func TestPBXWantsLongerSession(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	first := w.pbx.request(sip.INVITE)
	if valueOf(first, "Session-Expires") != "1800" || valueOf(first, "Min-SE") != "90" || !hasOption(first, "Supported", "timer") {
		t.Errorf("asked for\n%s", first)
	}
	w.pbx.with(first, 422, "Session Interval Too Small", "x", "", "", "Min-SE: 3600")
	w.pbx.request(sip.ACK)
	second := w.pbx.request(sip.INVITE)
	if valueOf(second, "Session-Expires") != "3600" || valueOf(second, "Min-SE") != "3600" || second.CSeq().SeqNo != first.CSeq().SeqNo+1 ||
		string(second.Body()) != string(first.Body()) {
		t.Errorf("asked again for\n%s", second)
	}
	w.pbx.with(second, 422, "Session Interval Too Small", "x", "", "", "Min-SE: 3600") // for ever
	w.pbx.request(sip.ACK)
	alice.response(422, sip.INVITE)
	w.over()
}

func TestWeRefresh(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	_, invite := w.upTimed(alice, "Session-Expires: 3;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE, BYE")
	update := w.pbx.request(sip.UPDATE)
	if valueOf(update, "Session-Expires") != "3;refresher=uac" || len(update.Body()) > 0 || update.CSeq().SeqNo <= invite.CSeq().SeqNo {
		t.Errorf("refresh by\n%s", update)
	}
	w.pbx.with(update, 422, "Session Interval Too Small", "", "", "", "Min-SE: 4")
	update = w.pbx.request(sip.UPDATE)
	if valueOf(update, "Session-Expires") != "4;refresher=uac" || valueOf(update, "Min-SE") != "90" {
		t.Errorf("refresh again by\n%s", update)
	}
	w.pbx.with(update, 200, "OK", "", w.phone(), "", "Session-Expires: 3;refresher=uac", "Allow: INVITE, BYE") // no UPDATE any more
	again := w.pbx.request(sip.INVITE)
	if string(again.Body()) != "again for RTP" || valueOf(again, "Session-Expires") != "3;refresher=uac" {
		t.Errorf("refresh by\n%s", again)
	}
	w.pbx.with(again, 500, "Busy", "", "", "", "Retry-After: 0")
	w.pbx.request(sip.ACK)
	again = w.pbx.request(sip.INVITE)
	w.pbx.with(again, 200, "OK", "", w.phone(), "v=0 of phone", "Session-Expires: 3;refresher=uac")
	w.pbx.request(sip.ACK)
	last := w.pbx.request(sip.INVITE)
	w.pbx.answer(last, 481, "Call Does Not Exist", "", "", "")
	bye := alice.request(sip.BYE)
	if got := valueOf(bye, "Reason"); !strings.Contains(got, "lost the call") {
		t.Errorf("Reason %q", got)
	}
	alice.answer(bye, 200, "OK", "", "", "")
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestRefreshesStop(t *testing.T) {
	t.Parallel() // it waits for seconds
	for name, headers := range map[string][]string{
		"those of the PBX":           {"Session-Expires: 2;refresher=uas"},
		"ours, as it does not agree": {"Session-Expires: 2;refresher=uac", "Allow: UPDATE"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModePeer)
			alice := w.dial("alice", true)
			w.upTimed(alice, headers...)
			if len(headers) > 1 {
				w.pbx.answer(w.pbx.request(sip.UPDATE), 503, "Service Unavailable", "", "", "")
			}
			bye := alice.request(sip.BYE)
			if got := valueOf(bye, "Reason"); !strings.Contains(got, "refreshed") {
				t.Errorf("Reason %q", got)
			}
			alice.answer(bye, 200, "OK", "", "", "")
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

func TestPBXRefreshes(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.upTimed(alice, "Session-Expires: 2;refresher=uas")
	update := more(w.within("UPDATE", invite, 2, ""), "Session-Expires: 120;refresher=uac", "Supported: timer")
	w.pbx.send(update)
	r := w.pbx.response(200, sip.UPDATE)
	if valueOf(r, "Session-Expires") != "120;refresher=uac" || valueOf(r, "Require") != "timer" {
		t.Errorf("refresh answered by\n%s", r)
	}
	// By re-INVITE with another port: none of the browser's affairs.
	w.pbx.send(more(w.within("INVITE", invite, 3, "v=0 same, another port"), "Session-Expires: 120", "Supported: timer"))
	kept := w.pbx.response(200, sip.INVITE)
	if string(kept.Body()) != "kept for RTP of v=0 same, another port" || valueOf(kept, "Session-Expires") != "120;refresher=uac" {
		t.Errorf("re-INVITE answered by\n%s", kept)
	}
	w.pbx.send(w.within("ACK", invite, 3, ""))
	w.pbx.send(more(w.within("UPDATE", invite, 4, ""), "Session-Expires: 60", "Supported: timer"))
	if r := w.pbx.response(422, sip.UPDATE); valueOf(r, "Min-SE") != "90" {
		t.Errorf("refused by\n%s", r)
	}
	alice.send(more(alice.within("UPDATE", ok, 2, ""), "Session-Expires: 90;refresher=uac", "Supported: timer"))
	if r := alice.response(200, sip.UPDATE); valueOf(r, "Session-Expires") != "90;refresher=uac" {
		t.Errorf("the browser's refresh answered by\n%s", r)
	}
	alice.send(alice.within("BYE", ok, 3, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	for _, m := range append(alice.kept, drain(alice.in)...) {
		if r, isRequest := m.(*sip.Request); isRequest && (r.Method == sip.INVITE || r.Method == sip.UPDATE) {
			t.Errorf("a refresh has crossed:\n%s", r)
		}
	}
}

func TestPBXAsksForSessionTimer(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	w.pbx.send(w.ring("102", "v=0 of carol", "Session-Expires: 30", "Supported: timer"))
	if r := w.pbx.response(422, sip.INVITE); valueOf(r, "Min-SE") != "90" {
		t.Errorf("refused by\n%s", r)
	}
	for _, tt := range []struct{ header, supported, want, require string }{
		{"Session-Expires: 200", "timer", "200;refresher=uac", "timer"},
		{"Session-Expires: 200;refresher=uas", "timer", "200;refresher=uas", ""},
		{"x: 30", "other", "90;refresher=uas", ""}, // asked for by a proxy
		{"More: x", "timer", "", ""},
	} {
		w.pbx.send(w.ring("102", "v=0 of carol", tt.header, "Supported: "+tt.supported))
		invite := bob.request(sip.INVITE)
		if valueOf(invite, "Session-Expires") != "" || valueOf(invite, "x") != "" {
			t.Errorf("the browser is asked for a session timer")
		}
		bob.answer(invite, 200, "OK", "b", "<sip:bob@"+bob.host+">", "v=0 of bob")
		ok := w.pbx.response(200, sip.INVITE)
		if valueOf(ok, "Session-Expires") != tt.want || valueOf(ok, "Require") != tt.require {
			t.Errorf("%s, Supported: %s: answered by\n%s", tt.header, tt.supported, ok)
		}
		w.pbx.send(w.inRing("ACK", ok, 7, ""))
		bob.request(sip.ACK)
		w.pbx.send(w.inRing("BYE", ok, 8, ""))
		w.pbx.response(200, sip.BYE)
		bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
		w.over()
	}
}

// A browser that is away is waited for, whatever its session timer says.
func TestSessionOfALostBrowser(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	l := w.srv.legs[ok.Contact().Address.User]
	_ = alice.conn.CloseNow()
	eventually(t, "alice lost", func() bool { return l.reachable() != nil })
	l.expire("The session was not refreshed")
	w.pbx.send(w.within("OPTIONS", invite, 2, ""))
	if w.pbx.response(200, sip.OPTIONS); len(w.srv.Calls()) != 1 {
		t.Error("the call has ended")
	}
	w.pbx.send(w.within("BYE", invite, 3, ""))
	w.pbx.response(200, sip.BYE)
	w.over()
}
