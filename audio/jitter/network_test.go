package jitter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// rms is how loud it is in a stretch of what was heard, between two times in seconds.
func (w *bench) rms(from, to float64) float64 {
	return audio.RMS(w.heard[int(from*audio.CardRate):int(to*audio.CardRate)])
}

// tones is the share of windows with a tone between two times in seconds.
func (w *bench) tones(from, to, freq float64) float64 {
	return windows(w.heard[int(from*audio.CardRate):int(to*audio.CardRate)], freq)
}

// The network holds everything back for 150 ms: what came late is heard nevertheless, and more is held back at once. That goes away slowly.
func TestSpike(t *testing.T) {
	w := newBench(t, pcmu, 440, func(n int) time.Duration {
		if n >= 250 && n < 258 {
			return 20*time.Millisecond + time.Duration(258-n)*20*time.Millisecond
		}
		return 20 * time.Millisecond
	})
	w.play(5*time.Second + 300*time.Millisecond)
	after := w.delays[len(w.delays)-1]
	w.play(time.Minute)
	s := w.b.Stats()
	t.Logf("held back by %v before, %v after, %v in the end; %+v", w.delays[400], after, w.delays[len(w.delays)-1], s)
	if s.Late > 0 {
		t.Errorf("%d packets were too late", s.Late)
	}
	if w.delays[400] > 30*time.Millisecond || after < 120*time.Millisecond || w.delays[len(w.delays)-1] > 40*time.Millisecond {
		t.Errorf("held back by %v before, %v after, %v in the end", w.delays[400], after, w.delays[len(w.delays)-1])
	}
	if share := w.tones(5.5, 60, 440); share < 0.999 {
		t.Errorf("the tone is in %.4f of the windows after it", share)
	}
}

// The way becomes longer by 600 ms, and shorter again: the sound follows within two seconds.
func TestRouteChanges(t *testing.T) {
	w := newBench(t, pcmu, 440, func(n int) time.Duration {
		if n >= 250 && n < 500 {
			return 620 * time.Millisecond
		}
		return 20 * time.Millisecond
	})
	w.play(20 * time.Second)
	for _, span := range [][2]float64{{1, 5}, {7.6, 9.9}, {12.5, 20}} {
		if share := w.tones(span[0], span[1], 440); share < 0.995 {
			t.Errorf("from %.1f to %.1f s the tone is in %.4f of the windows", span[0], span[1], share)
		}
	}
	t.Logf("held back by %v, %v and %v in the end; %+v", w.delays[450], w.delays[950], w.delays[1999], w.b.Stats())
	if w.delays[950] > 100*time.Millisecond || w.delays[1999] > 100*time.Millisecond {
		t.Errorf("held back by %v on the longer way, %v in the end", w.delays[950], w.delays[1999])
	}
}

// Packets overtake one another: all are heard, in their order.
func TestReordered(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	w := newBench(t, pcmu, 450, func(int) time.Duration { return time.Duration(random.IntN(3)) * 20 * time.Millisecond })
	w.play(20 * time.Second)
	s := w.b.Stats()
	if worst, _ := glitch(w.heard[12*audio.CardRate:], 450); worst > 0.03 {
		t.Errorf("phase jumps by %.3f rad; %+v", worst, s)
	}
	if share := w.tones(2, 20, 450); share < 0.99 {
		t.Errorf("the tone is in %.4f of the windows; %+v", share, s)
	}
}

// The card takes two frames at once: that costs a frame of delay and no sound.
func TestBursts(t *testing.T) {
	for name, fast := range map[string]float64{"fast": 300e-6, "slow": -300e-6} {
		t.Run(name, func(t *testing.T) {
			b, s := New(), newSender(t, pcma, tone(450))
			b.Use(all)
			var heard []int16
			var frame [audio.CardFrame]int16
			sent := 0
			for n := range few(12000, 3000) {
				now := time.Duration(n/2) * 2 * frameTime
				for ; time.Duration(float64(sent)*float64(20*time.Millisecond)/(1+fast)) <= now; sent++ {
					b.Put(s.next(t))
				}
				b.Play(frame[:], now)
				heard = append(heard, frame[:]...)
			}
			st := b.Stats()
			if worst, at := glitch(heard[audio.CardRate:], 450); worst > 0.03 || st.Late > 0 {
				t.Errorf("phase jumps by %.3f rad at %.2f s; %+v", worst, 1+float64(at)/50, st)
			}
			if st.Delay > 50*time.Millisecond {
				t.Errorf("held back by %v", st.Delay)
			}
		})
	}
}

