package media

// windowSize is how many packets behind the newest one may still come, in packets (RFC 3711 §3.3.2 wants 64 at least).
const windowSize = 128

// window remembers which packets of one source passed, by their index: for RTP the extended sequence number (RFC 3711
// §3.3.1), for RTCP the number that stands in the packet. Its zero value has seen nothing.
type window struct {
	started bool
	failed  uint32    // packets that were not opened, since the last one that was
	turn    uint64    // of sources, at its newest packet
	top     uint64    // newest index: roll-over count << 16 | sequence number
	seen    [2]uint64 // bit i: index top-i passed
}

// index estimates the index of an RTP packet (RFC 3711 appendix A). While the count of roll-overs can't be less than it
// is, a number seems never to be from before the first one.
func (w *window) index(seq uint16) uint64 {
	if w.top <= 1<<15 {
		return uint64(seq)
	}
	roc, last := w.top>>16, uint16(w.top)
	switch {
	case last < 1<<15 && seq > last+1<<15:
		roc--
	case last >= 1<<15 && seq < last-1<<15:
		roc++
	}
	return roc<<16 | uint64(seq)
}

// fresh says whether an index is new; one seen before or too old to tell is not.
func (w *window) fresh(index uint64) bool {
	if !w.started || index > w.top {
		return true
	}
	behind := w.top - index
	return behind < windowSize && w.seen[behind>>6]&(1<<(behind&63)) == 0
}

// mark records a fresh index.
func (w *window) mark(index uint64) {
	switch {
	case !w.started:
		w.started, w.top, w.seen = true, index, [2]uint64{1, 0}
	case index > w.top:
		w.shift(index - w.top)
		w.top = index
		w.seen[0] |= 1
	default:
		behind := w.top - index
		w.seen[behind>>6] |= 1 << (behind & 63)
	}
}

// take gives the index of a packet to be sent and records it, or says false for one that was taken before, or that is
// too old to tell. Neither is a number from before the first one taken any: whoever misses that packet would count one
// roll-over less than we from then on.
func (w *window) take(seq uint16) (uint64, bool) {
	index := w.index(seq)
	if !w.fresh(index) || (w.started && index > w.top && int16(seq-uint16(w.top)) < 0) {
		return 0, false
	}
	w.mark(index)
	return index, true
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
