package signaling

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// What becomes of a message: the status of the final response, or one of these.
const (
	dropped = 0    // no answer, and the sender may go on
	breach  = -403 // 403, and the flow is closed with 1008
)

// torture is a message of RFC 4475 with what should become of it and what does in the two ways it can come in: down a browser's flow, and by UDP or TCP
// from whom we know. From anybody else nothing is answered; see TestStrangersHearNothing.
type torture struct {
	section, name string
	user          string // whose flow it comes down; "": caller's
	rfc           string // what the RFC has become of it
	flow, udp     int
	why           string
	check         func(t *testing.T, res *sip.Response) // of the answer, if any; may be nil
}

var tortures = []torture{
	// Valid messages.
	{"3.1.1.1", "wsinv", "jdrosen", "understood", 481, 481, "LWS wherever it may stand; To has a tag, and there is no such dialog", nil},
	{"3.1.1.2", "intmeth", "mundane", "405 or 501", 405, 405, "just an unknown method; the control characters beside it, even if escaped, get no further", hasHeader("Allow", allow)},
	{"3.1.1.3", "esc01", "", "understood", breach, 404, "escapes stay as they are: nobody is named I%20have%20spaces or sips%3Auser%40example.com", nil},
	{"3.1.1.4", "escnull", "", "understood", breach, 403, "%00 is part of a name that nobody has; the PBX does not register here", nil},
	{"3.1.1.5", "esc02", "resource", "405 or 501", 405, 405, "escapes mean nothing in a method, so it is not REGISTER", hasHeader("Allow", allow)},
	{"3.1.1.6", "lwsdisp", "", "understood", 200, 200, "no LWS is needed between display name and <", nil},
	{"3.1.1.7", "longreq", "", "understood", breach, 480, "long is not wrong, but no user has so long a name", nil},
	{"3.1.1.8", "dblreq", "j.user", "understood, the rest ignored", 200, 403, "what follows the body is no message (RFC 3261 §18.3); the PBX does not register here", nil},
	{"3.1.1.9", "semiuri", "", "understood", 200, 200, "; in a user part begins no parameter", nil},
	{"3.1.1.10", "transports", "", "understood", 200, 200, "only the first Via's transport is ours to know", nil},
	{"3.1.1.11", "mpart01", "fluffy", "understood", 404, 404, "a binary body harms nobody; the message is for somebody elsewhere", nil},
	{"3.1.1.12", "unreason", "", "understood", dropped, dropped, "a reason in UTF-8 is fine, but nobody asked", nil},
	{"3.1.1.13", "noreason", "", "understood", dropped, dropped, "an empty reason is fine, but nobody asked", nil},

	// Invalid messages.
	{"3.1.2.1", "badinv01", "", "400", 400, 400, "Via of empty parameters: sipgo's parser fails", nil},
	{"3.1.2.2", "clerr", "", "400", 400, 400, "body shorter than Content-Length: sipgo's parser fails", nil},
	{"3.1.2.3", "ncl", "", "400", 400, 400, "negative Content-Length: sipgo's parser fails", nil},
	{"3.1.2.4", "scalar02", "user", "400", 400, 400, "CSeq of 2^65: sipgo's parser fails", nil},
	{"3.1.2.5", "scalarlg", "", "discarded", dropped, dropped, "CSeq too large in a response: sipgo's parser fails, as well it may", nil},
	{"3.1.2.6", "quotbal", "", "400", 400, 400, "quote without end: sipgo's parser fails", nil},
	{"3.1.2.7", "ltgtruri", "", "400", 400, 400, "< > around a Request-URI: sipgo's parser fails", nil},
	{"3.1.2.8", "lwsruri", "", "400", 400, 400, "blank in the Request-URI: sipgo's parser fails", nil},
	{"3.1.2.9", "lwsstart", "", "400", 400, 400, "two blanks in the start line: sipgo's parser fails", nil},
	{"3.1.2.10", "trws", "local-resource", "400", 400, 400, "blanks after the start line: sipgo's parser fails", nil},
	{"3.1.2.11", "escruri", "", "400", 400, 400, "headers in a Request-URI", nil},
	{"3.1.2.12", "baddate", "", "400, or the Date ignored", 480, 480, "nothing here reads Date", nil},
	{"3.1.2.13", "regbadct", "user", "400, or understood", 200, 403, "no < > around a Contact with ?: there is but one way to read it", nil},
	{"3.1.2.14", "badaspec", "a.g.bell", "400, or understood", 400, 400, "blanks within < >: sipgo's parser fails", nil},
	{"3.1.2.15", "baddn", "a.g.bell", "400, or understood", 200, 200, "comma in a display name without quotes: there is but one way to read it", nil},
	{"3.1.2.16", "badvers", "a.g.bell", "505", 505, 505, "SIP/7.0", nil},
	{"3.1.2.17", "mismatch01", "", "400", 400, 400, "CSeq names another method", nil},
	{"3.1.2.18", "mismatch02", "", "400 or 501", 400, 400, "CSeq names another method, and ours is unknown", nil},
	{"3.1.2.19", "bigcode", "", "discarded", dropped, dropped, "status of 2^32+5: sipgo's parser fails", nil},

	// Transaction, application and compatibility.
	{"3.2.1", "badbranch", "", "understood as of RFC 2543", 200, 200, "a branch that is the cookie alone tells transactions apart no more than none (RFC 2543)", nil},
	{"3.3.1", "insuf", "", "400", 400, 400, "no Call-ID, From or To", nil},
	{"3.3.2", "unkscm", "", "416", 416, 416, "Request-URI of an unknown scheme", nil},
	{"3.3.3", "novelsc", "", "416", 416, 416, "Request-URI of another scheme, with a dot in it: sipgo's parser fails", nil},
	{"3.3.4", "unksm2", "", "400", 400, 400, "To and From that are no SIP addresses", nil},
	{"3.3.5", "bext01", "", "420", 420, 420, "unknown extensions required", hasHeader("Unsupported", "nothingSupportsThis, nothingSupportsThisEither, noProxiesSupportThis, norDoAnyProxiesSupportThis")},
	{"3.3.6", "invut", "", "415", 415, 415, "no session description", hasHeader("Accept", sdpType)},
	{"3.3.7", "regaut01", "j.user", "401, as without", 200, 403, "an unknown scheme of credentials is no credential, and none is needed on a flow that has an owner", nil},
	{"3.3.8", "multi01", "", "400", 400, 400, "two of what there may be one", nil},
	{"3.3.9", "mcl01", "other", "400", 400, 400, "two Content-Lengths: where does the message end?", nil},
	{"3.3.10", "bcast", "", "discarded", dropped, dropped, "a response for which nobody asked goes nowhere", nil},
	{"3.3.11", "zeromf", "", "understood, or 483", 200, 200, "Max-Forwards 0 stops a proxy, not the one who answers (RFC 3261 §11)", nil},
	{"3.3.12", "cparam01", "watson", "understood", 200, 403, "unknown parameter of the Contact", hasHeader("Contact", "<sip:+19725552222@gw1.example.net>;expires=600")},
	{"3.3.13", "cparam02", "watson", "understood", 200, 403, "unknown parameter of the Contact's URI", hasHeader("Contact", "<sip:+19725552222@gw1.example.net;unknownparam>;expires=600")},
	{"3.3.14", "regescrt", "user", "understood", 200, 403, "headers in a Contact's URI", hasHeader("Contact", "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=600")},
	{"3.3.15", "sdp01", "", "406", 406, 406, "a caller who takes no session description", nil},
	{"3.4.1", "inv2543", "", "understood, by those who keep up RFC 2543", 400, 400, "neither a tag in From nor a Contact, without which a call has no dialog that others could name (RFC 3261 §8.1.1.3, §8.1.1.8)", nil},
}