// What happens to a stream in the middle: the tone of before, a little, and the tone of after.
func TestBeginsAnew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, w *bench, s *sender) *sender
	}{
		{"new source", func(t *testing.T, _ *bench, s *sender) *sender {
			n := newSender(t, pcmu, tone(1000))
			n.SSRC, n.Seq, n.Stamp = 77, 12, 99
			return n
		}},
		{"timestamps jump forward", func(t *testing.T, _ *bench, s *sender) *sender {
			s.fill = tone(1000)(8000)
			s.Stamp += 1 << 30
			return s
		}},
		{"timestamps jump back", func(t *testing.T, _ *bench, s *sender) *sender {
			s.fill = tone(1000)(8000)
			s.Stamp -= 8000 * 20
			return s
		}},
		{"numbers jump", func(t *testing.T, _ *bench, s *sender) *sender {
			s.fill = tone(1000)(8000)
			s.Seq += 20000
			return s
		}},
		{"another codec of the same clock", func(t *testing.T, _ *bench, s *sender) *sender {
			n := newSender(t, g722, tone(1000))
			n.Seq, n.Stamp = s.Seq, s.Stamp
			return n
		}},
		{"another codec and clock", func(t *testing.T, _ *bench, s *sender) *sender {
			n := newSender(t, opus, tone(1000))
			n.Seq, n.Stamp = s.Seq, s.Stamp+20000
			return n
		}},
		{"payload types mean something else", func(t *testing.T, w *bench, s *sender) *sender {
			n := newSender(t, pcma, tone(1000))
			n.Type, n.Seq, n.Stamp = 0, s.Seq, s.Stamp
			w.b.Use([]Codec{{Type: 0, Name: "PCMA", Clock: 8000}})
			return n
		}},
		{"the card pauses", func(t *testing.T, w *bench, s *sender) *sender {
			s.fill = tone(1000)(8000)
			for range 300 {
				w.b.Put(s.next(t))
			}
			w.frames, w.now = w.frames+600, w.now+600*frameTime
			w.sent += 300
			return s
		}},
		{"a pause of the sender", func(t *testing.T, w *bench, s *sender) *sender {
			s.fill = tone(1000)(8000)
			before := w.network
			w.network = func(int) time.Duration { return -1 }
			w.play(3 * time.Second)
			w.network = before
			return s
		}},
		{"a pause of the sender that its timestamps don't know", func(t *testing.T, w *bench, s *sender) *sender {
			n := newSender(t, pcmu, tone(1000))
			n.Seq, n.Stamp = s.Seq, s.Stamp
			before := w.network
			w.network = func(int) time.Duration { return -1 }
			w.play(3 * time.Second)
			w.network = before
			return n
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newBench(t, pcmu, 440, steady(20*time.Millisecond))
			s := newSender(t, pcmu, tone(440))
			w.send = func() Packet { return s.next(t) }
			w.play(3 * time.Second)
			if share := w.tones(0.5, 3, 440); share < 0.99 {
				t.Errorf("at first the tone is in %.3f of the windows", share)
			}
			s = tt.change(t, w, s)
			w.heard, w.delays = w.heard[:0], w.delays[:0]
			w.play(3 * time.Second)
			if share := w.tones(0.3, 3, 1000); share < 0.98 {
				t.Errorf("then the other tone is in %.3f of the windows; %+v", share, w.b.Stats())
			}
			if most := slices.Max(w.delays[30:]); most > 60*time.Millisecond {
				t.Errorf("then held back by up to %v", most)
			}
		})
	}
}

// A pause is filled with the faint noise of the line, or with that of the level which comfort noise has; a party that is gone is silence.
func TestNoise(t *testing.T) {
	for _, tt := range []struct {
		name  string
		level byte // 0: no comfort noise comes
		least float64
		most  float64
	}{
		{"comfort noise", 45, 120, 260}, // 184
		{"loud comfort noise", 30, 700, 1400},
		{"nothing", 0, 1, 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newBench(t, pcmu, 440, steady(20*time.Millisecond))
			s := newSender(t, pcmu, tone(440))
			n := 0
			w.send = func() Packet {
				n++
				if p := s.next(t); n != 101 || tt.level == 0 {
					return p
				} else {
					p.Type, p.Payload = cn.Type, []byte{tt.level}
					return p
				}
			}
			w.network = func(n int) time.Duration {
				if n > 100 && n < 200 || n == 100 && tt.level == 0 || n > 300 {
					return -1
				}
				return 20 * time.Millisecond
			}
			w.play(14 * time.Second)
			if got := w.rms(2.3, 3.9); got < tt.least || got > tt.most {
				t.Errorf("noise of %.1f, want %.0f to %.0f", got, tt.least, tt.most)
			}
			if share := w.tones(4.2, 5.9, 440); share < 0.99 {
				t.Errorf("after the pause the tone is in %.3f of the windows", share)
			}
			if got := w.rms(12.5, 14); got != 0 {
				t.Errorf("who is gone for good leaves noise of %.1f", got)
			}
		})
	}
}

