package audio

import (
	"math"
	"slices"
	"sync"
	"testing"
)

// speaker is a party that says a tone, and keeps what it hears.
type speaker struct {
	tone  *Tone
	heard []int16
	muted bool
}

func (s *speaker) Muted() bool { return s.muted }

func (s *speaker) Play(frame []int16)    { s.tone.Fill(frame) }
func (s *speaker) Capture(frame []int16) { s.heard = append(s.heard, frame...) }

// expect fails the test unless the sound is made of the tones that are said to be in it, alike loud, and of no others.
func expect(t *testing.T, who string, sound []int16, tones map[float64]bool) {
	t.Helper()
	n := 0
	for _, there := range tones {
		if there {
			n++
		}
	}
	for freq, there := range tones {
		share := Goertzel(sound, CardRate, freq)
		if there && math.Abs(share-1/float64(n)) > 0.02 || !there && share > 0.001 {
			t.Errorf("%s: %.3f of the sound is at %.0f Hz, with %d tones (heard: %v)", who, share, freq, n, there)
		}
	}
}

func TestMixerThreeWay(t *testing.T) {
	const microphone, alice, bob, notice = 400.0, 700.0, 1100.0, 1900.0
	a, b := &speaker{tone: NewTone(alice, CardRate, 6000)}, &speaker{tone: NewTone(bob, CardRate, 6000)}
	local := NewTone(microphone, CardRate, 6000)
	var m Mixer
	leaveA := m.Join(a)
	leaveB := m.Join(b)
	stop := m.Sound(NewTone(notice, CardRate, 6000).Fill)
	run := func(frames int) (loudspeaker []int16) {
		a.heard, b.heard = nil, nil
		for range frames {
			var frame [CardFrame]int16
			m.Play(frame[:])
			loudspeaker = append(loudspeaker, frame[:]...)
			local.Fill(frame[:])
			m.Capture(frame[:])
		}
		return loudspeaker
	}

	sound := run(50)
	expect(t, "loudspeaker", sound, map[float64]bool{microphone: false, alice: true, bob: true, notice: true})
	expect(t, "alice", a.heard, map[float64]bool{microphone: true, alice: false, bob: true, notice: false})
	expect(t, "bob", b.heard, map[float64]bool{microphone: true, alice: true, bob: false, notice: false})

	a.muted = true
	run(50)
	expect(t, "muted alice", a.heard, map[float64]bool{microphone: false, alice: false, bob: true, notice: false})
	expect(t, "bob beside her", b.heard, map[float64]bool{microphone: true, alice: true, bob: false, notice: false})
	a.muted = false

	stop()
	leaveB()
	sound = run(50)
	expect(t, "loudspeaker without bob", sound, map[float64]bool{microphone: false, alice: true, bob: false, notice: false})
	expect(t, "alice alone", a.heard, map[float64]bool{microphone: true, alice: false, bob: false, notice: false})
	if len(b.heard) > 0 {
		t.Error("bob hears after he has left")
	}

	leaveA()
	if got := RMS(run(2)); got != 0 {
		t.Errorf("without anybody the loudspeaker sounds at %.1f", got)
	}
}

// Alone, what is played and captured comes as it is, however loud.
func TestMixerAloneChangesNothing(t *testing.T) {
	a := &speaker{tone: NewTone(1000, CardRate, math.MaxInt16)}
	same := NewTone(1000, CardRate, math.MaxInt16)
	var m Mixer
	m.Join(a)
	for range 3 {
		var got, want [CardFrame]int16
		m.Play(got[:])
		same.Fill(want[:])
		if got != want {
			t.Fatal("what the loudspeaker sounds is not what the only party says")
		}
		m.Capture(want[:])
	}
	again := NewTone(1000, CardRate, math.MaxInt16)
	want := make([]int16, len(a.heard))
	again.Fill(want)
	for i := range want {
		if a.heard[i] != want[i] {
			t.Fatalf("sample %d that the only party hears is %d, want %d", i, a.heard[i], want[i])
		}
	}
}

// narrow is a speaker that takes the band that calls have.
type narrow struct {
	*speaker
	band []int16
}

