package signaling

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// patient is how long a test waits for what must come: several times the gateway's own limits, as the machine may be busy.
const patient = 20 * time.Second

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

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patient); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", patient, what)
}
