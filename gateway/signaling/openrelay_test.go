package signaling

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// evil is in every message of an attack, so that each peer knows what must not have come to it. No random name has its hyphen.
const evil = "evil-one"

// trap is a host, UDP and TCP, that must not hear of an attack.
type trap struct {
	t   *testing.T
	udp net.PacketConn
	tcp net.Listener

	mu   sync.Mutex
	seen []string
}

func newTrap(t *testing.T, host string) *trap {
	t.Helper()
	tcp, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		tcp.Close()
		t.Skipf("no port free for UDP and TCP alike: %v", err)
	}
	p := &trap{t: t, udp: udp, tcp: tcp}
	var served sync.WaitGroup
	served.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			if msg, err := sip.ParseMessage(append([]byte(nil), buf[:n]...)); err == nil {
				if req, ok := msg.(*sip.Request); ok && req.Method == sip.OPTIONS && !strings.Contains(req.String(), evil) { // of a PBX that is watched
					_, _ = udp.WriteTo([]byte(sip.NewResponseFromRequest(req, 200, "OK", nil).String()), from)
					continue
				}
			}
			p.note(string(buf[:n]))
		}
	})
	served.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			p.note("a TCP connection from " + c.RemoteAddr().String())
			c.Close()
		}
	})
	t.Cleanup(func() { udp.Close(); tcp.Close(); served.Wait() })
	return p
}

func (p *trap) addr() string { return p.udp.LocalAddr().String() }

func (p *trap) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, what)
}

// check fails the test if anything came before it was called.
func (p *trap) check(name string) {
	p.t.Helper()
	const last = "the last message"
	c, err := net.Dial("udp", p.addr())
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(last)); err != nil {
		p.t.Fatal(err)
	}
	var seen []string
	eventually(p.t, last, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		seen = p.seen
		return len(seen) > 0 && seen[len(seen)-1] == last
	})
	for _, what := range seen[:len(seen)-1] {
		p.t.Errorf("%s got %s", name, what)
	}
}

// attack is a way to abuse us. Its texts may name, by words in braces, the hosts and the call of the test.
type attack struct {
	name     string
	uri      string   // Request-URI
	to       string   // empty: the Request-URI
	from     string   // empty: a stranger
	headers  []string // more of them
	within   bool     // carries the identifiers of the call that is up, as the PBX, whose call it is too, may
	replaces bool     // wants the place of a party of that call, as a phone at the PBX may (RFC 3891)
}

// attacks are tried with every method.
var attacks = []attack{
	{name: "a number", uri: "sip:0900123@{gw}"},
	{name: "a number in our domain", uri: "sip:0900123@office.example"},
	{name: "a number at the PBX", uri: "sip:0900123@{pbx}"},
	{name: "a number at the other PBX", uri: "sip:0900123@{other}"},
	{name: "a number elsewhere", uri: "sip:0900123@{trap}"},
	{name: "an emergency number", uri: "sip:112@{gw}"},
	{name: "maddr", uri: "sip:0900123@{gw};maddr={trap}"},
	{name: "maddr of the PBX", uri: "sip:0900123@office.example;maddr={other};transport=udp"},
	{name: "transport", uri: "sip:0900123@{pbx};transport=tcp"},
	{name: "Route to the PBX", uri: "sip:0900123@{gw}", headers: []string{"Route: <sip:{pbx};lr>"}},
	{name: "Route to the other PBX", uri: "sip:0900123@{gw}", headers: []string{"Route: <sip:{gw};lr>, <sip:{other};lr>"}},
	{name: "Route to elsewhere", uri: "sip:0900123@{gw}", headers: []string{"Route: <sip:{trap};lr>"}},
	{name: "strict Route", uri: "sip:{gw}", headers: []string{"Route: <sip:0900123@{trap}>"}},
	{name: "Record-Route and Path", uri: "sip:0900123@{gw}", headers: []string{"Record-Route: <sip:{trap};lr>", "Path: <sip:{trap};lr>"}},
	{name: "To a number", uri: "sip:{gw}", to: "<sip:0900123@{pbx}>"},
	{name: "From a user", uri: "sip:0900123@{gw}", from: "<sip:alice@office.example>"},
	{name: "From an extension", uri: "sip:0900123@{gw}", from: "\"Alice Doe\" <sip:101@{pbx}>", headers: []string{"P-Asserted-Identity: <sip:101@{pbx}>", "Remote-Party-ID: <sip:101@{pbx}>"}},
	{name: "the trunk's name", uri: "sip:trunk@{gw}", to: "<sip:0900123@{gw}>"},
	{name: "credentials of nobody", uri: "sip:0900123@{gw}", headers: []string{
		`Proxy-Authorization: Digest username="alice", realm="cordboard", nonce="x", uri="sip:0900123@{gw}", response="00000000000000000000000000000000", algorithm=MD5, qop=auth, nc=00000001, cnonce="y"`,
		`Authorization: Basic YWxpY2U6YWxpY2U=`}},
	{name: "Replaces", uri: "sip:0900123@{gw}", headers: []string{"Replaces: {call};to-tag={remote};from-tag={local}"}, replaces: true},
	{name: "Replaces the other way", uri: "sip:0900123@{gw}", headers: []string{"Replaces: {call};to-tag={local};from-tag={remote}"}, replaces: true},
	{name: "Join", uri: "sip:0900123@{gw}", headers: []string{"Join: {call};to-tag={remote};from-tag={local}"}},
	{name: "Refer-To", uri: "sip:0900123@{gw}", headers: []string{"Refer-To: <sip:0900123@{pbx}>", "Referred-By: <sip:alice@office.example>"}},
	{name: "Refer-To with Target-Dialog", uri: "sip:{gw}", headers: []string{"Refer-To: <sip:0900123@{pbx}>", "Target-Dialog: {call};local-tag={local};remote-tag={remote}"}},
	{name: "Diversion", uri: "sip:0900123@{gw}", headers: []string{"Diversion: <sip:101@{pbx}>", "History-Info: <sip:101@{pbx}>;index=1"}},
	{name: "Event", uri: "sip:0900123@{pbx}", headers: []string{"Event: dialog", "Refer-Sub: false"}},
	{name: "inside the user's call", uri: "{contact}", within: true},
	{name: "inside the user's call, referred", uri: "{contact}", within: true, headers: []string{"Refer-To: <sip:0900123@{pbx}>"}},
	{name: "our Contact without a call", uri: "sip:{token}@{gw}"},
}

