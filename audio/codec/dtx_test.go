package codec

import (
	"math/rand/v2"
	"testing"

	"cordboard/audio"
)

// Silence and the faint noise of a line are left out but for a packet every 400 ms, by which the decoder makes as much noise; what is spoken is not.
func TestOmitSilence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name  string
		noise func() int16
		rms   float64
	}{
		{"digital silence", func() int16 { return 0 }, 0},
		{"PCMA's zero", func() int16 { return 8 }, 8},
		{"a line's noise", func() int16 { return int16(20 * r.NormFloat64()) }, 20},
	} {
		for _, rate := range []int{8000, 16000} {
			for _, loss := range []int{0, 5} {
				e, err := NewOpusEncoder(rate, 1, 0)
				if err != nil {
					t.Fatal(err)
				}
				d, _ := NewOpusDecoder(rate, 1)
				e.OmitSilence()
				e.ExpectLoss(loss)
				n := rate / 50
				var heard []int16
				hushes := 0
				// say says so many packets and counts those that are to be sent. The decoder gets these alone.
				say := func(packets int, pcm func(i int) []int16) (sent int) {
					for i := range packets {
						payload, err := e.Encode(nil, pcm(i))
						if err != nil {
							t.Fatal(err)
						}
						if e.Rests() {
							payload = nil
						} else if sent++; e.Hushes() {
							hushes++
						}
						if heard, err = d.Decode(heard, payload); err != nil {
							t.Fatal(err)
						}
					}
					return sent
				}
				voice := speech(rate, 2)
				if sent := say(100, func(i int) []int16 { return voice[i*n : i*n+n] }); sent != 100 || hushes > 0 {
					t.Errorf("%s, %d Hz: of 100 packets of speech %d are sent, %d as silence", tt.name, rate, sent, hushes)
				}
				pause := make([]int16, n)
				if sent := say(200, func(int) []int16 {
					for i := range pause {
						pause[i] = tt.noise()
					}
					return pause
				}); sent < 18 || sent > 100 || hushes < 10 || hushes > sent {
					t.Errorf("%s, %d Hz: of 200 packets %d are sent, %d to tell of silence", tt.name, rate, sent, hushes)
				}
				if rms := audio.RMS(heard[200*n:]); rms > 2*tt.rms+3 || rms < tt.rms/3 && tt.rms > 10 {
					t.Errorf("%s, %d Hz: sounds of %.1f, want %.0f", tt.name, rate, rms, tt.rms)
				}
				if sent := say(100, func(i int) []int16 { return voice[i*n : i*n+n] }); sent != 100 {
					t.Errorf("%s, %d Hz: of 100 packets of speech after it %d are sent", tt.name, rate, sent)
				}
			}
		}
	}
}

// Tones are no speech, but no silence either.
func TestTonesAreSent(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, freq := range []float64{350, 425, 1004, 2000} {
			e, err := NewOpusEncoder(rate, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			e.OmitSilence()
			tone, pcm := audio.NewTone(freq, rate, 300), make([]int16, rate/50)
			for i := range 200 {
				tone.Fill(pcm)
				if _, err := e.Encode(nil, pcm); err != nil {
					t.Fatal(err)
				}
				if e.Rests() {
					t.Fatalf("%.0f Hz at %d: packet %d is left out", freq, rate, i)
				}
			}
		}
	}
}

// Who doesn't ask for it is sent everything.
func TestSilenceIsSent(t *testing.T) {
	for _, loss := range []int{0, 5} {
		e, err := NewOpusEncoder(16000, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		e.ExpectLoss(loss)
		for range 100 {
			payload, err := e.Encode(nil, make([]int16, 320))
			if err != nil {
				t.Fatal(err)
			}
			if e.Rests() || e.Hushes() || len(payload) <= OpusHush {
				t.Fatalf("a packet of silence has %d octets, rests %v", len(payload), e.Rests())
			}
		}
	}
}
