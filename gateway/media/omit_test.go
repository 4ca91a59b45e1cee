package media

import (
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// pausesLine is a line that keeps the numbers of what is sent.
type pausesLine struct {
	tapeLine
	sent []sent
}

func (w *pausesLine) send(p []byte, h rtpHeader, _ time.Duration) error {
	w.sent = append(w.sent, sent{rtpHeader: h, stamp: stampOf(p), marked: p[1]&0x80 != 0, data: append([]byte(nil), p[h.size:]...)})
	return nil
}

// A silent microphone is not sent to who asks for that, but for a packet every 400 ms, and speech after it begins a talk spurt. Who doesn't ask is sent
// everything.
func TestVoiceOmitsSilence(t *testing.T) {
	for asks, omits := range map[string]bool{"a=ptime:20\r\na=fmtp:96 usedtx=1\r\n": true, "a=ptime:20\r\n": false} {
		w := new(pausesLine)
		e, v := wired(t, opus96, &w.tapeLine, asks)
		e.calls["call"].legs[second.Leg].line = w
		tone := audio.NewTone(440, audio.CardRate, toneVolume)
		speak := func(d time.Duration, loud bool) {
			for range d / voiceTime {
				var frame [audio.CardFrame]int16
				if loud {
					tone.Fill(frame[:])
				}
				v.last = 0 // that the test was held up is no pause of the microphone
				v.Capture(frame[:])
			}
		}
		speak(time.Second, true)
		speak(4*time.Second, false)
		pause := len(w.sent)
		speak(time.Second, true)
		n, marks := len(w.sent), 0
		ear, rate, _ := codec.NewDecoder("opus", opus96.ClockRate, 1)
		var heard []int16
		for i, p := range w.sent {
			var err error
			if heard, err = ear.Decode(heard, p.data); err != nil {
				t.Fatal(err)
			}
			if i > 0 && p.seq != w.sent[i-1].seq+1 {
				t.Errorf("packet %d has the number %d after %d", i, p.seq, w.sent[i-1].seq)
			}
			if p.marked && i > 0 {
				if marks++; i < pause || i > pause+2 {
					t.Errorf("packet %d is marked; speech begins with %d", i, pause)
				}
			}
		}
		if whole := w.sent[n-1].stamp - w.sent[0].stamp; whole < 298*960 || whole > 299*960 {
			t.Errorf("%d ticks in 6 s", whole)
		}
		if omits && (n < 110 || n > 140 || marks != 1) || !omits && (n < 298 || marks != 0) {
			t.Errorf("%q: of 300 packets, 200 of them silent, %d are sent, %d marked", asks, n, marks)
		}
		if !has(heard[len(heard)-rate/2:], rate, 440) {
			t.Errorf("%q: speech after the pause is not heard", asks)
		}
	}
}