// methods are those that there are, and one that there is not.
var methods = []string{"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE", "PUBLISH", "PRACK", "TELEPORT"}

// crossroads is a gateway between two PBXs, a host elsewhere, two users, and a call that is up.
type crossroads struct {
	*world
	other, elsewhere *trap
	alice, bob       *browser
	ok               *sip.Response // of the call, at alice
	atPBX            *sip.Request
	number           int // of attacks made
}

func newCrossroads(t *testing.T) *crossroads {
	r := &crossroads{other: newTrap(t, "127.0.0.3"), elsewhere: newTrap(t, "127.0.0.4")}
	r.world = buildWorld(t, ModePeer, func(cfg *Config, _ *Deps) {
		cfg.PBX = append(cfg.PBX, PBX{Name: "other", URI: "sip:" + r.other.addr(), Mode: ModePeer})
	})
	r.start()
	r.alice, r.bob = r.dial("alice", true), r.dial("bob", true)
	r.alice.register()
	r.bob.register()
	r.ok, r.atPBX = r.up(r.alice)
	return r
}

// text writes an attack as somebody at via sends it, and gives its Call-ID and method.
func (r *crossroads) text(a attack, method, via string) (text, callID string) {
	r.number++
	local, _ := r.ok.To().Params.Get("tag")
	remote, _ := r.ok.From().Params.Get("tag")
	fill := strings.NewReplacer("{gw}", r.srv.Addr().String(), "{pbx}", r.pbx.addr(), "{other}", r.other.addr(), "{trap}", r.elsewhere.addr(),
		"{call}", r.ok.CallID().Value(), "{local}", local, "{remote}", remote,
		"{contact}", r.ok.Contact().Address.String(), "{token}", r.ok.Contact().Address.User)
	callID = fmt.Sprint(evil, "-call-", r.number)
	from, to := a.from, a.to
	if from == "" {
		from = "<sip:evil-one@evil-one.example>"
	}
	if to == "" {
		to = "<" + a.uri + ">"
	}
	from += ";tag=" + evil
	if a.within {
		callID, from, to = r.ok.CallID().Value(), "<sip:alice@office.example>;tag={remote}", "<sip:200@office.example>;tag={local}"
	}
	lines := []string{
		method + " " + a.uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s;branch=z9hG4bK-%s-%d;rport", via, evil, r.number),
		"Max-Forwards: 70", "From: " + from, "To: " + to, "Call-ID: " + callID, fmt.Sprintf("CSeq: 900 %s", method),
		"Contact: <sip:evil-one@{trap}>", "User-Agent: friendly-scanner evil-one", "X-Note: " + evil,
	}
	lines = append(lines, a.headers...)
	body := "v=0 " + evil
	lines = append(lines, "Content-Type: application/sdp", fmt.Sprint("Content-Length: ", len(body)))
	return fill.Replace(strings.Join(lines, "\r\n")) + "\r\n\r\n" + body, callID
}

