package sdp

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// static are the payload types that need no rtpmap (RFC 3551 §6).
var static = map[uint8]Codec{
	0: {PT: 0, Name: "PCMU", ClockRate: 8000, Channels: 1}, 3: {PT: 3, Name: "GSM", ClockRate: 8000, Channels: 1},
	8: {PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}, 9: {PT: 9, Name: "G722", ClockRate: 8000, Channels: 1},
	13: {PT: 13, Name: "CN", ClockRate: 8000, Channels: 1}, 18: {PT: 18, Name: "G729", ClockRate: 8000, Channels: 1},
}

// Description is a description from the network that was read, for those who need it more than once. Nobody changes it.
type Description struct {
	session session
	remote  Remote // its texts are parts of the whole description
}

// Read reads a description from the network.
func Read(text []byte) (*Description, error) {
	s, err := read(text)
	if err != nil {
		return nil, err
	}
	r, err := s.remote()
	if err != nil {
		return nil, err
	}
	return &Description{s, r}, nil
}

// Parse reads a description from the network: its first audio stream that we could carry.
func Parse(text []byte) (Remote, error) {
	d, err := Read(text)
	if err != nil {
		return Remote{}, err
	}
	return d.Remote(), nil
}

// Remote is what the description says of its first audio stream that we could carry.
func (d *Description) Remote() Remote {
	r := d.remote
	r.Codecs = slices.Clone(r.Codecs)
	if r.Video != nil {
		v := *r.Video
		v.Codecs = slices.Clone(v.Codecs)
		r.Video = &v
	}
	r.own()
	return r
}

// own gives what was read texts of its own: it is kept for as long as a call, and each would else hold a copy of the whole description.
func (r *Remote) own() {
	texts := []*string{&r.Direction, &r.ICEUfrag, &r.ICEPwd, &r.Setup, &r.MID}
	lists := [][]Codec{r.Codecs}
	if r.Video != nil {
		texts = append(texts, &r.Video.Direction, &r.Video.MID)
		lists = append(lists, r.Video.Codecs)
	}
	for _, list := range lists {
		for i := range list {
			texts = append(texts, &list[i].Name, &list[i].Fmtp)
		}
	}
	for _, text := range texts {
		if word, ok := words[*text]; ok {
			*text = word
		} else {
			*text = strings.Clone(*text)
		}
	}
}

// words are texts that nearly all descriptions have.
var words = func() map[string]string {
	all := make(map[string]string)
	for _, word := range []string{"sendrecv", "sendonly", "recvonly", "inactive", "actpass", "active", "passive", "0", "opus", "PCMU", "PCMA", "G722",
		"G729", "GSM", "CN", "telephone-event", "0-15", "0-16", "red", "VP8", "H264"} {
		all[word] = word
	}
	return all
}()

// session is a description that was read, with its audio stream found.
type session struct {
	*sdp.SessionDescription
	streams []stream // the m= lines, one for each of MediaDescriptions
	audio   int      // index of the audio stream; -1: none
	video   int      // of the video stream beside it; -1: none that we could carry
}

