package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"cordboard/audio"
)

// through sends a tone of 2 s through a codec, one way and back, with that share of packets lost.
func through(t *testing.T, e Encoder, d Decoder, rate int, freq, amplitude, loss float64) []int16 {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	tone := audio.NewTone(freq, rate, amplitude)
	pcm := make([]int16, rate/50)
	repair, _ := d.(*OpusDecoder)
	var out []int16
	lost := false
	for i := range 100 {
		tone.Fill(pcm)
		payload, err := e.Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		if lost && repair != nil {
			if out, err = repair.Repair(out, payload); err != nil {
				t.Fatal(err)
			}
		}
		gone := i > 0 && r.Float64() < loss
		if lost = gone && repair != nil && i < 99; lost {
			continue
		} else if gone {
			payload = nil
		}
		if out, err = d.Decode(out, payload); err != nil {
			t.Fatal(err)
		}
	}
	return out[rate/5:]
}

// The tone that goes in comes out: its frequency, its level within 1 dB, and so much cleaner than the rest.
func TestTone(t *testing.T) {
	for _, tt := range []struct {
		name string
		rate int // of Opus
		loss float64
		snr  float64 // dB, at least
	}{
		{"PCMA", 0, 0, 35}, {"PCMU", 0, 0, 35}, {"G722", 0, 0, 30},
		{"opus", 8000, 0, 15}, {"opus", 16000, 0, 15}, {"opus", 48000, 0, 15},
		{"PCMA", 0, 0.05, 8}, {"G722", 0, 0.05, 8}, {"opus", 8000, 0.05, 3}, {"opus", 16000, 0.05, 3}, {"opus", 48000, 0.05, 3},
	} {
		t.Run(fmt.Sprintf("%s/%d/loss %.0f%%", tt.name, tt.rate, 100*tt.loss), func(t *testing.T) {
			for _, freq := range []float64{440, 1000} {
				e, rate, _ := NewEncoder(tt.name, 8000, 1)
				d, _, _ := NewDecoder(tt.name, 8000, 1)
				if tt.rate > 0 {
					oe, err := NewOpusEncoder(tt.rate, 1, 0)
					if err != nil {
						t.Fatal(err)
					}
					oe.ExpectLoss(int(100 * tt.loss))
					od, err := NewOpusDecoder(tt.rate, 1)
					if err != nil {
						t.Fatal(err)
					}
					e, d, rate = oe, od, tt.rate
				}
				out := through(t, e, d, rate, freq, 8000, tt.loss)
				share := audio.Goertzel(out, rate, freq)
				level := 20 * math.Log10(audio.RMS(out)*math.Sqrt2/8000)
				snr := 10 * math.Log10(share/(1-share))
				t.Logf("%.0f Hz: %.2f dB, SNR %.1f dB", freq, level, snr)
				if math.Abs(level) > 1 || snr < tt.snr {
					t.Errorf("%.0f Hz: level %.2f dB, SNR %.1f dB; want within 1 dB and at least %.0f dB", freq, level, snr, tt.snr)
				}
			}
		})
	}
}

// speech is like some: harmonics of a falling pitch, in syllables, over faint noise.
func speech(rate, seconds int) []int16 {
	r := rand.New(rand.NewPCG(3, 4))
	pcm := make([]int16, rate*seconds)
	for i := range pcm {
		x := math.Mod(float64(i)/float64(rate), 1)
		sum := 20 * r.NormFloat64()
		for k := 1.0; k < 20; k++ {
			sum += 2500 / k * math.Sin(2*math.Pi*k*(140-20*x)*x) * math.Max(0, math.Sin(2*math.Pi*4*x))
		}
		pcm[i] = int16(sum)
	}
	return pcm
}

// isCELT says of a packet by what it is encoded (RFC 6716 §3.1).
func isCELT(payload []byte) bool { return payload[0]>>3 >= 16 }

