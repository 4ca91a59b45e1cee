package signaling

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/locate"
)

// triedPBX is a PBX that knows 101 with the password "right".
type triedPBX struct {
	mu       sync.Mutex
	status   string // what it answers to all, if anything: "404 Not Found"
	open     bool   // it asks for no password
	bindings map[string]bool
	changes  []string // how the bindings changed: "+sip:…", "-sip:…"
	silent   int      // requests that it does not answer
}

func (r *triedPBX) answer(text []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	msg, err := sip.ParseMessage(text)
	req, ok := msg.(*sip.Request)
	if err != nil || !ok {
		return ""
	}
	if r.silent > 0 {
		r.silent--
		return ""
	}
	status, more := r.status, ""
	if status == "" && req.Method == sip.REGISTER && !r.open && !rightPassword(req) {
		status, more = "401 Unauthorized", "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n"
	}
	if status == "" {
		status = "200 OK"
		if c := req.Contact(); c != nil {
			on := valueOf(req, "Expires") != "0"
			r.changes = append(r.changes, map[bool]string{true: "+", false: "-"}[on]+c.Address.User)
			if r.bindings == nil {
				r.bindings = map[string]bool{}
			}
			if r.bindings[c.Address.String()] = on; !on {
				delete(r.bindings, c.Address.String())
			}
		}
		for b := range r.bindings {
			more += "Contact: <" + b + ">;expires=60\r\n"
		}
	}
	return "SIP/2.0 " + status + "\r\n" + req.Via().Name() + ": " + req.Via().Value() + "\r\n" + "From: " + req.From().Value() + "\r\nTo: " + req.To().Value() + ";tag=x\r\n" +
		"Call-ID: " + req.CallID().Value() + "\r\nCSeq: " + req.CSeq().Value() + "\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n" + more + "Content-Length: 0\r\n\r\n"
}

func rightPassword(req *sip.Request) bool {
	cred, err := digest.ParseCredentials(valueOf(req, "Authorization"))
	if err != nil || cred.Username != "101" {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "pbx", Nonce: "abc", Algorithm: "MD5", QOP: []string{"auth"}},
		digest.Options{Method: "REGISTER", URI: cred.URI, Username: "101", Password: "right", Count: cred.Nc, Cnonce: cred.Cnonce})
	return err == nil && want.Response == cred.Response
}

