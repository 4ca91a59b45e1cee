package media

// windowSize is how many packets behind the newest one may still come, in packets.
const windowSize = 128

// window remembers which packets of one source passed, by their extended sequence number (RFC 3711 §3.3.1 and
// appendix A). Its zero value has seen nothing.
type window struct {
	started bool
	top     uint64    // newest index: roll-over count << 16 | sequence number
	seen    [2]uint64 // bit i: index top-i passed
}

// take says whether seq is new and records it; a packet seen before or too old to tell gives false.
func (w *window) take(seq uint16) bool {
	if !w.started {
		w.started, w.top, w.seen = true, uint64(seq), [2]uint64{1, 0}
		return true
	}
	ahead := int64(int16(seq - uint16(w.top)))
	if ahead > 0 {
		w.shift(uint64(ahead))
		w.top += uint64(ahead)
		w.seen[0] |= 1
		return true
	}
	behind := uint64(-ahead)
	if behind >= windowSize || behind > w.top {
		return false
	}
	bit := uint64(1) << (behind & 63)
	if w.seen[behind>>6]&bit != 0 {
		return false
	}
	w.seen[behind>>6] |= bit
	return true
}

// shift ages what was seen by n packets.
func (w *window) shift(n uint64) {
	switch {
	case n >= 128:
		w.seen = [2]uint64{}
	case n >= 64:
		w.seen = [2]uint64{0, w.seen[0] << (n - 64)}
	default:
		w.seen = [2]uint64{w.seen[0] << n, w.seen[1]<<n | w.seen[0]>>(64-n)}
	}
}
