package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// partyReport is what a leg's party tells in RTCP of how it hears what we send (RFC 3550 §6.4.1).
type partyReport struct {
	at        time.Duration // of the engine's clock
	lost      float64       // share of the packets since its last report
	jitter    time.Duration
	roundTrip time.Duration // 0: not known
}

// remoteReport is the last report of the leg's party; false when there was none.
func (l *leg) remoteReport() (partyReport, bool) {
	if r := l.reported.Load(); r != nil {
		return *r, true
	}
	return partyReport{}, false
}

// ntpTime is the middle of a sender report's time and when it was passed to the party.
type ntpTime struct {
	middle uint32
	at     time.Duration
}

// tells takes note of a compound packet that the leg's party sent; it is well formed.
func (l *leg) tells(p []byte, now time.Duration) {
	for len(p) >= 8 {
		size := min(len(p), 4+4*int(binary.BigEndian.Uint16(p[2:])))
		one := p[:size]
		p = p[size:]
		blocks := 8
		switch rtcp.PacketType(one[1]) {
		case rtcp.TypeSenderReport:
			blocks = 28
		case rtcp.TypeReceiverReport:
		default:
			continue
		}
		if one[0]&0x1F == 0 || len(one) < blocks+24 {
			continue
		}
		b := one[blocks:] // a party hears one source at a time
		r := partyReport{at: now, lost: float64(b[4]) / 256}
		if clock := l.count.source.clock.Load(); clock > 0 {
			r.jitter = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second / time.Duration(clock)
		}
		if sr := l.told.Load(); sr != nil && sr.middle == binary.BigEndian.Uint32(b[16:]) {
			held := time.Duration(binary.BigEndian.Uint32(b[20:])) * time.Second >> 16
			r.roundTrip = min(max(0, now-sr.at-held), maxRoundTrip)
		}
		l.reported.Store(&r)
	}
}

// maxRoundTrip bounds what a party can make us believe.
const maxRoundTrip = 10 * time.Second

// isTold takes note of a compound packet that is passed to the leg's party.
func (l *leg) isTold(p []byte, now time.Duration) {
	if len(p) >= 28 && rtcp.PacketType(p[1]) == rtcp.TypeSenderReport {
		l.told.Store(&ntpTime{binary.BigEndian.Uint32(p[10:]), now})
	}
}
