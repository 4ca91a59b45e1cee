package web

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// script is a connection that brings what a reader has and keeps what is written to it.
type script struct {
	io.Reader
	said   bytes.Buffer
	closed bool
}

func (s *script) Read(p []byte) (int, error)     { return s.Reader.Read(p) }
func (s *script) Write(p []byte) (int, error)    { return s.said.Write(p) }
func (s *script) Close() error                   { s.closed = true; return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1024} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// sniffed is what becomes of a connection: what the server reads of it, what was handed away, and what the other end is told.
type sniffed struct {
	read, handed []byte
	away         bool
	said         string
}

func sniff(srv *Server, from io.Reader, secure bool, piece int) (got sniffed) {
	conn := &script{Reader: from}
	s := &sniffer{visitor: newWaiting(srv).enter(conn), secure: secure, ice: func(c net.Conn, begun []byte) {
		rest, _ := io.ReadAll(c)
		got.handed, got.away = append(bytes.Clone(begun), rest...), true
	}}
	p := make([]byte, piece)
	for {
		n, err := s.Read(p)
		if got.read = append(got.read, p[:n]...); err != nil {
			break
		}
	}
	s.Close()
	if got.away == conn.closed {
		panic("a connection that was handed away is closed, or one that was not stays open")
	}
	got.said = conn.said.String()
	return got
}

// Whose a connection is does not depend on how its beginning is cut or read; whoever gets it gets all of it, and nobody else any of it. A plain
// request at a port for TLS is told where to go in words that hold no line of the sender's.
func FuzzSniffer(f *testing.F) {
	hello := append([]byte{22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3}, make([]byte, 190)...)
	for _, text := range [][]byte{check, check[:9], slices.Concat(check, check), hello, []byte("GET /a?b=%0d%0ac HTTP/1.1\r\nHost: gw.local:8443\r\n\r\n"),
		[]byte("GET / HTTP/1.1\r\nHost: gw.local\r\nHost: x\r\n\r\n"), []byte("GET http://evil.test/%0D%0Ax HTTP/1.1\r\nHost: gw.local\r\n\r\n"), []byte("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), {0}, {7, 255, 1}, []byte("\x01 is neither of them")} {
		f.Add(text, true, uint8(3))
		f.Add(text, false, uint8(200))
	}
	srv := newSite(f).server(f)
	f.Fuzz(func(t *testing.T, text []byte, secure bool, piece uint8) {
		want := sniff(srv, bytes.NewReader(text), secure, 4096)
		for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(text)), iotest.HalfReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			if got := sniff(srv, r, secure, int(piece)+1); !bytes.Equal(got.read, want.read) || !bytes.Equal(got.handed, want.handed) || got.away != want.away || got.said != want.said {
				t.Fatalf("%+v, in pieces %+v", want, got)
			}
		}
		plain := secure && len(text) > 0 && text[0] >= 'A' && text[0] <= 'Z'
		switch {
		case want.away:
			if !bytes.Equal(want.handed, text) || len(want.read) > 0 || want.said != "" || !isFrame(text) {
				t.Fatalf("handed away with %x of %x, after %x was read and %q said", want.handed, text, want.read, want.said)
			}
		case plain:
			head, _, _ := strings.Cut(want.said, "\r\n\r\n")
			for i, line := range strings.Split(head, "\r\n") {
				name, value, _ := strings.Cut(line, ": ")
				switch {
				case i == 0 && (strings.HasPrefix(line, "HTTP/1.1 307 ") || strings.HasPrefix(line, "HTTP/1.1 400 ")):
				case name == "Location" && strings.HasPrefix(value, "https://") && !strings.ContainsAny(value, "\r\n\x00"):
				case name == "Connection", name == "Content-Length", name == "Cache-Control":
				default:
					t.Fatalf("told %q for %q", want.said, text)
				}
			}
			if len(want.read) > 0 {
				t.Fatalf("read %q of a request that was sent on", want.read)
			}
		case !bytes.Equal(want.read, text) && (len(text) >= frameStart || text[0] >= maxFrame>>8):
			t.Fatalf("of %x came %x", text, want.read)
		case want.said != "":
			t.Fatalf("told %q", want.said)
		}
	})
}