// each runs f for every attack with every method.
func (r *crossroads) each(f func(a attack, method string)) {
	for _, a := range attacks {
		for _, method := range methods {
			f(a, method)
		}
	}
}

// check ends the call, which shows that it was up all the while, stops the gateway and looks what came to whom.
func (r *crossroads) check(t *testing.T) {
	t.Helper()
	r.alice.send(r.alice.within("BYE", r.ok, 1000, ""))
	r.pbx.answer(r.pbx.request(sip.BYE), 200, "OK", "", "", "")
	r.alice.response(200, sip.BYE)
	r.over()
	if got := r.bob.conn.Ping(t.Context()); got != nil {
		t.Errorf("bob's flow: %v", got)
	}
	r.stop()
	r.other.check("the other PBX")
	r.elsewhere.check("the host elsewhere")
	for len(r.pbx.in) > 0 {
		if req, ok := (<-r.pbx.in).(*sip.Request); ok {
			t.Errorf("the PBX got %s", req.StartLine())
		}
	}
	for len(r.bob.in) > 0 {
		if req, ok := (<-r.bob.in).(*sip.Request); ok {
			t.Errorf("bob got %s", req.StartLine())
		}
	}
	for _, b := range []*browser{r.bob, r.alice} {
		for _, m := range b.kept {
			if req, ok := m.(*sip.Request); ok {
				t.Errorf("%s got %s", b.name, req.StartLine())
			}
		}
	}
}

func TestNoOpenRelay(t *testing.T) {
	t.Run("WebSocket without identity", func(t *testing.T) {
		r := newCrossroads(t)
		var b *browser
		r.each(func(a attack, method string) {
			if method == methods[0] { // a flow for each attack: a stranger's requests are few
				b = r.dial(evil, false)
			}
			text, callID := r.text(a, method, "WSS evil-one.invalid")
			b.send(text)
			if method == "ACK" {
				return
			}
			res := b.await("answer", func(m sip.Message) bool { _, ok := m.(*sip.Response); return ok && m.CallID().Value() == callID }).(*sip.Response)
			if res.StatusCode < 400 {
				t.Errorf("%s %s: %d %s", method, a.name, res.StatusCode, res.Reason)
			}
		})
		r.check(t)
	})
	t.Run("WebSocket of another user", func(t *testing.T) { // bob tries inside alice's call
		r := newCrossroads(t)
		r.each(func(a attack, method string) {
			if !a.within || method == "REGISTER" || method == "PUBLISH" { // those in another name close the flow
				return
			}
			text, _ := r.text(a, method, "WSS "+r.bob.host)
			r.bob.send(strings.Replace(text, "From: <sip:alice@", "From: <sip:bob@", 1))
			if method == "ACK" {
				return
			}
			res := r.bob.await("answer to "+method, func(m sip.Message) bool {
				res, ok := m.(*sip.Response)
				return ok && res.CSeq().SeqNo == 900 && string(res.CSeq().MethodName) == method
			}).(*sip.Response)
			if method != "OPTIONS" && res.StatusCode < 400 {
				t.Errorf("%s %s: %d %s", method, a.name, res.StatusCode, res.Reason)
			}
		})
		r.check(t)
	})
	t.Run("UDP from a stranger", func(t *testing.T) {
		r := newCrossroads(t)
		stranger, err := net.ListenPacket("udp", "127.0.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		r.each(func(a attack, method string) {
			text, _ := r.text(a, method, "UDP "+stranger.LocalAddr().String())
			if _, err := stranger.WriteTo([]byte(text), net.UDPAddrFromAddrPort(r.srv.Addr())); err != nil {
				t.Fatal(err)
			}
		})
		r.check(t)
		_ = stranger.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // the gateway has stopped: what it sent is there
		buf := make([]byte, 2000)
		if n, _, err := stranger.ReadFrom(buf); err == nil {
			t.Errorf("a stranger got an answer:\n%s", buf[:n])
		}
	})
	t.Run("TCP from a stranger", func(t *testing.T) {
		r := newCrossroads(t)
		r.each(func(a attack, method string) {
			c := dialFrom(t, "127.0.0.2", r.srv.Addr())
			defer c.Close()
			text, _ := r.text(a, method, "TCP "+c.LocalAddr().String())
			_, _ = c.Write([]byte(text)) // may find the connection closed already
			if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s %s: a stranger got %d bytes, %v, want the end of the connection", method, a.name, n, err)
			}
		})
		r.check(t)
	})
	t.Run("UDP from the PBX", func(t *testing.T) {
		r := newCrossroads(t)
		r.each(func(a attack, method string) {
			if a.within || a.replaces || method == "ACK" {
				return // its own call
			}
			text, callID := r.text(a, method, "UDP "+r.pbx.addr())
			_, _ = r.pbx.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(r.srv.Addr()))
			r.wantRefused(t, &r.pbx.end, a, method, callID)
		})
		r.check(t)
	})
	t.Run("TCP from the PBX", func(t *testing.T) {
		r := newCrossroads(t)
		c := dialFrom(t, "127.0.0.1", r.srv.Addr())
		defer c.Close()
		e := &end{t: t, name: "PBX by TCP", in: make(chan sip.Message, 100), send: func(text string) { _, _ = c.Write([]byte(text)) }}
		_ = c.SetReadDeadline(time.Time{})
		go readStream(c, e)
		r.each(func(a attack, method string) {
			if a.within || a.replaces || method == "ACK" {
				return
			}
			text, callID := r.text(a, method, "TCP "+c.LocalAddr().String())
			e.send(text)
			r.wantRefused(t, e, a, method, callID)
		})
		r.check(t)
	})
}

