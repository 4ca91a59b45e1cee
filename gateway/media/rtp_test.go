package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

// packet builds an RTP packet.
func packet(t testing.TB, h rtp.Header, payload string) []byte {
	t.Helper()
	h.Version = 2
	p, err := (&rtp.Packet{Header: h, Payload: []byte(payload)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStrip(t *testing.T) {
	with := rtp.Header{PayloadType: 8, SequenceNumber: 7, Timestamp: 160, SSRC: 0x01020304, Marker: true, CSRC: []uint32{5, 6}}
	plain := packet(t, with, "sound")
	if err := with.SetExtension(1, []byte{9, 9, 9}); err != nil {
		t.Fatal(err)
	}
	p := packet(t, with, "sound")
	h, ok := parseRTP(p)
	if !ok || h.pt != 8 || h.seq != 7 || h.ssrc != 0x01020304 || h.extension != 8 || h.size != 28 {
		t.Fatalf("parseRTP = %+v, %v", h, ok)
	}
	if got := h.strip(p); !bytes.Equal(got, plain) {
		t.Errorf("strip gives\n%x, want\n%x", got, plain)
	}
}

func TestParseRTPRefuses(t *testing.T) {
	for name, p := range map[string][]byte{
		"empty":             nil,
		"short":             make([]byte, 11),
		"version 1":         append([]byte{0x40}, make([]byte, 11)...),
		"sources missing":   append([]byte{0x82}, make([]byte, 12)...),
		"no extension":      append([]byte{0x90}, make([]byte, 11)...),
		"extension too big": append([]byte{0x90}, append(make([]byte, 13), 0, 2, 0, 0, 0, 0)...),
	} {
		if _, ok := parseRTP(p); ok {
			t.Errorf("%s: taken", name)
		}
	}
	for _, n := range []byte{0, 5, 255} {
		p := append([]byte{0xA0}, make([]byte, 15)...)
		p[15] = n
		h, _ := parseRTP(p)
		if h.padded(p) {
			t.Errorf("%d octets of padding in 4 of payload: taken", n)
		}
	}
}

func TestTypes(t *testing.T) {
	var set types
	for _, pt := range []uint8{0, 8, 63, 64, 101, 127} {
		set.add(pt)
	}
	for pt := range uint8(128) {
		want := pt == 0 || pt == 8 || pt == 63 || pt == 64 || pt == 101 || pt == 127
		if set.has(pt) != want {
			t.Errorf("has(%d) = %v", pt, !want)
		}
	}
}

// What parseRTP takes, pion/rtp reads the same after strip: same payload, same fields, no extension.
func FuzzParseRTP(f *testing.F) {
	h := rtp.Header{PayloadType: 8, SequenceNumber: 7, SSRC: 1, CSRC: []uint32{5}}
	f.Add(packet(f, h, "sound"))
	h.SetExtension(1, []byte{1, 2})
	f.Add(packet(f, h, "sound"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, ok := parseRTP(p)
		if !ok || !h.padded(p) {
			return
		}
		payload := bytes.Clone(p[h.size:])
		rest := h.strip(p)
		var got rtp.Header
		n, err := got.Unmarshal(rest)
		if err != nil || n != h.size || got.Extension || got.PayloadType != h.pt || got.SSRC != h.ssrc || got.SequenceNumber != h.seq {
			t.Fatalf("pion reads %+v, %d octets, %v; want %+v", got, n, err, h)
		}
		if !bytes.Equal(rest[n:], payload) {
			t.Errorf("payload %x, want %x", rest[n:], payload)
		}
	})
}
