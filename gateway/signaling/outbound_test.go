package signaling

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Devices in the shapes in which JsSIP and SIP.js name them.
const (
	deskDevice  = `+sip.ice;reg-id=%d;+sip.instance="<urn:uuid:ac7a0f3e-7a94-4b4a-b5bf-0a1ff31dd2c6>";expires=600`
	phoneDevice = `+sip.instance="<urn:uuid:0b9c5a1e-11aa-4c38-9f3e-7d2a6f1c0001>";reg-id=%d`
)

// registerAs registers the browser's contact with parameters, as JsSIP does, and gives the answer.
func (b *browser) registerAs(status int, params string, headers ...string) *sip.Response {
	b.t.Helper()
	headers = append([]string{"Supported: path,gruu,outbound", "Expires: 600"}, headers...)
	text := b.build("REGISTER", "sip:office.example", "<sip:"+b.user+"@office.example>", "register-of-"+b.host, token(), "", headers...)
	b.send(strings.Replace(text, ";transport=ws>", ";transport=ws>;"+params, 1))
	return b.response(status, sip.REGISTER)
}

// contactOf is the contact in an answer that is b's.
func (b *browser) contactOf(res *sip.Response) *sip.ContactHeader {
	b.t.Helper()
	for _, h := range res.GetHeaders("Contact") {
		if c, ok := h.(*sip.ContactHeader); ok && c.Address.Host == b.host {
			return c
		}
	}
	b.t.Fatalf("no contact of %s in\n%s", b.host, res)
	return nil
}

// quiet fails when a request with that method has come.
func (e *end) quiet(method sip.RequestMethod) {
	e.t.Helper()
	for {
		select {
		case m := <-e.in:
			e.kept = append(e.kept, m)
			continue
		default:
		}
		break
	}
	for _, m := range e.kept {
		if r, ok := m.(*sip.Request); ok && r.Method == method {
			e.t.Errorf("%s got %s %s", e.name, method, r.Recipient.String())
		}
	}
}

