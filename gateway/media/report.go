package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
)

const (
	// reportTime is the mean time between the reports that a party gets (RFC 3550 §6.2). Feedback that can't wait is not held
	// back by it.
	reportTime = 5 * time.Second

	// reportStep is how often is looked whose report is due.
	reportStep = 250 * time.Millisecond

	// longReport is after which time a report of the party says nothing of round trips any more.
	longReport = 10 * time.Minute
)

// interval is the time to the next report, random so that the parties' reports don't fall together, and compensated for
// that (RFC 3550 §6.3.1).
func interval() time.Duration {
	return time.Duration(float64(reportTime) * (0.5 + rand.Float64()) / 1.21828)
}

// ntpTime is a time as NTP writes it: seconds since 1900 with 32 binary places (RFC 3550 §4).
func ntpTime(t time.Time) uint64 {
	const from1900 = 2208988800 // s, to 1970
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// sinceNTP is the time since 1900.
func sinceNTP(ntp uint64) time.Duration {
	return time.Duration(ntp>>32)*time.Second + time.Duration(ntp&0xFFFFFFFF*1e9>>32)
}

// middle are the 32 bits of an NTP time that reports are recognized by: 65536ths of a second (RFC 3550 §6.4.1).
func middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// since is the time from at to now in 65536ths of a second.
func since(at, now time.Duration) uint32 { return uint32((now - at) << 16 / time.Second) }

// reports sends every leg its reports, until no call is left.
func (e *Engine) reports() {
	ticker := time.NewTicker(reportStep)
	defer ticker.Stop()
	var calls []*session
	buf := make([]byte, 0, bufferSize)
	for {
		select {
		case <-ticker.C:
		case <-e.ctx.Done():
			return
		}
		e.mu.Lock()
		if len(e.calls) == 0 {
			e.reporting = false
			e.mu.Unlock()
			return
		}
		for _, s := range e.calls {
			calls = append(calls, s)
		}
		e.mu.Unlock()
		for _, s := range calls {
			s.report(buf)
		}
		clear(calls)
		calls = calls[:0]
	}
}

// report sends a call's legs the reports that are due.
func (s *session) report(buf []byte) {
	if !s.mu.TryLock() {
		return // it is being negotiated, which may wait for a STUN server
	}
	defer s.mu.Unlock()
	for _, l := range s.legs {
		l.report(buf, s.engine.now())
		if v := l.video.Load(); v != nil {
			v.report(buf, s.engine.now())
		}
	}
}

// report sends the party its report if one is due. One that can't be sent yet is tried again.
func (l *leg) report(buf []byte, now time.Duration) {
	s, beyond := &l.streams, l.beyond(now)
	wants, codec := l.extended()
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.way.Load() == nil || now < s.due {
		return
	}
	s.in.beyond, s.wants, s.codec = beyond, wants, codec
	p, err := rtcp.Marshal(s.compose(l.engine.start.Add(now), now))
	if err != nil || l.line.sendControl(append(buf, p...), now) != nil {
		return
	}
	s.due = now + interval()
	s.spoke, s.reference.wanted, s.out.former = true, false, 0
	s.in.reported()
}

// beyond is the share of the party's packets that its peer lost of late, if they pass as they are: the party is told of them too
// (RFC 8079), for it alone can do something about it, as repeating what it says. What never came to us its peer misses as well.
func (l *leg) beyond(now time.Duration) float64 {
	w := l.way.Load()
	if w == nil || w.peer == nil {
		return 0
	}
	if g, ok := w.via.(*gate); ok && (g.turn != nil || g.next != nil) {
		return 0 // the peer hears other packets
	}
	report := w.peer.streams.remoteReport()
	if report.At.IsZero() || now-report.At.Sub(l.engine.start) > reportAge {
		return 0
	}
	return report.Share
}

// compose writes the party's report (RFC 3550 §6.4): on our stream, on the one that we hear, and whose it is. The caller holds mu.
func (s *streams) compose(wall time.Time, now time.Duration) []rtcp.Packet {
	o, in := &s.out, &s.in
	var heard []rtcp.ReceptionReport
	if in.live && in.heard {
		r := rtcp.ReceptionReport{
			SSRC: in.ssrc, FractionLost: in.fraction(), TotalLost: uint32(min(max(in.lost()+in.further+in.lostBeyond(), -1<<23), 1<<23-1)) & 0xFFFFFF,
			LastSequenceNumber: in.top, Jitter: in.jitter >> 4,
		}
		if in.senderReport != 0 && now-in.reportedAt < longReport {
			r.LastSenderReport, r.Delay = in.senderReport, since(in.reportedAt, now)
		}
		heard = append(heard, r)
	}
	var all []rtcp.Packet
	if o.began && now-o.last < 2*reportTime {
		sr := &rtcp.SenderReport{SSRC: o.ssrc, NTPTime: ntpTime(wall), RTPTime: o.present(now), PacketCount: o.packets, OctetCount: o.octets, Reports: heard}
		if o.clock.known {
			sr.RTPTime = o.clock.then(now, o.rate)
		}
		all = append(all, sr)
	} else {
		all = append(all, &rtcp.ReceiverReport{SSRC: o.ssrc, Reports: heard})
	}
	all = append(all, rtcp.NewCNAMESourceDescription(o.ssrc, s.name))
	if x := s.extend(wall, now); x != nil {
		all = append(all, x)
	}
	if o.former != 0 {
		all = append(all, &rtcp.Goodbye{Sources: []uint32{o.former}})
	}
	return all
}

// demand sends the party feedback of ours, with what must stand before it (RFC 4585 §3.1); it says false when the party speaks no AVPF.
func (l *leg) demand(feedback []byte, now time.Duration) bool {
	if w := l.way.Load(); w == nil || !w.feedback {
		return false
	}
	s := &l.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: s.out.ssrc}, rtcp.NewCNAMESourceDescription(s.out.ssrc, s.name)})
	if err == nil && len(p)+len(feedback) <= maxPacket {
		l.line.sendControl(append(append(make([]byte, 0, bufferSize), p...), feedback...), now) // lost feedback is asked for again
	}
	return true
}

// farewell tells the party that our stream is over (RFC 3550 §6.3.7), unless it never heard of it.
func (l *leg) farewell(now time.Duration) {
	s := &l.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.way.Load() == nil || !s.spoke && s.out.packets == 0 {
		return
	}
	all := append(s.compose(l.engine.start.Add(now), now), &rtcp.Goodbye{Sources: []uint32{s.out.ssrc}})
	if p, err := rtcp.Marshal(all); err == nil {
		l.line.sendControl(append(make([]byte, 0, bufferSize), p...), now) // what is lost of it ends by time-out
	}
}