// What packets repeat follows the loss that is expected, and takes octets that the sound keeps. While none is, and soon after it's over, the sound is
// encoded by CELT, and a tone goes on through each change.
func TestExpectedLoss(t *testing.T) {
	for _, tt := range []struct{ rate, channels int }{{8000, 1}, {16000, 1}, {16000, 2}, {48000, 1}} {
		t.Run(fmt.Sprintf("%d Hz, %d channels", tt.rate, tt.channels), func(t *testing.T) {
			e, err := NewOpusEncoder(tt.rate, tt.channels, 0)
			if err != nil {
				t.Fatal(err)
			}
			d, err := NewOpusDecoder(tt.rate, 1)
			if err != nil {
				t.Fatal(err)
			}
			voice, n := speech(tt.rate, 1), tt.rate/50
			tone := audio.NewTone(440, tt.rate, 8000)
			at := 0
			pcm, wide := make([]int16, n), make([]int16, 0, 2*n)
			packet := func() []byte {
				wide = wide[:0]
				for _, s := range pcm {
					for range tt.channels {
						wide = append(wide, s)
					}
				}
				payload, err := e.Encode(nil, wide)
				if err != nil {
					t.Fatal(err)
				}
				return payload
			}
			second := func(percent int) (octets, celt int) {
				e.ExpectLoss(percent)
				for range 50 {
					copy(pcm, voice[at:])
					at = (at + n) % len(voice)
					payload := packet()
					octets += len(payload)
					if isCELT(payload) {
						celt++
					}
				}
				return octets, celt
			}
			few, most := 32000/8*tt.channels, 48000/8*tt.channels
			if tt.rate == 8000 {
				most = few
			}
			if octets, celt := second(0); celt != 50 || octets < most*9/10 || octets > most*11/10 {
				t.Errorf("without loss %d packets of CELT, %d octets in a second; want 50 and %d", celt, octets, most)
			}
			slight, celt := second(1)
			lossy, also := second(20)
			if celt+also > 0 || slight > few*11/10 || lossy < slight*11/10 {
				t.Errorf("with loss %d and %d packets of CELT, %d octets in a second and with more loss %d; want at most %d and a tenth more", celt, also, slight, lossy, few)
			}
			for i := 1; i <= opusCalmAfter; i++ {
				if _, celt := second(0); celt > 0 != (i == opusCalmAfter) {
					t.Errorf("after no loss was expected %d times, %d packets of CELT", i, celt)
				}
			}
			for _, percent := range []int{0, 3, 0} {
				var heard []int16
				for range opusCalmAfter {
					e.ExpectLoss(percent)
					for range 5 {
						tone.Fill(pcm)
						if heard, err = d.Decode(heard, packet()); err != nil {
							t.Fatal(err)
						}
					}
				}
				for i := tt.rate / 10; i+n <= len(heard); i += n {
					if rms := audio.RMS(heard[i : i+n]); rms < 8000/math.Sqrt2*0.6 || rms > 8000/math.Sqrt2*1.3 {
						t.Errorf("loss of %d %%: RMS %.0f at %d ms of a tone of %.0f", percent, rms, i*1000/tt.rate, 8000/math.Sqrt2)
					}
				}
			}
			second(100)
			second(-1)
		})
	}
}

// Who wants few bits is sent as many, by SILK, and who wants many no more than speech takes.
func TestMostBits(t *testing.T) {
	for _, tt := range []struct {
		most, want int // bits per second
		celt       bool
	}{{0, 48000, true}, {64000, 48000, true}, {48000, 48000, true}, {20000, 20000, false}, {9000, 9000, false}} {
		e, err := NewOpusEncoder(16000, 1, tt.most)
		if err != nil {
			t.Fatal(err)
		}
		e.ExpectLoss(0)
		voice := speech(16000, 2)
		octets := 0
		for at := 0; at+320 <= len(voice); at += 320 {
			payload, err := e.Encode(nil, voice[at:at+320])
			if err != nil {
				t.Fatal(err)
			}
			if isCELT(payload) != tt.celt {
				t.Fatalf("at most %d: a packet by CELT is %v", tt.most, !tt.celt)
			}
			octets += len(payload)
		}
		if got := octets * 4; got > tt.want*115/100 || got < tt.want*7/10 {
			t.Errorf("at most %d bits in a second: %d, want %d", tt.most, got, tt.want)
		}
	}
}

