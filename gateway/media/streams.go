package media

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"cordboard/gateway/sdp"
)

// streams are the two RTP streams of a leg, what its party is sent and what it sends, and what is reported of them.
type streams struct {
	mu    sync.Mutex
	name  string // CNAME, the same for all that the party is sent, of 100 bits (RFC 7022 §4.2)
	out   outgoing
	in    reception
	far   RemoteReport
	due   time.Duration // when the next report is
	spoke bool          // a report went out
	budget
	wants     sdp.Extended // that the party asked for
	codec     string       // by which it speaks
	reference struct {     // of the party's last Receiver Reference Time block (RFC 3611 §4.4); not answered yet if wanted
		wanted bool
		ssrc   uint32
		middle uint32
		at     time.Duration
	}
}

// RemoteReport is what a leg's party says about what it is sent.
type RemoteReport struct {
	At        time.Time     // when it said so last; zero: never
	Lost      int           // packets that it never got (RFC 3550 §6.4.1); less than none if some came twice
	Share     float64       // of packets lost since the report before, 0 to 1
	Jitter    time.Duration // of their arrival
	RoundTrip time.Duration // from us to it and back; 0: not known
	Discarded float64       // share of packets that came too late to be heard, 0 to 1 (RFC 3611 §4.7)
	MOS       float64       // of what it hears, 1 to 5 (RFC 3611 §4.7); 0: not said
}

// begin draws what a leg's streams begin with.
func (s *streams) begin(now time.Duration) {
	s.name, s.out = rand.Text()[:20], newOutgoing()
	s.due = now + interval()/2 // (RFC 3550 §6.2)
}

// heard takes note of a packet from the party.
func (s *streams) heard(n numbers, rate uint32, now time.Duration) {
	s.mu.Lock()
	if n.ssrc == s.out.ssrc {
		s.collide(now)
	}
	s.in.hear(n, rate, now)
	s.mu.Unlock()
}

// collide takes note that the party uses our SSRC. The caller holds mu.
func (s *streams) collide(now time.Duration) {
	if s.out.renew() {
		s.due = now // to say goodbye for the old one
	}
}

// readdress begins another stream, if the numbers of the one that went out by those keys have rolled over: whoever changes its key may be
// somebody else, who can't know of that (RFC 4568 §7.1.4), or still count on.
func (s *streams) readdress(by *outbound, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by.rolled(s.out.ssrc) {
		s.out.restart()
		s.due = now // to say goodbye for the old one
	}
}

// send sends a packet to the party as part of its one stream.
func (s *streams) send(p []byte, h rtpHeader, rate uint32, now time.Duration, by line) error {
	s.mu.Lock()
	defer s.mu.Unlock() // not before the line has taken it: what is sent must stay in order
	return s.out.send(p, h, rate, now, by)
}

// pause says that something of what the party is meant to hear was left out on purpose: what comes next begins a talk
// spurt, and no gap shows.
func (s *streams) pause() {
	s.mu.Lock()
	s.out.cut = true
	s.mu.Unlock()
}

// kind is the payload type that the party was sent last; false for none.
func (s *streams) kind() (uint8, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.kind, s.out.began
}

// identity is the SSRC and the CNAME of what the party is sent.
func (s *streams) identity() (ssrc uint32, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.ssrc, s.name
}

// heardFrom is the source that the party sends from.
func (s *streams) heardFrom() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.ssrc
}

// remoteReport is what the party says of what it hears.
func (s *streams) remoteReport() RemoteReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.far
}

// jitter is that of the party's packets (RFC 3550 §6.4.1).
func (s *streams) jitter() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return span(s.in.jitter>>4, s.in.rate)
}

// span is how long ticks of a rate in Hz last; 0 when the rate is not known.
func span(ticks, rate uint32) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(ticks) * time.Second / time.Duration(rate)
}

// senderReport takes a report of the party on its own stream. It gives which of its timestamps is when, in our time.
func (s *streams) senderReport(r *rtcp.SenderReport, now time.Duration) (at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.SSRC == s.out.ssrc {
		s.collide(now)
	}
	at = s.in.align(r.NTPTime, now)
	if r.SSRC == s.in.ssrc {
		s.in.senderReport, s.in.reportedAt = middle(r.NTPTime), now
	}
	return at
}

// receiverReports takes what the party reports of the stream that it is sent.
func (s *streams) receiverReports(reports []rtcp.ReceptionReport, wall time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range reports {
		if r.SSRC != s.out.ssrc || !s.out.began {
			continue
		}
		f := &s.far
		f.At = wall
		f.Lost = int(int32(r.TotalLost<<8) >> 8)
		f.Share = float64(r.FractionLost) / 256
		f.Jitter = span(r.Jitter, s.out.rate)
		if r.LastSenderReport != 0 {
			s.roundTrip(middle(ntpTime(wall)) - r.LastSenderReport - r.Delay)
		}
	}
}

// roundTrip takes a round trip in 65536ths of a second. Rounding makes very short ones negative; long ones are none. The
// caller holds mu.
func (s *streams) roundTrip(units uint32) {
	const longest = 60 << 16
	switch d := int32(units); {
	case d > longest || d < -(1<<16):
	default:
		s.far.RoundTrip = max(time.Duration(d)*time.Second>>16, time.Microsecond)
	}
}

// extendedReport takes the blocks of RFC 3611 that say how the party hears, and keeps what it wants to be answered.
func (s *streams) extendedReport(r *rtcp.ExtendedReport, now time.Duration, wall time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, block := range r.Reports {
		switch b := block.(type) {
		case *rtcp.ReceiverReferenceTimeReportBlock:
			s.reference.wanted, s.reference.ssrc, s.reference.middle, s.reference.at = true, r.SenderSSRC, middle(b.NTPTimestamp), now
		case *rtcp.DLRRReportBlock:
			for _, answer := range b.Reports {
				if answer.SSRC == s.out.ssrc && answer.LastRR != 0 {
					s.roundTrip(middle(ntpTime(wall)) - answer.LastRR - answer.DLRR)
				}
			}
		case *rtcp.VoIPMetricsReportBlock:
			if b.SSRC != s.out.ssrc {
				continue
			}
			f := &s.far
			f.At = wall
			f.Discarded = float64(b.DiscardRate) / 256
			if f.MOS = 0; b.MOSLQ >= 10 && b.MOSLQ <= 50 { // 127: not known
				f.MOS = float64(b.MOSLQ) / 10
			}
			if b.RoundTripDelay > 0 && f.RoundTrip == 0 {
				f.RoundTrip = time.Duration(b.RoundTripDelay) * time.Millisecond
			}
		}
	}
}

// goodbye takes note of sources that ended.
func (s *streams) goodbye(sources []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ssrc := range sources {
		if ssrc == s.in.ssrc {
			s.in.live, s.in.heard = false, false
		}
	}
}

// synchronize takes which timestamp of a source is when.
func (s *streams) synchronize(ssrc, stamp uint32, at, now time.Duration) {
	s.mu.Lock()
	s.out.synchronize(ssrc, stamp, at, now)
	s.mu.Unlock()
}
