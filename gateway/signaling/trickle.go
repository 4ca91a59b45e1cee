package signaling

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Trickle ICE (RFC 8840): a browser may tell of its addresses later, by INFO. It is between the browser and us, who need
// none of them: we learn where a browser is from its checks. So it ends here, and a PBX never hears of it.
const (
	tricklePackage = "trickle-ice"
	trickleType    = "application/trickle-ice-sdpfrag"
)

// takesTrickle tells a browser that it may trickle (RFC 8840 §4.1.1, §9).
func (l *leg) takesTrickle(msg interface{ AppendHeader(sip.Header) }) {
	if l.pbx == nil {
		msg.AppendHeader(sip.NewHeader("Supported", tricklePackage))
		msg.AppendHeader(sip.NewHeader("Recv-Info", tricklePackage))
	}
}

// trickles says whether a request tells of ICE candidates.
func trickles(req *sip.Request) bool {
	if req.Method != sip.INFO {
		return false
	}
	if h := req.GetHeader("Info-Package"); h != nil {
		name, _, _ := strings.Cut(h.Value(), ";")
		return strings.EqualFold(strings.TrimSpace(name), tricklePackage)
	}
	return contentKind(req) == trickleType
}

// trickled answers a request that tells of ICE candidates. With a PBX there is no ICE.
func (s *Server) trickled(l *leg, req *sip.Request, tx sip.ServerTransaction) {
	if l.pbx != nil {
		s.reply(req, tx, statusBadInfoPackage, "Bad Info Package", sip.NewHeader("Recv-Info", ""))
		return
	}
	s.reply(req, tx, sip.StatusOK, "OK")
}

// withoutTrickle leaves our own business out of a Recv-Info header (RFC 6086 §6.2); "" for nothing left.
func withoutTrickle(value string) string {
	var rest []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, tricklePackage) {
			rest = append(rest, name)
		}
	}
	return strings.Join(rest, ", ")
}

// contentKind is the type of a request's body in lower case, without parameters; "" when it doesn't say.
func contentKind(req *sip.Request) string {
	ct := req.ContentType()
	if ct == nil {
		return ""
	}
	kind, _, _ := strings.Cut(ct.Value(), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
