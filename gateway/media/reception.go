package media

import "time"

// reception follows the source that a leg's party sends from, as receivers report it (RFC 3550 §6.4.1).
type reception struct {
	ssrc    uint32
	live    bool                           // a packet came, and no goodbye since
	heard   bool                           // since the last report
	first   uint32                         // extended sequence number that the source began with (appendix A.1)
	top     uint32                         // the highest one
	got     uint32                         // packets
	doubted bool                           // a packet jumped, and
	suspect uint16                         // its successor has this number
	before  struct{ expected, got uint32 } // at the last report
	beyond  float64                        // share of the packets that its hearer lost, those that never came to us included
	runs    lossRuns
	since   time.Duration // when the first packet came
	further int           // packets that came and were lost later, up to the last report

	stamp   uint32 // of the newest packet
	transit uint32 // its arrival less its timestamp
	jitter  uint32 // of 16 steps a tick (appendix A.8)
	rate    uint32 // of timestamps, in Hz

	senderReport uint32        // middle of the NTP time of its last one; 0: none
	reportedAt   time.Duration // when that came
	skew         time.Duration // our clock less the party's; see align
	aligned      bool
}

// hear takes a packet of the party.
func (r *reception) hear(n numbers, rate uint32, now time.Duration) {
	transit := ticks(now, rate) - n.stamp
	if !r.live || n.ssrc != r.ssrc || rate != r.rate {
		if r.begin(n, rate, transit); r.got == 1 {
			r.since = now
		}
		return
	}
	r.heard = true
	switch ahead := int(int16(n.seq - uint16(r.top))); {
	case ahead > maxGap || ahead <= -maxMisorder:
		if !r.doubted || n.seq != r.suspect {
			r.doubted, r.suspect = true, n.seq+1
			return
		}
		r.begin(n, rate, transit)
		r.since = now
		return
	case ahead > 1:
		r.runs.lose(r.top+1, uint32(ahead-1))
		r.top += uint32(ahead)
	case ahead > 0:
		r.top += uint32(ahead)
	}
	r.got++
	if n.stamp == r.stamp {
		return // of an event, which keeps its timestamp while it lasts (RFC 4733 §2.2)
	}
	d := int32(transit - r.transit)
	if off := uint32(max(d, -d)); off < ticks(maxAhead, rate) { // beyond it the timestamps began anew
		r.jitter += off - (r.jitter+8)>>4
	}
	r.stamp, r.transit = n.stamp, transit
}

// begin takes the first packet of a source. One that only changed its clock rate goes on.
func (r *reception) begin(n numbers, rate, transit uint32) {
	if r.live && n.ssrc == r.ssrc && rate != r.rate && int(int16(n.seq-uint16(r.top))) > 0 && n.seq-uint16(r.top) <= maxGap {
		r.top += uint32(n.seq - uint16(r.top))
		r.got++
	} else {
		r.first, r.top, r.got, r.doubted = uint32(n.seq), uint32(n.seq), 1, false
		r.before.expected, r.before.got, r.further, r.runs = 0, 0, 0, lossRuns{}
		if n.ssrc != r.ssrc {
			r.senderReport = 0
		}
	}
	r.ssrc, r.live, r.heard, r.rate = n.ssrc, true, true, rate
	r.stamp, r.transit, r.jitter = n.stamp, transit, 0
}

// expected is how many packets the source must have sent.
func (r *reception) expected() uint32 { return r.top - r.first + 1 }

// lost is how many never came; repeated ones make it less than none.
func (r *reception) lost() int { return int(int32(r.expected() - r.got)) }

// lostBeyond is how many packets came since the last report and were lost later.
func (r *reception) lostBeyond() int {
	expected, got := r.expected()-r.before.expected, r.got-r.before.got
	return max(0, int(r.beyond*float64(expected)+0.5)-max(0, int(int32(expected-got))))
}

// fraction is the share of packets lost since the last report, of 256, here or on their further way.
func (r *reception) fraction() uint8 {
	expected, got := r.expected()-r.before.expected, r.got-r.before.got
	lost := int32(expected-got) + int32(r.lostBeyond())
	if expected == 0 || lost <= 0 {
		return 0
	}
	return uint8(min(uint64(lost)<<8/uint64(expected), 255))
}

// reported notes that a report went out.
func (r *reception) reported() {
	r.heard = false
	r.further += r.lostBeyond()
	r.before.expected, r.before.got = r.expected(), r.got
}

// align tells when a time of the party's clock is, in ours. The two differ by what never changes much and by how long
// each report was under way; the quickest one of late tells most.
func (r *reception) align(ntp uint64, now time.Duration) time.Duration {
	theirs := sinceNTP(ntp)
	skew := now - theirs
	switch {
	case ntp == 0: // it has no clock (RFC 3550 §6.4.1)
		return now
	case !r.aligned, skew < r.skew, skew > r.skew+time.Second:
		r.aligned, r.skew = true, skew
	default:
		r.skew += (skew - r.skew) / 16
	}
	return theirs + r.skew
}
