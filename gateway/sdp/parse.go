package sdp

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

// Bounds of what we read. A browser with all its codecs and a video stream needs 8 KiB.
const (
	maxText    = 64 << 10
	maxStreams = 64
	maxCodecs  = 128
)

// static are the payload types that need no rtpmap (RFC 3551 §6).
var static = map[uint8]Codec{
	0: {PT: 0, Name: "PCMU", ClockRate: 8000, Channels: 1}, 3: {PT: 3, Name: "GSM", ClockRate: 8000, Channels: 1},
	8: {PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}, 9: {PT: 9, Name: "G722", ClockRate: 8000, Channels: 1},
	13: {PT: 13, Name: "CN", ClockRate: 8000, Channels: 1}, 18: {PT: 18, Name: "G729", ClockRate: 8000, Channels: 1},
}

// Parse reads a description from the network: its first audio stream that we could carry.
func Parse(text []byte) (Remote, error) {
	s, err := read(text)
	if err != nil {
		return Remote{}, err
	}
	return s.remote()
}

// session is a description that was read, with its audio stream found.
type session struct {
	*sdp.SessionDescription
	audio int // index of the audio stream; -1: none
}

func read(text []byte) (session, error) {
	s := session{&sdp.SessionDescription{}, -1}
	if err := check(text); err != nil {
		return s, err
	}
	if err := s.Unmarshal(text); err != nil {
		return s, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if len(s.MediaDescriptions) > maxStreams {
		return s, fmt.Errorf("%w: %d streams", ErrMalformed, len(s.MediaDescriptions))
	}
	for i, m := range s.MediaDescriptions {
		if !isToken(m.MediaName.Media) || len(m.MediaName.Formats) > maxCodecs {
			return s, fmt.Errorf("%w: m= line %d", ErrMalformed, i+1)
		}
		if s.audio < 0 && m.MediaName.Media == "audio" && profileOf(m) != 0 {
			s.audio = i
		}
	}
	return s, nil
}

// check refuses what no honest party writes and what parsers disagree about: pion hands a bare CR through to the other side.
func check(text []byte) error {
	if len(text) > maxText {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(text))
	}
	for i, c := range text {
		switch {
		case c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			return fmt.Errorf("%w: CR without LF at byte %d", ErrMalformed, i)
		case c < ' ' && c != '\r' && c != '\n' && c != '\t', c == 0x7f:
			return fmt.Errorf("%w: control character at byte %d", ErrMalformed, i)
		}
	}
	return nil
}

// profileOf tells which of our profiles a stream speaks; 0: none of them.
func profileOf(m *sdp.MediaDescription) Profile {
	switch strings.Join(m.MediaName.Protos, "/") {
	case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP":
		return WebRTC
	case "RTP/SAVPF", "RTP/SAVP": // of old browsers; with keys in SDES we can't take it
		if _, ok := m.Attribute("fingerprint"); ok {
			return WebRTC
		}
		return 0
	case "RTP/AVP", "RTP/AVPF":
		return RTP
	default:
		return 0
	}
}

// attribute is a stream's attribute, else the session's.
func (s session) attribute(m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return strings.TrimSpace(v)
	}
	v, _ := s.Attribute(key)
	return strings.TrimSpace(v)
}

func (s session) remote() (Remote, error) {
	if s.audio < 0 {
		return Remote{}, ErrNoAudio
	}
	m := s.MediaDescriptions[s.audio]
	r := Remote{Profile: profileOf(m), Direction: s.direction(m), MID: s.mid(s.audio)}
	_, r.Mux = m.Attribute("rtcp-mux")
	_, r.ICELite = s.Attribute("ice-lite")
	_, bundled := m.Attribute("bundle-only")
	r.Rejected = m.MediaName.Port.Value == 0 && !bundled
	var err error
	if r.Codecs, err = codecs(m); err != nil {
		return Remote{}, err
	}
	if ms, err := strconv.Atoi(s.attribute(m, "ptime")); err == nil && ms > 0 && ms <= 1000 {
		r.PTime = time.Duration(ms) * time.Millisecond
	}
	s.transport(m, &r)
	s.keys(m, &r)
	return r, nil
}

