package media

import (
	"bytes"
	"fmt"
	"testing"

	"cordboard/gateway/sdp"
)

// A phone that changes its key in the midst of a stream either counts rollovers on, as RFC 3711 §3.3.1 has it, or begins at zero, as those
// do that make all anew (RFC 4568 §7.1.4 for another address). Both are understood, also when the key changes twice before a packet comes.
func TestRolloversOverAnotherKey(t *testing.T) {
	e := startEngine(t, "23130-23139")
	for _, suite := range sdp.Suites {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, on %v", suite.Name, on), func(t *testing.T) {
				defer e.Delete("call", "")
				p := newDeskPhone(t, "RTP/SAVP", suite.Name)
				p.talkToEcho(e)
				p.seq = 65533
				for range 4 { // beyond the rollover
					reaches(t, p.mouth, p, "over")
				}
				for _, changes := range []int{1, 2} {
					for range changes {
						p.rekey()
						p.talkToEcho(e)
					}
					if on {
						p.out.SetROC(p.ssrc, 1)
					}
					reaches(t, p.mouth, p, "new key")
					reaches(t, p.mouth, p, "and again")
				}
			})
		}
	}
}

// Who changes its key may be somebody else who knows nothing of our rollovers: after the first one our stream begins anew, so that
// everyone counts from zero.
func TestNewStreamForAnotherKey(t *testing.T) {
	e := startEngine(t, "23140-23149")
	for _, over := range []bool{true, false} {
		for _, next := range []string{"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"} {
			t.Run(fmt.Sprintf("%s, over %v", next, over), func(t *testing.T) {
				defer e.Delete("call", "")
				p := newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
				p.talkToEcho(e)
				if over {
					s := &e.calls["call"].legs[pbx.Leg].streams
					s.mu.Lock()
					s.out.top = 65533
					s.mu.Unlock()
				}
				first := reaches(t, p.mouth, p, "before")
				for range 4 {
					first = reaches(t, p.mouth, p, "over")
				}
				q := newDeskPhone(t, "RTP/SAVP", next) // in its place, with contexts of its own
				q.phone = p.phone
				q.talkToEcho(e)
				second := reaches(t, q.mouth, q, "after")
				if (second.SSRC != first.SSRC) != over {
					t.Errorf("SSRC %08x after %08x", second.SSRC, first.SSRC)
				}
				if over && second.SequenceNumber > 1<<15 {
					t.Errorf("the new stream begins with %d", second.SequenceNumber)
				}
				if int32(second.Timestamp-first.Timestamp) <= 0 {
					t.Errorf("timestamp %d after %d", second.Timestamp, first.Timestamp)
				}
			})
		}
	}
}

// A party whose rollovers we can't know of is understood after some packets: it was silent to us while its numbers went on for more than
// half their range, so that the guess of RFC 3711 appendix A is wrong, or it counts on with a key that we, started anew, never heard.
func TestRolloversMissed(t *testing.T) {
	for id, s := range suites {
		for _, tt := range []struct {
			name     string
			from, to uint16 // numbers
			roc      uint32 // of to
		}{
			{"half a range and more", 40000, 20000, 1}, {"two ranges", 40000, 39000, 3}, {"never heard", 0, 700, 1}, {"never heard for a day", 0, 60000, 67},
		} {
			t.Run(s.name+", "+tt.name, func(t *testing.T) {
				ours, _, out := contexts(t, id)
				seal := func(seq uint16) []byte {
					p, err := out.EncryptRTP(nil, sound(seq, 9), nil)
					if err != nil {
						t.Fatal(err)
					}
					return append(make([]byte, 0, bufferSize), p...)
				}
				open := func(p []byte) bool {
					h, _ := parseRTP(p)
					clear, err := ours.in.open(p, h)
					return err == nil && bytes.Equal(clear, sound(h.seq, 9))
				}
				if tt.from > 0 && !open(seal(tt.from)) {
					t.Fatal("the first packet is not opened")
				}
				out.SetROC(9, tt.roc)
				late := 0
				var last []byte
				for seq := tt.to; ; seq++ {
					p := seal(seq)
					last = append(make([]byte, 0, bufferSize), p...)
					if open(p) {
						break
					}
					if late++; late > 1000 {
						t.Fatal("never opened")
					}
				}
				if most := int(tt.roc) * probeEach; late > most {
					t.Errorf("opened after %d packets, want %d at most", late, most)
				}
				if open(last) {
					t.Error("a packet is opened twice")
				}
				if !open(seal(tt.to+uint16(late)+1)) || !open(seal(tt.to+uint16(late)+200)) {
					t.Error("the next ones are not opened")
				}
			})
		}
	}
}