// In-band FEC gives back most of a lost packet, where concealment can only guess.
func TestRepair(t *testing.T) {
	voice := speech(16000, 2)
	wrong := func(repair bool) (sum float64) {
		e, err := NewOpusEncoder(16000, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		e.ExpectLoss(20)
		whole, _ := NewOpusDecoder(16000, 1)
		d, _ := NewOpusDecoder(16000, 1)
		var want, got []int16
		for i := 0; i < 100; i++ {
			payload, err := e.Encode(nil, voice[320*i:320*i+320])
			if err != nil {
				t.Fatal(err)
			}
			want, _ = whole.Decode(want, payload)
			switch {
			case i%10 == 5: // lost
				continue
			case i%10 == 6 && repair:
				got, _ = d.Repair(got, payload)
			case i%10 == 6:
				got, _ = d.Decode(got, nil)
			}
			got, _ = d.Decode(got, payload)
		}
		for i := range want {
			diff := float64(want[i]) - float64(got[i])
			sum += diff * diff
		}
		return sum
	}
	if with, without := wrong(true), wrong(false); with > without/2 {
		t.Errorf("repaired, what was lost is off by %.3g; hidden by %.3g", with, without)
	}
}

func TestOpusRefuses(t *testing.T) {
	if _, err := NewOpusDecoder(44100, 1); err == nil {
		t.Error("a decoder at 44100 Hz was made")
	}
	if _, err := NewOpusEncoder(8000, 3, 0); err == nil {
		t.Error("an encoder of three channels was made")
	}
	e, err := NewOpusEncoder(8000, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := e.Encode([]byte("x"), make([]int16, 123)); err == nil || string(p) != "x" {
		t.Errorf("a packet of 123 samples gave %q, %v", p, err)
	}
	d, _ := NewOpusDecoder(8000, 1)
	for _, payload := range [][]byte{{}, {0xff}, {3, 0xff, 0xff}} {
		if pcm, err := d.Decode(make([]int16, 3), payload); err == nil || len(pcm) != 3 {
			t.Errorf("payload %x gave %d samples, %v", payload, len(pcm)-3, err)
		}
	}
}
func FuzzOpus(f *testing.F) {
	e, err := NewOpusEncoder(16000, 1, 0)
	if err != nil {
		f.Fatal(err)
	}
	pcm := make([]int16, 320)
	tone := audio.NewTone(300, 16000, 8000)
	for range 5 {
		tone.Fill(pcm)
		payload, err := e.Encode(nil, pcm)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload, payload)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first) > 1500 || len(second) > 1500 {
			return
		}
		d, err := NewOpusDecoder(8000, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []func([]int16) ([]int16, error){
			func(pcm []int16) ([]int16, error) { return d.Decode(pcm, first) },
			func(pcm []int16) ([]int16, error) { return d.Repair(pcm, second) },
			func(pcm []int16) ([]int16, error) { return d.Decode(pcm, second) },
			func(pcm []int16) ([]int16, error) { return d.Decode(pcm, nil) },
		} {
			out, err := step(nil)
			if len(out) > 960 || err != nil && len(out) > 0 {
				t.Fatalf("%d samples, %v", len(out), err)
			}
		}
	})
}

// BenchmarkOpus is what packets of 20 ms cost while nothing is lost, and when 5 % are.
func BenchmarkOpus(b *testing.B) {
	for _, tt := range []struct{ rate, loss int }{{8000, 0}, {16000, 0}, {8000, 5}, {16000, 5}} {
		rate := tt.rate
		voice := speech(rate, 1)
		e, err := NewOpusEncoder(rate, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		e.ExpectLoss(tt.loss)
		n := rate / 50
		var packets [][]byte
		b.Run(fmt.Sprintf("encode/%d/loss %d%%", rate, tt.loss), func(b *testing.B) {
			out := make([]byte, 0, opusLargest)
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + n) % rate {
				if out, err = e.Encode(out[:0], voice[i:i+n]); err != nil {
					b.Fatal(err)
				}
			}
		})
		for i := 0; i < rate; i += n {
			payload, err := e.Encode(nil, voice[i:i+n])
			if err != nil {
				b.Fatal(err)
			}
			packets = append(packets, payload)
		}
		b.Run(fmt.Sprintf("decode/%d/loss %d%%", rate, tt.loss), func(b *testing.B) {
			d, err := NewOpusDecoder(rate, 1)
			if err != nil {
				b.Fatal(err)
			}
			out := make([]int16, 0, ms(opusLongest, rate))
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % len(packets) {
				if out, err = d.Decode(out[:0], packets[i]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