// transport fills in where the party wants its media.
func (s session) transport(m *sdp.MediaDescription, r *Remote) {
	c := m.ConnectionInformation
	if c == nil {
		c = s.ConnectionInformation
	}
	var host netip.Addr
	if c != nil && c.Address != nil {
		host, _ = netip.ParseAddr(c.Address.Address) // a name has no address for us
	}
	port := m.MediaName.Port.Value
	if r.Profile == RTP && host.IsValid() && host.IsUnspecified() { // hold as RFC 2543 wrote it (RFC 3264 §8.4)
		switch r.Direction {
		case "sendrecv":
			r.Direction = "sendonly"
		case "recvonly":
			r.Direction = "inactive"
		}
	}
	if !host.IsValid() || host.IsUnspecified() || host.Zone() != "" || port <= 0 || port > 65535 || r.Profile == WebRTC && port == 9 {
		return
	}
	r.Audio = netip.AddrPortFrom(host.Unmap(), uint16(port))
	r.RTCP = r.Audio
	if r.Mux {
		return
	}
	if port < 65535 {
		r.RTCP = netip.AddrPortFrom(r.Audio.Addr(), uint16(port)+1)
	}
	f := strings.Fields(s.attribute(m, "rtcp"))
	if len(f) == 0 {
		return
	}
	if p, err := strconv.ParseUint(f[0], 10, 16); err == nil && p > 0 {
		addr := r.Audio.Addr()
		if len(f) == 4 {
			if a, err := netip.ParseAddr(f[3]); err == nil && a.Zone() == "" && !a.IsUnspecified() {
				addr = a.Unmap()
			}
		}
		r.RTCP = netip.AddrPortFrom(addr, uint16(p))
	}
}

// keys fills in what ICE and DTLS need.
func (s session) keys(m *sdp.MediaDescription, r *Remote) {
	ufrag, pwd := s.attribute(m, "ice-ufrag"), s.attribute(m, "ice-pwd")
	if isICE(ufrag, 4) && isICE(pwd, 22) {
		r.ICEUfrag, r.ICEPwd = ufrag, pwd
	}
	if setup := s.attribute(m, "setup"); setup == "actpass" || setup == "active" || setup == "passive" {
		r.Setup = setup
	}
	best := 0
	for _, a := range append(append([]sdp.Attribute(nil), s.Attributes...), m.Attributes...) {
		if a.Key != "fingerprint" {
			continue
		}
		if text, strength := fingerprint(a.Value); strength >= best && strength > 0 {
			r.Fingerprint, best = text, strength
		}
	}
}

// fingerprint normalises a fingerprint (RFC 8122 §5): hash in lower case, bytes in upper; strength 0 for what we don't take.
func fingerprint(value string) (text string, strength int) {
	hash, digits, _ := strings.Cut(strings.TrimSpace(value), " ")
	hash = strings.ToLower(hash)
	size := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[hash]
	digits = strings.ToUpper(strings.TrimSpace(digits))
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || size == 0 || len(raw) != size || len(digits) != 3*size-1 {
		return "", 0
	}
	return hash + " " + digits, size
}

// codecs lists the payload types of a stream that have a name.
func codecs(m *sdp.MediaDescription) ([]Codec, error) {
	named := make(map[uint8]Codec)
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		pt, rest, _ := strings.Cut(a.Value, " ")
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil {
			return nil, fmt.Errorf("%w: rtpmap %q", ErrMalformed, a.Value)
		}
		f := strings.Split(strings.TrimSpace(rest), "/")
		if len(f) < 2 || len(f) > 3 || !isToken(f[0]) {
			return nil, fmt.Errorf("%w: rtpmap %q", ErrMalformed, a.Value)
		}
		clock, err := strconv.ParseUint(f[1], 10, 32)
		channels := 1
		if err == nil && len(f) == 3 {
			channels, err = strconv.Atoi(f[2])
		}
		if err != nil || clock == 0 || channels < 1 || channels > 255 {
			return nil, fmt.Errorf("%w: rtpmap %q", ErrMalformed, a.Value)
		}
		named[uint8(n)] = Codec{PT: uint8(n), Name: f[0], ClockRate: uint32(clock), Channels: channels}
	}
	var list []Codec
	seen := make(map[uint8]bool)
	for _, text := range m.MediaName.Formats {
		n, err := strconv.ParseUint(text, 10, 7)
		if err != nil {
			return nil, fmt.Errorf("%w: payload type %q", ErrMalformed, text)
		}
		c, ok := named[uint8(n)]
		if !ok {
			c, ok = static[uint8(n)]
		}
		if !ok || seen[c.PT] {
			continue
		}
		seen[c.PT] = true
		c.Fmtp = fmtp(m, c.PT)
		list = append(list, c)
	}
	return list, nil
}

func fmtp(m *sdp.MediaDescription, pt uint8) string {
	for _, a := range m.Attributes {
		if n, rest, ok := strings.Cut(a.Value, " "); a.Key == "fmtp" && ok && n == strconv.Itoa(int(pt)) && isPrintable(rest) {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func (s session) direction(m *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				return a.Key
			}
		}
	}
	return "sendrecv"
}

func (s session) mid(i int) string {
	if v, ok := s.MediaDescriptions[i].Attribute("mid"); ok && isToken(strings.TrimSpace(v)) {
		return strings.TrimSpace(v)
	}
	return ""
}

// isToken checks for a token of RFC 8866 §9 of at most 64 characters.
func isToken(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]`, c)
	}) < 0
}

func isPrintable(s string) bool {
	return len(s) <= 1024 && strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) < 0
}

// isICE checks for ice-chars (RFC 8839 §5.4) between least and 256 of them.
func isICE(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/')
	}) < 0
}
