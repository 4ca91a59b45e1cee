package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// place is an m= line to write.
type place struct {
	stream
	mid   string
	audio bool // the stream of sound that we carry
	video bool // the stream of pictures that we may carry; the others are refused
	note  string
}

// layout is the m= lines of a description to write, and whether its audio is bundled.
type layout struct {
	places  []place
	bundled bool
	reduced bool // RTCP of reduced size may be agreed to
}

// mids are the names of the streams that are carried, a space before each.
func (l layout) mids(video bool) (list string) {
	for _, p := range l.places {
		if p.audio || p.video && video {
			list += " " + p.mid
		}
	}
	return list
}

// answering lays an answer out like the offer it answers (RFC 3264 §6). Its BUNDLE group holds what the offer's did (RFC 9143 §7.3).
func (l Local) answering(offer session) layout {
	var out layout
	for i := range offer.streams {
		p := l.keep(offer, i)
		out.bundled = out.bundled || p.audio && p.mid != "" && offer.bundles(p.mid)
		out.places = append(out.places, p)
	}
	if offer.audio >= 0 {
		_, out.reduced = offer.MediaDescriptions[offer.audio].Attribute("rtcp-rsize")
	}
	return out
}

// offering lays an offer out, with pictures or without. The m= lines that the party knows stay as they were (RFC 3264 §8); further ones
// of said follow them.
func (l Local) offering(said session, video bool) layout {
	var out layout
	known := 0 // of said's other streams
	if before, err := read(l.Previous); err == nil && before.audio >= 0 {
		for i := range before.streams {
			out.places = append(out.places, l.keep(before, i))
		}
		known = len(before.streams) - 1
		if video {
			known -= out.takeVideo()
		}
	}
	has := func(video bool) bool {
		return slices.ContainsFunc(out.places, func(p place) bool { return !video && p.audio || video && p.video })
	}
	for i, s := range said.streams {
		switch {
		case i == said.video && video && has(true):
		case i == said.video && video:
			out.places = append(out.places, place{stream: stream{media: "video", protocol: l.Profile.protocol()}, video: true})
		case i != said.audio && known > 0:
			known--
		case i != said.audio:
			out.places = append(out.places, l.invent(s))
		case !has(false):
			out.places = append(out.places, place{stream: stream{media: "audio", protocol: l.Profile.protocol()}, audio: true})
		}
	}
	if l.Profile == WebRTC {
		l.name(out.places)
		out.bundled = true
	}
	out.reduced = true
	return out
}

// takeVideo makes sure that one of the m= lines that a party knows is for pictures, if there is any that could be, and says how many are.
func (l *layout) takeVideo() int {
	for i, p := range l.places {
		if p.video {
			return 1
		}
		if p.media == "video" && !p.audio {
			l.places[i].video = true
			return 1
		}
	}
	return 0
}

// keep takes an m= line that the party knows as it is. Of the formats it needs one (RFC 3264 §6), and for WebRTC that one's
// rtpmap too: parsers look it up even where the stream is refused.
func (l Local) keep(known session, i int) place {
	p := place{stream: known.streams[i], mid: known.mid(i), audio: i == known.audio, video: i == known.video}
	p.formats = p.formats[:1]
	if (p.audio || p.video) && !l.Profile.takes(p.protocol) {
		p.protocol = l.Profile.protocol()
	}
	if l.Profile != WebRTC || p.media != "audio" && p.media != "video" {
		return p
	}
	for _, a := range known.MediaDescriptions[i].Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		if c, ok := rtpmap(a.Value); ok && strconv.Itoa(int(c.PT)) == p.formats[0] {
			p.note = "a=" + c.rtpmap()
			return p
		}
	}
	p.formats = []string{"0"}
	return p
}

// invent makes of a stream that the party hasn't heard of one of a form that it knows. It is refused from the start, so that
// its only use is to keep the lines of the two sides in step.
func (l Local) invent(s stream) place {
	p := place{stream: stream{media: s.media, protocol: l.Profile.protocol(), formats: []string{"0"}}}
	switch {
	case s.media == "audio":
	case s.media == "video" && l.Profile == WebRTC:
		p.formats, p.note = []string{"120"}, "a=rtpmap:120 VP8/90000"
	case s.media == "video":
		p.formats = []string{"31"} // H261, the one static type of RFC 3264's examples
	case l.Profile == WebRTC:
		p.stream = stream{media: "application", protocol: "UDP/DTLS/SCTP", formats: []string{"webrtc-datachannel"}}
	case strings.Contains(strings.ToUpper(s.protocol), "TLS"):
		p.stream = stream{media: "application", protocol: "udp", formats: []string{"octet-stream"}}
	default:
		p.stream = s
	}
	return p
}

// name gives every stream a mid of its own, as a browser demands of an offer (RFC 9429 §5.2.1).
func (l Local) name(places []place) {
	used := make(map[string]bool)
	for i, p := range places {
		if p.audio && l.MID != "" {
			places[i].mid = l.MID
		}
		if p.audio && places[i].mid == "" {
			places[i].mid = "0"
		}
		if p.audio {
			used[places[i].mid] = true
		}
	}
	for i := range places {
		if places[i].audio {
			continue
		}
		for n := i; places[i].mid == "" || used[places[i].mid]; n++ {
			places[i].mid = strconv.Itoa(n)
		}
		used[places[i].mid] = true
	}
}
