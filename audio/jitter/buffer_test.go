package jitter

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

var (
	pcmu = Codec{Type: 0, Name: "PCMU", Clock: 8000}
	pcma = Codec{Type: 8, Name: "PCMA", Clock: 8000}
	g722 = Codec{Type: 9, Name: "G722", Clock: 8000}
	opus = Codec{Type: 96, Name: "opus", Clock: 48000, Channels: 2}
	cn   = Codec{Type: 13, Name: "CN", Clock: 8000}
	all  = []Codec{pcmu, pcma, g722, opus, cn}
)

// few is how often something is tried: seldom under the race detector.
func few(often, seldom int) int {
	if thorough {
		return often
	}
	return seldom
}

// frameTime is what a frame lasts by the card's clock.
const frameTime = 10 * time.Millisecond

// arrival is a packet and when it comes.
type arrival struct {
	Packet
	at time.Duration
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// sender makes packets of 20 ms of a sound.
type sender struct {
	Packet
	encoder codec.Encoder
	rate    int
	step    uint32 // of the timestamp
	fill    func(pcm []int16)
	pcm     []int16
}

func newSender(t testing.TB, c Codec, fill func(rate int) func([]int16)) *sender {
	t.Helper()
	e, rate, err := codec.NewEncoder(c.Name, uint32(c.Clock), 1)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := e.(*codec.OpusEncoder); ok {
		o.ExpectLoss(10)
	}
	return &sender{Packet: Packet{Type: c.Type, Seq: 65500, Stamp: 1<<32 - 3000, SSRC: 1}, encoder: e, rate: rate, step: uint32(c.Clock / 50), fill: fill(rate), pcm: make([]int16, rate/50)}
}

// tone is a sine for a sender.
func tone(freq float64) func(int) func([]int16) {
	return func(rate int) func([]int16) { return audio.NewTone(freq, rate, 8000).Fill }
}

// next is the next packet.
func (s *sender) next(t testing.TB) Packet {
	s.fill(s.pcm)
	payload, err := s.encoder.Encode(nil, s.pcm)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Packet
	p.Payload = payload
	s.Seq++
	s.Stamp += s.step
	return p
}

// bench plays what is sent, in virtual time: every packet is sent at its time by the sender's clock, which is fast by a share, comes
// by a delay that the network gives it, less than 0 for never, and every frame is played by the card's clock.
type bench struct {
	b       *Buffer
	send    func() Packet
	network func(n int) time.Duration
	fast    float64
	flight  arrivals
	sent    int
	now     time.Duration
	frames  int
	delays  []time.Duration // Stats.Delay, frame by frame
	depths  []time.Duration
	heard   []int16
}

// play goes on for so long.
func (w *bench) play(d time.Duration) {
	var frame [audio.CardFrame]int16
	for end := w.now + d; w.now < end; w.frames++ {
		w.now = time.Duration(w.frames) * frameTime
		for {
			at := time.Duration(float64(w.sent) * float64(20*time.Millisecond) / (1 + w.fast))
			if at > w.now {
				break
			}
			p := w.send()
			if late := w.network(w.sent); late >= 0 {
				heap.Push(&w.flight, arrival{p, at + late})
			}
			w.sent++
		}
		for len(w.flight) > 0 && w.flight[0].at <= w.now {
			w.b.Put(heap.Pop(&w.flight).(arrival).Packet)
		}
		w.b.Play(frame[:], w.now)
		s := w.b.Stats()
		w.delays, w.depths = append(w.delays, s.Delay), append(w.depths, s.Depth)
		w.heard = append(w.heard, frame[:]...)
	}
}

// newBench begins one with a tone.
func newBench(t testing.TB, c Codec, freq float64, network func(int) time.Duration) *bench {
	t.Helper()
	b := New()
	b.Use(all)
	s := newSender(t, c, tone(freq))
	return &bench{b: b, send: func() Packet { return s.next(t) }, network: network}
}

// windows is the share of 20 ms windows in which the tone is, and no other sound.
func windows(sound []int16, freq float64) float64 {
	const size = audio.CardRate / 50
	good, all := 0, 0
	for ; len(sound) >= size; sound = sound[size:] {
		all++
		if w := sound[:size]; audio.RMS(w) > 2000 && audio.Goertzel(w, audio.CardRate, freq) > 0.8 {
			good++
		}
	}
	return float64(good) / float64(all)
}

func steady(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// A calm network: what comes is held back as little as the card allows, and nothing is made up.
func TestCalm(t *testing.T) {
	for _, c := range []Codec{pcmu, g722, opus} {
		t.Run(c.Name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			w := newBench(t, c, 440, func(int) time.Duration {
				return 30*time.Millisecond + time.Duration(random.IntN(3000))*time.Microsecond
			})
			w.play(time.Duration(few(20, 7)) * time.Second)
			s := w.b.Stats()
			if share := windows(w.heard[audio.CardRate/5:], 440); share < 0.999 {
				t.Errorf("in %.4f of the windows is the tone", share)
			}
			if s.Late > 0 || s.Concealed > 0 {
				t.Errorf("%+v", s)
			}
			if most := slices.Max(w.delays); most > 40*time.Millisecond {
				t.Errorf("held back by up to %v", most)
			}
			t.Logf("held back by %v at first, %v in the end; %+v", w.delays[50], w.delays[len(w.delays)-1], s)
		})
	}
}

// Jitter of 60 ms, each packet on its own, and 5 % lost. Opus speaks a tone by prediction from what was before, so that a loss is
// heard in the packets after it too.
func TestJitterAndLoss(t *testing.T) {
	for c, least := range map[*Codec]float64{&pcmu: 0.97, &g722: 0.97, &opus: 0.88} {
		t.Run(c.Name, func(t *testing.T) {
			for seed := range uint64(few(4, 1)) {
				random := rand.New(rand.NewPCG(3, seed))
				w := newBench(t, *c, 440, func(int) time.Duration {
					if random.IntN(100) < 5 {
						return -1
					}
					return 20*time.Millisecond + time.Duration(random.IntN(60000))*time.Microsecond
				})
				w.play(time.Duration(few(30, 10)) * time.Second)
				share := windows(w.heard[audio.CardRate:], 440)
				t.Logf("the tone is in %.2f %% of the windows of 20 ms; held back by up to %v; %+v", 100*share, slices.Max(w.delays), w.b.Stats())
				if share < least {
					t.Errorf("the tone is in %.3f of the windows, want %.2f", share, least)
				}
				if most := slices.Max(w.delays); most > 120*time.Millisecond {
					t.Errorf("held back by up to %v", most)
				}
			}
		})
	}
}

// glitch measures a tone's phase in windows of 20 ms against one that goes on for ever. A little faster or slower makes the difference
// grow evenly, a step makes it jump: the largest change of its growth is given, in radians, and the window.
func glitch(sound []int16, freq float64) (worst float64, at int) {
	const size = audio.CardRate / 50
	turn := 2 * math.Pi * freq / audio.CardRate
	stepSine, stepCosine := math.Sincos(turn)
	var phase, growth float64
	for n := 0; (n+1)*size <= len(sound); n++ {
		var c, s float64
		sine, cosine := math.Sincos(math.Mod(turn*float64(n*size), 2*math.Pi))
		for _, x := range sound[n*size : (n+1)*size] {
			c, s = c+float64(x)*cosine, s+float64(x)*sine
			cosine, sine = cosine*stepCosine-sine*stepSine, sine*stepCosine+cosine*stepSine
		}
		before, grew := phase, growth
		phase = math.Atan2(s, c)
		growth = math.Remainder(phase-before, 2*math.Pi)
		if d := math.Abs(math.Remainder(growth-grew, 2*math.Pi)); n > 1 && d > worst {
			worst, at = d, n
		}
	}
	return worst, at
}

// A sender whose clock is 200 ppm fast or slow, for ten minutes (one under the race detector): nothing is made up, left out or broken.
func TestDrift(t *testing.T) {
	for name, fast := range map[string]float64{"fast": 200e-6, "slow": -200e-6} {
		t.Run(name, func(t *testing.T) {
			w := newBench(t, pcma, 450, steady(20*time.Millisecond))
			w.fast = fast
			w.play(time.Duration(few(600, 60)) * time.Second)
			s := w.b.Stats()
			sound := w.heard[audio.CardRate:]
			worst, at := glitch(sound, 450)
			t.Logf("held back by %v to %v; depth at most %v; phase jumps by at most %.4f rad; %+v",
				slices.Min(w.delays[100:]), slices.Max(w.delays[100:]), slices.Max(w.depths[100:]), worst, s)
			if s.Late > 0 || s.Concealed > 0 || s.Skipped > 0 || s.Overflowed > 0 {
				t.Errorf("%+v", s)
			}
			if most := slices.Max(w.delays[100:]); most > 50*time.Millisecond {
				t.Errorf("held back by up to %v", most)
			}
			if worst > 0.03 {
				t.Errorf("phase jumps by %.3f rad %.2f s after the beginning", worst, float64(at)/50+1)
			}
			if share := windows(sound, 450); share < 1 {
				t.Errorf("the tone is in %.5f of the windows", share)
			}
		})
	}
}

// vowel is a voice's, at 125 Hz, for a sender: pulses through two resonances, which swell four times a second.
func vowel(rate int) func([]int16) {
	var n int
	var past [4]float64
	return func(pcm []int16) {
		for i := range pcm {
			x := 0.0
			if n%(rate/125) == 0 {
				x = 12000 * (0.6 + 0.4*math.Sin(8*math.Pi*float64(n)/float64(rate)))
			}
			n++
			for k, f := range []float64{700, 1200} {
				r := math.Exp(-math.Pi * 120 / float64(rate))
				y := x + 2*r*math.Cos(2*math.Pi*f/float64(rate))*past[2*k] - r*r*past[2*k+1]
				past[2*k], past[2*k+1] = y, past[2*k]
				x = y / 4
			}
			pcm[i] = int16(max(math.MinInt16, min(4*x, math.MaxInt16)))
		}
	}
}

// voiced is the share of 20 ms windows in which there is that voice: what was heard 8 ms before, again.
func voiced(sound []int16) float64 {
	const size, period = audio.CardRate / 50, audio.CardRate / 125
	good, all := 0, 0
	for at := period; at+size <= len(sound); at += size {
		var here, before, both float64
		for i := at; i < at+size; i++ {
			x, y := float64(sound[i]), float64(sound[i-period])
			here, before, both = here+x*x, before+y*y, both+x*y
		}
		if all++; audio.RMS(sound[at:at+size]) > 300 && both > 0.7*math.Sqrt(here*before) {
			good++
		}
	}
	return float64(good) / float64(all)
}

// Opus repeats in each packet what was spoken in the one before, once it expects loss. What is no speech to it, as a tone, it does not
// repeat.
func TestOpusSpeechAndLoss(t *testing.T) {
	for seed := range uint64(few(4, 1)) {
		random := rand.New(rand.NewPCG(3, seed))
		w := newBench(t, opus, 440, func(int) time.Duration {
			if random.IntN(100) < 5 {
				return -1
			}
			return 20*time.Millisecond + time.Duration(random.IntN(60000))*time.Microsecond
		})
		s := newSender(t, opus, vowel)
		w.send = func() Packet { return s.next(t) }
		w.play(time.Duration(few(30, 10)) * time.Second)
		share := voiced(w.heard[audio.CardRate:])
		t.Logf("the voice is in %.2f %% of the windows of 20 ms; %+v", 100*share, w.b.Stats())
		if share < 0.97 {
			t.Errorf("the voice is in %.3f of the windows", share)
		}
	}
}
