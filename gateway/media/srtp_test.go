package media

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v2"
)

// suites are all suites, by what pion calls them.
var suites = map[srtp.ProtectionProfile]suite{
	srtp.ProtectionProfileAes128CmHmacSha1_80: aesCM80,
	srtp.ProtectionProfileAes128CmHmacSha1_32: aesCM32,
	srtp.ProtectionProfileAes256CmHmacSha1_80: aes256CM80,
	srtp.ProtectionProfileAes256CmHmacSha1_32: aes256CM32,
	srtp.ProtectionProfileAeadAes128Gcm:       aesGCM,
	srtp.ProtectionProfileAeadAes256Gcm:       aes256GCM,
}

// masters makes the masters of the two directions.
func masters(s suite) (ours, theirs master) {
	random := rand.NewChaCha8([32]byte{byte(s.key), byte(s.salt)})
	for _, m := range []*master{&ours, &theirs} {
		m.key, m.salt = make([]byte, s.key), make([]byte, s.salt)
		random.Read(m.key)
		random.Read(m.salt)
	}
	return ours, theirs
}

// pair makes our contexts and pion's of the other side.
func contexts(t testing.TB, id srtp.ProtectionProfile) (ours *keys, in, out *srtp.Context) {
	t.Helper()
	s := suites[id]
	a, b := masters(s)
	ours, err := newKeys(s, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return ours, pionContext(t, id, a), pionContext(t, id, b)
}

func pionContext(t testing.TB, id srtp.ProtectionProfile, m master) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(m.key, m.salt, id, srtp.SRTPReplayProtection(windowSize), srtp.SRTCPReplayProtection(windowSize))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sound is an RTP packet in the clear, some of them with contributing sources and a header extension.
func sound(seq uint16, ssrc uint32) []byte {
	p := make([]byte, 0, bufferSize)
	first := byte(2 << 6)
	switch seq % 3 {
	case 1:
		first |= 2
	case 2:
		first |= 0x10
	}
	p = binary.BigEndian.AppendUint32(append(p, first, 0, byte(seq>>8), byte(seq)), uint32(seq)*160)
	p = binary.BigEndian.AppendUint32(p, ssrc)
	switch seq % 3 {
	case 1:
		p = append(p, 1, 2, 3, 4, 5, 6, 7, 8)
	case 2:
		p = append(p, 0xBE, 0xDE, 0, 1, 0x10, 0x80, 0, 0)
	}
	for i := range int(seq) % 200 {
		p = append(p, byte(i)^byte(seq))
	}
	return p
}

// What we seal pion opens and the other way round, for longer than the sequence numbers last, with loss, packets that
// come late, and packets that come twice.
func TestSRTPAgainstPion(t *testing.T) {
	for id, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			ours, in, out := contexts(t, id)
			random := rand.New(rand.NewPCG(3, 4))
			const ssrc, first, count = 0x01020304, 40000, 70_000
			var late [][2][]byte // sealed by us, by pion
			deliver := func(p [2][]byte) {
				t.Helper()
				h, _ := parseRTP(p[0])
				want := sound(h.seq, ssrc)
				if clear, err := in.DecryptRTP(nil, p[0], nil); err != nil || !bytes.Equal(clear, want) {
					t.Fatalf("pion opens packet %d: %v", h.seq, err)
				}
				again := bytes.Clone(p[1])
				if clear, err := ours.in.open(p[1], h); err != nil || !bytes.Equal(clear, want) {
					t.Fatalf("we open packet %d: %v", h.seq, err)
				}
				if h.seq%100 == 0 {
					if _, err := ours.in.open(again, h); err != errReplayed {
						t.Fatalf("packet %d opens twice: %v", h.seq, err)
					}
				}
			}
			for i := range count {
				p := sound(uint16(first+i), ssrc)
				h, _ := parseRTP(p)
				theirs, err := out.EncryptRTP(nil, p, nil)
				if err != nil {
					t.Fatal(err)
				}
				sealed, err := ours.out.seal(p, h)
				if err != nil {
					t.Fatal(err)
				}
				both := [2][]byte{bytes.Clone(sealed), theirs}
				switch random.IntN(10) {
				case 0: // lost
				case 1:
					late = append(late, both)
				default:
					deliver(both)
				}
				if len(late) > 10 {
					random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
					for _, p := range late {
						if h, _ := parseRTP(p[0]); uint16(first+i)-h.seq < windowSize {
							deliver(p)
						}
					}
					late = nil
				}
			}
		})
	}
}

