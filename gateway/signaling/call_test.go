package signaling

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func tagOf(t *testing.T, p sip.HeaderParams) string {
	t.Helper()
	tag, ok := p.Get("tag")
	if !ok {
		t.Fatal("no tag")
	}
	return tag
}

// over checks that nothing of any call is left.
func (w *world) over() {
	w.t.Helper()
	eventually(w.t, "no call, leg or media left", func() bool {
		w.srv.mu.Lock()
		legs := len(w.srv.legs)
		w.srv.mu.Unlock()
		return legs == 0 && len(w.srv.Calls()) == 0 && w.media.alive() == 0
	})
}

// up has alice call the PBX's 200 and gives alice's and the PBX's view of the call.
func (w *world) up(alice *browser) (toAlice *sip.Response, atPBX *sip.Request) {
	w.t.Helper()
	alice.invite("200")
	atPBX = w.pbx.request(sip.INVITE)
	w.pbx.answer(atPBX, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	toAlice = alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", toAlice, int(toAlice.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	return toAlice, atPBX
}

// fromPBX writes a request of the PBX inside the call that invite made.
func (w *world) within(method string, invite *sip.Request, seq int, body string) string {
	from := "<sip:" + invite.To().Address.User + "@" + invite.To().Address.Host + ">;tag=phone"
	lines := []string{
		method + " " + invite.Contact().Address.String() + " SIP/2.0",
		"Via: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token(),
		"From: " + from,
		"To: " + invite.From().Value(),
		"Call-ID: " + invite.CallID().Value(),
		"CSeq: " + itoa(seq) + " " + method,
		"Contact: <sip:phone@" + w.pbx.addr() + ">",
		"Max-Forwards: 70",
	}
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(append(lines, "Content-Length: "+itoa(len(body))), "\r\n") + "\r\n\r\n" + body
}

func TestBrowserCallsPBX(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	callID, tag, _ := alice.invite("200")

	first := w.pbx.request(sip.INVITE)
	res := sip.NewResponseFromRequest(first, 407, "Proxy Authentication Required", nil)
	res.AppendHeader(sip.NewHeader("Proxy-Authenticate", `Digest realm="pbx", nonce="n1", algorithm=SHA-256, qop="auth"`))
	w.pbx.send(res.String())
	w.pbx.request(sip.ACK)
	invite := w.pbx.request(sip.INVITE)
	if h := invite.GetHeader("Proxy-Authorization"); h == nil || !strings.Contains(h.Value(), `username="101"`) || !strings.Contains(h.Value(), "SHA-256") {
		t.Errorf("credentials = %v, want those of extension 101 by SHA-256", h)
	}
	if invite.CSeq().SeqNo != first.CSeq().SeqNo+1 {
		t.Errorf("CSeq %d after %d, want one more", invite.CSeq().SeqNo, first.CSeq().SeqNo)
	}
	if invite.CallID().Value() != callID || tagOf(t, invite.From().Params) != tag {
		t.Error("the PBX's leg has not the browser's Call-ID and From tag")
	}
	if got := invite.From().Address.User + " " + invite.From().DisplayName; got != "101 Alice Doe" {
		t.Errorf("From = %q, want 101 Alice Doe", got)
	}
	if h := invite.GetHeader("X-Passed"); h == nil || h.Value() != "through" {
		t.Errorf("X-Passed = %v, want it passed", h)
	}
	if got := string(invite.Body()); got != "offer for RTP of v=0 of alice" {
		t.Errorf("offer = %q", got)
	}
	if invite.MaxForwards().Val() != 68 {
		t.Errorf("Max-Forwards = %d, want 68", invite.MaxForwards().Val())
	}

	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	if r := alice.response(180, sip.INVITE); tagOf(t, r.To().Params) != "phone" {
		t.Error("the PBX's To tag did not reach the browser")
	}
	if c := w.srv.Calls(); len(c) != 1 || c[0].State != "ringing" || c[0].From != "alice" || c[0].To != "200" {
		t.Errorf("calls while ringing = %+v", c)
	}
	w.pbx.answer(invite, 183, "Session Progress", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 early")
	if r := alice.response(183, sip.INVITE); string(r.Body()) != "answer for WebRTC of v=0 early" {
		t.Errorf("early media = %q", r.Body())
	}
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	ok := alice.response(200, sip.INVITE)
	if got := string(ok.Body()); got != "answer for WebRTC of v=0 of phone" {
		t.Errorf("answer = %q", got)
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	if ack := w.pbx.request(sip.ACK); ack.Recipient.User != "phone" || ack.GetHeader("Proxy-Authorization") == nil {
		t.Errorf("ACK to %s, want it at the phone's contact with the INVITE's credentials", ack.Recipient.String())
	}
	eventually(t, "call is up", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].State == "talking" })

	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	w.pbx.request(sip.ACK) // our ACK again for a repeated 2xx

	w.pbx.send(strings.Replace(w.within("BYE", invite, 1, ""), "Max-Forwards", "Reason: Q.850;cause=16\r\nUser-to-User: 6869\r\nMax-Forwards", 1))
	w.pbx.response(200, sip.BYE)
	bye := alice.request(sip.BYE)
	if bye.CallID().Value() != callID {
		t.Error("BYE of another call")
	}
	if values(bye, "Reason") != "Q.850;cause=16" || values(bye, "User-to-User") != "6869" {
		t.Errorf("the browser is told of the end\n%s", bye)
	}
	alice.answer(bye, 200, "OK", "", "", "")
	w.over()
}

func TestPBXCallsBrowsers(t *testing.T) {
	w := newWorld(t, ModeExtension)
	desk, phone := w.dial("bob", true), w.dial("bob", true)
	desk.register()
	phone.register()
	contact := w.pbx.contact("102")
	body := "v=0 of caller"
	invite := "INVITE " + contact + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKx1\r\nRecord-Route: <sip:" + w.pbx.addr() + ";lr>\r\n" +
		"From: \"Carol\" <sip:300@pbx>;tag=carol\r\nTo: <sip:102@pbx>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:carol@127.0.0.1:9>\r\n" +
		"Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	w.pbx.send(invite)
	a, b := desk.request(sip.INVITE), phone.request(sip.INVITE)
	if a.From().DisplayName != "Carol" || a.From().Address.User != "300" || a.Recipient.Host != desk.host {
		t.Errorf("INVITE of %v at %s, want Carol 300 at the browser's own contact", a.From(), a.Recipient.String())
	}
	if a.GetHeader("Record-Route") != nil || strings.Contains(a.String(), "RTP/AVP") {
		t.Error("the browser sees the PBX's side")
	}
	desk.answer(a, 180, "Ringing", "d", "<sip:bob@"+desk.host+">", "")
	w.pbx.response(180, sip.INVITE)
	phone.answer(b, 200, "OK", "p", "<sip:bob@"+phone.host+";transport=ws>", "v=0 of bob")
	cancel := desk.request(sip.CANCEL)
	if h := cancel.GetHeader("Reason"); h == nil || !strings.Contains(h.Value(), "elsewhere") {
		t.Errorf("Reason = %v, want answered elsewhere", h)
	}
	desk.answer(cancel, 200, "OK", "", "", "")
	desk.answer(a, 487, "Request Terminated", "d", "", "")
	desk.request(sip.ACK)
	ok := w.pbx.response(200, sip.INVITE)
	if got := string(ok.Body()); got != "answer for RTP of v=0 of bob" {
		t.Errorf("answer = %q", got)
	}
	if ok.GetHeader("Record-Route") == nil || tagOf(t, ok.To().Params) != "p" {
		t.Error("the 200 lacks Record-Route or the browser's tag")
	}
	w.pbx.send("ACK " + ok.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKx2\r\nFrom: <sip:300@pbx>;tag=carol\r\nTo: <sip:102@pbx>;tag=p\r\nCall-ID: c1\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n")
	phone.request(sip.ACK)
	from := b.From()
	phone.send("BYE " + b.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/WSS " + phone.host + ";branch=z9hG4bKx3\r\nFrom: <sip:bob@office.example>;tag=p\r\nTo: " + from.Value() +
		"\r\nCall-ID: c1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n")
	phone.response(200, sip.BYE)
	bye := w.pbx.request(sip.BYE)
	if r := bye.Route(); r == nil || !strings.Contains(r.Value(), w.pbx.addr()) || bye.Recipient.User != "carol" {
		t.Errorf("BYE to %s by route %v, want carol by the PBX's route", bye.Recipient.String(), r)
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	w.over()
}

func TestCallerGivesUp(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	_, _, text := alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "", "")
	alice.response(180, sip.INVITE)
	head, _, _ := strings.Cut(text, "Contact:")
	alice.send(strings.ReplaceAll(head, "INVITE", "CANCEL") + "Content-Length: 0\r\n\r\n")
	alice.response(200, sip.CANCEL)
	alice.response(487, sip.INVITE)
	cancel := w.pbx.request(sip.CANCEL)
	if branch, _ := cancel.Via().Params.Get("branch"); branch == "" || cancel.CSeq().SeqNo != invite.CSeq().SeqNo {
		t.Error("CANCEL is not that of the INVITE")
	}
	w.pbx.answer(cancel, 200, "OK", "", "", "")
	// The phone is answered at the same moment: the call must not stay.
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	w.pbx.request(sip.ACK)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestFailures(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	for _, tt := range []struct {
		name, target string
		pbx          int // status the PBX answers; 0: it is not asked
		want         int
	}{
		{"busy", "200", 486, 486},
		{"declined", "200", 603, 603},
		{"no such number", "999", 404, 404},
		{"phone off", "200", 480, 480},
		{"wrong password", "200", 401, 403},
		{"redirected", "200", 302, 480},
		{"nobody by that name", "carol", 0, 404},
		{"not signed in", "bob", 0, 480},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice.invite(tt.target)
			for range map[bool]int{true: 2, false: 1}[tt.pbx == 401] {
				if tt.pbx == 0 {
					break
				}
				req := w.pbx.request(sip.INVITE)
				res := sip.NewResponseFromRequest(req, tt.pbx, "No", nil)
				if tt.pbx == 401 {
					res.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="pbx", nonce="n", qop="auth"`))
				}
				w.pbx.send(res.String())
				w.pbx.request(sip.ACK)
			}
			alice.response(tt.want, sip.INVITE)
			w.over()
		})
	}
}

func TestPBXDoesNotAnswer(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	eventually(t, "PBX reachable", func() bool { s := w.srv.PBXStatus(); return s[0].State == stateReachable })
	w.pbx.mu.Lock()
	w.pbx.mute = true
	w.pbx.mu.Unlock()
	alice.invite("200")
	alice.response(408, sip.INVITE)
	w.over()
	w.srv.pbxes()[0].note(errNoAnswer)
	if s := w.srv.PBXStatus()[0]; s.State != stateUnreachable || s.Detail != "no answer in 5 s" {
		t.Errorf("status = %+v, want unreachable: no answer in 5 s", s)
	}
	alice.invite("200")
	if r := alice.response(503, sip.INVITE); !strings.Contains(valueOf(r, "Warning"), "office is unreachable") {
		t.Errorf("Warning = %q, want it to name the PBX", valueOf(r, "Warning"))
	}
}

func TestBrowserCallsBrowserAndBuiltins(t *testing.T) {
	w := newWorld(t, "")
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	for _, target := range []string{"bob", "102"} {
		alice.invite(target)
		invite := bob.request(sip.INVITE)
		if invite.From().Address.User != "alice" || string(invite.Body()) != "offer for WebRTC of v=0 of alice" {
			t.Errorf("bob got %s with %q", invite.From().Value(), invite.Body())
		}
		bob.answer(invite, 486, "Busy Here", "b", "", "")
		bob.request(sip.ACK)
		alice.response(486, sip.INVITE)
		w.over()
	}
	for _, target := range []string{"echo", "tone"} {
		alice.invite(target)
		ok := alice.response(200, sip.INVITE)
		if string(ok.Body()) != target+" answers v=0 of alice" {
			t.Errorf("answer = %q", ok.Body())
		}
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		seq := int(ok.CSeq().SeqNo) + 1
		alice.send(alice.within("INVITE", ok, seq, "v=0 again"))
		if again := alice.response(200, sip.INVITE); string(again.Body()) != target+" answers v=0 again" {
			t.Errorf("answer to the change = %q", again.Body())
		}
		alice.send(alice.within("ACK", ok, seq, ""))
		alice.send(alice.within("BYE", ok, seq+1, ""))
		alice.response(200, sip.BYE)
		w.over()
	}
}

func TestChangesInsideACall(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)

	info := alice.within("INFO", ok, seq+1, "")
	alice.send(strings.Replace(info, "Content-Length: 0\r\n\r\n", "Content-Type: application/dtmf-relay\r\nContent-Length: 9\r\n\r\nSignal=5\n", 1))
	got := w.pbx.request(sip.INFO)
	if string(got.Body()) != "Signal=5\n" || got.ContentType().Value() != "application/dtmf-relay" {
		t.Errorf("INFO with %q, want it as sent", got.Body())
	}
	w.pbx.answer(got, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)

	alice.send(alice.within("INVITE", ok, seq+2, "v=0 hold"))
	re := w.pbx.request(sip.INVITE)
	if string(re.Body()) != "offer for RTP of v=0 hold" || tagOf(t, re.To().Params) != "phone" {
		t.Errorf("re-INVITE with %q", re.Body())
	}
	// The phone's own change crosses ours (glare): it is told to wait.
	w.pbx.send(w.within("INVITE", invite, 5, "v=0 crossing"))
	w.pbx.response(491, sip.INVITE)
	w.pbx.answer(re, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 held")
	held := alice.response(200, sip.INVITE)
	if string(held.Body()) != "answer for WebRTC of v=0 held" {
		t.Errorf("answer = %q", held.Body())
	}
	alice.send(alice.within("ACK", ok, seq+2, ""))
	w.pbx.request(sip.ACK)

	// A re-INVITE without an offer: the browser's offer comes in its 200, the PBX's answer in the ACK.
	w.pbx.send(w.within("INVITE", invite, 6, ""))
	delayed := alice.request(sip.INVITE)
	if len(delayed.Body()) != 0 {
		t.Errorf("body %q, want none", delayed.Body())
	}
	alice.answer(delayed, 200, "OK", "", "<sip:alice@"+alice.host+">", "v=0 of alice again")
	if r := w.pbx.response(200, sip.INVITE); string(r.Body()) != "offer for RTP of v=0 of alice again" {
		t.Errorf("offer = %q", r.Body())
	}
	w.pbx.send(w.within("ACK", invite, 6, "v=0 late"))
	if ack := alice.request(sip.ACK); string(ack.Body()) != "answer for WebRTC of v=0 late" {
		t.Errorf("answer in ACK = %q", ack.Body())
	}
	alice.send(alice.within("BYE", ok, seq+3, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestTransferPasses(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	pbx := w.pbx.addr()
	var refers []uint32 // the numbers by which the PBX knows them
	for i, tt := range []struct{ to, want string }{
		{"<sip:300@office.example>", "<sip:300@" + pbx + ">"},
		{"<sip:bob@office.example>", "<sip:102@" + pbx + ">"},
		{"<sip:300@office.example?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>", "<sip:300@" + pbx + "?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
		{"<sip:carol@elsewhere.example>", "<sip:carol@elsewhere.example>"},
	} {
		text := alice.within("REFER", ok, seq+1+i, "")
		alice.send(strings.Replace(text, "Content-Length", "Refer-To: "+tt.to+"\r\nReferred-By: <sip:alice@office.example>\r\nContent-Length", 1))
		refer := w.pbx.request(sip.REFER)
		if got := refer.GetHeader("Refer-To").Value(); got != tt.want {
			t.Errorf("Refer-To %s became %s, want %s", tt.to, got, tt.want)
		}
		if got := refer.GetHeader("Referred-By").Value(); got != "<sip:101@"+pbx+">" {
			t.Errorf("Referred-By became %s", got)
		}
		refers = append(refers, refer.CSeq().SeqNo)
		w.pbx.answer(refer, 202, "Accepted", "", "", "")
		alice.response(202, sip.REFER)
	}
	notify := w.within("NOTIFY", invite, 2, "")
	body := "SIP/2.0 200 OK\r\n"
	w.pbx.send(strings.Replace(notify, "Content-Length: 0\r\n\r\n", "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body, 1))
	got := alice.request(sip.NOTIFY)
	if string(got.Body()) != body || got.ContentType().Value() != "message/sipfrag" || got.GetHeader("Subscription-State") == nil {
		t.Errorf("NOTIFY became\n%s", got)
	}
	alice.answer(got, 200, "OK", "", "", "")
	w.pbx.response(200, sip.NOTIFY)

	// A subscription is named after the REFER that made it, which has another number on each leg.
	for i, tt := range []struct{ event, want string }{
		{"refer;id=" + itoa(int(refers[0])), "refer;id=" + itoa(seq+1)},
		{"refer; id=" + itoa(int(refers[3])), "refer;id=" + itoa(seq+4)},
		{"refer;id=0", "refer;id=0"},
		{"refer", "refer"},
		{"talk;id=" + itoa(int(refers[0])), "talk;id=" + itoa(int(refers[0]))},
	} {
		w.pbx.send(strings.Replace(w.within("NOTIFY", invite, 3+i, ""), "Content-Length", "Event: "+tt.event+"\r\nContent-Length", 1))
		got := alice.request(sip.NOTIFY)
		if event := got.GetHeader("Event").Value(); event != tt.want {
			t.Errorf("Event %s became %s, want %s", tt.event, event, tt.want)
		}
		alice.answer(got, 200, "OK", "", "", "")
		w.pbx.response(200, sip.NOTIFY)
	}

	w.pbx.send(w.within("UPDATE", invite, 13, "v=0 update"))
	update := alice.request(sip.UPDATE)
	if string(update.Body()) != "offer for WebRTC of v=0 update" {
		t.Errorf("UPDATE with %q", update.Body())
	}
	alice.answer(update, 200, "OK", "", "<sip:alice@"+alice.host+">", "v=0 updated")
	if r := w.pbx.response(200, sip.UPDATE); string(r.Body()) != "answer for RTP of v=0 updated" {
		t.Errorf("answer %q", r.Body())
	}
	w.pbx.send(w.within("UPDATE", invite, 14, "")) // a refresh stops here
	w.pbx.response(200, sip.UPDATE)
}

func TestStopHangsUpAndUnregisters(t *testing.T) {
	w := newWorld(t, ModeExtension)
	w.pbx.contact("101")
	w.pbx.contact("102")
	alice := w.dial("alice", true)
	w.up(alice)
	go func() {
		w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	}()
	go func() {
		alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	}()
	start := time.Now()
	w.stop()
	if d := time.Since(start); d > stopTime+time.Second {
		t.Errorf("stop took %s", d)
	}
	w.pbx.mu.Lock()
	defer w.pbx.mu.Unlock()
	if len(w.pbx.regs) != 0 {
		t.Errorf("still registered: %v", w.pbx.regs)
	}
	if w.media.alive() != 0 {
		t.Error("media left")
	}
}

func TestStrangersGetNoAnswer(t *testing.T) {
	w := newWorld(t, ModePeer)
	stranger, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Skip("no second loopback address: ", err)
	}
	defer stranger.Close()
	gw := net.UDPAddrFromAddrPort(w.srv.Addr())
	_, _ = stranger.WriteTo([]byte("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKs;rport\r\nFrom: <sip:s@s>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"), gw)
	_ = stranger.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, _, err := stranger.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("a stranger got %d bytes", n)
	}
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", w.srv.Addr().String())
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bKs\r\nFrom: <sip:s@s>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if n, err := c.Read(make([]byte, 100)); n > 0 || err == nil {
		t.Errorf("a stranger got %d bytes by TCP", n)
	}
}

// A PBX may ask by OPTIONS whether a call is still there.
func TestOptionsInADialog(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	w.pbx.send(w.within("OPTIONS", invite, 2, ""))
	w.pbx.response(200, sip.OPTIONS)
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	w.pbx.send(w.within("OPTIONS", invite, 3, ""))
	w.pbx.response(481, sip.OPTIONS)
}
