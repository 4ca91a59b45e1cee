package media

import (
	"net/netip"
	"time"
)

// A phone speaks as soon as it knows where to, while its peer, a browser, needs some tenths of a second for ICE and DTLS. Nobody can
// hear that, and to be woken for each packet of it cost a set-up a dozen of its fifty changes of threads. So the RTP port of a leg whose
// peer is such a browser is not read before the browser has keys, or for twice lookTime at most. What came meanwhile is passed over, but
// for where it came from; it is not counted as heard. A leg that is recorded is read at once.

// maxDrained bounds the datagrams that are passed over; more than a socket keeps.
const maxDrained = 1 << 10

// listen begins to read the leg's RTP port, unless nobody could hear it yet.
func (l *leg) listen() {
	if line, ok := l.line.(*plainLine); ok && !l.tooEarly() {
		line.listen()
	}
}

// tooEarly says whether the leg's peer is a browser without keys, and nobody else hears the leg.
func (l *leg) tooEarly() bool {
	w := l.way.Load()
	if w == nil || w.peer == nil || len(w.taps) > 0 {
		return false
	}
	browser, ok := w.peer.line.(*secureLine)
	return ok && !browser.keyed()
}

// letSpeak begins to read the RTP port of the leg's peer: it can be heard now.
func (l *leg) letSpeak() {
	if w := l.way.Load(); w != nil && w.peer != nil {
		if line, ok := w.peer.line.(*plainLine); ok {
			line.listen()
		}
	}
}

// listen begins to read the RTP port. Further calls do nothing.
func (s *plainLine) listen() {
	s.reading.Do(func() {
		s.media.drain(s.receiveEarly, s.engine.now())
		s.engine.serve(s.media, s.receive) // false when the engine has ended, and the port is closed
	})
}

// receiveEarly takes a datagram that nobody could hear.
func (s *plainLine) receiveEarly(p []byte, src netip.AddrPort, now time.Duration) {
	if h, ok := parseRTP(p); ok && sort(p) == kindRTP && s.secret.Load() == nil {
		if w := s.leg.way.Load(); w != nil && w.types.has(h.pt) {
			s.rtp.admit(src, numbersOf(p, h), now)
		}
	}
	s.leg.count.dropped.Add(1)
}
