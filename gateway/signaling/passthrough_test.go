package signaling

import (
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
)

func TestPassthroughSignsInEndToEnd(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	b.ask("600", "")
	if h := b.response(401, sip.REGISTER).GetHeader("WWW-Authenticate"); h == nil || h.Value() != challenge {
		t.Errorf("challenge = %v, want the PBX's own", h)
	}
	b.ask("600", guestPassword)
	ok := b.response(200, sip.REGISTER)
	contacts := ok.GetHeaders("Contact")
	if len(contacts) != 1 || !strings.Contains(contacts[0].Value(), b.host) || !strings.Contains(contacts[0].Value(), "expires=120") {
		t.Errorf("contacts in 200 = %v, want just its own for 120 s", contacts)
	}
	if ok.GetHeader("Path") != nil {
		t.Error("the browser sees our Path")
	}
	<-a.came
	req := <-a.came
	if got := req.Recipient.String(); got != "sip:pbx.example" {
		t.Errorf("Request-URI = %s, want what the browser's digest is of", got)
	}
	c := req.Contact().Address
	name, _ := c.UriParams.Get("line")
	if c.User != "100" || c.Host != "127.0.0.1" || name == "" {
		t.Errorf("contact = %s, want the account's name at our address with a token", c.String())
	}
	if path := valueOf(req, "Path"); !strings.HasPrefix(path, "<sip:"+name+"@127.0.0.1:") || !strings.Contains(path, ";lr") {
		t.Errorf("Path = %s", path)
	}
	if !w.srv.pbxes()[0].facts.supports("path") {
		t.Error("the PBX gave Path back, but that was not learned")
	}
	if st := w.srv.guests.all(func(*guest) bool { return true }); len(st) != 1 {
		t.Errorf("%d guests", len(st))
	}
}