// Nothing is allocated by packets and frames.
func TestAllocations(t *testing.T) {
	for _, c := range []Codec{pcmu, g722} {
		b, s := New(), newSender(t, c, tone(440))
		b.Use(all)
		p := s.next(t)
		var frame [audio.CardFrame]int16
		n := 0
		play := func() {
			if n%2 == 0 && n%26 != 0 {
				b.Put(p)
			}
			p.Seq, p.Stamp = uint16(n/2), uint32(n/2)*160
			b.Play(frame[:], time.Duration(n)*frameTime)
			n++
		}
		for range 300 {
			play()
		}
		if got := testing.AllocsPerRun(500, play); got != 0 {
			t.Errorf("%s: %.1f allocations a frame", c.Name, got)
		}
	}
}

// A machine that is busy keeps the card's thread waiting, and then the card takes many frames at once; once the machine is calm
// all is as it should be.
func TestBusyMachine(t *testing.T) {
	for seed := range uint64(few(20, 2)) {
		random := rand.New(rand.NewPCG(7, seed))
		b, s := New(), newSender(t, pcmu, tone(450))
		b.Use(all)
		var heard []int16
		var frame [audio.CardFrame]int16
		sent, frames := 0, 0
		for now := time.Duration(0); now < 20*time.Second; {
			if now += frameTime; now < 12*time.Second {
				now += time.Duration(random.IntN(400)) * time.Millisecond / time.Duration(1+random.IntN(20))
			}
			for ; time.Duration(sent)*20*time.Millisecond <= now; sent++ {
				b.Put(s.next(t))
			}
			for ; time.Duration(frames)*frameTime <= now; frames++ {
				b.Play(frame[:], now)
				heard = append(heard, frame[:]...)
			}
		}
		st := b.Stats()
		busy, calm := windows(heard[:12*audio.CardRate], 450), windows(heard[14*audio.CardRate:20*audio.CardRate], 450)
		if calm < 0.99 || busy < 0.3 {
			t.Errorf("seed %d: the tone is in %.3f of the windows, then in %.3f; %+v", seed, busy, calm, st)
		}
	}
}

// Silence that Opus leaves out (DTX) is none that is lost: until speech goes on the decoder makes the noise that was there, and nothing counts as hidden.
func TestOmittedSilence(t *testing.T) {
	for _, delay := range []struct {
		name    string
		network func(int) time.Duration
	}{
		{"calm", steady(20 * time.Millisecond)},
		{"jitter", func(n int) time.Duration { return time.Duration(20+n*7%30) * time.Millisecond }},
	} {
		t.Run(delay.name, func(t *testing.T) {
			w, s := newBench(t, opus, 440, delay.network), newSender(t, opus, vowel)
			e, r := s.encoder.(*codec.OpusEncoder), rand.New(rand.NewPCG(1, 2))
			e.OmitSilence()
			speak, n, left := s.fill, 0, 0
			s.fill = func(pcm []int16) {
				if speak(pcm); n >= 100 && n < 300 {
					for i := range pcm {
						pcm[i] = int16(20 * r.NormFloat64())
					}
				}
			}
			rests := make([]bool, 0, 500)
			w.send = func() Packet {
				p := s.next(t)
				if n++; e.Rests() {
					left++
					s.Seq-- // it isn't sent
				}
				rests = append(rests, e.Rests())
				return p
			}
			w.network = func(n int) time.Duration {
				if rests[n] {
					return -1
				}
				return delay.network(n)
			}
			w.play(8 * time.Second)
			if left < 120 {
				t.Fatalf("%d packets were left out", left)
			}
			if rms := w.rms(3, 5.9); rms < 8 || rms > 40 {
				t.Errorf("the pause sounds of %.1f, want 20", rms)
			}
			for at := 3.0; at < 5.9; at += 0.1 {
				if rms := w.rms(at, at+0.1); rms < 3 || rms > 60 {
					t.Errorf("at %.1f s the pause sounds of %.1f, want 20", at, rms)
				}
			}
			if share := voiced(w.heard[int(6.2*audio.CardRate):]); share < 0.97 {
				t.Errorf("after it the voice is in %.3f of the windows", share)
			}
			if got := w.b.Stats(); got.Concealed > got.Inserted {
				t.Errorf("%v count as hidden: %+v", got.Concealed, got)
			}
		})
	}
}
