package echo

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
)

// script is who talks when, in seconds: the far end alone; both; the far end alone; the near end alone.
const (
	bothTalk  = 6.0
	farAgain  = 8.0
	nearAlone = 10.5
	scriptEnd = 12.0
)

// phone is a party of a script: it plays what the far end says, and keeps what it is given of the microphone.
type phone struct{ says, hears []float64 }

func (p *phone) Play(frame []int16) {
	for i := range frame {
		frame[i] = sample16(p.says[i])
	}
	p.says = p.says[len(frame):]
}

func (p *phone) Capture(frame []int16) {
	for _, s := range frame {
		p.hears = append(p.hears, float64(s))
	}
}

func sample16(x float64) int16 {
	return int16(math.Round(max(math.MinInt16, min(math.MaxInt16, x))))
}

// call lets the far end and the microphone sound through what Wrap makes of a phone, and gives what becomes of the microphone's.
func call(config Config, far, microphone []float64) []float64 {
	p := &phone{says: far}
	d := Wrap(p, config)
	var frame [audio.CardFrame]int16
	for len(p.says) >= len(frame) {
		d.Play(frame[:])
		for i := range frame {
			frame[i] = sample16(microphone[len(p.hears)+i])
		}
		d.Capture(frame[:])
	}
	return p.hears
}

// What is taken out of the echo (ERLE: by how much less energy of it comes out than goes in), how soon, and what happens to who
// talks at the microphone at the same time: how clear the voice is above all that isn't it, and how much softer it got.
func TestEcho(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	far := lasting(voice(1, scriptEnd, 120, 3000), 0, nearAlone)
	near := lasting(voice(2, scriptEnd, 200, 2000), bothTalk, farAgain)
	copy(span(near, nearAlone, scriptEnd), voice(3, scriptEnd-nearAlone, 180, 2000))
	unheard := make([]float64, len(near)) // what is played and not heard, so that the filter, which turns low tones' phase, does not rest
	for i := range unheard {
		unheard[i] = 100 * math.Sin(2*math.Pi*700*float64(i)/audio.CardRate)
	}
	undisturbed := call(Config{Echo: true}, unheard, near) // as it comes out where there is no echo
	for _, tt := range []struct {
		name                  string
		delay, rt60, coupling float64
		drift                 float64 // by which the microphone's clock is faster than the loudspeaker's
		erle                  float64 // dB at least, in the seconds 4 to 6
		again                 float64 // and when both have talked
	}{
		{"headset that leaks", 0.02, 0.03, 0.05, 0, 25, 14},
		{"laptop", 0.03, 0.15, 0.3, 0, 30, 32},
		{"loudspeaker, small room", 0.06, 0.2, 0.5, 0, 28, 30},
		{"loudspeaker, big room", 0.1, 0.3, 0.5, 0, 25, 28},
		{"slow card", 0.2, 0.2, 0.5, 0, 28, 30},
		{"loudspeaker louder than the voice", 0.05, 0.2, 1.2, 0, 28, 30},
		{"two cards", 0.05, 0.15, 0.3, 50e-6, 14, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			echo := drifted(room(far, 5, tt.delay, tt.rt60, tt.coupling), tt.drift)
			r := rand.New(rand.NewPCG(9, 9))
			microphone := make([]float64, len(echo))
			for i := range microphone {
				microphone[i] = echo[i] + near[i] + 8*r.NormFloat64()
			}
			out := call(Config{Echo: true}, far, microphone)
			erle := func(from, to float64) float64 {
				return decibel(energy(span(microphone, from, to)) / (energy(span(out, from, to)) + 1))
			}
			converged := bothTalk
			for converged > 0 && erle(converged-0.5, converged) > 15 {
				converged -= 0.25
			}
			clear, gain := likeness(span(out, bothTalk, farAgain), span(undisturbed, bothTalk, farAgain))
			alone, aloneGain := likeness(span(out, nearAlone+0.5, scriptEnd), span(undisturbed, nearAlone+0.5, scriptEnd))
			before := decibel(energy(span(near, bothTalk, farAgain)) / energy(span(echo, bothTalk, farAgain)))
			t.Logf("ERLE %.1f dB in the 1st second, %.1f in the 2nd, %.1f in the 3rd and 4th, %.1f in the 5th and 6th; 15 dB for good after %.2f s; after both have talked %.1f",
				erle(0.1, 1), erle(1, 2), erle(2, 4), erle(4, 6), converged, erle(farAgain+0.5, nearAlone))
			t.Logf("both talk: voice %.1f dB above the echo becomes %.1f dB above all else, %+.1f dB louder; alone: %.1f dB above, %+.1f dB",
				before, clear, gain, alone, aloneGain)
			if got := erle(4, 6); got < tt.erle {
				t.Errorf("ERLE is %.1f dB, want %.0f", got, tt.erle)
			}
			if got := erle(farAgain+0.5, nearAlone); got < tt.again {
				t.Errorf("ERLE is %.1f dB after both have talked, want %.0f", got, tt.again)
			}
			if clear < before+3 && clear < 12 || gain < -3 || gain > 1 {
				t.Errorf("while both talk, the voice is %.1f dB above all else and %+.1f dB louder", clear, gain)
			}
			if alone < 12 || aloneGain < -1.5 || aloneGain > 1 {
				t.Errorf("alone, the voice is %.1f dB above all else and %+.1f dB louder", alone, aloneGain)
			}
		})
	}
}