func TestSRTCPAgainstPion(t *testing.T) {
	for id, s := range suites {
		ours, in, out := contexts(t, id)
		for i := range 300 {
			report := binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, uint32(i%3))
			report = append(report, make([]byte, i/4*4)...)
			sealed, err := ours.out.sealControl(report)
			if err != nil {
				t.Fatal(err)
			}
			if clear, err := in.DecryptRTCP(nil, bytes.Clone(sealed), nil); err != nil || !bytes.Equal(clear, report) {
				t.Fatalf("%s: pion opens report %d: %v", s.name, i, err)
			}
			theirs, err := out.EncryptRTCP(nil, report, nil)
			if err != nil {
				t.Fatal(err)
			}
			for at := range theirs {
				forged := bytes.Clone(theirs)
				forged[at] ^= 1 << (i % 8)
				if _, err := ours.in.openControl(forged); err == nil {
					t.Fatalf("%s: a report changed at %d opens", s.name, at)
				}
			}
			again := bytes.Clone(theirs)
			if clear, err := ours.in.openControl(theirs); err != nil || !bytes.Equal(clear, report) {
				t.Fatalf("%s: we open report %d: %v", s.name, i, err)
			}
			if _, err := ours.in.openControl(again); err != errReplayed {
				t.Fatalf("%s: report %d opens twice: %v", s.name, i, err)
			}
		}
		for size := range 40 {
			if _, err := ours.in.openControl(make([]byte, size)); err == nil {
				t.Errorf("%s: %d octets of zero open as a report", s.name, size)
			}
		}
	}
}

