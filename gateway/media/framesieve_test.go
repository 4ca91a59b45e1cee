package media

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
)

// pouring is a connection by which nothing comes but what a reader has.
type pouring struct {
	net.Conn
	io.Reader
}

func (p pouring) Read(b []byte) (int, error) { return p.Reader.Read(b) }

// sift reads what a frameSieve lets through, in pieces of at most that size.
func sift(r io.Reader, piece int) (all []byte, end error) {
	s := &frameSieve{Conn: pouring{Reader: r}, outside: &outside{}, server: "turn:server"}
	p := make([]byte, piece)
	for {
		n, err := s.Read(p)
		if all = append(all, p[:n]...); err != nil {
			return all, err
		}
	}
}

// However the stream of a TURN server is cut, and however it is read, the same comes of it: whole messages and data (RFC 8656 §12.5), each of
// them welcome. Of data and messages that are well formed all that is welcome comes.
func FuzzFrameSieve(f *testing.F) {
	mapped := valued(attrXORMapped, 0, 1, 0x12, 0x34, 1, 2, 3, 4)
	channel := append([]byte{0x40, 0, 0, 5}, "12345\x00\x00\x00"...)
	refused := stunOf(0x0113, valued(attrErrorCode, 0, 0, 4, 41))
	f.Add(slices.Concat(stunOf(0x0101, mapped), channel, refused), uint8(1), uint8(3))
	f.Add(slices.Concat(channel, stunOf(0x0101, valued(attrXORMapped)), channel), uint8(7), uint8(200))
	f.Add(slices.Concat(append([]byte{0x4F, 0xFF, 0, 24}, stunOf(0x0101, valued(attrXORMapped))...), channel[:7]), uint8(20), uint8(0))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint8(4), uint8(9))
	f.Add([]byte{0, 1, 0xFF, 0xFC, 0x21, 0x12, 0xA4, 0x42}, uint8(4), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, cut, piece uint8) {
		all, end := sift(bytes.NewReader(text), 2*maxPacket)
		for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(text)), iotest.HalfReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			if got, err := sift(r, int(piece)+1); !bytes.Equal(got, all) || err != end {
				t.Fatalf("%x and %v, in other pieces %x and %v", all, end, got, err)
			}
		}
		for rest, from := all, text; len(rest) > 0; {
			size := channelHeader + (int(binary.BigEndian.Uint16(rest[2:]))+3)&^3
			if isMessage(rest) {
				size += stunHeaderSize - channelHeader
			}
			if size > channelHeader+maxPacket+stunHeaderSize || !welcome(rest[:size]) {
				t.Fatalf("%x is let in", rest[:size])
			}
			at := bytes.Index(from, rest[:size])
			if at < 0 {
				t.Fatalf("%x never came", rest[:size])
			}
			from, rest = from[at+size:], rest[size:]
		}
		var stream, want []byte
		for rest := text; len(rest) > 0; {
			data := rest[:min(1+int(cut)*8, len(rest), maxPacket)]
			rest = rest[len(data):]
			frame := append(binary.BigEndian.AppendUint16([]byte{0x40, data[0]}, uint16(len(data))), data...)
			frame = append(frame, make([]byte, -len(data)&3)...)
			if data[0]&1 == 0 {
				frame = stunOf(uint16(data[0])<<1, valued(attrData, data...))
			}
			stream = append(stream, frame...)
			if welcome(frame) {
				want = append(want, frame...)
			}
		}
		if got, err := sift(bytes.NewReader(stream), int(piece)+1); !bytes.Equal(got, want) || err != io.EOF {
			t.Fatalf("of %x came %x, then %v, want %x", stream, got, err, want)
		}
	})
}
