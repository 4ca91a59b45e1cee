package signaling

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errFrame reports something else than what sipgo's side of a flow may write.
var errFrame = errors.New("not a frame that a SIP server sends")

// flowMaxFrame is the longest message toward a browser, in bytes. A PBX's message is at most 64 KiB
// and may grow a little on its way.
const flowMaxFrame = 256 << 10

// serverFrames takes a server's half of a WebSocket apart: first the answer to the handshake, which
// nobody needs, then frames (RFC 6455 §5.2). sipgo sends each message as one final unmasked text frame.
type serverFrames struct {
	emit func(msg []byte) error // takes each message; may keep it

	passed  int      // bytes seen of the blank line that ends the handshake; 4: it is over
	header  [10]byte // of the frame at hand
	have    int      // bytes of it
	payload []byte
	missing int // bytes of payload still to come
	failed  error
}

// write takes the next bytes, cut anywhere. After an error it takes no more.
func (s *serverFrames) write(p []byte) error {
	p = s.skipHandshake(p)
	for len(p) > 0 && s.failed == nil {
		if s.missing == 0 {
			p, s.failed = s.takeHeader(p)
			continue
		}
		n := min(s.missing, len(p))
		s.payload = append(s.payload, p[:n]...)
		p, s.missing = p[n:], s.missing-n
		if s.missing == 0 {
			s.failed = s.deliver()
		}
	}
	return s.failed
}

func (s *serverFrames) skipHandshake(p []byte) []byte {
	const blankLine = "\r\n\r\n"
	for len(p) > 0 && s.passed < len(blankLine) {
		switch p[0] {
		case blankLine[s.passed]:
			s.passed++
		case '\r':
			s.passed = 1
		default:
			s.passed = 0
		}
		p = p[1:]
	}
	return p
}

// takeHeader reads one byte of a frame's header.
func (s *serverFrames) takeHeader(p []byte) ([]byte, error) {
	s.header[s.have] = p[0]
	s.have++
	const finalText, finalBinary, long, longer = 0x81, 0x82, 126, 127
	length := 0
	switch {
	case s.header[0] != finalText && s.header[0] != finalBinary, s.header[1] > longer:
		return nil, fmt.Errorf("read frame %#x %#x: %w", s.header[0], s.header[1], errFrame)
	case s.have < 2, s.header[1] == long && s.have < 4, s.header[1] == longer && s.have < 10:
		return p[1:], nil
	case s.header[1] == long:
		length = int(binary.BigEndian.Uint16(s.header[2:]))
	case s.header[1] == longer:
		if n := binary.BigEndian.Uint64(s.header[2:]); n > flowMaxFrame {
			return nil, fmt.Errorf("read frame of %d bytes: %w", n, errFrame)
		} else {
			length = int(n)
		}
	default:
		length = int(s.header[1])
	}
	s.header, s.have, s.missing = [10]byte{}, 0, length
	if length == 0 {
		return p[1:], s.deliver()
	}
	s.payload = make([]byte, 0, length)
	return p[1:], nil
}

func (s *serverFrames) deliver() error {
	msg := s.payload
	s.payload = nil
	return s.emit(msg)
}