func read(text []byte) (session, error) {
	s := session{SessionDescription: &sdp.SessionDescription{}, audio: -1, video: -1}
	plain, streams, err := prepare(text)
	if err != nil {
		return s, err
	}
	if err := s.UnmarshalString(plain); err != nil {
		return s, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if s.streams = streams; len(streams) != len(s.MediaDescriptions) {
		return s, fmt.Errorf("%w: %d m= lines, of which %d were read", ErrMalformed, len(streams), len(s.MediaDescriptions))
	}
	for i, m := range s.MediaDescriptions {
		streams[i].print, _ = s.print(m)
		streams[i].profile = s.profile(i)
	}
	for i := range streams { // the first one that lives, else the first that we know
		if streams[i].profile != 0 && (s.audio < 0 || !s.lives(s.audio) && s.lives(i)) {
			s.audio = i
		}
	}
	s.video = s.findVideo()
	return s, nil
}

// profile tells which of our profiles an audio stream speaks; 0: none of them, or not audio.
func (s session) profile(i int) Profile {
	if s.streams[i].media != "audio" {
		return 0
	}
	return s.transport(i)
}

// transport is profile for a stream of any kind.
func (s session) transport(i int) Profile {
	m, print := s.MediaDescriptions[i], s.streams[i].print
	switch s.streams[i].protocol {
	case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP":
		if print != "" && !isICE(s.attribute(m, "ice-ufrag"), 4) && !s.rejected(i) {
			return DTLS
		}
		return WebRTC
	case "RTP/SAVPF", "RTP/SAVP":
		switch {
		case s.rejected(i): // has no keys at all, of whatever kind it was
			return SDES
		case print == "":
			return SDES
		case isICE(s.attribute(m, "ice-ufrag"), 4): // of old browsers
			return WebRTC
		case len(s.cryptos(i)) > 0:
			return SDES
		default:
			return DTLS
		}
	case "RTP/AVP", "RTP/AVPF":
		if !s.rejected(i) && (print != "" || len(s.cryptos(i)) > 0) {
			return OSRTP
		}
		return RTP
	default:
		return 0
	}
}

// lives says whether an audio stream of a known profile could be carried: some phones offer one stream with keys beside one without.
func (s session) lives(i int) bool {
	return !s.rejected(i) && (s.streams[i].profile != SDES || len(s.cryptos(i)) > 0)
}

// rejected is true for port 0, which in a bundle may also mean "at the port of another" (RFC 9143 §6).
func (s session) rejected(i int) bool {
	_, bundled := s.MediaDescriptions[i].Attribute("bundle-only")
	return s.streams[i].port == 0 && !bundled
}

// bundles tells whether a stream is in a BUNDLE group (RFC 9143 §7.1).
func (s session) bundles(mid string) bool {
	for _, a := range s.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 1 && f[0] == "BUNDLE" && slices.Contains(f[1:], mid) {
			return true
		}
	}
	return false
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
	r := Remote{Profile: s.streams[s.audio].profile, Direction: s.direction(m), MID: s.mid(s.audio)}
	_, r.Mux = m.Attribute("rtcp-mux")
	_, r.ReducedSize = m.Attribute("rtcp-rsize")
	_, r.ICELite = s.Attribute("ice-lite")
	r.Rejected = s.rejected(s.audio)
	for i := range s.streams {
		if i != s.audio && i != s.video && !s.rejected(i) {
			r.Others++
		}
	}
	r.Feedback = strings.HasSuffix(s.streams[s.audio].protocol, "F")
	r.Codecs = codecs(m, s.streams[s.audio].formats)
	r.PTime, r.MaxPTime = s.packetTime("ptime"), s.packetTime("maxptime")
	r.Audio, r.RTCP = s.addresses(m, s.streams[s.audio].port, r.Profile, r.Mux)
	if r.Profile.phone() {
		r.Extended = s.extended(m)
	}
	if r.Profile != WebRTC && r.Profile != DTLS && s.held(m) { // hold as RFC 2543 wrote it (RFC 3264 §8.4)
		r.Direction = narrow(r.Direction, "recvonly")
	}
	s.keys(m, &r)
	r.Video = s.readVideo()
	return r, nil
}

// host is the address of a stream, invalid for none and for a name.
func (s session) host(m *sdp.MediaDescription) (host netip.Addr) {
	c := m.ConnectionInformation
	if c == nil {
		c = s.ConnectionInformation
	}
	if c != nil && c.Address != nil {
		host, _ = netip.ParseAddr(c.Address.Address)
	}
	return host
}

// addresses are where the party wants a stream, and reports on it.
func (s session) addresses(m *sdp.MediaDescription, port uint16, profile Profile, mux bool) (media, control netip.AddrPort) {
	host := s.host(m)
	if !isUnicast(host) || port == 0 || profile == WebRTC && port == 9 {
		return media, control
	}
	media = netip.AddrPortFrom(host.Unmap(), port)
	if mux && (profile == WebRTC || profile == DTLS) { // other phones get no rtcp-mux from us and keep to their two ports (RFC 5761 §5.1.1)
		return media, media
	}
	if port < 65535 {
		control = netip.AddrPortFrom(media.Addr(), port+1)
	}
	f := strings.Fields(s.attribute(m, "rtcp"))
	if len(f) == 0 {
		return media, control
	}
	if p, err := strconv.ParseUint(f[0], 10, 16); err == nil && p > 0 {
		addr := media.Addr()
		if len(f) == 4 {
			if a, err := netip.ParseAddr(f[3]); err == nil && isUnicast(a) {
				addr = a.Unmap()
			}
		}
		control = netip.AddrPortFrom(addr, uint16(p))
	}
	return media, control
}

