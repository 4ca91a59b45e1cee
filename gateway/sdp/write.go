package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Preferences of candidates: of the type, for hosts by UDP (RFC 8445 §5.1.2.2) and, below all of UDP, by TCP, and of the
// direction of TCP (RFC 6544 §4.2).
const (
	preferUDP     = 126
	preferTCP     = 90
	preferPassive = 4
)

// content is what we say of a stream that we carry.
type content struct {
	direction string
	codecs    []Codec
	bandwidth []string
	lines     []string // further attributes
	rejected  bool
}

// usualText is the size that a description for a browser has at most, as a rule.
const usualText = 1 << 10

// write writes a description.
func (l Local) write(like layout, audio content, video *content) ([]byte, error) {
	if !slices.ContainsFunc(audio.codecs, Codec.carriesAudio) && !audio.rejected {
		return nil, ErrNoCodec
	}
	var b strings.Builder
	b.Grow(usualText)
	line := func(format string, args ...any) {
		if len(args) == 0 {
			b.WriteString(format)
		} else {
			fmt.Fprintf(&b, format, args...)
		}
		b.WriteString("\r\n")
	}
	line("v=0")
	line("o=- %d %d IN %s", l.Session, l.Version, inet(l.Audio.Addr()))
	line("s=-")
	if l.Profile.phone() {
		line("c=IN %s", inet(l.Audio.Addr()))
	}
	line("t=0 0")
	if l.Profile == WebRTC {
		if like.bundled && !audio.rejected {
			line("a=group:BUNDLE%s", like.mids(video != nil))
		}
		if l.Full {
			line("a=ice-options:ice2")
		} else {
			line("a=ice-lite")
			line("a=ice-options:trickle ice2") // candidates may come later (RFC 8840); we answer checks as RFC 8445 has it
		}
	}
	if l.ReducedSize && like.reduced {
		audio.lines = append(audio.lines, "a=rtcp-rsize")
	}
	for _, p := range like.places {
		switch {
		case audio.rejected:
			l.refuse(line, p)
		case p.audio:
			l.stream(line, p, audio)
		case p.video && video != nil:
			l.pictures().stream(line, p, *video)
		default:
			l.refuse(line, p)
		}
	}
	return []byte(b.String()), nil
}

// pictures is our side of the video stream: its own ports and keys toward a phone, the audio's toward a browser.
func (l Local) pictures() Local {
	if l.SSRC = l.VideoSSRC; l.Profile.phone() {
		l.Audio, l.RTCP, l.Mux, l.Crypto = l.Video, l.VideoRTCP, l.VideoMux, l.VideoCrypto
	}
	return l
}

// stream writes a stream that we carry.
func (l Local) stream(line func(string, ...any), p place, c content) {
	var types []string
	for _, one := range c.codecs {
		types = append(types, strconv.Itoa(int(one.PT)))
	}
	line("m=%s %d %s %s", p.media, l.Audio.Port(), p.protocol, strings.Join(types, " "))
	if l.Profile == WebRTC {
		line("c=IN %s", inet(l.Audio.Addr()))
	}
	for _, limit := range c.bandwidth {
		line("b=%s", limit)
	}
	for _, one := range c.codecs {
		line("a=%s", one.rtpmap())
		if one.Fmtp != "" {
			line("a=fmtp:%d %s", one.PT, one.Fmtp)
		}
	}
	for _, text := range c.lines {
		line("%s", text)
	}
	if p.video && strings.HasSuffix(p.protocol, "F") {
		feedback(line, c.codecs)
	}
	if l.Profile == WebRTC {
		l.secure(line, p)
		if l.SSRC != 0 { // on hold too: Chromium stays deaf to a source that left and comes back
			line("a=ssrc:%d cname:%s", l.SSRC, l.CNAME)
		}
	} else {
		l.guard(line)
	}
	if p.audio && l.Label != "" {
		line("a=label:%s", l.Label)
	}
	line("a=%s", c.direction)
}

// rtpmap is the codec as RFC 8866 §6.6 writes it.
func (c Codec) rtpmap() string {
	if c.Channels > 1 {
		return fmt.Sprintf("rtpmap:%d %s/%d/%d", c.PT, c.Name, c.ClockRate, c.Channels)
	}
	return fmt.Sprintf("rtpmap:%d %s/%d", c.PT, c.Name, c.ClockRate)
}

// rtcp says where RTCP goes (RFC 3605).
func (l Local) rtcp(line func(string, ...any)) {
	if l.RTCP.Addr() == l.Audio.Addr() {
		line("a=rtcp:%d", l.RTCP.Port())
	} else {
		line("a=rtcp:%d IN %s", l.RTCP.Port(), inet(l.RTCP.Addr()))
	}
}

// guard writes what a phone needs to find our RTCP and to encrypt. In DTLS who offers rtcp-mux may get RTCP at either port.
func (l Local) guard(line func(string, ...any)) {
	if l.RTCP.IsValid() && l.RTCP != netip.AddrPortFrom(l.Audio.Addr(), l.Audio.Port()+1) {
		l.rtcp(line)
	}
	if l.Mux {
		line("a=rtcp-mux")
	}
	for _, c := range l.Crypto {
		line("%s", c.line())
	}
	if l.Fingerprint != "" {
		line("a=fingerprint:%s", l.Fingerprint)
		line("a=setup:%s", l.Setup)
	}
}

// secure writes ICE (RFC 8839), DTLS (RFC 8842) and what else a browser wants of a stream (RFC 9429).
func (l Local) secure(line func(string, ...any), p place) {
	if p.mid != "" {
		line("a=mid:%s", p.mid)
	}
	line("a=msid:cordboard %s", p.media)
	line("a=rtcp:%d IN %s", l.Audio.Port(), inet(l.Audio.Addr()))
	line("a=rtcp-mux")
	line("a=ice-ufrag:%s", l.ICEUfrag)
	line("a=ice-pwd:%s", l.ICEPwd)
	line("a=fingerprint:%s", l.Fingerprint)
	line("a=setup:%s", l.Setup)
	for i, c := range l.Candidates {
		// Falling local preferences, component 1 (RFC 8445 §5.1.2).
		line("a=candidate:%d 1 udp %d %s %d typ host", i+1, preferUDP<<24|(65535-i)<<8|255, c.Addr().Unmap().WithZone(""), c.Port())
	}
	for i, c := range l.TCP {
		line("a=candidate:%d 1 tcp %d %s %d typ host tcptype passive", len(l.Candidates)+i+1,
			preferTCP<<24|(preferPassive<<13|8191-i)<<8|255, c.Addr().Unmap().WithZone(""), c.Port())
	}
	for _, c := range l.Gathered {
		line("a=candidate:%s", c)
	}
	line("a=end-of-candidates")
}

// refuse writes a stream that we don't carry. It needs a format, but only one, which says nothing (RFC 3264 §6).
func (l Local) refuse(line func(string, ...any), p place) {
	format := "0"
	if len(p.formats) > 0 {
		format = p.formats[0]
	}
	line("m=%s 0 %s %s", p.media, p.protocol, format)
	if l.Profile == WebRTC {
		line("c=IN IP4 0.0.0.0")
		if p.mid != "" {
			line("a=mid:%s", p.mid)
		}
	}
	if p.note != "" {
		line("%s", p.note)
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
