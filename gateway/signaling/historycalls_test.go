package signaling

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// expect checks the one record of the world's only call; times count only as there or not.
func (w *world) expect(rang, answered bool, want call.Record) {
	w.t.Helper()
	w.over()
	eventually(w.t, "a record", func() bool { return len(w.kept.records()) > 0 })
	w.stop()
	got := w.kept.records()
	if len(got) != 1 {
		w.t.Fatalf("%d records, want 1: %+v", len(got), got)
	}
	r := got[0]
	if r.Rang.IsZero() == rang || r.Answered.IsZero() == answered || r.Began.IsZero() || r.Ended.IsZero() {
		w.t.Errorf("rang %v, answered %v, want %v and %v: %+v", !r.Rang.IsZero(), !r.Answered.IsZero(), rang, answered, r)
	}
	r.ID, r.Began, r.Rang, r.Answered, r.Ended = "", time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if !reflect.DeepEqual(r, want) {
		w.t.Errorf("record\n%+v, want\n%+v", r, want)
	}
}

// toBob is an INVITE of the PBX to bob's extension.
func (w *world) toBob() string {
	body := "v=0 of caller"
	return "INVITE " + w.pbx.contact("102") + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKb1\r\n" +
		"From: \"Carol\" <sip:300@pbx>;tag=carol\r\nTo: <sip:102@pbx>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:carol@" + w.pbx.addr() + ">\r\n" +
		"Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

// cancelOf is the CANCEL of an INVITE.
func cancelOf(invite string) string {
	head, _, _ := strings.Cut(invite, "Contact:")
	head = strings.Replace(head, "Max-Forwards: 70\r\n", "", 1)
	return strings.ReplaceAll(head, "INVITE", "CANCEL") + "Content-Length: 0\r\n\r\n"
}

// out is the record of a call of alice's to the PBX's 200.
func out(by string, status int, why string) call.Record {
	return call.Record{From: "alice", FromDisplay: "Alice Doe", To: "200", Users: []string{"alice"}, Direction: call.Out, By: by, Status: status, Reason: why}
}

// in is the record of a call of the PBX's to bob.
func in(by string, status int, why string) call.Record {
	return call.Record{From: "300", FromDisplay: "Carol", To: "102", ToDisplay: "Bob Roe", Users: []string{"bob"}, Direction: call.In, By: by, Status: status, Reason: why}
}

// inside is the record of a call of alice's to bob.
func inside(by string, status int, why string) call.Record {
	return call.Record{From: "alice", FromDisplay: "Alice Doe", To: "bob", ToDisplay: "Bob Roe", Users: []string{"alice", "bob"}, Direction: call.Internal,
		By: by, Status: status, Reason: why}
}

func TestHistoryOfAnAnsweredCall(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	w.pbx.send(w.within("BYE", invite, 1, "")) // both hang up at once
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	eventually(t, "a record", func() bool { return len(w.kept.records()) > 0 })
	by, other := w.kept.records()[0].By, &alice.end
	if by == "alice" {
		other = &w.pbx.end
	}
	other.answer(other.request(sip.BYE), 200, "OK", "", "", "")
	w.expect(false, true, out(by, 200, "Answered"))
}

func TestHistoryWhenThePBXHangsUp(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	alice.response(180, sip.INVITE)
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	w.pbx.send(w.within("BYE", invite, 1, ""))
	w.pbx.response(200, sip.BYE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.expect(true, true, out("office", 200, "Answered"))
}

func TestHistoryOfFailures(t *testing.T) {
	t.Parallel() // it waits for seconds
	for _, tt := range []struct {
		name   string
		ring   bool
		status int // of the PBX
		want   call.Record
	}{
		{"busy", false, 486, out("office", 486, "Busy")},
		{"declined", true, 603, out("office", 603, "Declined")},
		{"phone off", false, 480, out("office", 480, "Not available")},
		{"rang out", true, 480, out("office", 480, "Not answered")},
		{"no such number", false, 404, out("office", 404, "No such name or number")},
		{"overloaded", false, 503, out("office", 503, "The other side had a fault")},
		{"wrong password", false, 401, out("office", 403, "The PBX office refuses the password of 101")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModeExtension)
			alice := w.dial("alice", true)
			alice.invite("200")
			for {
				req := w.pbx.request(sip.INVITE)
				if tt.ring {
					w.pbx.answer(req, 180, "Ringing", "phone", "", "")
					alice.response(180, sip.INVITE)
				}
				res := sip.NewResponseFromRequest(req, tt.status, "No", nil)
				if tt.status == 401 {
					res.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="pbx", nonce="n", qop="auth"`))
				}
				w.pbx.send(res.String())
				w.pbx.request(sip.ACK)
				if tt.status != 401 || req.GetHeader("Authorization") != nil {
					break
				}
			}
			alice.response(tt.want.Status, sip.INVITE)
			w.expect(tt.ring, false, tt.want)
		})
	}
}

func TestHistoryWhenTheCallerHangsUp(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	_, _, text := alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "", "")
	alice.response(180, sip.INVITE)
	alice.send(cancelOf(text))
	alice.response(487, sip.INVITE)
	w.pbx.answer(w.pbx.request(sip.CANCEL), 200, "OK", "", "", "")
	w.pbx.answer(invite, 487, "Request Terminated", "phone", "", "")
	w.expect(true, false, out("alice", 487, "Caller hung up before the answer"))
}

func TestHistoryWhenTheCallersBrowserGoes(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "", "")
	alice.response(180, sip.INVITE)
	_ = alice.conn.CloseNow()
	w.pbx.answer(w.pbx.request(sip.CANCEL), 200, "OK", "", "", "")
	w.pbx.answer(invite, 487, "Request Terminated", "phone", "", "")
	w.expect(true, false, out("alice", 487, "Connection lost"))
}

func TestHistoryWhenThePBXIsUnreachable(t *testing.T) {
	t.Parallel() // it waits for seconds
	for _, tt := range []struct {
		name  string
		known bool // that it does not answer
		want  call.Record
	}{
		{"found out before", true, out("Cordboard", 503, "The PBX office is unreachable")},
		{"found out by the call", false, out("office", 408, "The PBX office is unreachable")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModePeer)
			alice := w.dial("alice", true)
			eventually(t, "PBX reachable", func() bool { return w.srv.PBXStatus()[0].State == stateReachable })
			w.pbx.mu.Lock()
			w.pbx.mute = true
			w.pbx.mu.Unlock()
			if tt.known {
				w.srv.pbxes()[0].note(errNoAnswer)
			}
			alice.invite("200")
			alice.response(tt.want.Status, sip.INVITE)
			w.expect(false, false, tt.want)
		})
	}
}

func TestHistoryOfAMissedCall(t *testing.T) {
	t.Run("rang", func(t *testing.T) {
		w := newWorld(t, ModeExtension)
		bob := w.dial("bob", true)
		bob.register()
		text := w.toBob()
		w.pbx.send(text)
		invite := bob.request(sip.INVITE)
		bob.answer(invite, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
		w.pbx.response(180, sip.INVITE)
		w.pbx.send(cancelOf(text))
		w.pbx.response(487, sip.INVITE)
		bob.answer(bob.request(sip.CANCEL), 200, "OK", "", "", "")
		bob.answer(invite, 487, "Request Terminated", "b", "", "")
		w.expect(true, false, in("office", 487, "Caller hung up before the answer"))
	})
	t.Run("answered at another phone of the PBX", func(t *testing.T) {
		w := newWorld(t, ModeExtension)
		bob := w.dial("bob", true)
		bob.register()
		text := w.toBob()
		w.pbx.send(text)
		invite := bob.request(sip.INVITE)
		bob.answer(invite, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
		w.pbx.response(180, sip.INVITE)
		why := `SIP;cause=200;text="Call completed elsewhere"`
		w.pbx.send(strings.Replace(cancelOf(text), "Content-Length", "Reason: "+why+"\r\nReason: Q.850;cause=26\r\nContent-Length", 1))
		w.pbx.response(487, sip.INVITE)
		cancel := bob.request(sip.CANCEL)
		if got := cancel.GetHeaders("Reason"); len(got) != 2 || got[0].Value() != why || got[1].Value() != "Q.850;cause=26" {
			t.Errorf("bob's browser hears %v", got)
		}
		bob.answer(cancel, 200, "OK", "", "", "")
		bob.answer(invite, 487, "Request Terminated", "b", "", "")
		w.expect(true, false, in("office", 487, "Answered on another device"))
	})
	t.Run("no device", func(t *testing.T) {
		w := newWorld(t, ModeExtension)
		w.pbx.send(w.toBob())
		w.pbx.response(480, sip.INVITE)
		w.expect(false, false, in("Cordboard", 480, "No device is signed in"))
	})
	t.Run("busy colleague", func(t *testing.T) {
		w := newWorld(t, "")
		alice, bob := w.dial("alice", true), w.dial("bob", true)
		bob.register()
		alice.invite("bob")
		bob.answer(bob.request(sip.INVITE), 486, "Busy Here", "b", "", "")
		alice.response(486, sip.INVITE)
		w.expect(false, false, inside("bob", 486, "Busy"))
	})
}

// Both devices of a user ring: there is one record, and it names who took the call.
func TestHistoryOfAForkedCall(t *testing.T) {
	w := newWorld(t, "")
	alice, desk, phone := w.dial("alice", true), w.dial("bob", true), w.dial("bob", true)
	desk.register()
	phone.register()
	alice.invite("bob")
	lost, won := desk.request(sip.INVITE), phone.request(sip.INVITE)
	desk.answer(lost, 180, "Ringing", "d", "<sip:bob@"+desk.host+">", "")
	alice.response(180, sip.INVITE)
	phone.answer(won, 200, "OK", "p", "<sip:bob@"+phone.host+";transport=ws>", "v=0 of bob")
	desk.answer(desk.request(sip.CANCEL), 200, "OK", "", "", "")
	desk.answer(lost, 487, "Request Terminated", "d", "", "")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	phone.request(sip.ACK)
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	phone.answer(phone.request(sip.BYE), 200, "OK", "", "", "")
	want := inside("alice", 200, "Answered")
	want.AnsweredBy = "bob"
	w.expect(true, true, want)
}

func TestHistoryOfATakenOverCall(t *testing.T) {
	w := newWorld(t, "")
	alice, phone := w.dial("alice", true), w.dial("alice", true)
	alice.invite("echo")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == call.Talking })
	phone.send(phone.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", token(), token(), "v=0 of phone",
		"Replaces: "+ok.CallID().Value()+";from-tag="+tagOf(t, ok.From().Params)+";to-tag="+tagOf(t, ok.To().Params)))
	taken := phone.response(200, sip.INVITE)
	phone.send(phone.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	if got := w.kept.records(); len(got) != 0 {
		t.Errorf("records %+v of a call that goes on", got)
	}
	phone.send(phone.within("BYE", taken, int(taken.CSeq().SeqNo)+1, ""))
	phone.response(200, sip.BYE)
	w.expect(false, true, call.Record{From: "alice", FromDisplay: "Alice Doe", To: "echo", Users: []string{"alice"}, Direction: call.Internal,
		By: "alice", Status: 200, Reason: "Answered"})
}

func TestHistoryWhenABrowserDoesNotComeBack(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	w.up(alice)
	eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == call.Talking })
	_ = alice.conn.CloseNow()
	var lost *leg
	eventually(t, "flow gone", func() bool {
		w.srv.mu.Lock()
		defer w.srv.mu.Unlock()
		for _, l := range w.srv.legs {
			l.mu.Lock()
			if l.lost != nil {
				lost = l
			}
			l.mu.Unlock()
		}
		return lost != nil
	})
	lost.giveUpOn(lost.flow) // as after lostTime
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.expect(false, true, out("alice", 200, "Connection lost"))
}

func TestHistoryWhenCordboardStops(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	w.up(alice)
	eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == call.Talking })
	w.stop() // nobody answers the BYEs
	w.expect(false, true, out("Cordboard", 200, "Cordboard was stopped"))
}

// The PBX calls the trunk's one contact: To says whom it means.
func TestHistoryOfATrunk(t *testing.T) {
	for _, tt := range []struct {
		to   string
		rung []string
		want call.Record
	}{
		{"trunk", []string{"alice", "bob"}, call.Record{To: "trunk", Users: []string{"alice", "bob"}}},
		{"102", []string{"bob"}, call.Record{To: "102", ToDisplay: "Bob Roe", Users: []string{"bob"}}},
	} {
		t.Run(tt.to, func(t *testing.T) {
			w := newWorld(t, ModeTrunk)
			browsers := map[string]*browser{"alice": w.dial("alice", true), "bob": w.dial("bob", true)}
			for _, b := range browsers {
				b.register()
			}
			body := "v=0 of caller"
			w.pbx.send("INVITE " + w.pbx.contact("trunk") + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKt1\r\n" +
				"From: <sip:300@pbx>;tag=carol\r\nTo: <sip:" + tt.to + "@pbx>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:carol@" + w.pbx.addr() + ">\r\n" +
				"Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body)
			for _, name := range tt.rung {
				status := map[string]int{"alice": 480, "bob": 603}[name] // of which the caller hears the second
				browsers[name].answer(browsers[name].request(sip.INVITE), status, "No", "x", "", "")
			}
			w.pbx.response(603, sip.INVITE)
			tt.want.From, tt.want.Direction, tt.want.By, tt.want.Status, tt.want.Reason = "300", call.In, "bob", 603, "Declined"
			w.expect(false, false, tt.want)
		})
	}
}
