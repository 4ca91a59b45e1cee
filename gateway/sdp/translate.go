package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// carried are the codecs that a party of a profile is told of; others it could not use or must not see.
var carried = map[Profile][]Codec{
	RTP: {
		{Name: "G722", ClockRate: 8000, Channels: 1}, {Name: "PCMA", ClockRate: 8000, Channels: 1}, {Name: "PCMU", ClockRate: 8000, Channels: 1},
		{Name: "telephone-event", ClockRate: 8000, Channels: 1}, {Name: "CN", ClockRate: 8000, Channels: 1},
	},
	WebRTC: {
		{Name: "opus", ClockRate: 48000, Channels: 2}, {Name: "G722", ClockRate: 8000, Channels: 1}, {Name: "PCMA", ClockRate: 8000, Channels: 1},
		{Name: "PCMU", ClockRate: 8000, Channels: 1}, {Name: "telephone-event", ClockRate: 8000, Channels: 1},
		{Name: "telephone-event", ClockRate: 48000, Channels: 1}, {Name: "CN", ClockRate: 8000, Channels: 1},
	},
}

// Translate writes for one party, described by to, what the other party said in text. The m= lines keep their number and
// order; audio is carried over with to's transport, everything else gets port 0 (RFC 3264 §5.1, §6). Kept are codecs with their
// payload types, numbers and order as far as the party can use them, their fmtp, direction and packet times. The other side's ICE,
// DTLS, header extensions, feedback, SSRCs and host names stay out.
//
// When text is an answer, offer is the party's own offer, whose m= lines and codecs the answer keeps to; nil when text is itself an offer.
func Translate(text, offer []byte, to Local) ([]byte, error) {
	said, err := read(text)
	if err != nil {
		return nil, err
	}
	remote, err := said.remote()
	if err != nil {
		return nil, err
	}
	remote.Codecs = slices.DeleteFunc(remote.Codecs, func(c Codec) bool { return !slices.ContainsFunc(carried[to.Profile], c.same) })
	stream := audioStream{direction: remote.Direction, codecs: remote.Codecs, lines: said.packetTimes(), rejected: remote.Rejected}
	if offer == nil {
		return to.write(said, -1, stream)
	}
	asked, err := read(offer)
	if err != nil {
		return nil, fmt.Errorf("party's own offer: %w", err)
	}
	own, err := asked.remote()
	if err != nil {
		return nil, fmt.Errorf("party's own offer: %w", err)
	}
	stream.codecs = slices.DeleteFunc(stream.codecs, func(c Codec) bool { return !slices.ContainsFunc(own.Codecs, c.same) })
	return to.write(asked, asked.audio, stream)
}

// Answer writes a built-in callee's answer to a party's offer: codec c, and the events of its clock if they were offered.
func Answer(offer []byte, c Codec, to Local) ([]byte, error) {
	asked, err := read(offer)
	if err != nil {
		return nil, err
	}
	own, err := asked.remote()
	if err != nil {
		return nil, err
	}
	stream := audioStream{direction: Reverse(own.Direction), rejected: own.Rejected}
	for _, o := range own.Codecs {
		if o.same(c) && o.PT == c.PT || strings.EqualFold(o.Name, "telephone-event") && o.ClockRate == c.ClockRate {
			stream.codecs = append(stream.codecs, o)
		}
	}
	return to.write(asked, asked.audio, stream)
}

// audioStream is what we say of the audio.
type audioStream struct {
	direction string
	codecs    []Codec
	lines     []string // further attributes
	rejected  bool
}

// packetTimes are the lines on how much audio a packet carries.
func (s session) packetTimes() []string {
	var lines []string
	for _, key := range []string{"ptime", "maxptime"} {
		if n, err := strconv.Atoi(s.attribute(s.MediaDescriptions[s.audio], key)); err == nil && n > 0 && n <= 1000 {
			lines = append(lines, fmt.Sprintf("a=%s:%d", key, n))
		}
	}
	return lines
}

