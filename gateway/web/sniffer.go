package web

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A connection that is for media begins with a STUN message in a frame: two octets of length (RFC 4571 §2), a message type
// below 0x4000, the message's own length, and the magic cookie (RFC 8489 §5).
const (
	frameStart = 2 + 2 + 2 + 4 // octets that tell
	maxFrame   = 2048          // octets; far more than a first check has
	stunCookie = 0x2112A442
)

// sniffer is the raw side of a connection, which looks at what comes first. When a port for TLS gets a plain HTTP request it
// answers with a redirect and ends. A connection for media it hands away; for the server it has ended then.
type sniffer struct {
	*visitor
	secure  bool                              // TLS is expected
	ice     func(conn net.Conn, begun []byte) // takes those for media; nil: nobody
	sniffed bool
	held    []byte      // was read and not yet passed on
	gone    atomic.Bool // handed away
}

func (s *sniffer) Read(b []byte) (int, error) {
	switch {
	case s.gone.Load():
		return 0, io.EOF
	case len(s.held) > 0:
		n := copy(b, s.held)
		s.held = s.held[n:]
		return n, nil
	case s.sniffed || len(b) == 0:
		return s.visitor.Read(b)
	}
	s.sniffed = true
	n, err := s.visitor.Read(b)
	switch {
	case n == 0:
		return n, err
	case s.ice != nil && b[0] < maxFrame>>8: // TLS begins with 22 (RFC 8446 §5.1), HTTP with a method
		return s.media(b, n)
	case s.secure && b[0] >= 'A' && b[0] <= 'Z':
		s.redirect(b[:n])
		return 0, io.EOF
	}
	return n, err
}

// media reads on until it can tell whether the connection is for media, of which n octets are in b. http.Server's deadline for
// the handshake or the header bounds that in time.
func (s *sniffer) media(b []byte, n int) (int, error) {
	start := append(make([]byte, 0, max(n, frameStart)), b[:n]...)
	for len(start) < frameStart {
		m, err := s.visitor.Read(start[len(start):cap(start)])
		start = start[:len(start)+m]
		if err != nil && len(start) < frameStart {
			return 0, err
		}
	}
	if !isFrame(start) {
		s.held = start[copy(b, start):]
		return min(len(b), len(start)), nil
	}
	s.pass()
	s.gone.Store(true) // before the deadlines end, so that none is set after that
	_ = s.Conn.SetDeadline(time.Time{})
	s.ice(s.Conn, start)
	return 0, io.EOF
}

// isFrame reports whether a connection that begins so is for media; start has frameStart octets or more.
func isFrame(start []byte) bool {
	frame, size := binary.BigEndian.Uint16(start), binary.BigEndian.Uint16(start[4:])
	return frame < maxFrame && start[2] <= 3 && int(frame) == int(size)+20 && binary.BigEndian.Uint32(start[6:]) == stunCookie
}

// Close closes the connection, unless another has it now.
func (s *sniffer) Close() error {
	if s.gone.Load() {
		return nil
	}
	return s.visitor.Close()
}

// Write sends, unless another has the connection now.
func (s *sniffer) Write(b []byte) (int, error) {
	if s.gone.Load() {
		return 0, net.ErrClosed
	}
	return s.visitor.Write(b)
}

// SetDeadline leaves a connection alone that another has now.
func (s *sniffer) SetDeadline(t time.Time) error {
	if s.gone.Load() {
		return nil
	}
	return s.visitor.SetDeadline(t)
}

// SetReadDeadline is as SetDeadline.
func (s *sniffer) SetReadDeadline(t time.Time) error {
	if s.gone.Load() {
		return nil
	}
	return s.visitor.SetReadDeadline(t)
}

// SetWriteDeadline is as SetDeadline.
func (s *sniffer) SetWriteDeadline(t time.Time) error {
	if s.gone.Load() {
		return nil
	}
	return s.visitor.SetWriteDeadline(t)
}