// In mid-call another device is taken, whose delay is another.
func TestDelayChanges(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	const change, end = 4.0, 9.0
	far := voice(1, end, 120, 3000)
	for _, tt := range []struct{ before, after float64 }{{0.03, 0.18}, {0.18, 0.03}, {0.03, 0.05}} {
		microphone := room(far, 5, tt.before, 0.15, 0.4)
		copy(span(microphone, change, end), span(room(far, 6, tt.after, 0.15, 0.4), change, end))
		out := call(Config{Echo: true}, far, microphone)
		erle := func(from, to float64) float64 {
			return decibel(energy(span(microphone, from, to)) / (energy(span(out, from, to)) + 1))
		}
		t.Logf("%v: ERLE %.1f dB before; then %.1f in the first second, %.1f in the second, %.1f in the third, %.1f from then on",
			tt, erle(change-1, change), erle(change, change+1), erle(change+1, change+2), erle(change+2, change+3), erle(change+3, end))
		if got := erle(change+3, end); got < 12 {
			t.Errorf("%v: ERLE is %.1f dB, 3 s after the change, want 12", tt, got)
		}
	}
}

// listener is a phone that takes the band, from a second on.
type listener struct {
	phone
	band []float64
}

const bandFrom = 1.0 // s

func (l *listener) CaptureBand(frame []int16) bool {
	if len(l.hears) < bandFrom*audio.CardRate {
		return false
	}
	for _, s := range frame {
		l.band = append(l.band, float64(s))
	}
	return true
}