// isUnicast is false for addresses to which nothing must be sent on a stranger's word.
func isUnicast(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a.Zone() == "" && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
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
	r.Fingerprint = s.streams[s.audio].print
	if r.Profile == WebRTC {
		r.Candidates = s.candidates()
	}
	if r.Profile == SDES || r.Profile == OSRTP {
		r.Crypto = s.cryptos(s.audio)
	}
}

// print is a stream's strongest fingerprint, and how strong it is; the session's are for streams without any.
func (s session) print(m *sdp.MediaDescription) (best string, strength int) {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		found := false
		for _, a := range attributes {
			if a.Key != "fingerprint" {
				continue
			}
			found = true
			if text, n := fingerprint(a.Value); n > strength {
				best, strength = text, n
			}
		}
		if found {
			break
		}
	}
	return best, strength
}

// fingerprint normalises a fingerprint (RFC 8122 §5): hash in lower case, bytes in upper; strength 0 for what we don't take.
func fingerprint(value string) (text string, strength int) {
	hash, digits, _ := strings.Cut(strings.TrimSpace(value), " ")
	hash = strings.ToLower(hash)
	size := 0
	switch hash {
	case "sha-256":
		size = 32
	case "sha-384":
		size = 48
	case "sha-512":
		size = 64
	}
	digits = strings.ToUpper(strings.TrimSpace(digits))
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || size == 0 || len(raw) != size || len(digits) != 3*size-1 {
		return "", 0
	}
	return hash + " " + digits, size
}

// codecs lists the payload types of a stream that have a name. A faulty rtpmap costs its payload type, not the call.
func codecs(m *sdp.MediaDescription, formats []string) []Codec {
	named := make([]Codec, 0, len(formats))
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		if c, ok := rtpmap(a.Value); ok {
			named = append(named, c)
		}
	}
	list := make([]Codec, 0, len(formats))
	for _, text := range formats {
		n, err := strconv.ParseUint(text, 10, 7)
		if err != nil {
			continue
		}
		c, ok := static[uint8(n)]
		for _, one := range named {
			if one.PT == uint8(n) {
				c, ok = one, true // the last one holds
			}
		}
		if !ok || slices.ContainsFunc(list, func(o Codec) bool { return o.PT == c.PT }) {
			continue
		}
		c.Fmtp = fmtp(m, c.PT)
		list = append(list, c)
	}
	return list
}

// rtpmap reads "9 G722/8000" (RFC 8866 §6.6).
func rtpmap(value string) (Codec, bool) {
	pt, rest, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	f := strings.Split(strings.TrimSpace(rest), "/")
	if err != nil || len(f) < 2 || len(f) > 3 || !isToken(f[0]) {
		return Codec{}, false
	}
	clock, err := strconv.ParseUint(f[1], 10, 32)
	channels := uint64(1)
	if err == nil && len(f) == 3 {
		channels, err = strconv.ParseUint(f[2], 10, 8)
	}
	if err != nil || clock == 0 || channels == 0 {
		return Codec{}, false
	}
	if strings.EqualFold(f[0], "G722") {
		clock = 8000 // whatever its true rate (RFC 3551 §4.5.2); some phones write 16000
	}
	return Codec{PT: uint8(n), Name: f[0], ClockRate: uint32(clock), Channels: int(channels)}, true
}

func fmtp(m *sdp.MediaDescription, pt uint8) string {
	number := strconv.Itoa(int(pt))
	for _, a := range m.Attributes {
		if a.Key != "fmtp" {
			continue
		}
		if n, rest, ok := strings.Cut(a.Value, " "); ok && n == number && isPrintable(rest) {
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
