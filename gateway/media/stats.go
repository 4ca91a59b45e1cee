package media

import (
	"net/netip"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// LegStats counts what one leg did since it began.
type LegStats struct {
	Leg        string
	Profile    string        // "RTP", "SDES", "DTLS", "WebRTC" or "PCM"; before anything is agreed on "OSRTP", too
	State      string        // "ice", "dtls" (no keys yet), "up", "lost" (a browser not heard of for 30 s), "failed" (wrong certificate)
	PacketsIn  uint64        // RTP from the party, relayed or not
	BytesIn    uint64        // of them, header and payload in the clear
	PacketsOut uint64        // RTP sent to the party
	BytesOut   uint64        // of them
	Lost       uint64        // RTP from the party that never came, by sequence numbers (RFC 3550 appendix A.3)
	Late       uint64        // RTP from the party that came behind a newer packet
	Jitter     time.Duration // of the RTP from the party (RFC 3550 appendix A.8)
	Reports    uint64        // compound RTCP packets from the party
	Dropped    uint64        // packets from the party, or claiming to be, that were not taken
	Unopened   uint64        // of them, those that could not be decrypted
	Unagreed   uint64        // of them, those of a payload type that was not agreed on
	Foreign    uint64        // of them, those of another host than announced
	Held       uint64        // RTP not sent because the party doesn't want to hear at the moment
	Unsent     uint64        // RTP that could not be sent: no address, no keys, repeated, too late, or the network refused
	Last       time.Time     // when the last RTP packet came; zero before the first one
	Remote     RemoteReport  // what the party says about what it is sent
}

// counters are a leg's; the goroutines that read its packets count, anyone reads. Moments are time.Duration of the engine's clock, 0
// for never.
type counters struct {
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64
	dropped, held, unsent, reports           atomic.Uint64
	unopened, unagreed, foreign              atomic.Uint64                  // of dropped
	first, last                              atomic.Int64                   // RTP of the party came
	sound                                    atomic.Int64                   // RTP of the party came that was no digital silence
	spoke                                    atomic.Int64                   // RTP was sent to the party, for the first time
	agreed, checked, keyed                   atomic.Int64                   // descriptions, ICE and DTLS came that far, for the first time
	shaken                                   atomic.Int64                   // the party's side of the DTLS handshake went on last
	oddType                                  atomic.Uint32                  // the last payload type that was not agreed on
	oddHost                                  atomic.Pointer[netip.AddrPort] // the first other host
	source                                   source
}

// source follows the SSRC that is heard at the moment. It is written by the one goroutine that reads the leg's RTP; what others read
// too is atomic.
type source struct {
	ssrc     uint32
	top      uint16
	began    bool
	way      *way          // when the last packet came
	format   format        // of the last packet
	expected atomic.Uint64 // packets of all SSRCs that must have been sent
	late     atomic.Uint64 // packets that came behind a newer one
	pt       atomic.Uint32 // the payload type of the last packet that carried sound
	kind     atomic.Uint32 // the formatKind of the last packet
}

// heard counts a packet from the party.
func (c *counters) heard(p []byte, h rtpHeader, w *way, now time.Duration) {
	if c.packetsIn.Add(1) == 1 {
		c.first.Store(int64(now))
	}
	c.bytesIn.Add(uint64(len(p)))
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
	default:
		s.late.Add(1)
	}
	if s.way != w || s.format.pt != h.pt {
		f := w.format(h.pt)
		s.way, s.format = w, f
		s.kind.Store(uint32(f.kind))
		if f.kind != formatEvent && f.kind != formatNoise {
			s.pt.Store(uint32(h.pt))
		}
	}
	if now-time.Duration(c.sound.Load()) >= soundTime && !s.format.silent(p[h.size:]) {
		c.sound.Store(int64(now))
	}
}

// soundTime is how exactly the last sound is known.
const soundTime = 200 * time.Millisecond

// maxGap is the gap in sequence numbers, in packets, that counts as loss; beyond it the source began anew (MAX_DROPOUT
// of RFC 3550 appendix A.1).
const maxGap = 3000

// sent counts a packet to the party.
func (c *counters) sent(size int, now time.Duration) {
	if c.packetsOut.Add(1) == 1 {
		c.spoke.Store(int64(now))
	}
	c.bytesOut.Add(uint64(size))
}

// unagreed counts a packet of a payload type that was not agreed on.
func (l *leg) unagreed(pt uint8) {
	l.count.unagreed.Add(1)
	l.count.oddType.Store(uint32(pt))
}

// foreign counts a packet of another host than announced. One host is remembered: whoever sends can invent more.
func (l *leg) foreign(src netip.AddrPort) {
	if l.count.foreign.Add(1) == 1 {
		l.count.oddHost.Store(&src)
	}
}

// once notes a moment that comes once.
func once(at *atomic.Int64, now time.Duration) {
	if at.Load() == 0 {
		at.Store(int64(max(now, 1)))
	}
}

// lost is how many packets from the party never came.
func (c *counters) lost() uint64 {
	in := c.packetsIn.Load()
	return max(c.source.expected.Load(), in) - in
}

// profile is what the leg's media is, or will be.
func (l *leg) profile() sdp.Profile {
	if l.overWebRTC() {
		return sdp.WebRTC
	}
	if _, local := l.line.(*pcmLine); local {
		return sdp.PCM
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
		Lost: c.lost(), Late: c.source.late.Load(), Jitter: l.streams.jitter(), Remote: l.streams.remoteReport(),
		Reports: c.reports.Load(), Dropped: c.dropped.Load(), Held: c.held.Load(), Unsent: c.unsent.Load(),
		Unopened: c.unopened.Load(), Unagreed: c.unagreed.Load(), Foreign: c.foreign.Load(),
	}
	if s.PacketsIn > 0 {
		s.Last = l.engine.start.Add(time.Duration(c.last.Load()))
	}
	return s
}
