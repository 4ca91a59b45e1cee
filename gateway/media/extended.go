package media

import (
	"time"

	"github.com/pion/rtcp"

	"cordboard/gateway/sdp"
)

// Extended reports (RFC 3611) that a phone asked for. We play nothing, so that nothing is discarded by us, and the end that is judged is
// where its packets come in.

// burstLeast is how many packets in a row must come so that a burst of losses is over (Gmin, RFC 3611 §4.7.2).
const burstLeast = 16

// unknownMetric is what stands for what is not known (RFC 3611 §4.7).
const unknownMetric = 127

// lossRuns tells bursts of losses from single ones (RFC 3611 §4.7.2), by extended sequence numbers. Its zero value has seen none.
type lossRuns struct {
	began       bool
	first, last uint32                                // of the present run: its first and its last lost packet
	lost        uint32                                // in it
	bursts      struct{ count, packets, lost uint32 } // that are over
}

// lose takes note of packets that did not come, from that one on.
func (r *lossRuns) lose(from, count uint32) {
	if !r.began || from-r.last > burstLeast {
		r.bursts.count, r.bursts.packets, r.bursts.lost = r.sums()
		r.began, r.first, r.lost = true, from, 0
	}
	r.lost += count
	r.last = from + count - 1
}

// sums are the bursts up to now, the present run included.
func (r *lossRuns) sums() (count, packets, lost uint32) {
	count, packets, lost = r.bursts.count, r.bursts.packets, r.bursts.lost
	if r.began && r.lost > 1 { // a single loss is no burst
		count, packets, lost = count+1, packets+r.last-r.first+1, lost+r.lost
	}
	return count, packets, lost
}

// extended is what the party asked for; nothing when it asked for nothing. The caller holds the call's mutex.
func (l *leg) extended() (x sdp.Extended, codec string) {
	if l.talk.agreed == nil || l.talk.agreed.Extended == (sdp.Extended{}) {
		return x, ""
	}
	return l.talk.agreed.Extended, l.codecOf(uint8(l.count.source.pt.Load())).Name
}

// metrics is how the party's sound arrives (RFC 3611 §4.7). The caller holds mu.
func (s *streams) metrics(codec string, now time.Duration) *rtcp.VoIPMetricsReportBlock {
	r := &s.in
	part := func(lost, of uint32) uint8 {
		if of == 0 {
			return 0
		}
		return uint8(min(uint64(lost)<<8/uint64(of), 255))
	}
	expected, lost := r.expected(), uint32(max(0, r.lost()))
	count, packets, inBursts := r.runs.sums()
	gaps := expected - min(packets, expected)
	last := func(packets, runs uint32) uint16 { // their mean, in ms
		if runs == 0 || expected == 0 {
			return 0
		}
		return uint16(min((now-r.since).Milliseconds()*int64(packets)/int64(expected)/int64(runs), 1<<16-1))
	}
	share, delay := float64(lost)/float64(max(expected, 1)), s.far.RoundTrip/2+ownDelay
	quality := rating(codec, share, delay)
	return &rtcp.VoIPMetricsReportBlock{
		SSRC: r.ssrc, LossRate: part(lost, expected), BurstDensity: part(inBursts, packets), GapDensity: part(lost-min(inBursts, lost), gaps),
		BurstDuration: last(packets, count), GapDuration: last(gaps, count+1), RoundTripDelay: uint16(min(s.far.RoundTrip.Milliseconds(), 1<<16-1)),
		SignalLevel: unknownMetric, NoiseLevel: unknownMetric, RERL: unknownMetric, Gmin: burstLeast,
		RFactor: uint8(max(0, min(quality, 100))), ExtRFactor: unknownMetric,
		MOSLQ: uint8(10*opinion(rating(codec, share, 0)) + 0.5), MOSCQ: uint8(10*opinion(quality) + 0.5),
	}
}

// extend gives the extended report that goes with the party's report; nil for none. The caller holds mu.
func (s *streams) extend(wall time.Time, now time.Duration) *rtcp.ExtendedReport {
	var blocks []rtcp.ReportBlock
	if ref := &s.reference; ref.wanted {
		answer := rtcp.DLRRReport{SSRC: ref.ssrc, LastRR: ref.middle, DLRR: since(ref.at, now)}
		blocks = append(blocks, &rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{answer}})
	}
	if s.wants.Reference {
		blocks = append(blocks, &rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntpTime(wall)})
	}
	if s.wants.Metrics && s.in.live && s.in.heard {
		blocks = append(blocks, s.metrics(s.codec, now))
	}
	if len(blocks) == 0 {
		return nil
	}
	return &rtcp.ExtendedReport{SenderSSRC: s.out.ssrc, Reports: blocks}
}
