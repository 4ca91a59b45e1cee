package media

import (
	"bytes"
	"testing"

	"github.com/pion/srtp/v2"
)

// Whatever pion makes of a stream of packets, we do: the same ones open, to the same text. A packet that was changed
// never opens.
func FuzzSRTP(f *testing.F) {
	f.Add(uint8(0), uint16(65500), []byte{1, 1, 200, 1, 3, 0, 255, 1, 1, 90, 130, 7})
	f.Add(uint8(6), uint16(1), bytes.Repeat([]byte{1, 255, 2, 128, 1, 0}, 20))
	f.Fuzz(func(t *testing.T, which uint8, seq uint16, steps []byte) {
		id := []srtp.ProtectionProfile{1, 2, 3, 4, 7, 8}[which%6]
		ours, _, out := contexts(t, id)
		theirs, _, _ := contexts(t, id) // sees the genuine packets alone
		_, m := masters(suites[id])
		in := pionContext(t, id, m)
		var sent [][]byte
		for i, step := range steps[:min(len(steps), 200)] {
			var p []byte
			if step < 100 || len(sent) == 0 { // the next one, or further
				seq += uint16(step)
				if step > 90 {
					seq += uint16(step-90) * 3000
				}
				var err error
				if p, err = out.EncryptRTP(nil, sound(seq, uint32(step%2)), nil); err != nil {
					t.Fatal(err)
				}
				sent = append(sent, p)
			} else { // an old one
				p = sent[int(step)*i%len(sent)]
			}
			forged := bytes.Clone(p)
			forged[(int(step)*31+i)%len(p)] ^= 1 << (step % 8)
			if h, ok := parseRTP(forged); ok {
				if _, err := ours.in.open(forged, h); err == nil {
					t.Fatalf("step %d: a changed packet opens", i)
				}
			}
			h, _ := parseRTP(p)
			want, refused := in.DecryptRTP(nil, p, nil)
			got, err := ours.in.open(bytes.Clone(p), h)
			if (err == nil) != (refused == nil) || (err == nil && !bytes.Equal(got, want)) {
				t.Fatalf("step %d, packet %d: we say %v, pion %v", i, h.seq, err, refused)
			}
			if same, err := theirs.in.open(bytes.Clone(p), h); (err == nil) != (refused == nil) || !bytes.Equal(same, got) {
				t.Fatalf("step %d, packet %d: forged packets before it changed what is heard", i, h.seq)
			}
		}
	})
}

// Octets that nobody sealed never open and never make a source.
func FuzzSRTPNoise(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x80, 0, 0, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		for id := range suites {
			ours, _, _ := contexts(t, id)
			if h, ok := parseRTP(p); ok {
				if _, err := ours.in.open(bytes.Clone(p), h); err == nil {
					t.Fatal("noise opens as RTP")
				}
			}
			if _, err := ours.in.openControl(bytes.Clone(p)); err == nil {
				t.Fatal("noise opens as RTCP")
			}
			if len(ours.in.media.all)+len(ours.in.control.all) > 0 {
				t.Fatal("noise made a source")
			}
		}
	})
}
