package media

import (
	"testing"
	"time"
)

// What is converted to Opus bears the loss that its hearer reports, and takes no more octets than before once that is over.
func TestConverterFollowsLoss(t *testing.T) {
	b := newConverterBench(t, pcmaCodec, opusCodec)
	reported, known := 0, false
	b.c.loss = func() (int, bool) { return reported, known }
	mouth := newCoder(t, pcmaCodec, 440, packetTime)
	seq := uint16(0)
	octets := func() (n int) {
		for range 2 * lossSteps { // the next look is among the first half
			if seq%lossSteps == 0 && seq > 0 {
				b.out = b.out[:0]
			}
			seq++
			b.take(pcmaCodec.PT, seq, uint32(seq)*mouth.ticks, time.Duration(seq)*packetTime, mouth.next(t))
		}
		for _, p := range b.out {
			n += len(p.data)
		}
		return n / len(b.out)
	}
	octets()
	known = true
	octets()
	calm := octets()
	reported = 25
	octets()
	lossy := octets()
	reported = 0
	octets()
	after := octets()
	t.Logf("%d octets a packet, %d with loss, %d after it", calm, lossy, after)
	if lossy < calm*11/10 || after > calm*11/10 {
		t.Errorf("%d octets a packet, %d with loss, %d after it", calm, lossy, after)
	}
}