// wantRefused awaits the final answer to an attack of the PBX; OPTIONS alone may succeed, for we answer that ourselves.
func (r *crossroads) wantRefused(t *testing.T, e *end, a attack, method, callID string) {
	t.Helper()
	res := e.await("answer", func(m sip.Message) bool {
		res, ok := m.(*sip.Response)
		return ok && !res.IsProvisional() && m.CallID().Value() == callID
	}).(*sip.Response)
	if res.StatusCode < 400 && method != "OPTIONS" {
		t.Errorf("%s %s: %d %s", method, a.name, res.StatusCode, res.Reason)
	}
	if method == "INVITE" { // ends its transaction
		via, _, _ := strings.Cut(res.Via().Value(), "\r\n")
		e.send(fmt.Sprintf("ACK sip:x@x SIP/2.0\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 900 ACK\r\nContent-Length: 0\r\n\r\n",
			via, res.From().Value(), res.To().Value(), callID))
	}
}

// dialFrom connects from an address of ours, with a deadline.
func dialFrom(t *testing.T, from string, to netip.AddrPort) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patient}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patient))
	return c
}

// readStream queues the messages of a stream whose messages all have no body.
func readStream(c net.Conn, e *end) {
	var rest []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		rest = append(rest, buf[:n]...)
		for {
			head, after, ok := strings.Cut(string(rest), "\r\n\r\n")
			if !ok {
				break
			}
			e.parsed([]byte(head + "\r\n\r\n"))
			rest = []byte(after)
		}
	}
}

// A browser may name our number in ways that would send a proxy elsewhere; its call goes to the PBX all the same, and the
// PBX sees nothing of them.
func TestRouteHeadersSteerNothing(t *testing.T) {
	elsewhere := newTrap(t, "127.0.0.4")
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	for _, tt := range []struct {
		name, uri string
		headers   []string
	}{
		{"Route", "sip:200@office.example", []string{"Route: <sip:" + elsewhere.addr() + ";lr>"}},
		{"Routes", "sip:200@office.example", []string{"Route: <sip:office.example;lr>, <sip:" + elsewhere.addr() + ";lr>", "Route: <sip:" + elsewhere.addr() + ">"}},
		{"Path and Record-Route", "sip:200@office.example", []string{"Path: <sip:" + elsewhere.addr() + ";lr>", "Record-Route: <sip:" + elsewhere.addr() + ";lr>"}},
		{"maddr", "sip:200@office.example;maddr=127.0.0.4", nil},
		{"port", "sip:200@office.example:" + strings.Split(elsewhere.addr(), ":")[1], nil},
		{"transport", "sip:200@office.example;transport=tcp", nil},
		{"To elsewhere", "sip:200@office.example", nil},
	} {
		to := "<sip:200@office.example>"
		if tt.name == "To elsewhere" {
			to = "<sip:300@" + elsewhere.addr() + ">"
		}
		alice.send(alice.build("INVITE", tt.uri, to, token(), token(), "v=0", tt.headers...))
		req := w.pbx.request(sip.INVITE)
		if got := req.Recipient.String(); got != "sip:200@"+w.pbx.addr() || strings.Contains(req.String(), elsewhere.addr()) || strings.Contains(req.String(), "maddr") {
			t.Errorf("%s: the PBX got\n%s", tt.name, req)
		}
		w.pbx.answer(req, 486, "Busy Here", "p", "", "")
		w.pbx.request(sip.ACK)
		alice.response(486, sip.INVITE)
	}
	alice.send(alice.build("INVITE", "sip:200@elsewhere.example", "<sip:200@office.example>", token(), token(), "v=0"))
	alice.response(404, sip.INVITE)
	w.over()
	w.stop()
	elsewhere.check("the host elsewhere")
}