// Who takes the band gets it with as little echo, and a tone in it as it is, sooner than in whole frames.
func TestBand(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	far := voice(1, 8, 120, 3000)
	microphone := room(far, 5, 0.03, 0.15, 0.3)
	echo := energy(span(microphone, 4, 6))
	tone := make([]int16, len(far))
	audio.NewTone(1000, audio.CardRate, 6000).Fill(tone)
	for i := range span(microphone, 6.5, 8) {
		microphone[int(6.5*audio.CardRate)+i] += float64(tone[i])
	}
	l := &listener{phone: phone{says: append([]float64(nil), far...)}}
	d := Wrap(l, Config{Echo: true})
	var frame [audio.CardFrame]int16
	for at := 0; at+len(frame) <= len(microphone); at += len(frame) {
		d.Play(frame[:])
		for i := range frame {
			frame[i] = sample16(microphone[at+i])
		}
		d.Capture(frame[:])
	}
	if n := len(l.hears); n != bandFrom*audio.CardRate {
		t.Errorf("%d samples came in whole frames", n)
	}
	at := func(second float64) int { return int((second - bandFrom) * audio.BandRate) }
	left := energy(l.band[at(4):at(6)]) * audio.CardRate / audio.BandRate
	sound := make([]int16, at(8)-at(7))
	for i := range sound {
		sound[i] = int16(l.band[at(7)+i])
	}
	share := audio.Goertzel(sound, audio.BandRate, 1000)
	t.Logf("ERLE %.1f dB; %.3f of the sound is the tone, at an RMS of %.0f", decibel(echo/left), share, audio.RMS(sound))
	if got := decibel(echo / left); got < 30 {
		t.Errorf("ERLE is %.1f dB, want 30", got)
	}
	if rms := audio.RMS(sound); share < 0.95 || rms < 3500 || rms > 5000 {
		t.Errorf("%.3f of the sound is the tone, at an RMS of %.0f", share, rms)
	}
}

// While the far end is silent the filter rests. When that talks again, its echo is taken out as before, from the first syllable on, and who talks at the
// microphone all the time hears no seam.
func TestRests(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	const again, end = 6.0, 8.0
	said := voice(1, end-2, 120, 3000)
	far := append(append(said[:int(4*audio.CardRate):int(4*audio.CardRate)], make([]float64, 2*audio.CardRate)...), said[4*audio.CardRate:]...)
	for i := range far { // the noise of a line
		far[i] += 10 * math.Sin(float64(i*i%1009))
	}
	echo := room(far, 5, 0.05, 0.15, 0.4)
	out := call(Config{Echo: true}, append([]float64(nil), far...), echo)
	erle := func(from, to float64) float64 {
		return decibel(energy(span(echo, from, to)) / (energy(span(out, from, to)) + 1))
	}
	t.Logf("ERLE %.1f dB before, %.1f in the first half second again, %.1f from then on", erle(3, 4), erle(again, again+0.5), erle(again+0.5, end))
	if first, then := erle(again, again+0.5), erle(again+0.5, end); first < 20 || then < 28 {
		t.Errorf("ERLE is %.1f dB in the first half second again, %.1f from then on; want 20 and 28", first, then)
	}

	for i := range far { // not heard at the microphone
		far[i] = 0
		if i/audio.CardRate%2 == 1 {
			far[i] = 100 * math.Sin(2*math.Pi*700*float64(i)/audio.CardRate)
		}
	}
	low := make([]float64, len(far))
	for i := range low {
		low[i] = 500 + 8000*math.Sin(2*math.Pi*100*float64(i)/audio.CardRate)
	}
	out = call(Config{Echo: true}, far, low)
	most := 0.0 // of the third difference, which a seam has and a low tone has not
	for i := audio.CardRate / 2; i+3 < len(out); i++ {
		most = max(most, math.Abs(out[i+3]-3*out[i+2]+3*out[i+1]-out[i]))
	}
	t.Logf("a seam of %.0f at most", most)
	if most > 100 {
		t.Errorf("a low tone has a seam of %.0f where the filter begins or ends to rest", most)
	}
}

// Where nothing is played, the microphone's sound comes through in its whole width, not only the band that is worked on.
func TestWholeBandPasses(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	pcm := make([]int16, audio.CardRate)
	sound := make([]float64, len(pcm))
	for _, frequency := range []float64{200, 300, 1000, 3400, 6000, 6900, 7200, 7500, 7800, 8000, 8200, 8500, 9000, 12000, 16000, 20000} {
		audio.NewTone(frequency, audio.CardRate, 8000).Fill(pcm)
		for i, s := range pcm {
			sound[i] = float64(s)
		}
		out := call(Config{Echo: true}, make([]float64, len(sound)), sound)
		for i, x := range out {
			pcm[i] = int16(x)
		}
		late := pcm[audio.CardRate/2:]
		level := 20 * math.Log10(audio.RMS(late)*math.Sqrt2/8000)
		share := audio.Goertzel(late, audio.CardRate, frequency)
		t.Logf("%5.0f Hz: %+.2f dB, %.4f of it that tone", frequency, level, share)
		if math.Abs(level) > 1 || share < 0.99 {
			t.Errorf("%.0f Hz come out %+.1f dB louder, %.3f of it that tone", frequency, level, share)
		}
	}
}

