// Package sdp turns the session description (RFC 8866) of a browser into one
// for an ordinary phone and back. It is pure: text in, text out; the addresses
// and keys that go into a description are arguments.
package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Profile is the kind of media transport a party speaks.
type Profile int

// The profiles.
const (
	RTP    Profile = iota + 1 // RTP/AVP (RFC 3551)
	WebRTC                    // UDP/TLS/RTP/SAVPF with ICE, DTLS-SRTP and rtcp-mux (RFC 9429)
	SDES                      // RTP/SAVP with keys in a=crypto (RFC 4568)
	DTLS                      // UDP/TLS/RTP/SAVP without ICE (RFC 5764)
	OSRTP                     // RTP/AVP with keys as in SDES or DTLS, for who can use them (RFC 8643)
	PCM                       // samples within this process: described as RTP/AVP, but no packet leaves it
)

// Strength ranks profiles by how well they keep a call's sound secret from who sees its packets: 0 not or not surely, 1 from
// all but those who read the SIP messages too, 2 from them as well.
func (p Profile) Strength() int {
	switch p {
	case SDES:
		return 1
	case DTLS, WebRTC, PCM:
		return 2
	}
	return 0
}

// String names the profile for logs.
func (p Profile) String() string {
	switch p {
	case RTP:
		return "RTP"
	case WebRTC:
		return "WebRTC"
	case SDES:
		return "SDES"
	case DTLS:
		return "DTLS"
	case OSRTP:
		return "OSRTP"
	case PCM:
		return "PCM"
	default:
		return "none"
	}
}

// protocol is what our offers say in m= lines.
func (p Profile) protocol() string {
	switch p {
	case WebRTC:
		return "UDP/TLS/RTP/SAVPF"
	case SDES:
		return "RTP/SAVP"
	case DTLS:
		return "UDP/TLS/RTP/SAVP"
	}
	return "RTP/AVP"
}

// takes says whether an m= line of that protocol can be the profile's: the answer to an offer keeps to the offer's protocol, and a
// further offer to that of the one before.
func (p Profile) takes(protocol string) bool {
	switch p {
	case WebRTC, DTLS:
		return strings.HasPrefix(protocol, "UDP/TLS/RTP/SAVP") || strings.HasPrefix(protocol, "RTP/SAVP") // of old browsers and PBXs
	case SDES:
		return strings.HasPrefix(protocol, "RTP/SAVP")
	}
	return strings.HasPrefix(protocol, "RTP/AVP")
}

// phone says whether a party of the profile is described as a phone: an address in front, a pair of ports, no ICE.
func (p Profile) phone() bool { return p != WebRTC }

// Errors of a description. Signaling answers ErrMalformed with 400, the others with 488 Not Acceptable Here (RFC 3261 §21.4.26).
var (
	ErrMalformed = errors.New("malformed session description")
	ErrNoAudio   = errors.New("no audio stream")
	ErrNoCodec   = errors.New("no audio codec in common")
	ErrNoKeys    = errors.New("no way of encryption in common")
)

// Codec is one payload type of an audio stream.
type Codec struct {
	PT        uint8  // 0 to 127
	Name      string // as in rtpmap; compare with EqualFold
	ClockRate uint32 // Hz
	Channels  int    // 1 when not said
	Fmtp      string
}

// carriesAudio is false for events and noise, which accompany audio but are none.
func (c Codec) carriesAudio() bool {
	return !c.Events() && !c.Noise()
}

func (c Codec) same(o Codec) bool {
	return strings.EqualFold(c.Name, o.Name) && c.ClockRate == o.ClockRate && c.Channels == o.Channels
}

// Remote is what the media engine must know of what a party said of its audio.
type Remote struct {
	Profile          Profile
	Audio            netip.AddrPort // c= and the port of m=; invalid for a host name, for no or a multicast address and for WebRTC's port 9
	RTCP             netip.AddrPort // a=rtcp (RFC 3605), else Audio's port + 1; with Mux in WebRTC Audio itself
	Mux              bool           // a=rtcp-mux (RFC 5761); of phones taken up with DTLS alone
	ReducedSize      bool           // a=rtcp-rsize (RFC 5506); we agree to it with browsers alone
	Feedback         bool           // AVPF or SAVPF (RFC 4585)
	Extended         Extended       // reports that the party asks for
	Direction        string         // "sendrecv", "sendonly", "recvonly" or "inactive", as the party sees it
	Codecs           []Codec        // in the party's order of preference, static payload types filled in (RFC 3551 §6)
	PTime, MaxPTime  time.Duration  // audio in a packet, as the party wants it and at most; 0: not said
	ICEUfrag, ICEPwd string         // RFC 8839 §5.4
	ICELite          bool
	Candidates       []string // WebRTC: of ICE as RFC 8839 §5.1 writes them, "1 1 udp 2130706431 192.0.2.1 4000 typ host", at most maxCandidates
	Fingerprint      string   // "sha-256 AB:CD…", the strongest; empty for none or only weak ones (RFC 8122 §5)
	Setup            string   // "actpass", "active" or "passive" (RFC 4145 §4)
	Crypto           []Crypto // the a=crypto lines that we can take, best first; of an answer the one taken
	MID              string   // RFC 5888
	Rejected         bool     // the audio stream's port is 0 and it is not bundled
	Video            *Video   // nil: none that could be carried
	Others           int      // further streams that are not rejected
}

