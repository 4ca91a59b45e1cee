package media

import "sync/atomic"

// Totals is what all legs of one side did since the engine began, those that are gone included.
type Totals struct {
	PacketsIn, BytesIn, PacketsOut, BytesOut, Lost, Late, Dropped, Unopened, Held, Unsent uint64
}

// sum is Totals as it grows.
type sum [10]atomic.Uint64

// values are the counters that are summed up, in the order of Totals.
func (c *counters) values() (v [len(sum{})]uint64) {
	return [...]uint64{c.packetsIn.Load(), c.bytesIn.Load(), c.packetsOut.Load(), c.bytesOut.Load(), c.lost(), c.source.late.Load(),
		c.dropped.Load(), c.unopened.Load(), c.held.Load(), c.unsent.Load()}
}

// account adds to the engine's sums what the leg did since the last time. The caller holds the call's mutex.
func (l *leg) account() {
	all := &l.engine.sums[0]
	if l.side() != sideBrowser {
		all = &l.engine.sums[1]
	}
	now := l.count.values()
	for i, v := range now {
		if v > l.accounted[i] { // what seemed lost may come late
			all[i].Add(v - l.accounted[i])
			l.accounted[i] = v
		}
	}
}

// Totals are the sums over all browsers and over all others, at most half a second old.
func (e *Engine) Totals() (browsers, others Totals) {
	of := func(s *sum) Totals {
		return Totals{s[0].Load(), s[1].Load(), s[2].Load(), s[3].Load(), s[4].Load(), s[5].Load(), s[6].Load(), s[7].Load(), s[8].Load(), s[9].Load()}
	}
	return of(&e.sums[0]), of(&e.sums[1])
}

// Stray is how many datagrams on the browsers' port belonged to no leg.
func (e *Engine) Stray() uint64 { return e.stray.Load() }

// Legs counts the legs of the moment by side, "browser", "pbx" or "desk", and state, as in LegStats.
func (e *Engine) Legs() map[[2]string]int {
	count := map[[2]string]int{}
	now := e.now()
	for _, s := range e.sessions() {
		s.mu.Lock()
		for _, l := range s.legs {
			count[[2]string{l.side(), l.line.state(now)}]++
		}
		s.mu.Unlock()
	}
	return count
}