func TestRegisterAnswersOutbound(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	ok := alice.registerAs(200, fmt.Sprintf(deskDevice, 1))
	if valueOf(ok, "Require") != "outbound" || valueOf(ok, "Flow-Timer") != "120" || !strings.Contains(valueOf(ok, "Supported"), "outbound") {
		t.Errorf("answer\n%s", ok)
	}
	if p := valueOf(ok, "Path"); !strings.HasPrefix(p, "<sip:flow-") || !strings.HasSuffix(p, "@office.example;transport=ws;lr;ob>") {
		t.Errorf("Path: %s", p)
	}
	c := alice.contactOf(ok)
	public, _ := alice.gruus(ok)
	for name, want := range map[string]string{
		"expires": "600", "reg-id": "1", "+sip.instance": `"<urn:uuid:ac7a0f3e-7a94-4b4a-b5bf-0a1ff31dd2c6>"`,
	} {
		if got, _ := c.Params.Get(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if public != "sip:alice@office.example;gr=urn:uuid:ac7a0f3e-7a94-4b4a-b5bf-0a1ff31dd2c6" {
		t.Errorf("public GRUU %q", public)
	}
	// An old client is answered in the old way.
	old := w.dial("bob", true)
	old.send(old.build("REGISTER", "sip:office.example", "<sip:bob@office.example>", token(), token(), "", "Expires: 600"))
	ok = old.response(200, sip.REGISTER)
	if ok.GetHeader("Require") != nil || ok.GetHeader("Flow-Timer") != nil || ok.GetHeader("Path") != nil || old.contactOf(ok).Params.Has("pub-gruu") {
		t.Errorf("answer to an old client\n%s", ok)
	}
}

func TestRegisterRefusals(t *testing.T) {
	w := newWorld(t, "")
	desk := fmt.Sprintf(deskDevice, 1)
	proxy := "Via: SIP/2.0/WSS proxy.example;branch=z9hG4bKp"
	for _, tt := range []struct {
		name, contact, header, removed string
		status                         int
		want                           string // a header of the answer
	}{
		{name: "all with an expiry", contact: "*", status: 400},
		{name: "all and one more", contact: "*, <sip:a@b.invalid>", header: "Expires: 0", removed: "Expires: 600", status: 400},
		{name: "all", contact: "*", header: "Expires: 0", removed: "Expires: 600", status: 200},
		{name: "brief", contact: "<sip:a@b.invalid>;expires=59", status: 423, want: "Min-Expires: 60"},
		{name: "just long enough", contact: "<sip:a@b.invalid>;expires=60", status: 200},
		{name: "reg-id 0", contact: strings.Replace("<sip:a@b.invalid>;"+desk, "reg-id=1", "reg-id=0", 1), status: 400},
		{name: "reg-id is no number", contact: strings.Replace("<sip:a@b.invalid>;"+desk, "reg-id=1", "reg-id=one", 1), status: 400},
		{name: "reg-id without device", contact: "<sip:a@b.invalid>;reg-id=1", status: 200},
		{name: "two flows", contact: "<sip:a@b.invalid>;" + desk + ", <sip:a@c.invalid>;" + fmt.Sprintf(phoneDevice, 2), status: 400},
		{name: "a flow is taken away", contact: "<sip:a@b.invalid>;" + strings.Replace(desk, "600", "0", 1), status: 200},
		{name: "through a proxy without flows", contact: "<sip:a@b.invalid>;" + desk, header: proxy + "\r\nPath: <sip:proxy.example;lr>", status: 439},
		{name: "through a proxy without Path", contact: "<sip:a@b.invalid>;" + desk, header: proxy, status: 439},
		{name: "through a proxy with flows", contact: "<sip:a@b.invalid>;" + desk, header: proxy + "\r\nPath: <sip:token@proxy.example;lr;ob>", status: 200, want: "Path: <sip:token@proxy.example;lr;ob>"},
		{name: "Path that nobody asked for", contact: "<sip:a@b.invalid>", header: "Path: <sip:proxy.example;lr>", removed: "Supported: path,gruu,outbound\r\n", status: 421, want: "Require: path"},
		{name: "Path to nowhere", contact: "<sip:a@b.invalid>", header: "Path: <tel:1>", status: 400},
		{name: "requires what we have", contact: "<sip:a@b.invalid>", header: "Require: gruu, outbound, path", status: 200},
		{name: "requires what we have not", contact: "<sip:a@b.invalid>", header: "Require: eventlist", status: 420},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice := w.dial("alice", true)
			alice.t = t
			text := alice.build("REGISTER", "sip:office.example", "<sip:alice@office.example>", token(), token(), "", "Supported: path,gruu,outbound", "Expires: 600")
			text = strings.Replace(text, "<sip:alice@"+alice.host+";transport=ws>", tt.contact, 1)
			text = strings.Replace(text, tt.removed, "", 1)
			if tt.header != "" {
				text = strings.Replace(text, "Max-Forwards", tt.header+"\r\nMax-Forwards", 1)
			}
			alice.send(text)
			res := alice.response(tt.status, sip.REGISTER)
			if name, value, _ := strings.Cut(tt.want, ": "); name != "" && valueOf(res, name) != value {
				t.Errorf("%s: %q, want %q", name, valueOf(res, name), value)
			}
			alice.conn.CloseNow()
		})
	}
}

func TestRegisterInOrder(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	alice.registerAs(200, "x")
	alice.seq -= 2 // the next has the number of one that came
	alice.registerAs(500, "x")
	alice.seq += 5
	ok := alice.registerAs(200, "x")
	if n := len(ok.GetHeaders("Contact")); n != 1 {
		t.Errorf("%d contacts, want the one that was renewed", n)
	}
}

