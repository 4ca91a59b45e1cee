package media

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// cut reads all datagrams of a connection.
func cut(r io.Reader) (all [][]byte, err error) {
	var f frames
	for {
		p, err := f.next()
		switch {
		case err != nil:
			return all, err
		case p != nil:
			all = append(all, bytes.Clone(p))
		default:
			if err := f.fill(r); err != nil {
				return all, err
			}
		}
	}
}

// Frames that are written come out as they were, however the connection cuts them; what is no frame of ours ends it, and
// nothing longer than a packet ever comes out.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x00\x00\x00\x01d"), uint8(1))
	f.Add([]byte("\xff\xff"), uint8(3))
	f.Add(bytes.Repeat([]byte{7, 0x80}, maxPacket+frameHeader), uint8(200))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		text = text[:min(len(text), 3*maxPacket)]
		whole, errWhole := cut(bytes.NewReader(text))
		single, errSingle := cut(iotest.OneByteReader(bytes.NewReader(text)))
		if len(whole) != len(single) || errors.Is(errWhole, errFrame) != errors.Is(errSingle, errFrame) {
			t.Fatalf("%d datagrams and %v at once, %d and %v octet by octet", len(whole), errWhole, len(single), errSingle)
		}
		octets := 0
		for i, p := range whole {
			if !bytes.Equal(p, single[i]) || len(p) == 0 || len(p) > maxPacket {
				t.Fatalf("datagram %d: %x at once, %x octet by octet", i, p, single[i])
			}
			octets += frameHeader + len(p)
		}
		if octets > len(text) {
			t.Fatalf("%d octets out of %d", octets, len(text))
		}
		var sent [][]byte
		var stream []byte
		for rest := text; len(rest) > 0; {
			n := min(1+int(size)*8, len(rest), maxPacket)
			sent = append(sent, rest[:n])
			stream = appendFrame(stream, rest[:n])
			rest = rest[n:]
		}
		for _, r := range []io.Reader{bytes.NewReader(stream), iotest.HalfReader(bytes.NewReader(stream)), iotest.DataErrReader(bytes.NewReader(stream))} {
			got, err := cut(r)
			if !errors.Is(err, io.EOF) || len(got) != len(sent) {
				t.Fatalf("of %d datagrams came %d, then %v", len(sent), len(got), err)
			}
			for i := range got {
				if !bytes.Equal(got[i], sent[i]) {
					t.Fatalf("datagram %d: %x, sent %x", i, got[i], sent[i])
				}
			}
		}
	})
}