func hasHeader(name, value string) func(*testing.T, *sip.Response) {
	return func(t *testing.T, res *sip.Response) {
		t.Helper()
		if got := valueOf(res, name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func (m torture) read(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "torture", m.name+".dat"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// owner is whose flow the message comes down.
func (m torture) owner() string {
	if m.user == "" {
		return "caller"
	}
	return m.user
}

func TestTortureIsComplete(t *testing.T) {
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) != 49 {
		t.Fatalf("%d messages, %v; RFC 4475 has 49", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".dat")
		if !slices.ContainsFunc(tortures, func(m torture) bool { return m.name == name }) {
			t.Errorf("%s is in no row", name)
		}
	}
	for _, m := range tortures { // the reasons are kept honest
		_, err := sip.ParseMessage(squeezeMessage(m.read(t)))
		if fails := strings.Contains(m.why, "sipgo's parser fails"); fails != (err != nil) {
			t.Errorf("%s %s: sipgo's parser says %v, we %q", m.section, m.name, err, m.why)
		}
	}
}

// tortureWorld is a world in whose domain the messages of RFC 4475 mean something.
func tortureWorld(t *testing.T) *world {
	t.Helper()
	w := buildWorld(t, ModePeer, func(cfg *Config, deps *Deps) {
		cfg.Domain = "example.com"
		var users []auth.User
		for _, m := range tortures {
			users = append(users, tortureUser(t, m.owner()))
		}
		deps.Users = auth.Static(append(users, tortureUser(t, "vivekg")))
	})
	at := w.srv.ports()
	at.udp = tortureSocket{at.udp, w.pbx.conn.LocalAddr()}
	w.start()
	return w
}

func tortureUser(t *testing.T, name string) auth.User {
	t.Helper()
	u, err := auth.NewUser(name, "", "", "password-of-"+name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// tortureSocket brings everything to the PBX: an answer goes to the port in Via (RFC 3261 §18.2.2), which the test can't have.
type tortureSocket struct {
	net.PacketConn
	pbx net.Addr
}

func (s tortureSocket) WriteTo(p []byte, _ net.Addr) (int, error) {
	return s.PacketConn.WriteTo(p, s.pbx)
}

func TestTortureDownAFlow(t *testing.T) {
	for _, m := range tortures {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			leaves := goroutines()
			w := tortureWorld(t)
			b := w.dial(m.owner(), true)
			data, kind := m.read(t), websocket.MessageText
			if !utf8.Valid(data) {
				kind = websocket.MessageBinary
			}
			if err := b.conn.Write(t.Context(), kind, data); err != nil {
				t.Fatal(err)
			}
			m.judge(t, &b.end, m.flow)
			if m.flow == breach {
				select {
				case err := <-b.closed:
					if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation {
						t.Errorf("closed with %d, want 1008", code)
					}
				case <-time.After(patient):
					t.Error("flow is still open")
				}
				b = w.dial("caller", true) // who comes next is served
			}
			for range 2 { // the second leaves an answer to the message time to come
				b.send(b.build("OPTIONS", "sip:example.com", "<sip:example.com>", "probe", token(), ""))
				b.response(200, sip.OPTIONS)
			}
			m.settle(t, w, &b.end, m.flow, leaves)
		})
	}
}

func TestTortureFromThePBX(t *testing.T) {
	for _, m := range tortures {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			leaves := goroutines()
			w := tortureWorld(t)
			w.pbx.odd.Store(true)
			to, _ := net.ResolveUDPAddr("udp", w.srv.Addr().String())
			send := func(data []byte) {
				if _, err := w.pbx.conn.WriteTo(data, to); err != nil {
					t.Fatal(err)
				}
			}
			send(m.read(t))
			m.judge(t, &w.pbx.end, m.udp)
			for range 2 {
				send(fmt.Appendf(nil, "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"+
					"From: <sip:pbx@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", w.pbx.addr(), token()))
				w.pbx.response(200, sip.OPTIONS)
			}
			m.settle(t, w, &w.pbx.end, m.udp, leaves)
		})
	}
}

// isProbe tells an answer to our OPTIONS from one to a message of the table.
func isProbe(msg sip.Message) bool { return msg.CallID() != nil && msg.CallID().Value() == "probe" }

// judge waits for the final answer, where one is wanted.
func (m torture) judge(t *testing.T, e *end, want int) {
	t.Helper()
	if want == dropped {
		return
	}
	if want == breach {
		want = 403
	}
	res := e.await("final answer", func(msg sip.Message) bool {
		res, ok := msg.(*sip.Response)
		return ok && !res.IsProvisional() && !isProbe(msg)
	}).(*sip.Response)
	if res.StatusCode != want {
		t.Errorf("%d %s, want %d: %s", res.StatusCode, res.Reason, want, m.why)
	}
	if res.SipVersion != "SIP/2.0" {
		t.Errorf("version %s", res.SipVersion)
	}
	if to := res.To(); to != nil && !to.Params.Has("tag") {
		t.Errorf("no tag in %s", to)
	}
	if m.check != nil && res.StatusCode == want && want != 403 {
		m.check(t, res)
	}
	e.kept = append(e.kept, res)
}

// settle looks whether the message has left anything behind.
func (m torture) settle(t *testing.T, w *world, e *end, want, leaves int) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	for len(e.in) > 0 {
		e.kept = append(e.kept, <-e.in)
	}
	statuses := make(map[int]bool)
	for _, msg := range e.kept {
		if res, ok := msg.(*sip.Response); ok && !res.IsProvisional() && !isProbe(msg) {
			statuses[res.StatusCode] = true
		}
	}
	if len(statuses) > 1 || len(statuses) == 1 && want == dropped {
		t.Errorf("answered with %v: %s", statuses, m.why)
	}
	eventually(t, "no leg, call or media left", func() bool {
		w.srv.mu.Lock()
		defer w.srv.mu.Unlock()
		return len(w.srv.legs) == 0 && len(w.srv.Calls()) == 0 && w.media.alive() == 0
	})
	w.stop()
	eventually(t, "no goroutine left", func() bool { return goroutines() <= leaves })
}