func TestTwoDevicesRing(t *testing.T) {
	w := newWorld(t, "")
	desk, phone, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
	desk.registerAs(200, fmt.Sprintf(deskDevice, 1))
	phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
	bob.invite("alice")
	first, second := desk.request(sip.INVITE), phone.request(sip.INVITE)
	desk.answer(first, 180, "Ringing", "d", "", "")
	bob.response(180, sip.INVITE)
	phone.answer(second, 200, "OK", "p", "<sip:alice@"+phone.host+">", "v=0 of the phone")
	bob.response(200, sip.INVITE)
	desk.request(sip.CANCEL)
	desk.answer(first, 487, "Request Terminated", "d", "", "")
}

func TestCallGoesDownOneFlowOfADevice(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(b *browser, invite *sip.Request)
		next bool // the call goes on down the other flow
	}{
		{"flow failed", func(b *browser, r *sip.Request) { b.answer(r, 430, "Flow Failed", "f", "", "") }, true},
		{"connection lost", func(b *browser, _ *sip.Request) { _ = b.conn.CloseNow() }, true},
		{"busy", func(b *browser, r *sip.Request) { b.answer(r, 486, "Busy Here", "b", "", "") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			one, two, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
			one.registerAs(200, fmt.Sprintf(deskDevice, 1))
			two.registerAs(200, fmt.Sprintf(deskDevice, 2))
			callID, _, _ := bob.invite("alice")
			tt.fail(two, two.request(sip.INVITE)) // the flow registered last comes first
			if !tt.next {
				bob.response(486, sip.INVITE)
				one.quiet(sip.INVITE)
				return
			}
			again := one.request(sip.INVITE)
			if again.CallID().Value() != callID || again.Recipient.Host != one.host || len(again.GetHeaders("Via")) != 1 {
				t.Errorf("second INVITE\n%s", again)
			}
			one.answer(again, 200, "OK", "o", "<sip:alice@"+one.host+">", "v=0 of alice")
			ok := bob.response(200, sip.INVITE)
			bob.send(bob.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
			one.request(sip.ACK)
			bob.send(bob.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
			one.answer(one.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

func TestFlowIsReplaced(t *testing.T) {
	w := newWorld(t, "")
	old, bob := w.dial("alice", true), w.dial("bob", true)
	old.registerAs(200, fmt.Sprintf(deskDevice, 1))
	fresh := w.dial("alice", true) // the page is on another network; nobody has noticed yet that the old connection is dead
	ok := fresh.registerAs(200, fmt.Sprintf(deskDevice, 1))
	if n := len(ok.GetHeaders("Contact")); n != 1 {
		t.Errorf("%d contacts, want the new one only", n)
	}
	bob.invite("alice")
	fresh.answer(fresh.request(sip.INVITE), 486, "Busy Here", "b", "", "")
	bob.response(486, sip.INVITE)
	old.quiet(sip.INVITE)
	_ = old.conn.CloseNow()
	eventually(t, "the old flow is gone", func() bool { return flowsOf(w.srv) == 2 })
	bob.invite("alice")
	fresh.answer(fresh.request(sip.INVITE), 486, "Busy Here", "b", "", "")
	bob.response(486, sip.INVITE)
}

func flowsOf(s *Server) int {
	s.door.mu.RLock()
	defer s.door.mu.RUnlock()
	return len(s.door.flows)
}

func TestRequestsThroughAProxyTakeItsPath(t *testing.T) {
	w := newWorld(t, "")
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.registerAs(200, "x", "Path: <sip:one.example;lr>, <sip:two.example;lr>")
	bob.invite("alice")
	invite := alice.request(sip.INVITE)
	var routes []string
	for _, h := range invite.GetHeaders("Route") {
		routes = append(routes, h.Value())
	}
	if got := strings.Join(routes, ","); got != "<sip:one.example;lr>,<sip:two.example;lr>" {
		t.Errorf("Route: %s", got)
	}
	alice.answer(invite, 486, "Busy Here", "b", "", "")
	bob.response(486, sip.INVITE)
}

func TestRouteNamesAFlow(t *testing.T) {
	w := newWorld(t, "")
	desk, phone, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
	path := valueOf(desk.registerAs(200, fmt.Sprintf(deskDevice, 1)), "Path")
	phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
	call := func(route string) {
		bob.send(bob.build("INVITE", "sip:alice@office.example", "<sip:alice@office.example>", token(), token(), "v=0 of bob", "Route: "+route))
	}
	call(path)
	desk.answer(desk.request(sip.INVITE), 486, "Busy Here", "b", "", "")
	bob.response(486, sip.INVITE)
	phone.quiet(sip.INVITE)

	call(strings.Replace(path, "flow-A", "flow-B", 1) + ";x")
	forged := []byte(path)
	at := strings.Index(path, "@") - 5
	forged[at] = map[bool]byte{true: 'B', false: 'A'}[forged[at] == 'A']
	call(string(forged))
	bob.response(403, sip.INVITE)

	_ = desk.conn.CloseNow()
	eventually(t, "the flow is gone", func() bool { return flowsOf(w.srv) == 2 })
	call(path)
	bob.response(430, sip.INVITE)
}

func TestRegistrarUpdatesAllOrNone(t *testing.T) {
	var r registrar
	now := time.Now()
	contact := func(user string, seq uint32, lives bool) binding {
		b := binding{contact: sip.Uri{Scheme: "sip", User: user, Host: "x.invalid"}, flow: &flow{}, callID: "c", seq: seq}
		if lives {
			b.expires = now.Add(time.Hour)
		}
		return b
	}
	must := func(want int, asked ...binding) {
		t.Helper()
		if list, err := r.update("alice", asked, now); err != nil || len(list) != want {
			t.Errorf("%d contacts, %v; want %d", len(list), err, want)
		}
	}
	must(2, contact("a", 1, true), contact("b", 7, true))
	if _, err := r.update("alice", []binding{contact("c", 5, true), contact("a", 5, false), contact("b", 5, true)}, now); err != errOldRegister {
		t.Errorf("error %v, want %v", err, errOldRegister)
	}
	must(2) // neither added nor taken away
	var many []binding
	for i := range maxBindings {
		many = append(many, contact(fmt.Sprint("m", i), 1, true))
	}
	if _, err := r.update("alice", many, now); err != errTooManyDevices {
		t.Errorf("error %v, want %v", err, errTooManyDevices)
	}
	must(2)
	all := contact("", 7, false)
	all.contact = sip.Uri{Wildcard: true}
	if _, err := r.update("alice", []binding{all}, now); err != errOldRegister {
		t.Errorf("error %v, want %v", err, errOldRegister)
	}
	all.seq = 8
	must(0, all)
	if len(r.users) != 0 || len(r.epochs) != 0 {
		t.Errorf("left over: %v, %v", r.users, r.epochs)
	}
}

func TestSameURI(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"sip:a@B.invalid;transport=ws", "sip:a@b.INVALID;transport=WS", true},
		{"sip:a@b.invalid;transport=ws", "sip:a@b.invalid", false},
		{"sip:a@b.invalid;ob", "sip:a@b.invalid", true},
		{"sip:a@b.invalid;x=1", "sip:a@b.invalid;x=2", false},
		{"sip:A@b.invalid", "sip:a@b.invalid", false},
		{"sip:a@b.invalid:5060", "sip:a@b.invalid", false},
		{"sips:a@b.invalid", "sip:a@b.invalid", false},
	} {
		var a, b sip.Uri
		if sip.ParseUri(tt.a, &a) != nil || sip.ParseUri(tt.b, &b) != nil {
			t.Fatal(tt)
		}
		if sameURI(a, b) != tt.same || sameURI(b, a) != tt.same {
			t.Errorf("%s and %s: want %v", tt.a, tt.b, tt.same)
		}
	}
}
