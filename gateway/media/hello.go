package media

import (
	"encoding/binary"
	"slices"

	"github.com/pion/dtls/v2"
)

// Bounds of a ClientHello in several datagrams, as post-quantum key shares make it.
const (
	maxHello     = 8192 // octets of the message
	maxHelloPart = 8    // datagrams
)

// Numbers of DTLS 1.2 (RFC 6347 §4.1, RFC 5246 §7.4, RFC 5764 §9).
const (
	recordHeader    = 13
	recordChange    = 20
	recordHandshake = 22
	messageHeader   = 12
	messageHello    = 1
	extensionSRTP   = 14
)

// hello gathers a ClientHello until it can be read. Its zero value is ready.
type hello struct {
	parts [][]byte // the datagrams, for the DTLS server to read again
	body  []byte
	have  []bool // which octets of body came
}

// add takes a datagram. It says true when the whole ClientHello is there, or when no more will be waited for.
func (h *hello) add(p []byte) bool {
	if !h.take(p) {
		return false
	}
	h.parts = append(h.parts, slices.Clone(p))
	return len(h.parts) >= maxHelloPart || !slices.Contains(h.have, false)
}

// take copies the ClientHello's fragments out of a datagram. It says false when there is none.
func (h *hello) take(p []byte) (found bool) {
	for len(p) >= recordHeader {
		size := int(binary.BigEndian.Uint16(p[11:]))
		if len(p) < recordHeader+size {
			return found
		}
		record := p[recordHeader : recordHeader+size]
		if p[0] == recordHandshake && p[3] == 0 && p[4] == 0 && len(record) >= messageHeader && record[0] == messageHello {
			found = h.fragment(record) || found
		}
		p = p[recordHeader+size:]
	}
	return found
}

// fragment copies one fragment of the ClientHello to its place.
func (h *hello) fragment(m []byte) bool {
	total, start, size := uint24(m[1:]), uint24(m[6:]), uint24(m[9:])
	if total == 0 || total > maxHello || start+size > total || len(m) < messageHeader+size ||
		(h.body != nil && total != len(h.body)) {
		return false
	}
	if h.body == nil {
		h.body, h.have = make([]byte, total), make([]bool, total)
	}
	copy(h.body[start:], m[messageHeader:messageHeader+size])
	for i := start; i < start+size; i++ {
		h.have[i] = true
	}
	return true
}

// profiles says which SRTP profile to offer the client: pion takes the client's order, so the first of ours alone that
// the client knows (RFC 5764 §4.1.1 leaves the choice to the server).
func (h *hello) profiles(ours []dtls.SRTPProtectionProfile) []dtls.SRTPProtectionProfile {
	offered := useSRTP(h.body)
	for _, profile := range ours {
		for rest := offered; len(rest) >= 2; rest = rest[2:] {
			if dtls.SRTPProtectionProfile(binary.BigEndian.Uint16(rest)) == profile {
				return []dtls.SRTPProtectionProfile{profile}
			}
		}
	}
	return ours
}

// useSRTP finds the list of profiles in a ClientHello (RFC 5764 §4.1.1), nil when there is none.
func useSRTP(body []byte) []byte {
	const version, random = 2, 32
	rest, ok := skip(body, version+random)
	for _, width := range []int{1, 1, 2, 1} { // session id, cookie, cipher suites, compression methods
		_, rest, ok = vector(rest, width, ok)
	}
	extensions, _, ok := vector(rest, 2, ok)
	for ok && len(extensions) >= 4 {
		kind := binary.BigEndian.Uint16(extensions)
		var data []byte
		data, extensions, ok = vector(extensions[2:], 2, true)
		if ok && kind == extensionSRTP {
			list, _, _ := vector(data, 2, true)
			return list
		}
	}
	return nil
}

// skip leaves n octets out.
func skip(p []byte, n int) ([]byte, bool) {
	if len(p) < n {
		return nil, false
	}
	return p[n:], true
}

// vector splits off a vector whose length stands before it in width octets (RFC 5246 §4.3).
func vector(p []byte, width int, ok bool) (data, rest []byte, _ bool) {
	if !ok || len(p) < width {
		return nil, nil, false
	}
	n := int(p[0])
	if width == 2 {
		n = int(binary.BigEndian.Uint16(p))
	}
	if p = p[width:]; len(p) < n {
		return nil, nil, false
	}
	return p[:n], p[n:], true
}

func uint24(p []byte) int { return int(p[0])<<16 | int(p[1])<<8 | int(p[2]) }
