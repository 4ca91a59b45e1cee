package audio

import (
	"math"
	"slices"
	"sync"
)

// Mixer joins a card with any number of parties: the loudspeaker sounds all of them, and each hears the microphone and all
// others. It is a Duplex, as each party is, and allocates nothing per frame. The zero value has no party.
type Mixer struct {
	// Each of the card's two threads holds its own while it works on a frame; who joins or leaves takes both, for a moment.
	playing, capturing sync.Mutex

	parties []*party         // changed with both, read with either
	sources []*func([]int16) // likewise

	played   sum // of the thread that has playing
	heard    [CardFrame]int16
	captured sum // of the thread that has capturing
	told     [CardFrame]int16
}

// Muter is a party that at times doesn't hear the microphone, but still the others.
type Muter interface {
	Muted() bool // is asked for each frame, and doesn't wait
}

// party is one that has joined.
type party struct {
	duplex Duplex
	muter  Muter            // nil: it always hears the microphone
	bander Bander           // nil: it takes whole frames only
	says   Frames           // what it says, for the others
	said   [CardFrame]int16 // the frame of that which is due
}

// Join adds a party, which may be a Muter, until the returned function is called, which returns when d is no more used.
func (m *Mixer) Join(d Duplex) (leave func()) {
	p := &party{duplex: d}
	p.muter, _ = d.(Muter)
	p.bander, _ = d.(Bander)
	m.change(func() { m.parties = append(m.parties, p) })
	return func() {
		m.change(func() { m.parties = slices.DeleteFunc(m.parties, func(other *party) bool { return other == p }) })
	}
}

// Sound adds what only the loudspeaker sounds, as a tone, until the returned function is called, which returns when play is
// no more used.
func (m *Mixer) Sound(play func(frame []int16)) (stop func()) {
	source := &play
	m.change(func() { m.sources = append(m.sources, source) })
	return func() {
		m.change(func() {
			m.sources = slices.DeleteFunc(m.sources, func(other *func([]int16)) bool { return other == source })
		})
	}
}

func (m *Mixer) change(do func()) {
	m.playing.Lock()
	defer m.playing.Unlock()
	m.capturing.Lock()
	defer m.capturing.Unlock()
	do()
}

// Play fills what the loudspeaker sounds next: silence, when there is nobody.
func (m *Mixer) Play(frame []int16) {
	m.playing.Lock()
	defer m.playing.Unlock()
	if len(m.parties) == 1 && len(m.sources) == 0 {
		clear(frame)
		m.parties[0].duplex.Play(frame)
		return
	}
	m.played.clear()
	for _, p := range m.parties {
		clear(m.heard[:])
		p.duplex.Play(m.heard[:])
		m.played.add(m.heard[:])
		if len(m.parties) > 1 {
			p.says.Put(&m.heard)
		}
	}
	for _, play := range m.sources {
		clear(m.heard[:])
		(*play)(m.heard[:])
		m.played.add(m.heard[:])
	}
	m.played.limited(frame)
}

// Capture gives each party what the microphone has heard and what the others say.
func (m *Mixer) Capture(frame []int16) {
	m.capturing.Lock()
	defer m.capturing.Unlock()
	if len(m.parties) == 1 {
		p := m.parties[0]
		if p.muter != nil && p.muter.Muted() {
			clear(m.told[:])
			frame = m.told[:]
		}
		p.duplex.Capture(frame)
		return
	}
	for _, p := range m.parties {
		if p.says.Take(&p.said) > 1 {
			p.says.Take(&p.said)
		}
	}
	for _, p := range m.parties {
		m.captured.clear()
		if p.muter == nil || !p.muter.Muted() {
			m.captured.add(frame)
		}
		for _, other := range m.parties {
			if other != p {
				m.captured.add(other.said[:])
			}
		}
		m.captured.limited(m.told[:])
		p.duplex.Capture(m.told[:])
	}
}

// CaptureBand implements Bander: where there is but one party.
func (m *Mixer) CaptureBand(frame []int16) bool {
	m.capturing.Lock()
	defer m.capturing.Unlock()
	if len(m.parties) != 1 || m.parties[0].bander == nil {
		return len(m.parties) == 0
	}
	p := m.parties[0]
	if p.muter != nil && p.muter.Muted() {
		frame = m.told[:BandFrame]
		clear(frame)
	}
	return p.bander.CaptureBand(frame)
}

// sum is a frame of several sounds together.
type sum struct {
	frame [CardFrame]int32
	loud  bool // it may be more than a sample holds
	any   bool
}

func (s *sum) clear() { *s = sum{} }

// add adds a frame, of at most CardFrame samples.
func (s *sum) add(frame []int16) {
	s.loud, s.any = s.any, true
	for i, sample := range frame {
		s.frame[i] += int32(sample)
	}
}

// knee is from which on a sum is bent, so that it ends at full scale and not beyond: 2.5 dB below it.
const knee = 3 << 13

// limited writes the frame; a single sound as it is, and the sum of several bent softly where it would be too loud.
func (s *sum) limited(frame []int16) {
	if !s.loud {
		for i := range frame {
			frame[i] = int16(s.frame[i])
		}
		return
	}
	for i := range frame {
		frame[i] = soft(s.frame[i])
	}
}

// soft is a sample that may be beyond full scale: up to the knee as it is, from there on along a hyperbola that has the same
// slope there, and full scale as its limit.
func soft(x int32) int16 {
	const room = math.MaxInt16 - knee
	switch {
	case x > knee:
		over := int64(x - knee)
		return int16(knee + over*room/(over+room))
	case x < -knee:
		over := -int64(x) - knee
		return int16(-knee - over*room/(over+room))
	}
	return int16(x)
}
