package media

import (
	"encoding/binary"

	"github.com/pion/rtcp"
)

// maxReports bounds the packets of one compound RTCP packet.
const maxReports = 64

// filterRTCP reduces a compound RTCP packet, in place, to what the other side of a call may have: reports, source
// descriptions and goodbyes, and feedback when that side speaks it (RFC 4585; RTP/AVP doesn't). Nil means nothing: the
// packet is malformed, or does not begin with a report, as it must (RFC 3550 §6.1).
func filterRTCP(p []byte, feedback bool) []byte {
	if len(p) < 8 || len(p)%4 != 0 || (p[1] != byte(rtcp.TypeSenderReport) && p[1] != byte(rtcp.TypeReceiverReport)) {
		return nil
	}
	kept := p[:0]
	for rest, n := p, 0; len(rest) > 0; n++ {
		if len(rest) < 4 || rest[0]>>6 != 2 || n == maxReports {
			return nil
		}
		size := 4 + 4*int(binary.BigEndian.Uint16(rest[2:]))
		if size > len(rest) || (rest[0]&0x20 != 0 && size != len(rest)) {
			return nil // padding belongs to the last packet alone (RFC 3550 §6.4.1)
		}
		one := rest[:size]
		rest = rest[size:]
		if _, err := rtcp.Unmarshal(one); err != nil {
			return nil
		}
		switch rtcp.PacketType(one[1]) {
		case rtcp.TypeSenderReport, rtcp.TypeReceiverReport, rtcp.TypeSourceDescription, rtcp.TypeGoodbye:
		case rtcp.TypeTransportSpecificFeedback, rtcp.TypePayloadSpecificFeedback:
			if !feedback {
				continue
			}
		default:
			continue
		}
		kept = append(kept, one...) // never overtakes rest: what is kept is not longer than what was read
	}
	return kept
}
