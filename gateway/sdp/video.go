package sdp

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// Video is what the media engine must know of what a party said of its pictures. They travel beside the audio, in its profile: in a
// browser's bundle at the audio's address and with its keys, from a phone at a pair of ports and with keys of their own.
type Video struct {
	RTP, RTCP netip.AddrPort // of a phone, as of its audio
	Direction string         // as the party sees it
	Codecs    []Codec        // in the party's order of preference, only those that we relay
	Feedback  bool           // AVPF or SAVPF (RFC 4585)
	MID       string

	// Of a phone that encrypts, as of its audio.
	Mux         bool
	Crypto      []Crypto
	Fingerprint string
}

// Encrypts says whether the pictures can be encrypted as the audio is.
func (v *Video) Encrypts(keying Profile) bool {
	switch keying {
	case SDES:
		return len(v.Crypto) > 0
	case DTLS:
		return v.Fingerprint != ""
	}
	return true
}

// pictures are the codecs that are relayed, never transcoded.
var pictures = []Codec{{Name: "VP8", ClockRate: 90000, Channels: 1}, {Name: "H264", ClockRate: 90000, Channels: 1}}

// findVideo finds the stream that goes with the audio: the first one that lives and can travel as the audio does.
func (s session) findVideo() int {
	for i := range s.streams {
		if s.streams[i].media != "video" || s.audio < 0 || s.rejected(s.audio) || s.rejected(i) || len(s.pictures(i)) == 0 {
			continue
		}
		switch profile := s.streams[s.audio].profile; profile {
		case WebRTC:
			mid := s.mid(i)
			if profile.takes(s.streams[i].protocol) && mid != "" && s.bundles(mid) && s.bundles(s.mid(s.audio)) {
				return i
			}
		default:
			// Who encrypts does so with both, and in one way.
			m, sound := s.MediaDescriptions[i], s.MediaDescriptions[s.audio]
			if s.transport(i) == profile && (len(s.cryptos(i)) > 0) == (len(s.cryptos(s.audio)) > 0) &&
				(profile != DTLS || s.attribute(m, "setup") == s.attribute(sound, "setup")) {
				return i
			}
		}
	}
	return -1
}

// pictures lists the codecs of a video stream that we relay. Of several kinds of H.264 only those with the same packets can be
// passed on (RFC 6184 §8.2.2).
func (s session) pictures(i int) []Codec {
	return slices.DeleteFunc(codecs(s.MediaDescriptions[i], s.streams[i].formats), func(c Codec) bool { return !slices.ContainsFunc(pictures, c.same) })
}

// readVideo reads the video stream; nil when there is none that we could carry.
func (s session) readVideo() *Video {
	if s.video < 0 {
		return nil
	}
	m := s.MediaDescriptions[s.video]
	v := &Video{Direction: s.direction(m), Codecs: s.pictures(s.video), Feedback: strings.HasSuffix(s.streams[s.video].protocol, "F"), MID: s.mid(s.video)}
	if profile := s.streams[s.audio].profile; profile.phone() {
		_, v.Mux = m.Attribute("rtcp-mux")
		v.RTP, v.RTCP = s.addresses(m, s.streams[s.video].port, profile, v.Mux)
		v.Crypto, v.Fingerprint = s.cryptos(s.video), s.streams[s.video].print
		if profile != DTLS && s.held(m) { // see remote
			v.Direction = narrow(v.Direction, "recvonly")
		}
	}
	return v
}

// sees is same for pictures: H.264 in another packetization mode or profile is another codec.
func (c Codec) sees(o Codec) bool {
	return c.same(o) && (!strings.EqualFold(c.Name, "H264") || c.parameter("packetization-mode", "0") == o.parameter("packetization-mode", "0") &&
		profileH264(c) == profileH264(o))
}

// profileH264 tells H.264's profiles apart (RFC 6184 §8.1): their number, and the flag that makes the constrained baseline. The level
// is each side's own. Who says nothing has the baseline.
func profileH264(c Codec) string {
	level := strings.ToLower(c.parameter("profile-level-id", "420010"))
	if len(level) != 6 {
		return level
	}
	if level[:2] == "42" { // whoever decodes the baseline decodes the constrained one, and nobody sends anything else
		return "42"
	}
	return level[:4]
}

// parameter is a parameter of the codec's fmtp.
func (c Codec) parameter(name, missing string) string {
	for one := range strings.SplitSeq(c.Fmtp, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(one), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return missing
}

// videoFor is what one party is told of the pictures that the other one described, nil for nothing: none of the two has
// them, or the engine gives them no place. Own is the description that is answered, nil for an offer; then sound is what is offered of
// that, whose payload types mean nothing else in a bundle (RFC 9143 §9.1).
func (l Local) videoFor(said session, own *session, sound []Codec) *content {
	v := said.readVideo()
	if v == nil || !l.Video.IsValid() || l.Profile == SDES && len(l.VideoCrypto) == 0 {
		return nil
	}
	if l.Profile == WebRTC {
		v.Codecs = slices.DeleteFunc(v.Codecs, func(one Codec) bool {
			return slices.ContainsFunc(sound, func(o Codec) bool { return o.PT == one.PT })
		})
	}
	c := &content{direction: v.Direction, codecs: v.Codecs, bandwidth: said.streams[said.video].bandwidth}
	if own != nil {
		mine := own.readVideo()
		if mine == nil || l.Profile.phone() != own.streams[own.audio].profile.phone() { // a phone's ICE, which is passed over, has a bundle
			return nil
		}
		c.codecs = slices.DeleteFunc(c.codecs, func(one Codec) bool { return !slices.ContainsFunc(mine.Codecs, one.sees) })
		c.direction = narrow(c.direction, mine.Direction)
	}
	if len(c.codecs) == 0 {
		return nil
	}
	return c
}

// types are the codecs of what is told, none of nothing.
func (c *content) types() []Codec {
	if c == nil {
		return nil
	}
	return c.codecs
}

// feedback says which feedback we pass on for pictures (RFC 4585 §4.2, RFC 5104 §7.1): that one is missing.
func feedback(line func(string, ...any), codecs []Codec) {
	for _, c := range codecs {
		line("a=rtcp-fb:%d nack pli", c.PT)
		line("a=rtcp-fb:%d ccm fir", c.PT)
	}
}

// held says whether a phone's address is that of a hold as RFC 2543 wrote it (RFC 3264 §8.4).
func (s session) held(m *sdp.MediaDescription) bool {
	host := s.host(m)
	return host.IsValid() && host.IsUnspecified()
}
