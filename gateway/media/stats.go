package media

import (
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// LegStats counts what one leg did since it began.
type LegStats struct {
	Leg        string
	Profile    string    // "RTP", "SDES", "DTLS" or "WebRTC"; before anything is agreed on "OSRTP", too
	State      string    // "ice", "dtls" (no keys yet), "up", "lost" (a browser not heard of for 30 s), "failed" (wrong certificate)
	PacketsIn  uint64    // RTP from the party, relayed or not
	BytesIn    uint64    // of them, header and payload in the clear
	PacketsOut uint64    // RTP sent to the party
	BytesOut   uint64    // of them
	Lost       uint64    // RTP from the party that never came, by sequence numbers (RFC 3550 appendix A.3)
	Reports    uint64    // compound RTCP packets from the party
	Dropped    uint64    // packets from the party, or claiming to be, that were not taken
	Held       uint64    // RTP not sent because the party doesn't want to hear at the moment
	Unsent     uint64    // RTP that could not be sent: no address, no keys, repeated, or the network refused
	Last       time.Time // when the last RTP packet came; zero before the first one

	Jitter time.Duration // of the arrival of RTP from the party (RFC 3550 §6.4.1)
	Remote RemoteReport  // what the party says about what it is sent
}

// counters are a leg's; the goroutines that read its packets count, anyone reads.
type counters struct {
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64
	dropped, held, unsent, reports           atomic.Uint64
	last                                     atomic.Int64 // time.Duration of the engine's clock
	source                                   source
}

// source follows the sequence numbers of the SSRC that is heard at the moment. It is written by the one goroutine that
// reads the leg's RTP.
type source struct {
	ssrc     uint32
	top      uint16
	began    bool
	expected atomic.Uint64 // packets of all SSRCs that must have been sent
}

// heard counts a packet from the party.
func (c *counters) heard(h rtpHeader, size int, now time.Duration) {
	c.packetsIn.Add(1)
	c.bytesIn.Add(uint64(size))
	c.last.Store(int64(now))
	s := &c.source
	ahead := int16(h.seq - s.top)
	switch {
	case !s.began, h.ssrc != s.ssrc, ahead > maxGap, ahead < -maxGap:
		s.began, s.ssrc, s.top = true, h.ssrc, h.seq
		s.expected.Add(1)
	case ahead > 0:
		s.expected.Add(uint64(ahead))
		s.top = h.seq
	}
}

// maxGap is the gap in sequence numbers, in packets, that counts as loss; beyond it the source began anew (MAX_DROPOUT
// of RFC 3550 appendix A.1).
const maxGap = 3000

// sent counts a packet to the party.
func (c *counters) sent(size int) {
	c.packetsOut.Add(1)
	c.bytesOut.Add(uint64(size))
}

// profile is what the leg's media is, or will be.
func (l *leg) profile() sdp.Profile {
	if _, ok := l.line.(*secureLine); ok {
		return sdp.WebRTC
	}
	if r := l.talk.agreed; r != nil && !r.Rejected {
		return r.Keying()
	}
	return l.party.Profile
}

// stats reads a leg's counters.
func (l *leg) stats(now time.Duration) LegStats {
	c := &l.count
	s := LegStats{
		Leg: l.name, Profile: l.profile().String(), State: l.line.state(now),
		PacketsIn: c.packetsIn.Load(), BytesIn: c.bytesIn.Load(), PacketsOut: c.packetsOut.Load(), BytesOut: c.bytesOut.Load(),
		Reports: c.reports.Load(), Dropped: c.dropped.Load(), Held: c.held.Load(), Unsent: c.unsent.Load(),
		Jitter: l.streams.jitter(), Remote: l.streams.remoteReport(),
	}
	if expected := c.source.expected.Load(); expected > s.PacketsIn {
		s.Lost = expected - s.PacketsIn
	}
	if s.PacketsIn > 0 {
		s.Last = l.engine.start.Add(time.Duration(c.last.Load()))
	}
	return s
}