// Extended are the extended reports that a party asks for by a=rtcp-xr (RFC 3611 §5.1); of phones only.
type Extended struct {
	Metrics   bool // how its sound arrives: voip-metrics
	Reference bool // our time, so that the way there and back is known even if one is silent: rcvr-rtt
}

// Keying is the profile that says how the party encrypts: that of a description by itself, but for OSRTP.
func (r Remote) Keying() Profile {
	switch {
	case r.Profile != OSRTP:
		return r.Profile
	case len(r.Crypto) > 0 || r.Fingerprint == "":
		return SDES
	default:
		return DTLS
	}
}

// Codec gives the payload type of a codec at a clock rate.
func (r Remote) Codec(name string, clock uint32) (Codec, bool) {
	for _, c := range r.Codecs {
		if strings.EqualFold(c.Name, name) && c.ClockRate == clock {
			return c, true
		}
	}
	return Codec{}, false
}

// Local is what goes into our description for a party.
type Local struct {
	Profile          Profile
	Session, Version uint64           // o=: the session's stays for the leg's life, the version grows with each change
	Audio, RTCP      netip.AddrPort   // c=, m= and a=rtcp; with WebRTC the first candidate
	Video, VideoRTCP netip.AddrPort   // the same for pictures; invalid: none are carried. A browser gets them in the audio's bundle
	Candidates       []netip.AddrPort // WebRTC: host UDP candidates, best first; we are ICE-lite (RFC 8445 §2.5)
	TCP              []netip.AddrPort // WebRTC: where we take TCP connections for media (RFC 6544), best first
	Full             bool             // WebRTC: we are a full ICE agent instead, whose candidates are Gathered
	Gathered         []string         // as in Remote.Candidates, best first
	ICEUfrag, ICEPwd string
	Fingerprint      string   // "sha-256 AA:BB…"; Firefox wants it in upper case
	Setup            string   // "actpass" in offers, "passive" or "active" in answers
	Mux              bool     // DTLS without ICE: whether to write a=rtcp-mux
	Crypto           []Crypto // SDES, OSRTP: our keys; in an answer one, with the tag of the offer's line
	VideoMux         bool     // Mux and Crypto of the pictures of a phone
	VideoCrypto      []Crypto
	MID              string // of an offer to a browser; "0" when empty
	SSRC             uint32 // WebRTC: of the stream that the party is sent (RFC 5576); 0: not said
	VideoSSRC        uint32 // the same for pictures
	CNAME            string // its source's name
	ReducedSize      bool   // WebRTC: agree to RTCP of reduced size if the party does (RFC 5506)
	Events           Events
	Convert          []Codec // that we can turn into one another, best first, with their fmtp; empty: none
	Prefer           bool    // Opus before all else toward a browser, though it must be converted
	Label            string  // of the sound (RFC 4574); empty: none
	Direction        string  // of the sound in an offer, as the other side sees it; empty: as it has said
	Previous         []byte  // our last description for this party: an offer keeps its m= lines in number, order, media and mid (RFC 3264 §8)
}

// Sends and Hears say what a direction holds, as its party sees it.
func Sends(direction string) bool { return direction == "sendrecv" || direction == "sendonly" }
func Hears(direction string) bool { return direction == "sendrecv" || direction == "recvonly" }

// Direction is that of a party that sends, hears, both or neither.
func Direction(sends, hears bool) string {
	switch {
	case sends && hears:
		return "sendrecv"
	case sends:
		return "sendonly"
	case hears:
		return "recvonly"
	default:
		return "inactive"
	}
}

// Reverse is a direction as the other side sees it (RFC 3264 §6.1).
func Reverse(direction string) string {
	switch direction {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	default:
		return direction
	}
}