func TestPassthroughCallsOut(t *testing.T) {
	w, _ := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	b.callAs("200", "out", "")
	first := w.pbx.request(sip.INVITE)
	w.pbx.challenged(first)
	w.pbx.request(sip.ACK)
	refused := b.response(407, sip.INVITE)
	if h := refused.GetHeader("Proxy-Authenticate"); h == nil || h.Value() != challenge {
		t.Errorf("challenge = %v, want the PBX's own", h)
	}
	b.callAs("200", "out", guestPassword)
	invite := w.pbx.request(sip.INVITE)
	if !proves(invite, "Proxy-Authorization") {
		t.Errorf("the PBX can't believe\n%s", invite)
	}
	if invite.Recipient.String() != "sip:200@pbx.example" || invite.From().Address.String() != "sip:100@pbx.example" {
		t.Errorf("INVITE %s from %s", invite.Recipient.String(), invite.From().Address.String())
	}
	if invite.CSeq().SeqNo != first.CSeq().SeqNo+1 || invite.CallID().Value() != first.CallID().Value() {
		t.Errorf("CSeq %d after %d, want one more in the same call", invite.CSeq().SeqNo, first.CSeq().SeqNo)
	}
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	ok := b.response(200, sip.INVITE)
	if c := ok.Contact().Address; strings.Contains(c.String(), "transport") || c.Host != "pbx.example" {
		t.Errorf("our contact = %s: what the browser makes of it goes to the PBX", c.String())
	}
	b.send(b.within("ACK", ok, b.seq, ""))
	w.pbx.request(sip.ACK)

	// In the dialog the PBX may ask again.
	seq := b.seq + 1
	b.send(b.within("INFO", ok, seq, ""))
	info := w.pbx.request(sip.INFO)
	w.pbx.challenged(info)
	b.response(407, sip.INFO)
	b.seq = seq
	b.send(b.build("INFO", ok.Contact().Address.String(), ok.To().Value(), "out", "from", "", "Proxy-Authorization: "+prove("INFO", ok.Contact().Address.String(), guestPassword)))
	again := w.pbx.request(sip.INFO)
	if !proves(again, "Proxy-Authorization") {
		t.Error("credentials in the dialog were lost")
	}
	w.pbx.answer(again, 200, "OK", "", "", "")
	b.response(200, sip.INFO)

	b.send(b.within("BYE", ok, b.seq+1, ""))
	bye := w.pbx.request(sip.BYE)
	w.pbx.challenged(bye)
	b.response(407, sip.BYE)
	b.send(b.build("BYE", ok.Contact().Address.String(), ok.To().Value(), "out", "from", "", "Proxy-Authorization: "+prove("BYE", ok.Contact().Address.String(), guestPassword)))
	bye = w.pbx.request(sip.BYE)
	if !proves(bye, "Proxy-Authorization") {
		t.Error("credentials of the BYE were lost")
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	b.response(200, sip.BYE)
	w.over()
}

func TestPassthroughTakesCalls(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	<-a.came
	req := <-a.came
	contact := req.Contact().Address.String()
	plain := "sip:100@" + req.Contact().Address.HostPort()
	call := func(name, uri, route string) {
		text := "INVITE " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + name + "\r\n" + route +
			"From: \"Carol\" <sip:300@pbx.example>;tag=carol\r\nTo: <sip:100@pbx.example>\r\nCall-ID: " + name + "\r\nCSeq: 7 INVITE\r\n" +
			"Contact: <sip:carol@" + w.pbx.addr() + ">\r\nContent-Type: application/sdp\r\nContent-Length: 14\r\n\r\nv=0 of carol\r\n"
		w.pbx.send(text)
	}
	for name, at := range map[string][2]string{
		"contact": {contact, ""},
		"path":    {plain, "Route: " + valueOf(req, "Path") + "\r\n"},
		"user":    {plain, ""},
	} {
		call(name, at[0], at[1])
		in := b.request(sip.INVITE)
		if in.Recipient.Host != b.host || in.From().Address.String() != "sip:300@pbx.example" || in.To().Address.String() != "sip:100@pbx.example" {
			t.Errorf("%s: INVITE %s from %s to %s", name, in.Recipient.String(), in.From().Address.String(), in.To().Address.String())
		}
		b.answer(in, 200, "OK", "b", "<sip:100@"+b.host+">", "v=0 of browser")
		ok := w.pbx.response(200, sip.INVITE)
		w.pbx.send("ACK " + ok.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKa" + name + "\r\nFrom: " + ok.From().Value() +
			"\r\nTo: " + ok.To().Value() + "\r\nCall-ID: " + name + "\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n")
		b.request(sip.ACK)
		b.send("BYE " + in.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/WSS " + b.host + ";branch=z9hG4bKb" + name + "\r\nFrom: <sip:100@pbx.example>;tag=b\r\nTo: " +
			in.From().Value() + "\r\nCall-ID: " + name + "\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
		w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
		b.response(200, sip.BYE)
		w.over()
	}

	forged := strings.Replace(contact, "line=", "line=a", 1)
	call("forged", forged, "")
	w.pbx.response(480, sip.INVITE)
	call("unknown", strings.Replace(plain, "100@", "101@", 1), "")
	w.pbx.response(480, sip.INVITE)

	// A flow that is lost is unregistered at once, with the credentials that the PBX has seen last.
	_ = b.conn.Close(websocket.StatusNormalClosure, "")
	end := <-a.came
	if valueOf(end, "Expires") != "0" || end.Contact().Address.String() != contact || end.CSeq().SeqNo <= req.CSeq().SeqNo {
		t.Errorf("at the end of the flow the PBX got\n%s", end)
	}
	call("late", contact, "")
	w.pbx.response(480, sip.INVITE)
}

func TestPassthroughBrowserUnregisters(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	b.ask("0", guestPassword)
	if ok := b.response(200, sip.REGISTER); ok.GetHeader("Contact") != nil {
		t.Errorf("after its end the registration has %v", ok.GetHeader("Contact"))
	}
	<-a.came
	<-a.came
	if last := <-a.came; valueOf(last, "Expires") != "0" {
		t.Errorf("Expires = %s, want 0", valueOf(last, "Expires"))
	}
	w.stop()
	select {
	case more := <-a.came:
		t.Errorf("the PBX got another\n%s", more)
	default:
	}
}

func TestPassthroughEndsWithServer(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	w.guest().signIn("600")
	<-a.came
	<-a.came
	w.stop()
	if end := <-a.came; valueOf(end, "Expires") != "0" {
		t.Errorf("at the server's end the PBX got\n%s", end)
	}
}

func TestPassthroughWithoutPath(t *testing.T) {
	w, a := passWorld(t, func(a *authority) { a.path, a.min = false, 200 })
	b := w.guest()
	b.ask("600", "")
	b.response(401, sip.REGISTER)
	b.ask("600", guestPassword) // 420 stays here, 423 is for the browser
	if h := b.response(423, sip.REGISTER).GetHeader("Min-Expires"); h == nil || h.Value() != "200" {
		t.Errorf("Min-Expires = %v, want 200", h)
	}
	b.ask("600", guestPassword)
	if ok := b.response(200, sip.REGISTER); !strings.Contains(ok.Contact().Value(), "expires=200") {
		t.Errorf("contact = %s, want it for 200 s", ok.Contact().Value())
	}
	if w.srv.pbxes()[0].facts.supports("path") || !w.srv.pbxes()[0].facts.refuses("path") {
		t.Error("the PBX has refused Path, but that was not learned")
	}
	w.guest().signIn("600") // without Path at once
	for len(a.came) > 1 {
		<-a.came
	}
	if last := <-a.came; last.GetHeader("Path") != nil || last.GetHeader("Supported") != nil {
		t.Errorf("a PBX without Path got\n%s", last)
	}
}

func TestPassthroughStrangers(t *testing.T) {
	w, _ := passWorld(t, func(*authority) {})
	t.Run("another user's From", func(t *testing.T) {
		b := w.guest()
		b.signIn("600")
		b.user = "101"
		b.callAs("200", token(), "")
		b.response(403, sip.INVITE)
		if err := <-b.closed; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("flow closed with %v, want 1008", err)
		}
	})
	t.Run("registration for another", func(t *testing.T) {
		b := w.guest()
		b.send(b.build("REGISTER", "sip:pbx.example", "<sip:101@pbx.example>", token(), "t", "", "Expires: 60"))
		b.response(403, sip.REGISTER)
		<-b.closed
	})
	t.Run("before the password", func(t *testing.T) {
		b := w.guest()
		b.ask("600", "")
		b.response(401, sip.REGISTER)
		b.send(b.build("OPTIONS", "sip:pbx.example", "<sip:pbx.example>", token(), "t", ""))
		b.response(403, sip.OPTIONS)
		for _, target := range []string{"sip:echo@office.example", "sip:alice@office.example", "sip:200@elsewhere.example"} {
			b.send(b.build("INVITE", target, "<"+target+">", token(), "t", "v=0"))
			b.response(404, sip.INVITE)
		}
	})
	t.Run("built-in callee", func(t *testing.T) {
		b := w.guest()
		b.signIn("600")
		b.send(b.build("INVITE", "sip:echo@office.example", "<sip:echo@office.example>", token(), "t", "v=0"))
		ok := b.response(200, sip.INVITE)
		b.send(b.within("ACK", ok, b.seq, ""))
		b.send(b.within("BYE", ok, b.seq+2, ""))
		b.response(200, sip.BYE)
		b.send(b.build("INVITE", "sip:alice@office.example", "<sip:alice@office.example>", token(), "t", "v=0"))
		b.response(404, sip.INVITE)
	})
	t.Run("a flow of our own user", func(t *testing.T) {
		b := w.dial("alice", true)
		b.user, b.domain = "100", "pbx.example"
		b.ask("600", "")
		b.response(403, sip.REGISTER)
		<-b.closed
	})
	t.Run("not of this PBX", func(t *testing.T) {
		b := w.guest()
		b.domain = "elsewhere.example"
		b.send(b.build("REGISTER", "sip:elsewhere.example", "<sip:100@elsewhere.example>", token(), "t", "", "Expires: 60"))
		if h := b.response(401, sip.REGISTER).GetHeader("WWW-Authenticate"); h == nil || !strings.Contains(h.Value(), `realm="cordboard"`) {
			t.Errorf("challenge = %v, want our own", h)
		}
	})
	t.Run("guesses", func(t *testing.T) {
		b := w.guest()
		for range 2 * strangerRequests {
			b.ask("600", "wrong")
			res := b.await("answer", func(m sip.Message) bool { r, ok := m.(*sip.Response); return ok && r.CSeq().MethodName == sip.REGISTER }).(*sip.Response)
			if res.Reason == "Too Many Tries" {
				return
			}
		}
		t.Error("all wrong passwords went to the PBX")
	})
}

func TestPassthroughFlood(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	const flood = 50 // less than what closes the flow
	for range flood {
		b.ask("600", "")
	}
	b.response(503, sip.REGISTER)
	if n := len(a.came); n >= flood {
		t.Errorf("all %d requests of a stranger went to the PBX", n)
	}
}

// A PBX that trusts our address would take anybody for anybody.
func TestPassthroughWithoutPassword(t *testing.T) {
	w, a := passWorld(t, func(a *authority) { a.open = true })
	for _, password := range []string{"", "made up"} {
		b := w.guest()
		b.ask("600", password)
		b.response(403, sip.REGISTER)
		<-a.came
		if end := <-a.came; valueOf(end, "Expires") != "0" {
			t.Errorf("the PBX got\n%s", end)
		}
		for _, l := range w.srv.guests.all(func(*guest) bool { return true }) {
			if who, bound := l.flow.Identity(); bound {
				t.Errorf("a flow belongs to %s, which nobody proved", who.User)
			}
		}
	}
}

func TestPassthroughTakeOver(t *testing.T) {
	w, _ := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	b.callAs("200", "mine", "")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	ok := b.response(200, sip.INVITE)
	b.send(b.within("ACK", ok, b.seq, ""))
	w.pbx.request(sip.ACK)
	replaces := "Replaces: mine;to-tag=" + tagOf(t, ok.To().Params) + ";from-tag=from"

	thief := w.guest()
	thief.send(thief.build("INVITE", "sip:200@pbx.example", "<sip:200@pbx.example>", token(), "t", "v=0", replaces, "Require: replaces"))
	thief.response(481, sip.INVITE)

	again := w.guest()
	again.signIn("600")
	again.send(again.build("INVITE", "sip:200@pbx.example", "<sip:200@pbx.example>", "again", "from", "v=0", replaces, "Require: replaces"))
	back := again.response(200, sip.INVITE)
	again.send(again.within("ACK", back, again.seq, ""))
	b.answer(b.request(sip.BYE), 200, "OK", "", "", "")
	w.pbx.send(w.within("BYE", invite, 1, ""))
	w.pbx.response(200, sip.BYE)
	again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestGuestExpires(t *testing.T) {
	l := &guest{expires: time.Unix(100, 0)}
	for at, want := range map[int64]bool{99: true, 100: false, 101: false} {
		if _, ok := l.registered(time.Unix(at, 0)); ok != want {
			t.Errorf("at %d registered is %v, want %v", at, ok, want)
		}
	}
}

func FuzzGuestToken(f *testing.F) {
	tokens := newGuestTokens()
	own := guestID{1, 2, 3, 4, 5, 6, 7, 8}
	f.Add(tokens.seal(own))
	f.Add(strings.ToUpper(tokens.seal(own)))
	f.Add("")
	f.Add(strings.Repeat("a", 29))
	f.Add("22222222222" + strings.Repeat("\r", 17) + "2")
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := tokens.open(text)
		if ok && tokens.seal(id) != strings.ToLower(text) {
			t.Errorf("%q opens as %x, whose token is %s", text, id, tokens.seal(id))
		}
		if _, other := newGuestTokens().open(text); other {
			t.Errorf("%q opens with another key", text)
		}
	})
}
