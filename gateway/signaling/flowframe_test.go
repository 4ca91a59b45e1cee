package signaling

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// serverFrame makes a frame as a server sends it.
func serverFrame(msg []byte) []byte {
	switch n := len(msg); {
	case n < 126:
		return append([]byte{0x81, byte(n)}, msg...)
	case n < 1<<16:
		return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(n)), msg...)
	default:
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(n)), msg...)
	}
}

// collect cuts stream into pieces and gives the messages found in it.
func collect(stream []byte, piece int) (msgs [][]byte, err error) {
	s := serverFrames{emit: func(msg []byte) error { msgs = append(msgs, msg); return nil }}
	for p := range slices.Chunk(stream, max(piece, 1)) {
		if err = s.write(p); err != nil {
			break
		}
	}
	return msgs, err
}

const upgradeAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: \r\r\n\r\n"

func TestServerFrames(t *testing.T) {
	var stream []byte
	var want [][]byte
	for _, n := range []int{1, 125, 126, 127, 65535, 65536, 200_000, 0, 3} {
		msg := bytes.Repeat([]byte{'m'}, n)
		want = append(want, msg)
		stream = append(stream, serverFrame(msg)...)
	}
	stream = append([]byte(upgradeAnswer), stream...)
	for _, piece := range []int{1, 2, 3, 7, 4096, len(stream)} {
		if got, err := collect(stream, piece); err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("in pieces of %d: %d messages, %v; want %d", piece, len(got), err, len(want))
		}
	}
	for _, bad := range [][]byte{{0x01, 1, 'x'}, {0x80, 1, 'x'}, {0x88, 0}, {0x89, 0}, {0xc1, 0}, {0x83, 0}, {0x81, 0x81, 0, 0, 0, 0, 'x'}, {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0}} {
		if _, err := collect(append([]byte(upgradeAnswer), bad...), 1); !errors.Is(err, errFrame) {
			t.Errorf("% x: %v, want %v", bad, err, errFrame)
		}
	}
}

// FuzzFrames: the messages do not depend on where the stream is cut, and what was put in comes out.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x02hi\x82\x00"), []byte("message"), 1)
	f.Add([]byte("\x81\x7e\x00\x7eabc"), []byte{}, 5)
	f.Add([]byte("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01a"), []byte("x"), 3)
	f.Fuzz(func(t *testing.T, frames, msg []byte, piece int) {
		stream := slices.Concat([]byte(upgradeAnswer), serverFrame(msg), frames)
		whole, err := collect(stream, len(stream))
		cut, cutErr := collect(stream, piece)
		if !slices.EqualFunc(whole, cut, bytes.Equal) || (err == nil) != (cutErr == nil) {
			t.Fatalf("whole: %q, %v; in pieces of %d: %q, %v", whole, err, piece, cut, cutErr)
		}
		if len(whole) == 0 || !bytes.Equal(whole[0], msg) {
			t.Fatalf("put in %q, got %q", msg, whole)
		}
	})
}
