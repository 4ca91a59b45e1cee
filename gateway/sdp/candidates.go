package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxCandidates bounds the candidates that are taken of a description.
const maxCandidates = 32

// candidates are those of the audio stream, or in a bundle those of the stream that stands for it (RFC 9143 §7.1.3): of RTP, with an
// address of a host, by UDP or, where the other side listens, by TCP.
func (s session) candidates() (list []string) {
	from := s.audio
	if _, own := s.MediaDescriptions[from].Attribute("candidate"); !own {
		from = s.standsFor(from)
	}
	for _, a := range s.MediaDescriptions[from].Attributes {
		if a.Key != "candidate" || len(list) == maxCandidates {
			continue
		}
		if text, ok := candidate(a.Value); ok {
			list = append(list, text)
		}
	}
	return list
}

// standsFor is the stream whose transport another one has: the first of its bundle, else itself.
func (s session) standsFor(i int) int {
	mid := s.mid(i)
	for _, a := range s.Attributes {
		f := strings.Fields(a.Value)
		if a.Key != "group" || mid == "" || len(f) < 2 || f[0] != "BUNDLE" || !slices.Contains(f[1:], mid) {
			continue
		}
		for j := range s.streams {
			if s.mid(j) == f[1] {
				return j
			}
		}
	}
	return i
}

// candidate reads a candidate and writes it down again without what we don't need (RFC 8839 §5.1, RFC 6544 §4.5).
func candidate(value string) (string, bool) {
	f := strings.Fields(value)
	if len(f) < 8 || len(f[0]) > 32 || f[1] != "1" || f[6] != "typ" || !slices.Contains([]string{"host", "srflx", "prflx", "relay"}, f[7]) {
		return "", false
	}
	priority, err := strconv.ParseUint(f[3], 10, 32)
	addr, fault := netip.ParseAddr(f[4])
	port, wrong := strconv.ParseUint(f[5], 10, 16)
	if err != nil || fault != nil || wrong != nil || priority == 0 || port == 0 || !isUnicast(addr) {
		return "", false
	}
	text := strings.Join([]string{f[0], "1", "udp", f[3], addr.Unmap().String(), f[5], "typ", f[7]}, " ")
	switch kind := strings.ToLower(f[2]); {
	case kind == "udp":
		return text, true
	case kind == "tcp" && f[7] == "host" && slices.Equal(f[8:min(10, len(f))], []string{"tcptype", "passive"}):
		return strings.Replace(text, " udp ", " tcp ", 1) + " tcptype passive", true
	}
	return "", false
}
