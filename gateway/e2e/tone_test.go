//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
)

// Frequencies in Hz by which the parties are told apart. Each is far from the
// others and from their harmonics, and none is that of the built-in tone.
const (
	toneAlice   = 440.0
	toneBob     = 620.0
	tonePhone   = 780.0
	tonePhone2  = 540.0
	toneBuiltIn = 1004.0
)

// sound is what a party heard: 16-bit mono.
type sound struct {
	samples []int16
	rate    int // Hz
}

// last is the end of a sound, at most d long.
func (s sound) last(d time.Duration) sound {
	if n := int(d.Seconds() * float64(s.rate)); len(s.samples) > n {
		s.samples = s.samples[len(s.samples)-n:]
	}
	return s
}

func (s sound) duration() time.Duration {
	if s.rate == 0 {
		return 0
	}
	return time.Duration(len(s.samples)) * time.Second / time.Duration(s.rate)
}

// share is how much of the sound's energy is a tone of freq Hz: 0 when there is
// none or next to nothing is heard, 1 for the tone alone. It looks at pieces of
// 100 ms, because the speakers pause between pulses.
func (s sound) share(freq float64) float64 {
	piece := s.rate / 10
	if piece == 0 {
		return 0
	}
	var energy, found float64
	loud := 0
	for rest := s.samples; len(rest) >= piece; rest = rest[piece:] {
		rms := audio.RMS(rest[:piece])
		if rms < 100 {
			continue
		}
		loud++
		energy += rms * rms
		found += rms * rms * audio.Goertzel(rest[:piece], s.rate, freq)
	}
	if loud < 3 {
		return 0
	}
	return found / energy
}

// String names the tones that are in the sound, for a failed test.
func (s sound) String() string {
	text := fmt.Sprintf("%.1f s at %d Hz, RMS %.0f", s.duration().Seconds(), s.rate, audio.RMS(s.samples))
	for _, freq := range []float64{toneAlice, toneBob, tonePhone, tonePhone2, toneBuiltIn} {
		if share := s.share(freq); share > 0.05 {
			text += fmt.Sprintf(", %.0f Hz %.0f %%", freq, 100*share)
		}
	}
	return text
}

// listener is a party whose ear can be read.
type listener interface {
	// heard is what came in the last moments, newest last.
	heard(t *testing.T) sound
}

// judged are the tones by which each listener was judged so far.
var judged sync.Map // of question

type question struct {
	listener
	freq float64
}

// onItsWay is how long sound that is over may still be coming in: it waits in jitter buffers and in what writes it down.
const onItsWay = 300 * time.Millisecond

// wantTone waits until l hears freq, and fails the test if it doesn't. Clean
// tones have a share of 0.9; a browser that echoes itself cancels half of it.
// A listener that was judged by the tone before may have it in its ear from then: only what comes from now on counts.
func wantTone(t *testing.T, who string, l listener, freq float64) {
	t.Helper()
	_, before := judged.LoadOrStore(question{l, freq}, true)
	begun, last := time.Now(), sound{}
	if !within(12*time.Second, func() bool {
		length := 1500 * time.Millisecond
		if before {
			length = min(length, max(0, time.Since(begun)-onItsWay))
		}
		last = l.heard(t).last(length)
		return last.share(freq) > 0.4
	}) {
		t.Fatalf("%s doesn't hear %.0f Hz but: %v", who, freq, last)
	}
}

// wantNoTone fails the test if l hears freq in the next moments.
func wantNoTone(t *testing.T, who string, l listener, freq float64) {
	t.Helper()
	judged.Store(question{l, freq}, true)
	time.Sleep(onItsWay + time.Second)
	if s := l.heard(t).last(time.Second); s.share(freq) > 0.1 {
		t.Errorf("%s hears %.0f Hz and shouldn't: %v", who, freq, s)
	}
}

// steady is in how much of the sound's time a tone of freq Hz is what is heard: in 0.8 of it when nothing of toneFile's is lost.
func (s sound) steady(freq float64) float64 {
	all, good := 0, 0
	for rest := s.samples; s.rate > 0 && len(rest) >= s.rate/10; rest = rest[s.rate/10:] {
		all++
		if piece := rest[:s.rate/10]; audio.RMS(piece) >= 100 && audio.Goertzel(piece, s.rate, freq) > 0.4 {
			good++
		}
	}
	return float64(good) / float64(max(1, all))
}

// wantSteady waits until l hears freq in more than half of three seconds.
func wantSteady(t *testing.T, who string, l listener, freq float64) {
	t.Helper()
	var last sound
	if !within(12*time.Second, func() bool {
		last = l.heard(t).last(3 * time.Second)
		return last.duration() > 2500*time.Millisecond && last.steady(freq) > 0.5
	}) {
		t.Fatalf("%s hears %.0f Hz in %.2f of the time: %v", who, freq, last.steady(freq), last)
	}
	t.Logf("%s hears %.0f Hz in %.2f of the time", who, freq, last.steady(freq))
}

// toneFile writes a tone as a WAV file, in pulses of 400 ms with pauses of
// 100 ms, since noise suppression takes a steady tone for noise.
func toneFile(t *testing.T, freq float64, rate int, length time.Duration) string {
	t.Helper()
	samples := make([]int16, int(length.Seconds()*float64(rate)))
	audio.NewTone(freq, rate, 9000).Fill(samples)
	for i := range samples {
		if i*10/rate%5 == 4 {
			samples[i] = 0
		}
	}
	file, err := os.CreateTemp(t.TempDir(), fmt.Sprintf("tone-%.0f-*.wav", freq))
	if err != nil {
		t.Fatalf("write a tone: %v", err)
	}
	defer file.Close()
	if err := audio.WriteWAV(file, samples, rate, 1); err != nil {
		t.Fatalf("write a tone: %v", err)
	}
	return file.Name()
}
