package signaling

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// asked is an OPTIONS, in whose Contact a line goes on.
const asked = "OPTIONS sip:office.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:pbx@office.example>;tag=1\r\n" +
	"To: <sip:office.example>\r\nCall-ID: whole\r\nCSeq: 1 OPTIONS\r\nContact:\r\n <sip:pbx@office.example>\r\nContent-Length: 4\r\n\r\nbody"

// A message of the PBX's may be cut by TCP wherever it likes, and have white space that sipgo's parser stumbles on.
func TestCutByTCP(t *testing.T) {
	w := newWorld(t, ModePeer)
	for name, text := range map[string]string{"folded": asked, "spaced": strings.Replace(asked, ";tag=1", " ; tag = 1", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", w.srv.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patient))
			text := strings.Replace(text, "z9hG4bK1", "z9hG4bK"+name, 1)
			second := strings.Replace(text, "z9hG4bK", "z9hG4bKagain", 1) // no repetition of the first
			cut := strings.Index(text, "\r\n <sip") + len("\r\n")
			then := strings.Index(second, "\r\n <sip") + len("\r\n")
			for _, part := range []string{"\r\n\r\n" + text[:cut], text[cut:] + second[:then], second[then : len(second)-1], second[len(second)-1:]} {
				if _, err := io.WriteString(conn, part); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond) // so that it comes by itself
			}
			in := bufio.NewReader(conn)
			if pong, err := in.Peek(2); err != nil || string(pong) != "\r\n" {
				t.Fatalf("%q, %v, want an answer to CRLF CRLF", pong, err)
			}
			for answers := 0; answers < 2; {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Fatalf("%v after %d answers", err, answers)
				}
				if strings.HasPrefix(line, "SIP/2.0 ") {
					answers++
					if !strings.HasPrefix(line, "SIP/2.0 200 ") {
						t.Fatalf("answered %q", line)
					}
				}
			}
		})
	}
}

// wholes reads all messages of a connection, and what could not be told apart.
func wholes(r io.Reader, p []byte) (all [][]byte, torn []byte) {
	var w whole
	for {
		n, err := w.read(r, p)
		switch {
		case w.torn:
			torn = append(torn, p[:n]...)
		case n > 0:
			all = append(all, bytes.Clone(p[:n]))
		}
		if err != nil {
			return all, torn
		}
	}
}

// piecewise gives a reader's text in pieces of that size.
type piecewise struct {
	io.Reader
	size int
}

func (r piecewise) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(r.size, len(p))]) }

// However a connection cuts what comes by it, the same messages are read. None has anything of the next one, and sipgo's parser wants no more of one.
func FuzzWhole(f *testing.F) {
	f.Add([]byte(asked+asked), uint8(7))
	f.Add([]byte("\r\n\r\n"+asked+"\r\n\r\n\x00\x00\r\n"+asked[:len(asked)-1]), uint8(3))
	f.Add([]byte(strings.Replace(asked, "Content-Length: 4", "l : \r\n\t4", 1)+asked), uint8(200))
	f.Add([]byte(strings.Replace(asked, "Content-Length: 4\r\n", "", 1)+asked), uint8(11))
	f.Add([]byte(strings.Replace(asked, "Length: 4", "Length: 99999999999", 1)+asked), uint8(1))
	f.Add([]byte(strings.Replace(asked, "Length: 4", "Length: 65000", 1)+asked), uint8(1))
	f.Add([]byte("SIP/2.0 200 OK\r\n Content-Length: 2\r\nl: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), uint8(4))
	for _, m := range tortures {
		f.Add(append(m.read(f), asked...), uint8(len(m.name)))
	}
	tuneSipgo()
	parser, p := sip.NewParser(), make([]byte, maxMessage)
	parser.MaxMessageLength = maxMessage
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		text = text[:min(len(text), 8<<10)]
		all, torn := wholes(bytes.NewReader(text), p)
		for _, r := range []io.Reader{piecewise{bytes.NewReader(text), int(size) + 1}, iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			again, tornAgain := wholes(r, p)
			if !slices.EqualFunc(messages(again), messages(all), bytes.Equal) || !bytes.Equal(tornAgain, torn) {
				t.Fatalf("%q\nand then %q, in pieces\n%q\nand then %q", all, torn, again, tornAgain)
			}
		}
		at := text
		for _, msg := range messages(all) {
			if at = bytes.TrimLeft(at, filler); !bytes.HasPrefix(at, msg) {
				t.Fatalf("%q is not what comes first of %q", msg, at)
			}
			at = at[len(msg):]
			got := 0
			stream := parser.NewSIPStream()
			err := stream.ParseSIPStream(msg, func(m sip.Message) {
				got++
				if n := m.ContentLength(); n == nil || int(*n) != len(m.Body()) || !bytes.HasSuffix(msg, m.Body()) {
					t.Fatalf("%q has Content-Length %v and the body %q", msg, n, m.Body())
				}
			})
			if errors.Is(err, sip.ErrParseSipPartial) || err == nil && (got != 1 || stream.Buffer().Len() > 0) {
				t.Fatalf("%v, %d messages and %d octets more in %q", err, got, stream.Buffer().Len(), msg)
			}
			stream.Close()
		}
		if len(torn) > 0 {
			if !bytes.Equal(bytes.TrimLeft(at, filler), torn) {
				t.Fatalf("%q is left of %q", torn, at)
			}
			stream := parser.NewSIPStream()
			if err := stream.ParseSIPStream(torn, func(m sip.Message) { t.Fatalf("a message in %q: %s", torn, m) }); err == nil || errors.Is(err, sip.ErrParseSipPartial) {
				t.Fatalf("%v of %q, which nobody reads to its end", err, torn)
			}
			stream.Close()
		}
	})
}

// messages leaves requests to be answered by CRLF out.
func messages(all [][]byte) (list [][]byte) {
	for _, msg := range all {
		if !bytes.Equal(msg, blankLine) {
			list = append(list, msg)
		}
	}
	return list
}