// A click comes out at the sample that Wrap says, wherever in a frame it is, and with it what lies above the lower band.
func TestDelay(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	const late = 8 * audio.CardRate / 1000 // a budget of the phone's: from the microphone to the wire it has 30 ms for all
	for _, at := range []int{0, 1, 100, 239, 240, 300, 479} {
		sound := make([]float64, 40*audio.CardFrame)
		at += 20 * audio.CardFrame
		sound[at] = 20000
		peak, most := 0, 0.0
		for i, x := range call(Config{Echo: true}, make([]float64, len(sound)), sound) {
			if math.Abs(x) > most {
				peak, most = i, math.Abs(x)
			}
		}
		t.Logf("a click comes out %d samples later, at %.0f of 20000", peak-at, most)
		if peak-at > late || most < 15000 {
			t.Errorf("a click comes out %d samples later, want at most %d, at %.0f of 20000", peak-at, late, most)
		}
	}
}

// A steady tone is noise to who suppresses noise. Without that it stays.
func TestSteadyTone(t *testing.T) {
	if !Available {
		t.Skip("this build has no echo cancellation")
	}
	const seconds, amplitude = 6, 8000.0
	tone := make([]int16, seconds*audio.CardRate)
	audio.NewTone(440, audio.CardRate, amplitude).Fill(tone)
	sound := make([]float64, len(tone))
	for i, s := range tone {
		sound[i] = float64(s)
	}
	other := make([]float64, len(tone)) // what is played meanwhile, and isn't heard
	for i := range other {
		other[i] = amplitude * math.Sin(2*math.Pi*700*float64(i)/audio.CardRate)
	}
	for _, tt := range []struct {
		name   string
		config Config
		far    []float64
		least  float64
	}{
		{"echo", Config{Echo: true}, make([]float64, len(tone)), -3},
		{"echo, while another tone is played", Config{Echo: true}, other, -6},
		{"echo and gain", Config{Echo: true, Gain: true}, other, -12},
		{"echo, noise and gain", Config{Echo: true, Noise: true, Gain: true}, other, -40},
		{"noise", Config{Noise: true}, other, -40},
	} {
		out := call(tt.config, tt.far, sound)
		pcm := make([]int16, audio.CardRate)
		levels := [seconds]float64{}
		for second := range levels {
			for i, x := range out[second*len(pcm) : (second+1)*len(pcm)] {
				pcm[i] = int16(x)
			}
			levels[second] = 20 * math.Log10(audio.RMS(pcm)*math.Sqrt2/amplitude)
		}
		t.Logf("%s: second by second %.1f dB; %.3f of the last is the tone", tt.name, levels, audio.Goertzel(pcm, audio.CardRate, 440))
		if got := levels[seconds-1]; got < tt.least || got > 13 {
			t.Errorf("%s: the tone has %+.1f dB", tt.name, got)
		}
		if share := audio.Goertzel(pcm, audio.CardRate, 440); share < 0.9 && !tt.config.Noise {
			t.Errorf("%s: %.3f of what comes out is the tone", tt.name, share)
		}
	}
}

