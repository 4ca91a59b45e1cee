package codec

import (
	"math"
	"math/rand/v2"
	"testing"

	"cordboard/audio"
)

// A lost packet of a steady tone is not heard: the sound goes on in phase.
func TestConcealTone(t *testing.T) {
	for _, name := range []string{"PCMA", "PCMU", "G722"} {
		for _, freq := range []float64{100, 150, 200, 400, 1000} { // whole periods fit in a lag
			e, rate, _ := NewEncoder(name, 8000, 1)
			d, _, _ := NewDecoder(name, 8000, 1)
			tone := audio.NewTone(freq, rate, 8000)
			pcm := make([]int16, rate/50)
			var out []int16
			for i := range 20 {
				tone.Fill(pcm)
				payload, err := e.Encode(nil, pcm)
				if err != nil {
					t.Fatal(err)
				}
				if i == 10 {
					payload = nil
				}
				if out, err = d.Decode(out, payload); err != nil {
					t.Fatal(err)
				}
			}
			lost := out[10*rate/50 : 10*rate/50+rate/100] // before it fades
			steady := out[8*rate/50 : 8*rate/50+rate/100]
			if diff := 20 * math.Log10(audio.RMS(lost)/audio.RMS(steady)); math.Abs(diff) > 1 {
				t.Errorf("%s, %.0f Hz: what hides a loss is %.1f dB off", name, freq, diff)
			}
			if share := audio.Goertzel(out[6*rate/50:14*rate/50], rate, freq); share < 0.9 {
				t.Errorf("%s, %.0f Hz: with a loss in it %.3f is the tone", name, freq, share)
			}
			for i := 10 * rate / 50; i < 11*rate/50; i++ { // no clicks
				if step := math.Abs(float64(out[i]) - float64(out[i-1])); step > 1.4*8000*2*math.Pi*freq/float64(rate)+800 {
					t.Errorf("%s, %.0f Hz: a step of %.0f in what hides a loss", name, freq, step)
					break
				}
			}
		}
	}
}

// A long gap ends in silence, and what comes after it is heard as it is.
func TestConcealFades(t *testing.T) {
	d, rate, _ := NewDecoder("PCMU", 8000, 1)
	pcm := make([]int16, rate/50)
	audio.NewTone(300, rate, 10000).Fill(pcm)
	voice := PCMU.Encode(nil, pcm)
	for range 5 {
		if _, err := d.Decode(nil, voice); err != nil {
			t.Fatal(err)
		}
	}
	var gap []int16
	for range 5 {
		gap, _ = d.Decode(gap, nil)
	}
	if len(gap) != rate/10 {
		t.Errorf("five packets gave %d samples", len(gap))
	}
	if quiet := audio.RMS(gap[rate*60/1000:]); quiet != 0 {
		t.Errorf("after 60 ms there still is %.0f", quiet)
	}
	got, _ := d.Decode(nil, voice)
	want := PCMU.Decode(nil, voice)
	for i := rate / 100; i < len(want); i++ {
		if got[i] != want[i] {
			t.Fatalf("sample %d after a gap is %d, want %d", i, got[i], want[i])
		}
	}
	first, _, _ := NewDecoder("PCMU", 8000, 1)
	if none, err := first.Decode(nil, nil); err != nil || len(none) != 0 {
		t.Errorf("a loss before the first packet gave %d samples, %v", len(none), err)
	}
}

func FuzzConceal(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(1))
	f.Add([]byte{}, uint64(7))
	f.Fuzz(func(t *testing.T, payload []byte, seed uint64) {
		if len(payload) > 1500 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		for _, name := range []string{"PCMA", "G722"} {
			d, rate, _ := NewDecoder(name, 8000, 1)
			for range 6 {
				in := append([]byte{}, payload[:r.IntN(len(payload)+1)]...)
				if r.IntN(3) == 0 {
					in = nil
				}
				out, err := d.Decode(nil, in)
				if most := max(len(in), 1500) * rate / 8000; err != nil || len(out) > most {
					t.Fatalf("%s: %d samples of %d octets, %v", name, len(out), len(in), err)
				}
			}
		}
	})
}

func BenchmarkConceal(b *testing.B) {
	for _, name := range []string{"PCMA", "G722"} {
		b.Run(name, func(b *testing.B) {
			d, rate, _ := NewDecoder(name, 8000, 1)
			out, _ := d.Decode(nil, make([]byte, 160))
			_ = rate
			b.ReportAllocs()
			for b.Loop() {
				out, _ = d.Decode(out[:0], nil)
				out, _ = d.Decode(out[:0], make([]byte, 160))
			}
		})
	}
}
