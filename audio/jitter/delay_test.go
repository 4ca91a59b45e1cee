package jitter

import (
	"fmt"
	"testing"
	"time"

	"cordboard/audio"
)

// peak is the place of the loudest sample.
func peak(sound []int16) (at int) {
	loudest := 0
	for i, s := range sound {
		if a := max(int(s), -int(s)); a > loudest {
			loudest, at = a, i
		}
	}
	return at
}

// From the wire to the loudspeaker, by clicks at the beginning of packets: after the packet came, until the card is given the click's
// sample. The packet's last sample sounds as much later as it was spoken later. The network is calm, and the packets come anywhere
// between two frames of the card.
func TestWireToLoudspeaker(t *testing.T) {
	for _, c := range []Codec{pcmu, g722, opus} {
		for _, jitter := range []time.Duration{0, 5 * time.Millisecond}[:few(2, 1)] {
			t.Run(fmt.Sprint(c.Name, "/", jitter), func(t *testing.T) {
				var least, most, sum, early time.Duration
				count := 0
				for phase := time.Duration(0); phase < 10; phase += time.Duration(few(1, 5)) {
					n := 0
					fill := func(int) func([]int16) {
						return func(pcm []int16) {
							clear(pcm)
							if n++; n%50 == 25 { // each second, in packet 24 and so on
								for i := range len(pcm) / 20 { // 1 ms
									pcm[i] = 20000
								}
							}
						}
					}
					s := newSender(t, c, fill)
					offset := 20*time.Millisecond + phase*time.Millisecond
					w := newBench(t, c, 1000, func(n int) time.Duration { return offset + jitter*time.Duration(n*7%10)/10 })
					w.send = func() Packet { return s.next(t) }
					w.play(time.Duration(few(13, 9)) * time.Second)
					for k := 24; k < few(600, 400); k += 50 {
						came := time.Duration(k)*20*time.Millisecond + w.network(k)
						from := int(came * audio.CardRate / time.Second)
						d := duration(int64(peak(w.heard[from:from+audio.CardRate/10]))) - 500*time.Microsecond
						if k == 24 {
							early = max(early, d)
							continue
						}
						if k < 350 {
							continue // the first guess still counts
						}
						if count == 0 || d < least {
							least = d
						}
						most, sum, count = max(most, d), sum+d, count+1
					}
				}
				t.Logf("wire to loudspeaker: %.1f ms at least, %.1f on average, %.1f at most; in the first second %.1f at most",
					1e3*least.Seconds(), 1e3*(sum/time.Duration(count)).Seconds(), 1e3*most.Seconds(), 1e3*early.Seconds())
				if most > 60*time.Millisecond || early > 60*time.Millisecond {
					t.Errorf("wire to loudspeaker takes up to %v, at first %v", most, early)
				}
			})
		}
	}
}

// The card fills its buffer as it is opened and wants nothing more for as long: packets that come meanwhile are held back no longer than others.
func TestOpening(t *testing.T) {
	for _, fill := range []int{0, 2, 4} {
		for phase := time.Duration(0); phase < 20; phase += time.Duration(few(1, 5)) {
			b, s := New(), newSender(t, pcmu, tone(450))
			b.Use(all)
			var frame [audio.CardFrame]int16
			sent := 0
			for n := range 50 {
				now := time.Duration(max(0, n-fill)) * frameTime
				for ; time.Duration(sent)*20*time.Millisecond+phase*time.Millisecond <= now+time.Second; sent++ {
					b.Put(s.next(t)) // they came for a second before
				}
				b.Play(frame[:], now)
			}
			if d := b.Stats().Delay; d > 30*time.Millisecond {
				t.Errorf("a card that takes %d frames more at once, packets %d ms after it: held back by %v", fill, phase, d)
			}
		}
	}
}