// The example of RFC 3711 appendix B.3.
func TestDerive(t *testing.T) {
	unhex := func(text string) []byte { return must(t)(hex.DecodeString(text)) }
	d, err := newDerivation(master{unhex("E1F97A0D3E018BE0D64FA32C06DE4139"), unhex("0EC675AD498AFEEBB6960B3AABE6")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		label byte
		want  string
	}{
		{labelKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{labelSalt, "30CBBC08863D8C85D49DB34A9AE1"},
		{labelAuth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		if got := d.key(tt.label, len(tt.want)/2); !bytes.Equal(got, unhex(tt.want)) {
			t.Errorf("key(%d) = %X", tt.label, got)
		}
	}
}

func TestMastersOfWrongSize(t *testing.T) {
	for _, s := range suites {
		a, b := masters(s)
		for _, wrong := range []master{{}, {a.key, nil}, {nil, a.salt}, {a.key[1:], a.salt}, {append(a.key, 0), a.salt}, {a.key, append(a.salt, 0)}} {
			if _, err := newKeys(s, wrong, b); err == nil {
				t.Errorf("%s: a key of %d and a salt of %d octets are taken", s.name, len(wrong.key), len(wrong.salt))
			}
			if _, err := newKeys(s, a, wrong); err == nil {
				t.Errorf("%s: theirs of %d and %d octets is taken", s.name, len(wrong.key), len(wrong.salt))
			}
		}
	}
}

// Forged packets leave no trace: no source, no number, and above all no count of roll-overs, which would make the
// genuine packets after them unreadable.
func TestForgedLeaveNoTrace(t *testing.T) {
	for id, s := range suites {
		ours, _, out := contexts(t, id)
		genuine := func(seq uint16) {
			t.Helper()
			p, err := out.EncryptRTP(nil, sound(seq, 1), nil)
			if err != nil {
				t.Fatal(err)
			}
			h, _ := parseRTP(p)
			if _, err := ours.in.open(p, h); err != nil {
				t.Fatalf("%s: packet %d: %v", s.name, seq, err)
			}
		}
		genuine(65000)
		before := *ours.in.media.at
		for i := range 1000 {
			p := sound(uint16(i*131), uint32(i%5))
			p = append(p, make([]byte, s.tag)...)
			h, _ := parseRTP(p)
			if _, err := ours.in.open(p, h); err == nil {
				t.Fatalf("%s: forged packet %d opens", s.name, i)
			}
			ours.in.openControl(append(binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, uint32(i)), make([]byte, 40)...))
		}
		after := *ours.in.media.at
		after.failed = before.failed // that there were some may be known
		if len(ours.in.media.all) != 1 || len(ours.in.control.all) != 0 || after != before {
			t.Errorf("%s: %d and %d sources, %v", s.name, len(ours.in.media.all), len(ours.in.control.all), after)
		}
		for seq := uint16(65001); seq != 100; seq++ {
			genuine(seq)
		}
	}
}

// Of a party that takes another source again and again those are remembered that were heard of last, so it is understood, and who speaks
// all the while stays guarded from replays. Nothing is forgotten of what a party is sent: no number may be sealed twice.
func TestSourcesAreBounded(t *testing.T) {
	ours, in, out := contexts(t, srtp.ProtectionProfileAeadAes128Gcm)
	const steady = 1 << 20 // speaks all the while
	var packets, reports [][]byte
	open := func(p []byte) error {
		t.Helper()
		h, _ := parseRTP(p)
		clear, err := ours.in.open(slices.Clone(p), h)
		if err == nil && len(clear) != len(p)-gcmTag {
			t.Fatalf("%d octets of %d", len(clear), len(p))
		}
		return err
	}
	for ssrc := range uint32(4 * maxHeard) {
		for _, s := range []uint32{ssrc, steady} {
			theirs, err := out.EncryptRTP(nil, sound(uint16(1+ssrc), s), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := open(theirs); err != nil {
				t.Fatalf("packet of source %d, the %dth: %v", s, ssrc, err)
			}
			packets = append(packets, theirs)
			report, err := (&rtcp.ReceiverReport{SSRC: s}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if report, err = out.EncryptRTCP(nil, report, nil); err != nil {
				t.Fatal(err)
			}
			reports = append(reports, report)
			if _, err := ours.in.openControl(slices.Clone(report)); err != nil {
				t.Fatalf("report of source %d, the %dth: %v", s, ssrc, err)
			}
		}
		if media, control := len(ours.in.media.all), len(ours.in.control.all); media > maxHeard || control > maxHeard {
			t.Fatalf("%d and %d sources are remembered", media, control)
		}
	}
	for _, p := range packets[len(packets)-2*(maxHeard-1):] { // the last ones of all that are remembered
		if err := open(p); err != errReplayed {
			t.Fatalf("packet of source %d played again: %v", binary.BigEndian.Uint32(p[8:]), err)
		}
	}
	if _, err := ours.in.openControl(slices.Clone(reports[len(reports)-1])); err != errReplayed {
		t.Fatalf("report played again: %v", err)
	}

	for ssrc := range uint32(maxSpoken + 10) {
		p := sound(1, ssrc)
		h, _ := parseRTP(p)
		sealed, err := ours.out.seal(p, h)
		if (err == nil) != (ssrc < maxSpoken) || (err != nil && err != errSource) {
			t.Fatalf("seal of source %d: %v", ssrc, err)
		}
		if err == nil {
			if _, err := in.DecryptRTP(nil, sealed, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// No number is ever sealed twice.
func TestSealedOnce(t *testing.T) {
	ours, _, _ := contexts(t, srtp.ProtectionProfileAeadAes128Gcm)
	for i, tt := range []struct {
		seq uint16
		err error
	}{{5, nil}, {5, errRepeated}, {7, nil}, {6, nil}, {6, errRepeated}, {65535, errRepeated}, {7, errRepeated}, {8, nil}} {
		p := sound(tt.seq, 9)
		h, _ := parseRTP(p)
		if _, err := ours.out.seal(p, h); err != tt.err {
			t.Errorf("packet %d of number %d: %v", i, tt.seq, err)
		}
	}
	ours.out.media.at.top = 1<<48 - 1
	p := sound(0, 9)
	h, _ := parseRTP(p)
	if _, err := ours.out.seal(p, h); err != errExhausted {
		t.Errorf("packet 2^48: %v", err)
	}
	ours.out.control.add(9).top = maxControl
	if _, err := ours.out.sealControl([]byte{0x80, 201, 0, 1, 0, 0, 0, 9}); err != errExhausted {
		t.Errorf("report 2^31: %v", err)
	}
}

// The packet path allocates nothing.
func TestSRTPAllocatesNothing(t *testing.T) {
	for id, s := range suites {
		ours, _, _ := contexts(t, id)
		a, b := masters(s)
		far, err := newKeys(s, b, a)
		if err != nil {
			t.Fatal(err)
		}
		p := voice(t, 0)
		size, seq := len(p), uint16(0)
		if n := testing.AllocsPerRun(100, func() {
			seq++
			p = p[:size]
			p[2], p[3] = byte(seq>>8), byte(seq)
			h, _ := parseRTP(p)
			sealed, err := far.out.seal(p, h)
			if err == nil {
				_, err = ours.in.open(sealed, h)
			}
			if err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations to seal and open a packet", s.name, n)
		}
	}
}