// write writes a description with the m= lines of like; answered is the index of the stream of an offer that is answered, -1 in an offer of ours.
func (l Local) write(like session, answered int, audio audioStream) ([]byte, error) {
	if !slices.ContainsFunc(audio.codecs, Codec.carriesAudio) && !audio.rejected {
		return nil, ErrNoCodec
	}
	mid := l.MID
	if answered >= 0 {
		mid = like.mid(answered)
	} else if mid == "" {
		mid = "0"
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0")
	line("o=- %d %d IN %s", l.Session, l.Version, inet(l.Audio.Addr()))
	line("s=-")
	if l.Profile == RTP {
		line("c=IN %s", inet(l.Audio.Addr()))
	}
	line("t=0 0")
	if l.Profile == WebRTC {
		if mid != "" && !audio.rejected {
			line("a=group:BUNDLE %s", mid)
		}
		line("a=ice-lite")
	}
	for i, m := range like.MediaDescriptions {
		if i == like.audio && !audio.rejected {
			l.stream(line, audio, mid)
			continue
		}
		l.refuse(line, m, answered >= 0, like.mid(i))
	}
	if answered < 0 && len(l.Previous) > 0 {
		if before, err := read(l.Previous); err == nil {
			for i := len(like.MediaDescriptions); i < len(before.MediaDescriptions); i++ {
				l.refuse(line, before.MediaDescriptions[i], true, before.mid(i))
			}
		}
	}
	return []byte(b.String()), nil
}

// stream writes the audio stream.
func (l Local) stream(line func(string, ...any), audio audioStream, mid string) {
	var types []string
	for _, c := range audio.codecs {
		types = append(types, strconv.Itoa(int(c.PT)))
	}
	line("m=audio %d %s %s", l.Audio.Port(), l.Profile.protocol(), strings.Join(types, " "))
	if l.Profile == WebRTC {
		line("c=IN %s", inet(l.Audio.Addr()))
	}
	for _, c := range audio.codecs {
		if c.Channels > 1 {
			line("a=rtpmap:%d %s/%d/%d", c.PT, c.Name, c.ClockRate, c.Channels)
		} else {
			line("a=rtpmap:%d %s/%d", c.PT, c.Name, c.ClockRate)
		}
		if c.Fmtp != "" {
			line("a=fmtp:%d %s", c.PT, c.Fmtp)
		}
	}
	for _, text := range audio.lines {
		line("%s", text)
	}
	if l.Profile == WebRTC {
		l.secure(line, mid)
	} else if l.RTCP.IsValid() && l.RTCP != netip.AddrPortFrom(l.Audio.Addr(), l.Audio.Port()+1) {
		line("a=rtcp:%d", l.RTCP.Port())
	}
	line("a=%s", audio.direction)
}

// secure writes ICE (RFC 8839), DTLS (RFC 8842) and what else a browser wants of a stream (RFC 9429).
func (l Local) secure(line func(string, ...any), mid string) {
	if mid != "" {
		line("a=mid:%s", mid)
	}
	line("a=msid:cordboard audio")
	line("a=rtcp-mux")
	line("a=ice-ufrag:%s", l.ICEUfrag)
	line("a=ice-pwd:%s", l.ICEPwd)
	line("a=fingerprint:%s", l.Fingerprint)
	line("a=setup:%s", l.Setup)
	for i, c := range l.Candidates {
		// Type preference 126 for a host candidate, falling local preferences, component 1 (RFC 8445 §5.1.2).
		line("a=candidate:%d 1 udp %d %s %d typ host", i+1, 126<<24|(65535-i)<<8|255, c.Addr().Unmap().WithZone(""), c.Port())
	}
	line("a=end-of-candidates")
}

// refuse writes a stream that we don't carry. An answer echoes the offer's protocol; an offer of ours uses one the party knows.
func (l Local) refuse(line func(string, ...any), m *sdp.MediaDescription, echo bool, mid string) {
	protocol, formats := l.Profile.protocol(), "0" // a format says nothing in a refused stream, but parsers look up its rtpmap
	if echo {
		protocol = strings.Join(m.MediaName.Protos, "/")
	}
	if echo && m.MediaName.Media != "audio" && m.MediaName.Media != "video" {
		formats = strings.Join(m.MediaName.Formats, " ")
	}
	line("m=%s 0 %s %s", m.MediaName.Media, protocol, formats)
	if l.Profile == WebRTC {
		line("c=IN IP4 0.0.0.0")
		if mid != "" && echo {
			line("a=mid:%s", mid)
		}
	}
	line("a=inactive")
}

func inet(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return "IP4 0.0.0.0"
	case a.Is4():
		return "IP4 " + a.String()
	default:
		return "IP6 " + a.String()
	}
}