// goroutines counts those of the server and of sipgo.
func goroutines() int {
	buf := make([]byte, 1<<20)
	all := string(buf[:runtime.Stack(buf, true)])
	n := 0
	for g := range strings.SplitSeq(all, "\n\n") {
		if strings.Contains(g, "emiago/sipgo") || strings.Contains(g, "signaling.(*Server)") || strings.Contains(g, "signaling.(*flow)") {
			n++
		}
	}
	return n
}

func TestTortureSignIn(t *testing.T) {
	w := tortureWorld(t)
	b := w.dial("j.user", false)
	b.send(string(torture{name: "regaut01"}.read(t)))
	if res := b.response(401, sip.REGISTER); res.GetHeader("WWW-Authenticate") == nil {
		t.Error("no challenge for a scheme that nobody knows")
	}
}

// Where an OPTIONS ends here anyway, an INVITE would have to go on.
func TestTortureHops(t *testing.T) {
	w := tortureWorld(t)
	b := w.dial("caller", true)
	b.send(strings.Replace(string(torture{name: "baddate"}.read(t)), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	b.response(483, sip.INVITE)
}

// A message may be strange on one side; what it makes us send to the other is plain.
func TestTortureCrosses(t *testing.T) {
	w := tortureWorld(t)
	b := w.dial("user", true)
	b.send(string(torture{name: "regescrt"}.read(t)))
	b.response(200, sip.REGISTER)
	to, _ := net.ResolveUDPAddr("udp", w.srv.Addr().String())
	if _, err := w.pbx.conn.WriteTo(torture{name: "longreq"}.read(t), to); err != nil {
		t.Fatal(err)
	}
	req := b.request(sip.INVITE)
	if got := req.Recipient.String(); got != "sip:user@example.com" {
		t.Errorf("Request-URI %q has more than an address (RFC 3261 §19.1.1)", got)
	}
	if f, ok := examine(req); !ok {
		t.Errorf("we send what we would refuse with %d %s", f.status, f.reason)
	}
	if n := len(req.GetHeaders("Via")); n != 1 {
		t.Errorf("%d Vias, want ours alone", n)
	}
	b.answer(req, 486, "Busy Here", "t", "", "")
	if res := w.pbx.response(486, sip.INVITE); len(res.GetHeaders("Via")) != 34 {
		t.Errorf("%d Vias come back, want 34", len(res.GetHeaders("Via")))
	}
	eventually(t, "no leg left", func() bool {
		w.srv.mu.Lock()
		defer w.srv.mu.Unlock()
		return len(w.srv.legs) == 0
	})
}

func FuzzTorture(f *testing.F) {
	for _, m := range tortures {
		f.Add(m.read(f))
	}
	users := auth.Static([]auth.User{{Name: "user", Extension: "101"}})
	srv, err := New(Config{Domain: "example.com"}, Deps{Users: users}, slog.New(slog.DiscardHandler)) // without a PBX it opens no socket
	if err != nil {
		f.Fatal(err)
	}
	office := &pbx{cfg: PBX{Name: "office", Mode: ModeTrunk, Username: "trunk"}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if msg, err := screenMessage(slices.Clone(data)); err == nil {
			tortureHandlers(t, srv, office, []byte(msg.String()))
		}
		data = squeezeMessage(slices.Clone(data))
		if again := squeezeMessage(slices.Clone(data)); string(again) != string(data) {
			t.Fatalf("squeezed once %q\ntwice %q", data, again)
		}
		tortureHandlers(t, srv, office, data)
	})
}

// tortureHandlers does with a message what the handlers do with it before they answer.
func tortureHandlers(t *testing.T, s *Server, p *pbx, data []byte) {
	msg, err := sip.ParseMessage(data)
	req, ok := msg.(*sip.Request)
	if err != nil || !ok {
		return
	}
	req.SetTransport("UDP")
	req.SetSource("192.0.2.1:5060")
	tx := &tortureTx{}
	if !s.wellFormed(req, tx) || !s.understood(req, tx) {
		if !req.IsAck() && len(tx.sent) != 1 {
			t.Fatalf("%d answers to %q", len(tx.sent), data)
		}
		return
	}
	takesSDP(req)
	sdpOf(req)
	for _, h := range req.GetHeaders("Contact") {
		expiresOf(req, h.(*sip.ContactHeader))
	}
	if _, err := s.route(context.Background(), caller{pbx: p, req: req}, req); err == nil && callee(req.Recipient.User) == "" {
		t.Fatalf("nobody is called by %q", data)
	}
	s.route(context.Background(), caller{flow: &flow{}, req: req}, req)
	if h := req.GetHeader("Replaces"); h != nil {
		if d, _, ok := parseReplaces(h.Value()); ok {
			s.replaced(caller{flow: &flow{}}, d)
		}
	}
	l := &leg{srv: s, flow: &flow{}, acks: make(map[uint32]chan *sip.Request)}
	l.asked(req)
	l.accepts(req, nil)
	out := l.request(sip.INVITE)
	passHeaders(req, out)
	s.cross(&leg{pbx: p}, l, req, out)
	if out.Recipient.Headers != nil || len(out.GetHeaders("Via")) != 1 {
		t.Fatalf("%q makes\n%s", data, out)
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	if got := tx.sent[0].String(); strings.Count(got, "\r\nCall-ID: ") != 1 {
		t.Fatalf("%q is answered by\n%q", data, got)
	}
}

// tortureTx keeps the answers to a request.
type tortureTx struct {
	sip.ServerTransaction
	sent []*sip.Response
}

func (tx *tortureTx) Respond(res *sip.Response) error {
	tx.sent = append(tx.sent, res)
	return nil
}

// byTCP is what becomes of messages by TCP that are otherwise by UDP.
var byTCP = map[string]struct {
	want int
	why  string
}{
	"clerr":   {dropped, "the rest of the body may be on its way (RFC 3261 §18.3)"},
	"mcl01":   {400, "nobody can say where it ends, so the connection is closed"},
	"dblreq":  {403, "what follows the body is a second message here, and ends the connection because it can't be read"},
	"inv2543": {400, "the same: without Content-Length it could not come by TCP (RFC 3261 §18.3)"},
}

// By TCP from the PBX's address. Whoever can be answered is answered on the connection by which the message came, though most name UDP in Via (RFC 3261 §18.2.2).
func TestTortureByTCP(t *testing.T) {
	for _, m := range tortures {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			t.Parallel()
			want, why := m.udp, m.why
			if other, ok := byTCP[m.name]; ok {
				want, why = other.want, other.why
			}
			w := tortureWorld(t)
			conn, err := net.Dial("tcp", w.srv.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(m.read(t)); err != nil {
				t.Fatal(err)
			}
			limit := patient
			if want == dropped {
				limit = 300 * time.Millisecond
			}
			conn.SetReadDeadline(time.Now().Add(limit))
			var got []int
			for in := bufio.NewScanner(conn); !slices.Contains(got, want) && in.Scan(); { // what comes after may be refused before
				status := 0
				if _, err := fmt.Sscanf(in.Text(), "SIP/2.0 %d", &status); err == nil && status >= 200 {
					got = append(got, status)
				}
			}
			if want == dropped && len(got) > 0 || want != dropped && !slices.Contains(got, want) {
				t.Errorf("%v, want %d: %s", got, want, why)
			}
		})
	}
}
