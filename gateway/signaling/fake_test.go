package signaling

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// patient is how long a test waits for what must come: several times the gateway's own limits, as the machine may be busy.
const patient = 20 * time.Second

// fakeMedia notes what it is asked and answers with a line that tells of it.
type fakeMedia struct {
	mu    sync.Mutex
	calls map[string]int // legs alive, by call
	waits []string       // what Wait was told

	digits []string // what Digit was told
	plays  bool     // keys; else the peer takes INFO

	pictures []string // what Picture was told

	broken  bool     // nothing can be restored
	settled bool     // a restored leg needs no offer of ours
	keyless bool     // that of a PBX needs one, too
	answers []string // what Reanswer was told
}

// note begins a call, as an offer does; what answers and changes needs one that is there.
func (m *fakeMedia) note(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls == nil {
		m.calls = make(map[string]int)
	}
	m.calls[id]++
}

func (m *fakeMedia) Offer(_ context.Context, id string, _, to call.Party, offer []byte) ([]byte, error) {
	m.note(id)
	return fmt.Appendf(nil, "offer for %s of %s", to.Profile, offer), nil
}

func (m *fakeMedia) Answer(_ context.Context, id string, _, to call.Party, answer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "answer for %s of %s", to.Profile, answer), nil
}

func (m *fakeMedia) Local(_ context.Context, id string, _ call.Party, callee string, offer []byte) ([]byte, error) {
	m.note(id)
	return fmt.Appendf(nil, "%s answers %s", callee, offer), nil
}

func (m *fakeMedia) Replace(_ context.Context, id, _ string, _ call.Party, offer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "taken over by %s", offer), nil
}

// Changes is false for descriptions with the word "same".
func (m *fakeMedia) Changes(_ string, _, _ call.Party, offer []byte) bool {
	return !strings.Contains(string(offer), "same")
}

func (m *fakeMedia) Keep(_ context.Context, id string, from, _ call.Party, offer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "kept for %s of %s", from.Profile, offer), nil
}

func (m *fakeMedia) Again(_ context.Context, id string, _, to call.Party) ([]byte, error) {
	return fmt.Appendf(nil, "again for %s", to.Profile), nil
}

func (m *fakeMedia) Meet(_ context.Context, id string, first, party call.Party, offer []byte) (toFirst, toParty []byte, err error) {
	m.note(id)
	return fmt.Appendf(nil, "answer for %s of %s", first.Profile, offer), fmt.Appendf(nil, "%s meets %s", party.Profile, offer), nil
}

func (m *fakeMedia) Wait(id, leg string, waiting bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = append(m.waits, fmt.Sprint(id, " ", leg, " ", waiting))
}

func (m *fakeMedia) Digit(_ context.Context, id, leg string, digit rune, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.plays {
		return errors.New("by INFO")
	}
	m.digits = append(m.digits, fmt.Sprintf("%s %s %c %v", id, leg, digit, d))
	return nil
}

func (m *fakeMedia) Picture(_ context.Context, id, leg string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.plays {
		return errors.New("by INFO")
	}
	m.pictures = append(m.pictures, id+" "+leg)
	return nil
}

// waited is what Wait was told so far.
func (m *fakeMedia) waited() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.waits)
}

func (m *fakeMedia) Delete(id, leg string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if leg == "" {
		delete(m.calls, id)
	}
}

// alive counts the calls whose media nobody deleted.
func (m *fakeMedia) alive() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.calls)
}

// world is a Server between fake browsers and a fake PBX.
type world struct {
	t     *testing.T
	srv   *Server
	web   *httptest.Server
	media *fakeMedia
	kept  *fakeHistory
	eph   auth.Ephemeral
	pbx   *fakePBX
	stop  func()
}

func newWorld(t *testing.T, mode string) *world {
	t.Helper()
	w := buildWorld(t, mode, func(*Config, *Deps) {})
	w.start()
	return w
}

// buildWorld makes a world that does not run yet, with a configuration and parts changed as wanted.
func buildWorld(t *testing.T, mode string, change func(*Config, *Deps)) *world {
	t.Helper()
	w := &world{t: t, media: &fakeMedia{}, kept: &fakeHistory{}, eph: auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1}}
	var users []auth.User
	for _, n := range []struct{ name, display, extension string }{{"alice", "Alice Doe", "101"}, {"bob", "Bob Roe", "102"}} {
		u, err := auth.NewUser(n.name, n.display, n.extension, "password-of-"+n.name)
		if err != nil {
			t.Fatal(err)
		}
		u.PBX = auth.Credentials{Username: n.extension, Password: "pbx-" + n.extension}
		users = append(users, u)
	}
	cfg := Config{Name: "Test", Domain: "office.example", Version: "test", Listen: "127.0.0.1:0"}
	if mode != "" {
		w.pbx = newFakePBX(t)
		cfg.PBX = []PBX{{Name: "office", URI: "sip:" + w.pbx.conn.LocalAddr().String(), Mode: mode, Username: "trunk", Password: "pbx-trunk"}}
	}
	deps := Deps{Users: auth.Static(users), Ephemeral: w.eph, Digest: auth.NewDigest([]byte("digest secret of test")),
		Sessions: auth.Sessions{Secret: []byte("session secret of test")}, Media: w.media, History: w.kept}
	change(&cfg, &deps)
	w.srv = buildServer(t, cfg, deps)
	return w
}

