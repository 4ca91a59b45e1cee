package codec

import (
	"fmt"
	"testing"
)

// steps are what is done with each frame of 20 ms of a call in each codec, and with a resampler between each two rates that calls have.
func steps(t testing.TB) map[string]func() error {
	t.Helper()
	all := map[string]func() error{}
	for _, c := range []struct {
		name  string
		clock uint32
	}{{"PCMU", 8000}, {"PCMA", 8000}, {"G722", 8000}, {"opus", OpusRate}} {
		e, rate, err := NewEncoder(c.name, c.clock, 1)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := NewDecoder(c.name, c.clock, 1)
		if err != nil {
			t.Fatal(err)
		}
		voice, n := speech(rate, 1), rate/50
		var packets [][]byte
		for i := 0; i < rate; i += n {
			payload, err := e.Encode(nil, voice[i:i+n])
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, payload)
		}
		payload, pcm := make([]byte, 0, opusLargest), make([]int16, 0, ms(opusLongest, rate))
		coded, heard, lost := 0, 0, 0
		decode := func(payload []byte) (err error) {
			pcm, err = d.Decode(pcm[:0], payload)
			return err
		}
		all["encode "+c.name] = func() (err error) {
			payload, err = e.Encode(payload[:0], voice[coded:coded+n])
			coded = (coded + n) % rate
			return err
		}
		all["decode "+c.name] = func() error {
			heard++
			return decode(packets[heard%len(packets)])
		}
		// Each second one is lost.
		all["conceal "+c.name] = func() error {
			if lost++; lost%2 == 0 {
				return decode(nil)
			}
			return decode(packets[lost%len(packets)])
		}
		if o, ok := d.(*OpusDecoder); ok {
			all["repair "+c.name] = func() (err error) {
				lost++
				pcm, err = o.Repair(pcm[:0], packets[lost%len(packets)])
				return err
			}
		}
	}
	for _, from := range []int{8000, 16000, 48000} {
		for _, to := range []int{8000, 16000, 48000} {
			r, err := NewResampler(from, to)
			if err != nil {
				t.Fatal(err)
			}
			in, out := speech(from, 1)[:from/50], make([]int16, 0, to/50+1)
			all[fmt.Sprintf("resample %d to %d", from/1000, to/1000)] = func() error {
				out = r.Resample(out[:0], in)
				return nil
			}
		}
	}
	return all
}

// TestFramesAllocateNothing has all of it done with room for the result. gopus allocates where it makes up for a loss.
func TestFramesAllocateNothing(t *testing.T) {
	for name, do := range steps(t) {
		for range 10 { // what is made once
			if err := do(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		allowed := 0.0
		if OpusLibrary == "gopus" && (name == "conceal opus" || name == "repair opus") {
			allowed = 10
		}
		if n := testing.AllocsPerRun(100, func() { _ = do() }); n > allowed {
			t.Errorf("%s: %v allocations per frame", name, n)
		}
	}
}

// BenchmarkFrame is what each costs for 20 ms of sound: 200 µs are 1 % of a core.
func BenchmarkFrame(b *testing.B) {
	for name, do := range steps(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
