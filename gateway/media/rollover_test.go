package media

import (
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