// Steady noise gets softer, and a soft voice louder.
func TestNoiseAndGain(t *testing.T) {
	if !Available {
		t.Skip("this build has no noise suppression")
	}
	const seconds = 8
	soft := lasting(voice(6, seconds, 140, 500), 3, seconds)
	r := rand.New(rand.NewPCG(1, 1))
	microphone := make([]float64, len(soft))
	for i := range microphone {
		microphone[i] = soft[i] + 60*r.NormFloat64()
	}
	silence := make([]float64, len(soft))
	quiet := call(Config{Noise: true}, silence, microphone)
	taken := decibel(energy(span(microphone, 2, 3)) / energy(span(quiet, 2, 3)))
	loud := call(Config{Noise: true, Gain: true}, silence, microphone)
	more := decibel(energy(span(loud, 6, seconds)) / energy(span(quiet, 6, seconds)))
	t.Logf("noise %.1f dB softer, a soft voice %.1f dB louder", taken, more)
	if taken < 8 || more < 4 || more > 13 {
		t.Errorf("noise is %.1f dB softer, a soft voice %.1f dB louder", taken, more)
	}
}

// The two threads of a card work at the same time; and what C holds is given back.
func TestThreads(t *testing.T) {
	var card sync.WaitGroup
	d := Wrap(&phone{says: make([]float64, 200*audio.CardFrame)}, Config{Echo: true, Noise: true, Gain: true})
	for _, do := range []func([]int16){d.Play, d.Capture} {
		card.Go(func() {
			var frame [audio.CardFrame]int16
			for range 200 {
				do(frame[:])
				time.Sleep(0)
			}
		})
	}
	card.Wait()
	d = nil
	runtime.GC()
}

func TestWrapWithNothingToDo(t *testing.T) {
	p := &phone{}
	if Wrap(p, Config{}) != audio.Duplex(p) {
		t.Error("with nothing to do, something was put between")
	}
	if _, same := Wrap(p, Config{Echo: true}).(*phone); same == Available {
		t.Errorf("something was put between: %v, although it's available: %v", !same, Available)
	}
}

// silent is a party that costs nothing.
type silent struct{}

func (silent) Play([]int16)    {}
func (silent) Capture([]int16) {}

func TestAllocatesNothing(t *testing.T) {
	d := Wrap(silent{}, Config{Echo: true, Noise: true, Gain: true})
	frame := make([]int16, audio.CardFrame)
	for i := range frame {
		frame[i] = int16(i * 37)
	}
	if n := testing.AllocsPerRun(200, func() { d.Play(frame); d.Capture(frame) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
	d = Wrap(silentBand{}, Config{Echo: true, Noise: true, Gain: true})
	if n := testing.AllocsPerRun(200, func() { d.Play(frame); d.Capture(frame) }); n != 0 {
		t.Errorf("%v allocations per frame of the band", n)
	}
}

// silentBand is one that takes the band.
type silentBand struct{ silent }

func (silentBand) CaptureBand([]int16) bool { return true }

// A frame both ways, 10 ms of sound: 100 µs are 1 % of a core.
func BenchmarkDuplex(b *testing.B) {
	for _, tt := range []struct {
		name   string
		config Config
		inner  audio.Duplex
	}{
		{"nothing", Config{}, silent{}},
		{"echo", Config{Echo: true}, silent{}},
		{"noise and gain", Config{Noise: true, Gain: true}, silent{}},
		{"all", Config{Echo: true, Noise: true, Gain: true}, silent{}},
		{"all of the band", Config{Echo: true, Noise: true, Gain: true}, silentBand{}},
		{"echo in the band", Config{Echo: true}, silentBand{}},
		{"all of the band, the far end silent", Config{Echo: true, Noise: true, Gain: true}, silentBand{}},
		{"noise and gain in the band", Config{Noise: true, Gain: true}, silentBand{}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			far := voice(1, 4, 120, 3000)
			heard := room(far, 5, 0.03, 0.2, 0.5)
			if strings.Contains(tt.name, "silent") {
				clear(far)
			}
			played, captured := make([]int16, len(far)), make([]int16, len(far))
			for i := range far {
				played[i], captured[i] = sample16(far[i]), sample16(heard[i])
			}
			d := Wrap(tt.inner, tt.config)
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				d.Play(played[at : at+audio.CardFrame])
				d.Capture(captured[at : at+audio.CardFrame])
				at = (at + audio.CardFrame) % len(far)
			}
		})
	}
}
