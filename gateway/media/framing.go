package media

import (
	"encoding/binary"
	"errors"
	"io"
)

// frameHeader is the length before each datagram on a TCP connection, in octets (RFC 4571 §2).
const frameHeader = 2

// errFrame reports a frame that no datagram of ours would need.
var errFrame = errors.New("frame longer than a packet may be")

// frames cuts what a TCP connection brings into datagrams (RFC 4571). Its zero value is ready.
type frames struct {
	buf        [2 * (frameHeader + maxPacket)]byte
	start, end int // of what is in buf and not yet taken
}

// next gives the next datagram, valid until fill is called; nil when more must be read first. Empty frames are left out.
func (f *frames) next() ([]byte, error) {
	for f.end-f.start >= frameHeader {
		size := int(binary.BigEndian.Uint16(f.buf[f.start:]))
		if size > maxPacket {
			return nil, errFrame
		}
		first := f.start + frameHeader
		if first+size > f.end {
			return nil, nil
		}
		f.start = first + size
		if size > 0 {
			return f.buf[first:f.start], nil
		}
	}
	return nil, nil
}

// fill reads once. There is always room, for next has taken what was whole.
func (f *frames) fill(r io.Reader) error {
	if f.start > 0 {
		f.start, f.end = 0, copy(f.buf[:], f.buf[f.start:f.end])
	}
	n, err := r.Read(f.buf[f.end:])
	f.end += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// appendFrame appends a datagram in its frame.
func appendFrame(to, p []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(p))), p...)
}
