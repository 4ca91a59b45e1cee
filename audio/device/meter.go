package device

import (
	"math"
	"sync/atomic"

	"cordboard/audio"
)

const (
	// silence is the level of no sound at all, in dBFS: what 16 bits can tell apart.
	silence = -96.0
	// meterFrames is of how many frames a level is: 100 ms.
	meterFrames = 10
)

// meter measures how loud sound is. Whoever adds is one at a time; anybody may read.
type meter struct {
	energy float64
	frames int
	level  atomic.Uint64 // dBFS, as bits of a float64
}

// add takes a frame in.
func (m *meter) add(frame []int16) {
	var sum int64
	for _, s := range frame {
		sum += int64(s) * int64(s)
	}
	m.energy += float64(sum)
	if m.frames++; m.frames == meterFrames {
		mean := m.energy / (meterFrames * audio.CardFrame) / (1 << 30)
		m.level.Store(math.Float64bits(max(silence, 10*math.Log10(mean))))
		m.energy, m.frames = 0, 0
	}
}

func (m *meter) reset() {
	m.energy, m.frames = 0, 0
	m.level.Store(math.Float64bits(silence))
}

// dBFS is the RMS of the last whole 100 ms.
func (m *meter) dBFS() float64 { return math.Float64frombits(m.level.Load()) }
