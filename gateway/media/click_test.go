package media

import (
	"math"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// The voice into which sounds are put: soft and low, so that it has no large steps of its own.
const (
	voiceFrequency = 150.0
	voicePeak      = 1000.0
)

// spoken is the voice in a codec, so many packets of it.
func spoken(t *testing.T, c sdp.Codec, packets int) (payloads [][]byte) {
	t.Helper()
	mouth, rate, err := encoderOf(c)
	if err != nil {
		t.Fatal(err)
	}
	tone := audio.NewTone(voiceFrequency, rate, voicePeak)
	pcm := make([]int16, int(packetTime)*rate/int(time.Second))
	for range packets {
		tone.Fill(pcm)
		payload, err := mouth.Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload)
	}
	return payloads
}

// sine is a tone with its peak.
type sine struct{ frequency, peak float64 }

// step is the largest between neighbouring samples of the tone.
func (s sine) step(rate int) float64 {
	return 2 * s.peak * math.Sin(math.Pi*s.frequency/float64(rate))
}

// wantSmooth fails if what a decoder makes of packets in a codec has a larger step between neighbouring samples than the tones
// in it explain, together with the voice: that is what a click is.
func wantSmooth(t *testing.T, c sdp.Codec, payloads [][]byte, tones ...sine) {
	t.Helper()
	ear, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	const rough = 1.3 // what codecs add to a step that have heard something else before
	limit := sine{voiceFrequency, voicePeak}.step(rate)
	for _, s := range tones {
		limit += s.step(rate)
	}
	if isOpus(c) {
		limit += voicePeak / 2 // the voice is cut off where it is not zero, as this codec is late by less than a packet
	}
	var last float64
	var sound []int16
	for n, payload := range payloads {
		if sound, err = ear.Decode(sound[:0], payload); err != nil {
			t.Fatal(err)
		}
		for i, sample := range sound {
			step := math.Abs(float64(sample) - last)
			if last = float64(sample); step > rough*limit && n > 1 { // the voice's own beginning is not ours
				t.Fatalf("a step of %.0f at %d ms, want no more than %.0f", step, 1000*(n*len(sound)+i)/rate, limit)
			}
		}
	}
}

// payloadsOf are the payloads that a tape has.
func payloadsOf(far *tape) (payloads [][]byte) {
	for _, p := range far.all() {
		payloads = append(payloads, p.Payload)
	}
	return payloads
}

// The party may be heard again at any packet of the comfort tone, and fall silent at any place of it.
func TestComfortToneDoesNotClick(t *testing.T) {
	for _, c := range convertible {
		t.Run(c.Name, func(t *testing.T) {
			voice := spoken(t, c, 20)
			tone := sine{comfortFrequency, amplitude(lawOf(c), comfortLevel)}
			for _, before := range []time.Duration{0, comfortBeep / 2, time.Second} {
				for packets := range int((comfortLead+comfortBeep)/packetTime) + 2 {
					far := &tape{}
					l, peer := &leg{}, &leg{line: far}
					agreed := hearing{voices: []sdp.Codec{c}}
					l.way.Store(&way{peer: peer, talks: true, hears: true, hearing: agreed})
					peer.way.Store(&way{peer: l, talks: true, hears: true, hearing: agreed})
					cf := comforter{leg: l, voice: newSpeaker(), place: before, due: time.Minute} // it has sounded before
					for i := range packets {
						cf.step(time.Minute + time.Duration(i)*packetTime)
					}
					if packets > 0 && before > 0 && cf.place < comfortBeep {
						t.Errorf("goes on at %v of the beep", cf.place)
					}
					wantSmooth(t, c, slices.Concat(voice[:10], payloadsOf(far), voice[10:]), tone)
				}
			}
		})
	}
}

// The tone of a recording stands in the voice, and is not cut off by a pause.
func TestBeepDoesNotClick(t *testing.T) {
	for _, c := range convertible {
		t.Run(c.Name, func(t *testing.T) {
			var r recorder
			b := &beeper{paused: &r.paused, due: 10 * packetTime}
			b.learn([]sdp.Codec{c})
			var said [][]byte
			sounded := 0
			for i, payload := range spoken(t, c, 40) {
				r.paused.Store(i > 12)
				v := newTongue()
				v.header.pt = c.PT
				p, h := v.next(payload)
				got := b.over(append(make([]byte, 0, bufferSize), p...), h, time.Duration(i)*packetTime)
				if said = append(said, slices.Clone(h.content(got))); !slices.Equal(said[i], payload) {
					sounded++
				}
			}
			if sounded < beepFrames {
				t.Errorf("the tone is in %d packets, want %d", sounded, beepFrames)
			}
			wantSmooth(t, c, said, sine{beepFrequency, amplitude(codec.PCMU, beepLevel)})
		})
	}
}

// A key as a tone stands in the voice's place.
func TestKeyDoesNotClick(t *testing.T) {
	for _, c := range []sdp.Codec{pcmuCodec, pcmaCodec, g722Codec} {
		t.Run(c.Name, func(t *testing.T) {
			far, k, p := listener(hearing{voices: []sdp.Codec{c}})
			voice := spoken(t, c, 20)
			for range 2 {
				k.begin(press{code: 5, up: true, length: 100 * time.Millisecond})
			}
			run(p, time.Minute, time.Second, nil)
			row, column := sine{770, amplitude(codec.PCMU, rowLevel)}, sine{1336, amplitude(codec.PCMU, columnLevel)}
			wantSmooth(t, c, slices.Concat(voice[:10], payloadsOf(far), voice[10:]), row, column)
		})
	}
}