// serve answers on a network until the test ends and gives the port.
func (r *triedPBX) serve(t *testing.T, network string, secure *tls.Config) netip.AddrPort {
	t.Helper()
	if network == "udp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		go func() {
			buf := make([]byte, 65536)
			for {
				n, from, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				if text := r.answer(buf[:n]); text != "" {
					conn.WriteTo([]byte("SIP/2.0 100 Trying\r\nnoise"), from)
					conn.WriteTo([]byte(text), from)
				}
			}
		}()
		return conn.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if secure != nil {
				conn = tls.Server(conn, secure)
			}
			go func() {
				defer conn.Close()
				for stream := bufio.NewReader(conn); ; {
					text, err := readAnswer(stream)
					if err != nil {
						return
					}
					fmt.Fprint(conn, "\r\n\r\n", r.answer(text))
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestTry(t *testing.T) {
	for _, tt := range []struct {
		name     string
		pbx      *triedPBX
		user     auth.Credentials
		code     string
		text     string
		changes  string
		bindings int
	}{
		{"right", &triedPBX{}, auth.Credentials{Username: "101", Password: "right"}, call.TrialWorks, "It works: 127.0.0.1 takes 101 with this password.", "[+101 -101]", 0},
		{"a lost packet", &triedPBX{silent: 1}, auth.Credentials{Username: "101", Password: "right"}, call.TrialWorks, "It works: 127.0.0.1 takes 101 with this password.", "[+101 -101]", 0},
		{"registered before", &triedPBX{bindings: map[string]bool{"sip:101@192.0.2.7": true}}, auth.Credentials{Username: "101", Password: "right"},
			call.TrialWorks, "It works: 127.0.0.1 takes 101 with this password.", "[]", 1},
		{"without a password", &triedPBX{open: true}, auth.Credentials{Username: "101", Password: "any"}, call.TrialWorks, "It works. 127.0.0.1 did not ask for a password.", "[+101 -101]", 0},
		{"wrong", &triedPBX{}, auth.Credentials{Username: "101", Password: "wrong"}, call.TrialWrongPassword, "Wrong password: 127.0.0.1 refuses that of 101.", "[]", 0},
		{"none", &triedPBX{}, auth.Credentials{Username: "101"}, call.TrialNoPassword, "127.0.0.1 asks for a password.", "[]", 0},
		{"unknown", &triedPBX{status: "404 Not Found"}, auth.Credentials{Username: "101", Password: "right"}, call.TrialRefused, "127.0.0.1 does not know the extension 101 (404 Not Found).", "[]", 0},
		{"refused", &triedPBX{status: "405 Method Not Allowed"}, auth.Credentials{Username: "101", Password: "right"}, call.TrialRefused, "127.0.0.1 refuses extension 101 (405 Method Not Allowed).", "[]", 0},
		{"busy", &triedPBX{status: "503 Starting"}, auth.Credentials{Username: "101", Password: "right"}, call.TrialBusy, "127.0.0.1 can't do it at the moment (503 Starting). Try again later.", "[]", 0},
		{"a sign of life", &triedPBX{}, auth.Credentials{}, call.TrialWorks, "127.0.0.1 answers.", "[]", 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			if network == "tcp" && tt.pbx.silent > 0 {
				continue
			}
			r := &triedPBX{status: tt.pbx.status, open: tt.pbx.open, silent: tt.pbx.silent, bindings: tt.pbx.bindings}
			at := r.serve(t, network, nil)
			v := Try(t.Context(), PBX{URI: "sip:" + at.String() + ";transport=" + network}, tt.user, nil)
			if v.Code != tt.code || v.Text != tt.text || v.Works != (tt.code == call.TrialWorks) || v.Date.IsZero() {
				t.Errorf("%s by %s: %+v, want %s: %s", tt.name, network, v, tt.code, tt.text)
			}
			r.mu.Lock()
			if got := fmt.Sprint(r.changes); got != tt.changes || len(r.bindings) != tt.bindings {
				t.Errorf("%s by %s: bindings changed %s, left %v", tt.name, network, got, r.bindings)
			}
			r.mu.Unlock()
		}
	}
}

func TestTryNobody(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0") // takes all and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	secure := (&triedPBX{}).serve(t, "tcp", &tls.Config{Certificates: web.TLS.Certificates})
	creds := auth.Credentials{Username: "101", Password: "right"}
	for _, tt := range []struct{ name, uri, code, text string }{
		{"silent", "sip:" + dead.LocalAddr().String(), call.TrialNoAnswer, "No answer from 127.0.0.1: is it on?"},
		{"nothing there", "sip:" + gone.Addr().String() + ";transport=tcp", call.TrialNoService, "127.0.0.1 is on, but nothing answers at its port"},
		{"nothing there, UDP", "sip:" + closed.LocalAddr().String(), call.TrialNoService, "127.0.0.1 is on, but nothing answers at its port"},
		{"unknown name", "sip:nowhere.example", call.TrialUnknownName, "The name nowhere.example is not known."},
		{"its certificate", "sip:" + secure.String() + ";transport=tls", call.TrialCertificate, "Its certificate is not trusted: certificate"},
		{"its certificate, wss", "sip:" + web.Listener.Addr().String() + ";transport=wss", call.TrialCertificate, "Its certificate is not trusted: certificate"},
		{"no WebSocket", "sip:" + plainWeb(t) + ";transport=ws", call.TrialFailed, "there is no WebSocket at"},
		{"no address", "sip:", call.TrialFailed, "The PBX's address can't be used"},
	} {
		limit := patient
		if tt.code == call.TrialNoAnswer {
			limit = time.Second
		}
		ctx, stop := context.WithTimeoutCause(t.Context(), limit, errNoAnswer)
		v := Try(ctx, PBX{URI: tt.uri}, creds, noNames{})
		stop()
		if v.Works || v.Code != tt.code || !strings.Contains(v.Text, tt.text) {
			t.Errorf("%s: %+v, want %s: %s", tt.name, v, tt.code, tt.text)
		}
	}
}

func plainWeb(t *testing.T) string {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

// noNames is a DNS that knows nothing.
type noNames struct{}

func (noNames) NAPTR(context.Context, string) ([]locate.NAPTR, time.Duration, error) {
	return nil, 0, nil
}
func (noNames) SRV(context.Context, string) ([]locate.SRV, time.Duration, error) { return nil, 0, nil }
func (noNames) Addrs(context.Context, string) ([]netip.Addr, time.Duration, error) {
	return nil, 0, errors.New("no such host")
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("\r\n\r\nSIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcSIP")
	f.Add("SIP/2.0 200 OK\r\nl : 70000\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		stream := bufio.NewReader(strings.NewReader(text))
		data, err := readAnswer(stream)
		if err == nil && (len(data) > len(text)+2 || len(data) > 2*maxTryMessage+8192) {
			t.Errorf("%d bytes of %d", len(data), len(text))
		}
	})
}
