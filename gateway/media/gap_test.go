package media

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

// Nothing comes from the PBX for ten seconds, as its network is away or its phone sends nothing: that is told, and what comes then is heard by the browser at
// once, in the same stream at its right time. Of packets that are lost on the way to us the browser sees as much as we did.
func TestGapAndLossOfThePBX(t *testing.T) {
	const gap = 10 * time.Second
	for _, tt := range []struct {
		name    string
		pauses  bool // the phone numbers on when it speaks again
		missing uint16
	}{{"the network is away", false, uint16(gap / packetTime)}, {"the phone sends nothing", true, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, 8000, "PCMU")
				out := new(pausesLine)
				w.browser.line = out
				w.calm(3 * time.Second)
				before := len(out.sent)
				begun, seq := w.engine.now(), w.pbx.seq
				w.pbx.mute = true
				w.expect(call.TroubleSilent, "pbx", false, known)
				w.expect(call.TroubleOneWay, "pbx", false, known)
				w.calm(begun + gap - w.engine.now())
				if len(out.sent) != before {
					t.Errorf("the browser is sent %d packets in the gap", len(out.sent)-before)
				}
				if w.pbx.mute = false; tt.pauses {
					w.pbx.seq = seq
				}
				w.run(packetTime)
				if len(out.sent) != before+1 {
					t.Fatalf("%d packets come through as the first behind the gap", len(out.sent)-before)
				}
				last, next := out.sent[before-1], out.sent[before]
				if next.ssrc != last.ssrc || next.seq-last.seq != 1+tt.missing || math.Abs(float64(next.stamp-last.stamp)-8000*gap.Seconds()) > 8000*0.1 {
					t.Errorf("behind the gap comes %+v %d after %+v %d", next.rtpHeader, next.stamp, last.rtpHeader, last.stamp)
				}
				w.expect(call.TroubleSilent, "pbx", true, known)
				w.expect(call.TroubleOneWay, "pbx", true, known)
				w.calm(10 * time.Second)
			})
		})
	}
	t.Run("5 % are lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t, 8000, "PCMU")
			out := new(pausesLine)
			w.browser.line = out
			w.pbx.drop = func(seq uint16) bool { return seq%20 == 7 }
			w.run(11 * time.Second)
			w.expect(call.TroubleLossIn, "pbx", false, sampleTime)
			missing := int(out.sent[len(out.sent)-1].seq-out.sent[0].seq) + 1 - len(out.sent)
			if all := float64(len(out.sent) + missing); math.Abs(float64(missing)/all-0.05) > 0.005 {
				t.Errorf("%d of %.0f packets are missing at the browser", missing, all)
			}
			w.pbx.streams.mu.Lock()
			reported := float64(w.pbx.streams.in.fraction()) / 256
			w.pbx.streams.mu.Unlock()
			if math.Abs(reported-0.05) > 0.01 {
				t.Errorf("the PBX is told of %.3f lost", reported)
			}
		})
	})
}