func buildServer(t *testing.T, cfg Config, deps Deps) *Server {
	t.Helper()
	srv, err := New(cfg, deps, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// start runs the server until stop or the test's end.
func (w *world) start() {
	t := w.t
	w.web = httptest.NewTLSServer(w.srv)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.srv.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end")
		}
		w.web.Close()
		w.kept.check(t)
	})
	t.Cleanup(w.stop)
}

// end is one side of a conversation in SIP: a browser or the PBX. What comes in is queued.
type end struct {
	t    *testing.T
	name string
	in   chan sip.Message
	send func(text string)
	kept []sip.Message // came while something else was waited for
}

// parsed queues what came in.
func (e *end) parsed(data []byte) {
	msg, err := sip.ParseMessage(data)
	var status int
	if _, is := fmt.Sscanf(string(data), "SIP/2.0 %d", &status); err != nil && is == nil { // it repeats what can't be read
		msg, err = sip.NewResponse(status, ""), nil
		msg.(*sip.Response).SipVersion = sipVersion
	}
	if err == nil {
		e.in <- msg
	}
}

// await gives the next message for which match holds; others stay for later.
func (e *end) await(what string, match func(sip.Message) bool) sip.Message {
	e.t.Helper()
	for i, m := range e.kept {
		if match(m) {
			e.kept = append(e.kept[:i], e.kept[i+1:]...)
			return m
		}
	}
	limit := time.After(patient)
	for {
		select {
		case m := <-e.in:
			if match(m) {
				return m
			}
			e.kept = append(e.kept, m)
		case <-limit:
			var seen []string
			for _, m := range e.kept {
				seen = append(seen, strings.SplitN(m.String(), "\r\n", 2)[0])
			}
			e.t.Fatalf("%s: no %s came; came: %q", e.name, what, seen)
			return nil
		}
	}
}

func (e *end) request(method sip.RequestMethod) *sip.Request {
	e.t.Helper()
	return e.await(string(method), func(m sip.Message) bool {
		r, ok := m.(*sip.Request)
		return ok && r.Method == method
	}).(*sip.Request)
}

// response gives the response with that status to the request with that method.
func (e *end) response(status int, method sip.RequestMethod) *sip.Response {
	e.t.Helper()
	return e.await(fmt.Sprint(status, " to ", method), func(m sip.Message) bool {
		r, ok := m.(*sip.Response)
		return ok && r.StatusCode == status && r.CSeq().MethodName == method
	}).(*sip.Response)
}

// answer answers a request; body is a description.
func (e *end) answer(req *sip.Request, status int, reason, tag, contact, body string) {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if tag != "" {
		res.To().Params.Add("tag", tag)
	}
	if contact != "" {
		res.AppendHeader(sip.NewHeader("Contact", contact))
	}
	if body != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", sdpType))
	}
	res.SetBody([]byte(body))
	e.send(res.String())
}

// browser is a SIP over WebSocket client.
type browser struct {
	end
	conn   *websocket.Conn
	user   string
	domain string // of its address
	host   string
	seq    int
	closed chan error // why reading has ended
}

func (w *world) dial(user string, signedIn bool) *browser {
	w.t.Helper()
	url := "wss" + strings.TrimPrefix(w.web.URL, "https") + "/ws"
	if signedIn {
		name, password := w.eph.Sign(user, time.Now().Add(time.Hour))
		url += "?username=" + name + "&password=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(password)
	}
	conn, _, err := websocket.Dial(w.t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: w.web.Client()})
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{conn: conn, user: user, domain: "office.example", host: token()[:8] + ".invalid", closed: make(chan error, 1)}
	b.end = end{t: w.t, name: user, in: make(chan sip.Message, 100), send: func(text string) {
		_ = conn.Write(context.Background(), websocket.MessageText, []byte(text))
	}}
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	go func() {
		for {
			_, data, err := conn.Read(context.Background())
			if err != nil {
				b.closed <- err
				return
			}
			b.parsed(data)
		}
	}()
	return b
}