func (n *narrow) CaptureBand(frame []int16) bool {
	n.band = append(n.band, frame...)
	return true
}

// A party that is alone may take the band in place of whole frames, muted too; with several whole ones come.
func TestMixerGivesTheBand(t *testing.T) {
	a, b := &narrow{speaker: &speaker{tone: NewTone(700, CardRate, 6000)}}, &speaker{tone: NewTone(1100, CardRate, 6000)}
	band := make([]int16, BandFrame)
	NewTone(400, BandRate, 6000).Fill(band)
	var m Mixer
	if !m.CaptureBand(band) {
		t.Error("with nobody there, whole frames are wanted")
	}
	leave := m.Join(a)
	if !m.CaptureBand(band) || !slices.Equal(a.band, band) {
		t.Errorf("alone, %d samples came, not the band", len(a.band))
	}
	a.muted = true
	if !m.CaptureBand(band) || RMS(a.band[BandFrame:]) != 0 {
		t.Errorf("muted, an RMS of %.0f came", RMS(a.band[BandFrame:]))
	}
	a.muted = false
	leaveB := m.Join(b)
	if m.CaptureBand(band) || len(a.band) != 2*BandFrame {
		t.Error("of two parties one got the band")
	}
	leave()
	if m.CaptureBand(band) {
		t.Error("a party that takes whole frames only got the band")
	}
	leaveB()
}

// However loud and many, sounds never wrap around: the limit is odd, and rises all the way.
func TestSoftLimit(t *testing.T) {
	last := soft(-40 * math.MaxInt16)
	for x := int32(-40 * math.MaxInt16); x <= 40*math.MaxInt16; x += 7 {
		y := soft(x)
		switch {
		case y < last:
			t.Fatalf("of %d less is left, %d, than of a little less, %d", x, y, last)
		case x >= -knee && x <= knee && int32(y) != x:
			t.Fatalf("%d becomes %d, below the knee", x, y)
		case soft(-x) != -y:
			t.Fatalf("%d becomes %d, and its negative %d", x, y, soft(-x))
		}
		last = y
	}
	if last < 32000 {
		t.Errorf("a very loud sum ends at %d", last)
	}
}

// Parties may come and go while both of the card's threads work.
func TestMixerJoinsWhileItWorks(t *testing.T) {
	var m Mixer
	var card sync.WaitGroup
	over := make(chan struct{})
	for _, do := range []func([]int16){m.Play, m.Capture} {
		card.Go(func() {
			var frame [CardFrame]int16
			for {
				select {
				case <-over:
					return
				default:
					do(frame[:])
				}
			}
		})
	}
	for range 200 {
		s := &speaker{tone: NewTone(500, CardRate, 1000)}
		leave := m.Join(s)
		m.Sound(func([]int16) {})()
		leave()
		s.heard, s.tone = nil, nil // nobody uses it any more
	}
	close(over)
	card.Wait()
}

// deaf is a party that costs nothing.
type deaf struct{}

func (deaf) Play(frame []int16) {
	for i := range frame {
		frame[i] = int16(i * 50)
	}
}
func (deaf) Capture([]int16) {}

func TestMixerAllocatesNothing(t *testing.T) {
	var m Mixer
	m.Join(deaf{})
	m.Join(deaf{})
	m.Sound(NewProgress("DE", WaitingTone).Play)
	frame := make([]int16, CardFrame)
	if n := testing.AllocsPerRun(100, func() { m.Play(frame); m.Capture(frame) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// A frame both ways, of a conference with so many parties.
func BenchmarkMixer(b *testing.B) {
	for _, tt := range []struct {
		name    string
		parties int
	}{{"one", 1}, {"three-way", 2}, {"five", 4}} {
		b.Run(tt.name, func(b *testing.B) {
			var m Mixer
			for range tt.parties {
				m.Join(deaf{})
			}
			frame := make([]int16, CardFrame)
			b.ReportAllocs()
			for b.Loop() {
				m.Play(frame)
				m.Capture(frame)
			}
		})
	}
}
