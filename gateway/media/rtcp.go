package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// maxReports bounds the packets of one compound RTCP packet.
const maxReports = 64

// Bounds of what is read of one party's RTCP, in compound packets, and of how many strangers' STUN is answered.
const (
	maxControlRate  = 100 // a second
	maxControlBurst = 200
)

// budget bounds how often something is done. Its zero value is full.
type budget struct {
	left   int64         // of it, in nanoseconds of maxControlRate
	filled time.Duration // when left was right
}

// spend says whether it may be done once more.
func (b *budget) spend(now time.Duration) bool {
	const cost, most = int64(time.Second) / maxControlRate, int64(time.Second) / maxControlRate * maxControlBurst
	if b.filled == 0 {
		b.left = most
	}
	b.left = min(b.left+int64(max(now-b.filled, 0)), most)
	b.filled = max(now, b.filled, 1)
	if b.left < cost {
		return false
	}
	b.left -= cost
	return true
}

// control is one packet out of a compound one.
type control struct {
	packet rtcp.Packet
	raw    []byte // in the buffer of the compound packet
}

// readControl takes a compound packet apart. It gives nothing when that is malformed, or doesn't begin with a report as
// it must (RFC 3550 §6.1) unless it may be of reduced size (RFC 5506).
func readControl(p []byte, reduced bool) (all []control) {
	if len(p) < 8 || len(p)%4 != 0 {
		return nil
	}
	if first := rtcp.PacketType(p[1]); !reduced && first != rtcp.TypeSenderReport && first != rtcp.TypeReceiverReport {
		return nil
	}
	for len(p) > 0 {
		if len(p) < 4 || p[0]>>6 != 2 || len(all) == maxReports {
			return nil
		}
		size := 4 + 4*int(binary.BigEndian.Uint16(p[2:]))
		if size > len(p) || (p[0]&0x20 != 0 && size != len(p)) {
			return nil // padding belongs to the last packet alone (RFC 3550 §6.4.1)
		}
		parts, err := rtcp.Unmarshal(p[:size])
		if err != nil || len(parts) != 1 {
			return nil
		}
		all = append(all, control{parts[0], p[:size]})
		p = p[size:]
	}
	return all
}

// receiveControl takes a compound RTCP packet in the clear from the leg's party. It ends here: reports are ours to make
// (RFC 8079). Only feedback that the other party must act on goes on to it, as feedback of ours.
func (l *leg) receiveControl(p []byte, now time.Duration) {
	w := l.way.Load()
	if w == nil || !l.affords(now) {
		l.count.dropped.Add(1)
		return
	}
	parts := readControl(p, w.reduced)
	if parts == nil {
		l.count.dropped.Add(1)
		return
	}
	l.count.reports.Add(1)
	s, wall := &l.streams, l.engine.start.Add(now)
	var feedback []byte
	picture := false
	for _, part := range parts {
		switch packet := part.packet.(type) {
		case *rtcp.SenderReport:
			at := s.senderReport(packet, now)
			if w.peer != nil {
				w.peer.streams.synchronize(packet.SSRC, packet.RTPTime, at, now)
			}
			s.receiverReports(packet.Reports, wall)
		case *rtcp.ReceiverReport:
			s.receiverReports(packet.Reports, wall)
		case *rtcp.ExtendedReport:
			s.extendedReport(packet, now, wall)
		case *rtcp.Goodbye:
			s.goodbye(packet.Sources)
		default:
			if source, ok := s.translate(part.raw); ok && w.peer != nil && w.peer.streams.adopt(part.raw, source) {
				feedback = append(feedback, part.raw...)
				picture = picture || wantsPicture(part.raw)
			}
		}
	}
	if len(feedback) > 0 && !w.peer.demand(feedback, now) && picture {
		l.engine.lack(w.peer, now)
	}
}

// affords says whether one more RTCP packet of the party may be read.
func (l *leg) affords(now time.Duration) bool {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	return l.streams.budget.spend(now)
}

// Feedback that one party asks of the other (RFC 4585 §6, RFC 5104 §4), by the format in its header.
const (
	formatNACK  = 1  // transport layer: packets lost
	formatTMMBR = 3  // transport layer: bit rate, asked for
	formatTMMBN = 4  // transport layer: bit rate, agreed to
	formatPLI   = 1  // payload: a picture lost
	formatFIR   = 4  // payload: a whole picture is wanted
	formatREMB  = 15 // payload: bit rate estimated (draft-alvestrand-rmcat-remb)
)

// translate makes feedback about our stream one about its source, in place, and gives that. It says false for feedback
// that ends here: about something else, or of a kind that is between neighbours alone.
func (s *streams) translate(p []byte) (source uint32, ok bool) {
	if len(p) < 12 || p[0]&0x20 != 0 {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.out
	source, ok = o.source.ssrc, o.source.live && !o.cut
	if !ok {
		return 0, false
	}
	about := binary.BigEndian.Uint32(p[8:])
	format, details := p[0]&0x1F, p[12:]
	switch kind := rtcp.PacketType(p[1]); {
	case kind == rtcp.TypeTransportSpecificFeedback && format == formatNACK:
		ok = about == o.ssrc && o.translateNACK(details)
	case kind == rtcp.TypePayloadSpecificFeedback && format == formatPLI:
		ok = about == o.ssrc
	case kind == rtcp.TypeTransportSpecificFeedback && (format == formatTMMBR || format == formatTMMBN),
		kind == rtcp.TypePayloadSpecificFeedback && format == formatFIR:
		return source, translateSSRCs(details, 8, o.ssrc, source) // the media source is said in the details (RFC 5104 §4.2.1.2)
	case kind == rtcp.TypePayloadSpecificFeedback && format == formatREMB:
		return source, len(details) >= 8 && string(details[:4]) == "REMB" && translateSSRCs(details[8:], 4, o.ssrc, source)
	default:
		return 0, false
	}
	binary.BigEndian.PutUint32(p[8:], source)
	return source, ok
}

// translateNACK makes our sequence numbers those of the source. It says false if one is of another source.
func (o *outgoing) translateNACK(details []byte) bool {
	for ; len(details) >= 4; details = details[4:] {
		seq, ok := o.sourceOf(binary.BigEndian.Uint16(details))
		if !ok {
			return false
		}
		binary.BigEndian.PutUint16(details, seq)
	}
	return true
}

// translateSSRCs replaces the SSRC that each entry of that many octets begins with. It says false if one is not ours.
func translateSSRCs(entries []byte, size int, ours, source uint32) bool {
	if len(entries) == 0 || len(entries)%size != 0 {
		return false
	}
	for ; len(entries) > 0; entries = entries[size:] {
		if binary.BigEndian.Uint32(entries) != ours {
			return false
		}
		binary.BigEndian.PutUint32(entries, source)
	}
	return true
}

// adopt makes feedback ours, in place, if it is about what the party sends now.
func (s *streams) adopt(p []byte, source uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	binary.BigEndian.PutUint32(p[4:], s.out.ssrc)
	return s.in.live && s.in.ssrc == source
}
