package signaling

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestRefusalOfWhatCanNotBeRead(t *testing.T) {
	const rest = "v: SIP/2.0/UDP pc;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP\r\n other\r\nFrom: \"Joe\tx\" <sip:a@b>;tag=1\r\nt: <sip:c@d>\r\ni: 7@b\r\nCSeq: 1 OPTIONS\r\nSubject: x\r\n\r\nbody"
	for _, tt := range []struct{ name, msg, want string }{
		{"request", "OPTIONS  sip:a@b SIP/2.0\r\n" + rest, "SIP/2.0 400 Bad Request"},
		{"keep-alive before it", "\r\n\r\nOPTIONS  sip:a@b SIP/2.0\r\n" + rest, "SIP/2.0 400 Bad Request"},
		{"another version", "OPTIONS sip:a@b SIP/3.0\r\n" + rest, "SIP/2.0 505 Version Not Supported"},
		{"another scheme", "OPTIONS soap.beep://x SIP/2.0\r\n" + rest, "SIP/2.0 416 Unsupported URI Scheme"},
		{"another method", "opinions  sip:a@b SIP/2.0\r\n" + rest, "SIP/2.0 405 Method Not Allowed"},
		{"REGISTER", "REGISTER  sip:a@b SIP/2.0\r\n" + rest, "SIP/2.0 400 Bad Request"},
		{"with an escaped control character", "OPTIONS  sip:a SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: \"\\\x07\" <sip:a@b>\r\n\r\n", "SIP/2.0 400 Bad Request"},
		{"no URI", "OPTIONS <sip:a@b> SIP/2.0\r\n" + rest, "SIP/2.0 400 Bad Request"},
		{"response", "SIP/2.0 999 Oh\r\n" + rest, ""},
		{"ACK", "ACK sip:a@b SIP/2.0\r\n" + rest, ""},
		{"no SIP", "GET / HTTP/1.1\r\n" + rest, ""},
		{"no method", "(OPT) sip:a SIP/2.0\r\n" + rest, ""},
		{"without Via", "OPTIONS sip:a SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n", ""},
		{"with a Via of something else", "OPTIONS sip:a SIP/2.0\r\nVia: HTTP/1.1 x\r\n\r\n", ""},
		{"with a control character", "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: \x07\r\n\r\n", ""},
		{"with a lone CR", "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP x\rContact: y\r\n\r\n", ""},
		{"too long", "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nX: " + strings.Repeat("x", maxRefused) + "\r\n\r\n", ""},
		{"empty", "", ""},
	} {
		got, _, _ := strings.Cut(string(refusalOf([]byte(tt.msg))), "\r\n")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	res := string(refusalOf([]byte("OPTIONS  sip:a@b SIP/2.0\r\n" + rest)))
	_, tag, _ := strings.Cut(res, "<sip:c@d>;tag=")
	tag, _, _ = strings.Cut(tag, "\r\n")
	if want := "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP pc;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP other\r\nFrom: \"Joe\tx\" <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=" + tag +
		"\r\nCall-ID: 7@b\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"; res != want || tag == "" {
		t.Errorf("answer %q\nwant %q", res, want)
	}
}

// Who is not known hears nothing, whatever it sends by UDP; by TCP it is not even read.
func TestStrangersHearNothing(t *testing.T) {
	w := newWorld(t, ModePeer)
	conn, err := net.ListenPacket("udp", "127.0.0.99:0")
	if err != nil {
		t.Skipf("another address of this machine: %v", err)
	}
	defer conn.Close()
	gw := net.UDPAddrFromAddrPort(w.srv.Addr())
	for _, m := range tortures {
		if _, err := conn.WriteTo(m.read(t), gw); err != nil {
			t.Fatal(err)
		}
	}
	w.pbx.gw.Store(net.Addr(gw)) // whose request comes after all of these, and is answered
	w.pbx.send("OPTIONS  sip:x SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK1\r\nFrom: <sip:p@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n")
	w.pbx.response(400, sip.OPTIONS)
	_ = conn.SetReadDeadline(time.Now())
	if n, _, err := conn.ReadFrom(make([]byte, 1000)); err == nil {
		t.Errorf("a stranger got %d bytes", n)
	}
}

// By TCP the connection ends too, because nobody knows where the next message begins.
func TestRefusalByTCP(t *testing.T) {
	w := newWorld(t, ModePeer)
	conn, err := net.Dial("tcp", w.srv.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patient))
	if _, err := conn.Write(torture{name: "ncl"}.read(t)); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(conn); err != nil && got.Len() == 0 {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.String(), "SIP/2.0 400 Bad Request\r\nVia: ") || strings.Count(got.String(), "\r\n\r\n") != 1 {
		t.Errorf("answer %q", got.String())
	}
}

// What came before is answered all the same, by the time the connection has ended, and however much comes after it.
func TestAnsweredBeforeTheConnectionEnds(t *testing.T) {
	w := newWorld(t, ModePeer)
	const fine, broken = "OPTIONS sip:x SIP/2.0", "OPTIONS  sip:x SIP/2.0"
	flood := strings.Repeat("v=0 and more\r\n", 1<<14)
	for _, tt := range []struct {
		name, text string
		want       string // what is answered, in any order
	}{
		{"what can't be read", broken + "%s 1" + flood, "400 1"},
		{"before that", fine + "%s 1" + broken + "%s 2", "200 1, 400 2"},
		{"no message", fine + "%s 1" + flood, "200 1"},
		{"several before", fine + "%s 1" + fine + "%s 2" + broken + "%s 3" + flood, "200 1, 200 2, 400 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				conn, err := net.Dial("tcp", w.srv.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.SetDeadline(time.Now().Add(patient))
				text := regexp.MustCompile(`%s (\d)`).ReplaceAllStringFunc(tt.text, func(n string) string {
					return "\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK" + token() + "\r\nMax-Forwards: 70\r\nFrom: <sip:p@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: " + token() +
						"\r\nCSeq: " + n[3:] + " OPTIONS\r\nContent-Length: 0\r\n\r\n"
				})
				go func() { _, _ = conn.Write([]byte(text)) }()
				time.Sleep(10 * time.Millisecond) // what is answered lies there while more comes
				all, err := io.ReadAll(conn)
				if err != nil {
					t.Errorf("the connection ends with %v", err)
				}
				var got []string
				for _, m := range regexp.MustCompile(`SIP/2.0 (\d+) (?s:.*?)\nCSeq: (\d)`).FindAllStringSubmatch(string(all), -1) {
					got = append(got, m[1]+" "+m[2])
				}
				slices.Sort(got)
				if all := strings.Join(got, ", "); all != tt.want {
					t.Errorf("answered %q, want %q", all, tt.want)
				}
				_ = conn.Close()
			}
		})
	}
}

// What we answer has nothing of the message but values of headers, each on a line of its own.
func FuzzRefusal(f *testing.F) {
	for _, m := range tortures {
		f.Add(m.read(f))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		res := refusalOf(msg)
		if res == nil {
			return
		}
		head, body, ok := strings.Cut(string(res), "\r\n\r\n")
		if !ok || body != "" || len(res) > len(msg)+300 {
			t.Fatalf("%q is answered by %q", msg, res)
		}
		for i, line := range strings.Split(head, "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch {
			case i == 0 && strings.HasPrefix(line, "SIP/2.0 "):
			case i == 0, strings.ContainsAny(escaped.ReplaceAllLiteralString(value, ""), "\r\n\x00"), !strings.Contains(" Via From To Call-ID CSeq Allow Content-Length ", " "+name+" "):
				t.Fatalf("%q is answered by %q", msg, res)
			}
		}
	})
}
