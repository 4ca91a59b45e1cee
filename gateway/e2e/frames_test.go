//go:build e2e

package e2e

import (
	"crypto/rand"
	"strings"
	"testing"
)

// frames sends messages in right and wrong frames.
func frames(t *testing.T, g *gateway, query string) {
	t.Run("fragments with a ping between", func(t *testing.T) {
		s := openSocket(t, g, query)
		m := []byte(register("alice"))
		s.frame(opText, m[:50])
		s.frame(final|opPing, []byte("still there?"))
		s.frame(opContinue, m[50:51])
		s.frame(opContinue, nil)
		s.frame(final|opContinue, m[51:])
		pong := false
		for {
			opcode, payload, err := s.next()
			if err != nil {
				t.Fatalf("WebSocket: %v", err)
			}
			if opcode == opPong && string(payload) == "still there?" {
				pong = true
			}
			if opcode == opText || opcode == opBinary {
				if !strings.HasPrefix(string(payload), "SIP/2.0 200") {
					t.Errorf("REGISTER in fragments: %.40q, want 200", payload)
				}
				break
			}
		}
		if !pong {
			t.Error("a ping between fragments isn't answered")
		}
	})
	t.Run("binary and without Content-Length", func(t *testing.T) {
		s := openSocket(t, g, query)
		s.frame(final|opBinary, []byte(strings.Replace(register("alice"), "Content-Length: 0\r\n", "", 1)))
		s.wantStatus(t, "200")
	})
	t.Run("keep-alive", func(t *testing.T) {
		s := openSocket(t, g, query)
		s.send(t, "\r\n\r\n")
		if m, err := s.message(); err != nil || m != "\r\n" {
			t.Errorf("CRLF CRLF is answered with %q, %v, want CRLF (RFC 5626 §3.5.1)", m, err)
		}
		s.send(t, register("alice"))
		s.wantStatus(t, "200")
	})
	t.Run("oversized message", func(t *testing.T) {
		s := openSocket(t, g, query)
		s.frame(final|opText, []byte(sipRequest("MESSAGE", "sip:bob@"+domain, "alice", "X-Big: "+strings.Repeat("x", 1<<20))))
		s.wantClosed(t, 1009, 0)
	})
	t.Run("endless fragments", func(t *testing.T) {
		s := openSocket(t, g, query)
		s.frame(opText, []byte("MESSAGE sip:bob@"+domain+" SIP/2.0\r\n"))
		for range 2000 {
			if s.frame(opContinue, []byte(strings.Repeat("X: y\r\n", 100))) != nil {
				return
			}
		}
		s.wantClosed(t, 1009, 0)
	})
	t.Run("garbage", func(t *testing.T) {
		noise := make([]byte, 300)
		rand.Read(noise)
		for name, raw := range map[string][]byte{
			"noise":           noise,
			"not masked":      {final | opText, 2, 'h', 'i'},
			"reserved bits":   {final | 0x70 | opText, masked, 0, 0, 0, 0},
			"reserved opcode": {final | 0x3, masked, 0, 0, 0, 0},
			"2^63 bytes":      {final | opText, masked | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
			"long ping":       {final | opPing, masked | 126, 1, 0, 1, 2, 3, 4},
			"lone continue":   {final | opContinue, masked, 0, 0, 0, 0},
		} {
			s := openSocket(t, g, query)
			s.conn.Write(raw)
			if _, err := s.message(); err == nil {
				t.Errorf("%s is answered with a message", name)
			}
		}
		for _, message := range []string{"hello", "\x00\x01\x02", "REGISTER sip:x SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "INVITE \r\n"} {
			s := openSocket(t, g, query)
			s.send(t, message)
			s.send(t, register("alice"))
			for {
				m, err := s.message()
				if err != nil || strings.HasPrefix(m, "SIP/2.0 200") {
					break // closed, or the next message was taken: both are fine
				}
				if !strings.HasPrefix(m, "SIP/2.0 4") {
					t.Errorf("%q is answered with %.60q", message, m)
				}
			}
		}
		s := openSocket(t, g, query)
		s.send(t, register("alice"))
		s.wantStatus(t, "200")
	})
}
