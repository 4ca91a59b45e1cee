//go:build e2e

package e2e

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Opcodes and header bits of a frame (RFC 6455 §5.2).
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
	final      = 0x80
	masked     = 0x80
)

// socket is a WebSocket client that can break every rule.
type socket struct {
	conn net.Conn
	r    *bufio.Reader
}

// handshake asks for an upgrade on /ws. The header replaces or, with an empty
// value, removes one that a right client sends.
func handshake(t *testing.T, g *gateway, query string, header map[string]string) (*socket, *http.Response) {
	t.Helper()
	conn := g.dial(t)
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	h := map[string]string{
		"Host": fmt.Sprintf("localhost:%d", g.https.number), "Upgrade": "websocket", "Connection": "Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.StdEncoding.EncodeToString([]byte("sixteen bytes :)")),
		"Sec-WebSocket-Protocol": "sip", "Origin": g.url(""),
	}
	for name, value := range header {
		h[name] = value
	}
	var text strings.Builder
	fmt.Fprintf(&text, "GET /ws%s HTTP/1.1\r\n", query)
	for name, value := range h {
		if value != "" {
			fmt.Fprintf(&text, "%s: %s\r\n", name, value)
		}
	}
	if _, err := io.WriteString(conn, text.String()+"\r\n"); err != nil {
		t.Fatalf("WebSocket handshake: %v", err)
	}
	s := &socket{conn, bufio.NewReader(conn)}
	resp, err := http.ReadResponse(s.r, &http.Request{Method: http.MethodGet})
	if err != nil {
		t.Fatalf("WebSocket handshake: %v", err)
	}
	return s, resp
}

// openSocket is a handshake that must be taken.
func openSocket(t *testing.T, g *gateway, query string) *socket {
	t.Helper()
	s, resp := handshake(t, g, query, nil)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("WebSocket handshake: %s, want 101", resp.Status)
	}
	return s
}

// frame sends one frame: head is the first byte, with FIN and opcode.
func (s *socket) frame(head byte, payload []byte) error {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	var key [4]byte
	rand.Read(key[:])
	b = append(b, key[:]...)
	for i, x := range payload {
		b = append(b, x^key[i%4])
	}
	_, err := s.conn.Write(b)
	return err
}

// send sends one SIP message.
func (s *socket) send(t *testing.T, message string) {
	t.Helper()
	if err := s.frame(final|opText, []byte(message)); err != nil {
		t.Fatalf("send over WebSocket: %v", err)
	}
}

// closed is the end of a WebSocket: the code of a close frame, 0 without one.
type closed int

func (c closed) Error() string { return fmt.Sprintf("closed with %d", int(c)) }

// next reads the next frame.
func (s *socket) next() (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return 0, nil, closed(0)
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var size uint16
		err = binary.Read(s.r, binary.BigEndian, &size)
		n = uint64(size)
	case 127:
		err = binary.Read(s.r, binary.BigEndian, &n)
	}
	if err != nil || n > 1<<20 {
		return 0, nil, closed(0)
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(s.r, payload); err != nil {
		return 0, nil, closed(0)
	}
	opcode = head[0] & 0x0f
	if opcode == opClose {
		code := 1005
		if n >= 2 {
			code = int(binary.BigEndian.Uint16(payload))
		}
		return opcode, payload, closed(code)
	}
	return opcode, payload, nil
}

// message reads the next SIP message, answering pings.
func (s *socket) message() (string, error) {
	s.conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	for {
		opcode, payload, err := s.next()
		switch {
		case err != nil:
			return "", err
		case opcode == opPing:
			s.frame(final|opPong, payload)
		case opcode == opText || opcode == opBinary:
			return string(payload), nil
		}
	}
}

// wantStatus reads SIP messages until a final answer and compares its status.
func (s *socket) wantStatus(t *testing.T, want ...string) string {
	t.Helper()
	for {
		m, err := s.message()
		if err != nil {
			t.Errorf("WebSocket: %v, want SIP answer %q", err, want)
			return ""
		}
		line, _, _ := strings.Cut(m, "\r\n")
		if !strings.HasPrefix(line, "SIP/2.0 ") || strings.HasPrefix(line, "SIP/2.0 1") {
			continue
		}
		for _, w := range want {
			if strings.HasPrefix(line, "SIP/2.0 "+w) {
				return m
			}
		}
		t.Errorf("SIP answer %q, want %q", line, want)
		return m
	}
}

// wantClosed reads until the gateway ends the connection and checks the code;
// 0 among the wanted ones stands for an end without a close frame.
func (s *socket) wantClosed(t *testing.T, want ...int) {
	t.Helper()
	for {
		_, err := s.message()
		if err == nil {
			continue
		}
		var c closed
		if !errors.As(err, &c) {
			t.Errorf("WebSocket: %v, want a close with %d", err, want)
			return
		}
		for _, w := range want {
			if int(c) == w {
				return
			}
		}
		t.Errorf("WebSocket %v, want %d", c, want)
		return
	}
}
