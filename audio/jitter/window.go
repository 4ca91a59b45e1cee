package jitter

// A window remembers the least earliness of the last seconds.
const (
	slots    = 10
	slotTime = 500 * millisecond
)

// window is the least earliness in each of the last slots. Time passes in it only while packets come.
type window struct {
	least [slots]int64
	used  int   // of least
	at    int   // the one of the moment
	until int64 // of the card's clock: when the next one begins
	sum   int64 // of the earliness of packets in the one of the moment, and how many they are
	n     int64
}

// begin forgets all but one earliness.
func (w *window) begin(earliness, clock int64) {
	*w = window{used: 1, until: clock + slotTime}
	w.least[0] = earliness
}

// note takes the earliness of a packet.
func (w *window) note(earliness, clock int64) {
	if clock >= w.until {
		w.at = (w.at + 1) % slots
		w.used = min(w.used+1, slots)
		w.least[w.at], w.until = earliness, clock+slotTime
		w.sum, w.n = 0, 0
	}
	w.least[w.at] = min(w.least[w.at], earliness)
	w.sum += earliness
	w.n++
}

// long is the least of all.
func (w *window) long() int64 {
	least := w.least[w.at]
	for _, e := range w.least[:w.used] {
		least = min(least, e)
	}
	return least
}

// short is the least of half a second to a second; false when there is none yet.
func (w *window) short() (int64, bool) {
	if w.used < 2 {
		return 0, false
	}
	return min(w.least[w.at], w.least[(w.at+slots-1)%slots]), true
}

// mean is that of the slot of the moment.
func (w *window) mean() int64 {
	if w.n == 0 {
		return w.least[w.at]
	}
	return w.sum / w.n
}
