package media

// Buffer sizes, in bytes. A packet is at most maxPacket long; what its buffer has beyond that is room for the tag, the
// index and the authentication that SRTP and SRTCP append (RFC 3711 §3.1, RFC 7714 §5).
const (
	maxPacket  = 1920
	bufferSize = 2048
)

// kind is what a datagram from a browser is, told by its first octets (RFC 7983 §7).
type kind int

const (
	kindOther kind = iota
	kindSTUN
	kindDTLS
	kindRTP
	kindRTCP
)

// sort tells what a datagram is. RTP and RTCP share one range of first octets; RTCP is told by its packet type, which
// stands where RTP has marker and payload type 64 to 95 (RFC 5761 §4).
func sort(p []byte) kind {
	if len(p) < 2 || len(p) > maxPacket {
		return kindOther
	}
	switch b := p[0]; {
	case b <= 3:
		return kindSTUN
	case b >= 20 && b <= 63:
		return kindDTLS
	case b >= 128 && b <= 191:
		if pt := p[1] & 0x7F; pt >= 64 && pt <= 95 {
			return kindRTCP
		}
		return kindRTP
	}
	return kindOther
}