// build writes a request outside of a dialog.
func (b *browser) build(method, uri, to, callID, fromTag, body string, more ...string) string {
	b.seq++
	lines := []string{
		fmt.Sprintf("%s %s SIP/2.0", method, uri),
		fmt.Sprintf("Via: SIP/2.0/WSS %s;branch=z9hG4bK%s", b.host, token()),
		"Max-Forwards: 69",
		fmt.Sprintf("From: <sip:%s@%s>;tag=%s", b.user, b.domain, fromTag),
		"To: " + to,
		"Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", b.seq, method),
		fmt.Sprintf("Contact: <sip:%s@%s;transport=ws>", b.user, b.host),
	}
	lines = append(lines, more...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func (b *browser) register() {
	b.t.Helper()
	b.send(b.build("REGISTER", "sip:office.example", "<sip:"+b.user+"@office.example>", token(), token(), "", "Expires: 600"))
	b.response(200, sip.REGISTER)
}

// invite calls target and gives the Call-ID and From tag.
func (b *browser) invite(target string) (callID, tag, text string) {
	callID, tag = token(), token()
	text = b.build("INVITE", "sip:"+target+"@office.example", "<sip:"+target+"@office.example>", callID, tag, "v=0 of "+b.user, "X-Passed: through")
	b.send(text)
	return callID, tag, text
}

// within writes a request inside the dialog that res confirmed.
func (b *browser) within(method string, res *sip.Response, seq int, body string) string {
	b.seq = seq - 1
	fromTag, _ := res.From().Params.Get("tag")
	return b.build(method, res.Contact().Address.String(), res.To().Value(), res.CallID().Value(), fromTag, body)
}

// fakePBX is a UDP socket with a registrar that takes everything with the right password.
type fakePBX struct {
	end
	conn net.PacketConn
	gw   atomic.Value // net.Addr, where the gateway sends from
	mu   sync.Mutex
	mute bool
	regs map[string]string // contact by address of record
	ask  string            // password to ask REGISTER for; "": none

	odd atomic.Bool // it has sent what can't be read, and so need not be what answers that

	registrar func(*sip.Request)      // takes REGISTER in the place of register; nil: none
	take      func(*sip.Request) bool // takes a request before all else; nil: none
}

func newFakePBX(t *testing.T) *fakePBX {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return fakePBXOn(t, conn)
}

// fakePBXOn is a PBX that reads one message at a time from conn.
func fakePBXOn(t *testing.T, conn net.PacketConn) *fakePBX {
	t.Cleanup(func() { conn.Close() })
	p := &fakePBX{conn: conn, regs: make(map[string]string)}
	p.end = end{t: t, name: "PBX", in: make(chan sip.Message, 100), send: func(text string) { _, _ = conn.WriteTo([]byte(text), p.gw.Load().(net.Addr)) }}
	go p.read()
	return p
}

func (p *fakePBX) read() {
	buf := make([]byte, 65536)
	seen := make(map[string]bool) // a repeated request by UDP is no new one
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		over := p.t.Context().Err() != nil
		mute := p.mute && !over
		p.mu.Unlock()
		if mute {
			continue
		}
		p.gw.Store(from)
		msg, err := sip.ParseMessage(append([]byte(nil), buf[:n]...))
		if err != nil && p.odd.Load() {
			p.parsed(buf[:n])
			continue
		}
		if err != nil {
			p.t.Errorf("PBX got what is not SIP: %v\n%s", err, buf[:n])
			continue
		}
		for _, bad := range []string{".invalid", "transport=ws", "a=ice", "/WS"} {
			if strings.Contains(string(buf[:n]), bad) {
				p.t.Errorf("PBX got %q in\n%s", bad, buf[:n])
			}
		}
		if req, ok := msg.(*sip.Request); ok {
			if over && !slices.Contains([]sip.RequestMethod{sip.ACK, sip.OPTIONS, sip.REGISTER}, req.Method) {
				p.answer(req, 200, "OK", "", "", "") // the test is over; nobody shall wait for the answer
				continue
			}
			if strings.Contains(string(buf[:n]), evil) {
				p.t.Errorf("PBX got of an attack\n%s", buf[:n])
			}
			if branch, _ := req.Via().Params.Get("branch"); req.Method != sip.ACK && seen[branch+string(req.Method)] {
				continue
			} else {
				seen[branch+string(req.Method)] = true
			}
			p.mu.Lock()
			take := p.take
			p.mu.Unlock()
			if take != nil && take(req) {
				continue
			}
			switch req.Method {
			case sip.OPTIONS:
				p.answer(req, 200, "OK", "t", "", "")
				continue
			case sip.REGISTER:
				p.mu.Lock()
				take := p.registrar
				p.mu.Unlock()
				if take == nil {
					take = p.register
				}
				take(req)
				continue
			}
		}
		p.in <- msg
	}
}

func (p *fakePBX) register(req *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := req.To().Address.User
	h := req.GetHeader("Authorization")
	if h == nil || (p.ask != "" && p.ask != user) { // the right password is not computed here; who may is named by ask
		res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
		res.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="pbx", nonce="`+token()+`", algorithm=MD5, qop="auth"`))
		p.send(res.String())
		return
	}
	if valueOf(req, "Expires") == "0" {
		delete(p.regs, user)
	} else {
		p.regs[user] = req.Contact().Address.String()
	}
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.AppendHeader(sip.HeaderClone(req.Contact()))
	res.AppendHeader(sip.NewHeader("Expires", valueOf(req, "Expires")))
	p.send(res.String())
}

// contact waits until user is registered and gives its contact.
func (p *fakePBX) contact(user string) string {
	p.t.Helper()
	var got string
	eventually(p.t, user+" registered at the PBX", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = p.regs[user]
		return got != ""
	})
	return got
}

func (p *fakePBX) addr() string { return p.conn.LocalAddr().String() }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patient); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", patient, what)
}
