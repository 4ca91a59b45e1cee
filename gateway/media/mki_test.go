package media

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtcp"

	"cordboard/gateway/sdp"
)

// insertMKI puts an MKI where RFC 3711 §3.1 and RFC 7714 §8.2 have it, into a packet whose tag of HMAC has so many octets.
func insertMKI(p, mki []byte, tag int) []byte {
	return slices.Insert(slices.Clone(p), len(p)-tag, mki...)
}

// tagOf is how many octets of a suite's packets stand behind an MKI, of RTP and of RTCP.
func tagOf(name string) (media, control int) {
	i := slices.IndexFunc(sdesSuites, func(s suite) bool { return s.name == name })
	if sdesSuites[i].tag == gcmTag {
		return 0, 0
	}
	return sdesSuites[i].tag, controlTag
}

// A phone whose packets say which key they are under is understood, in RTP and in RTCP, as caller and as callee, whether it writes what
// it announced or not. What we say has no MKI, as our line says.
func TestMKI(t *testing.T) {
	e := startEngine(t, "23100-23119")
	mki := []byte{0, 0, 0, 1}
	for _, suite := range sdp.Suites {
		for _, calls := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, calls %v", suite.Name, calls), func(t *testing.T) {
				defer e.Delete("call", "")
				p := newDeskPhone(t, "RTP/SAVP", suite.Name)
				describe := func() []byte {
					key := base64.StdEncoding.EncodeToString(p.key)
					return []byte(strings.Replace(string(p.description("sendrecv")), key, key+"|2^20|1:4", 1))
				}
				marked := func(payload string) {
					tag, _ := tagOf(suite.Name)
					p.send(p.media, insertMKI(p.sealed(payload), mki, tag))
				}
				if calls {
					answer := must(t)(e.Local(t.Context(), "call", pbx, Echo, describe()))
					if !bytes.Contains(answer, []byte(" "+suite.Name+" inline:")) || bytes.Contains(answer, []byte("|")) {
						t.Fatalf("answered by\n%s", answer)
					}
					p.hear(answer)
					reaches(t, marked, p, "marked")
					reaches(t, p.mouth, p, "announced and not written")
					return
				}
				i := slices.IndexFunc(sdp.Suites, func(s sdp.Suite) bool { return s == suite })
				if i >= offeredSuites {
					t.Skip("not offered")
				}
				b := newBrowser(t)
				p.hear(must(t)(e.Offer(t.Context(), "call", alice, trunk, b.offer())))
				b.accept(must(t)(e.Answer(t.Context(), "call", trunk, alice, describe())))
				reaches(t, marked, b, "marked")
				reaches(t, b.say, p, "back")
			})
		}
	}
}

// Reports may be marked too, and a key that is changed by a re-INVITE takes its own MKI along; the count of rollovers goes on.
func TestMKIRekeyed(t *testing.T) {
	e := startEngine(t, "23120-23129")
	for _, name := range []string{"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"} {
		t.Run(name, func(t *testing.T) {
			defer e.Delete("call", "")
			p := newDeskPhone(t, "RTP/SAVP", name)
			tag, controlTag := tagOf(name)
			mki := []byte{7}
			talk := func() {
				key := base64.StdEncoding.EncodeToString(p.key)
				text := strings.Replace(string(p.description("sendrecv")), key, fmt.Sprintf("%s|%d:1", key, mki[0]), 1)
				p.hear(must(t)(e.Local(t.Context(), "call", pbx, Echo, []byte(text))))
			}
			marked := func(payload string) { p.send(p.media, insertMKI(p.sealed(payload), mki, tag)) }
			talk()
			p.seq = 65533
			for range 4 { // beyond the rollover
				reaches(t, marked, p, "over")
			}
			talk()
			reaches(t, marked, p, "the same key")
			sealed, err := p.out.EncryptRTCP(nil, compound(t, &rtcp.ReceiverReport{SSRC: p.ssrc}, name4(p.ssrc)), nil)
			if err != nil {
				t.Fatal(err)
			}
			p.control.WriteToUDPAddrPort(insertMKI(sealed, mki, controlTag), p.remote.RTCP)
			waitFor(t, "the report", func() bool { return stats(t, e, "call", pbx.Leg).Reports == 1 })

			late := insertMKI(p.sealed("late"), mki, tag)
			p.rekey()
			mki = []byte{8}
			talk()
			p.send(p.media, late)
			if got := p.next(patience); got == nil || string(got.Payload) != "late" {
				t.Fatalf("heard %v under the old key", got)
			}
			reaches(t, marked, p, "the next key")
			marked2 := insertMKI(p.sealed("wrong"), []byte{9}, tag)
			unopened := stats(t, e, "call", pbx.Leg).Unopened
			p.send(p.media, marked2)
			waitFor(t, "a packet of an unknown key refused", func() bool { return stats(t, e, "call", pbx.Leg).Unopened == unopened+1 })
		})
	}
}

// name4 is the name that must follow a report.
func name4(ssrc uint32) rtcp.Packet { return rtcp.NewCNAMESourceDescription(ssrc, "phone") }

// FuzzMKI: a packet with an MKI is what it is without, and one that was changed anywhere but in the MKI is not taken.
func FuzzMKI(f *testing.F) {
	for i := range sdesSuites {
		f.Add(uint8(i), []byte("hello"), []byte{1}, uint16(0), uint8(0))
		f.Add(uint8(i), bytes.Repeat([]byte{0}, 40), []byte{0, 0, 0, 0}, uint16(30), uint8(1))
		f.Add(uint8(i), []byte{}, bytes.Repeat([]byte{7}, 128), uint16(1), uint8(128))
	}
	f.Fuzz(func(t *testing.T, which uint8, payload, mki []byte, at uint16, change uint8) {
		s := sdesSuites[int(which)%len(sdesSuites)]
		if len(mki) == 0 || len(mki) > 128 || len(payload) > 1000 {
			return
		}
		ours, theirs := masters(s)
		sender, err := newKeys(s, ours, theirs)
		if err != nil {
			t.Fatal(err)
		}
		tag, _ := tagOf(s.name)
		clear := append(sound(3, 9)[:rtpHeaderSize:rtpHeaderSize], payload...)
		h, ok := parseRTP(clear)
		if !ok {
			t.Fatal("no packet")
		}
		sealed, err := sender.out.seal(append(make([]byte, 0, bufferSize), clear...), h)
		if err != nil {
			t.Fatal(err)
		}
		p := insertMKI(sealed, mki, tag)
		place := int(at) % len(p)
		p[place] ^= change
		inside := place >= len(sealed)-tag && place < len(sealed)-tag+len(mki)
		receiver, err := newKeys(s, theirs, ours)
		if err != nil {
			t.Fatal(err)
		}
		receiver.in.marked(s, mki)
		if h, ok = parseRTP(p); !ok {
			return
		}
		got, err := receiver.in.open(p, h)
		switch {
		case change == 0 && (err != nil || !bytes.Equal(got, clear)):
			t.Fatalf("%s with MKI %x: %x, %v; want %x", s.name, mki, got, err, clear)
		case change != 0 && err == nil && !inside:
			t.Fatalf("%s changed at %d of %d is taken", s.name, place, len(p))
		}
	})
}
