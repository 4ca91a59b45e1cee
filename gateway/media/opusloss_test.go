package media

import (
	"testing"
	"time"
)

// What is converted to Opus bears the loss that its hearer reports; once nothing is lost for a while, and not before, it is encoded by CELT, which
// repeats nothing and costs less.
func TestConverterFollowsLoss(t *testing.T) {
	b := newConverterBench(t, pcmaCodec, opusCodec)
	reported, known := 0, false
	b.c.loss = func() (int, bool) { return reported, known }
	mouth := newCoder(t, pcmaCodec, 440, packetTime)
	seq := uint16(0)
	say := func(looks int) (octets int, celt bool) {
		for range looks * lossSteps {
			b.out = b.out[:0]
			seq++
			b.take(pcmaCodec.PT, seq, uint32(seq)*mouth.ticks, time.Duration(seq)*packetTime, mouth.next(t))
			for _, p := range b.out {
				octets, celt = octets+len(p.data), p.data[0]>>3 >= 16 // RFC 6716 §3.1
			}
		}
		return octets / looks, celt
	}
	_, guessed := say(12)
	known = true
	_, soon := say(5)
	_, calm := say(8)
	reported = 1
	slight, lost := say(4)
	reported = 25
	say(1)
	lossy, _ := say(4)
	reported = 0
	_, again := say(12)
	t.Logf("%d octets with a little loss, %d with much", slight, lossy)
	if guessed || soon || !calm || lost || !again {
		t.Errorf("by CELT before loss was reported: %v, soon after none was: %v, later: %v, with loss: %v, and after it: %v; want it later and after it", guessed, soon, calm, lost, again)
	}
	if lossy < slight*11/10 {
		t.Errorf("%d octets with much loss, %d with little; want a tenth more", lossy, slight)
	}
}
