package media

import "time"

// How packets are placed in time.
const (
	placeAhead  = 100 * time.Millisecond // that a packet is before its time, and
	placeBehind = time.Second            // that it is behind, before its stream is taken to have begun anew
	placeWindow = time.Second            // in which the least delayed packet shows how a sender's clock runs
	placeSlack  = 5 * time.Millisecond   // between the clocks, that is let be
	placeJump   = 20 * time.Millisecond  // that is mended at once; less goes by placeStep a packet, which nobody hears
	placeStep   = 25 * time.Microsecond
)

// placing tells where the packets of one sender belong in time: their timestamps say how they follow one another, their
// arrival where the whole is and how far the sender's clock has drifted. Its zero value is ready.
type placing struct {
	began bool
	ssrc  uint32
	clock uint32
	stamp uint32        // the newest one
	at    time.Duration // its place

	from  time.Duration // when the window began
	least time.Duration // by which a packet in it was late, against its place
	owed  time.Duration // by which places are still to be moved
}

// place gives the place of a packet on the clock of now, on which it came.
func (p *placing) place(ssrc, stamp, clock uint32, now time.Duration) time.Duration {
	if !p.began || ssrc != p.ssrc || clock != p.clock {
		return p.anchor(ssrc, stamp, clock, now)
	}
	ahead := int32(stamp - p.stamp)
	at := p.at + time.Duration(ahead)*time.Second/time.Duration(clock)
	late := now - at
	if late > placeBehind || late < -placeAhead {
		return p.anchor(ssrc, stamp, clock, now)
	}
	if ahead > 0 {
		step := min(max(p.owed, -placeStep), placeStep)
		at, p.owed = at+step, p.owed-step
		p.stamp, p.at = stamp, at
	}
	p.least = min(p.least, now-at)
	if now-p.from >= placeWindow {
		p.owed = 0
		switch off := p.least.Abs(); {
		case off > placeJump:
			p.at += p.least
		case off > placeSlack:
			p.owed = p.least
		}
		p.from, p.least = now, placeBehind
	}
	return at
}

// anchor begins anew with a packet that came just now.
func (p *placing) anchor(ssrc, stamp, clock uint32, now time.Duration) time.Duration {
	*p = placing{began: true, ssrc: ssrc, clock: clock, stamp: stamp, at: now, from: now, least: placeBehind}
	return now
}
