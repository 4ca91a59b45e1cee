package sdp

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// carries says whether a party of the profile is told of a codec.
func (p Profile) carries(c Codec) bool {
	if p.phone() && p != PCM {
		p = RTP
	}
	return slices.ContainsFunc(carried[p], c.same)
}

// carried are the codecs that a party of a profile is told of; others it could not use or must not see. RTP is for all phones.
var carried = map[Profile][]Codec{
	RTP: {
		{Name: "G722", ClockRate: 8000, Channels: 1}, {Name: "PCMA", ClockRate: 8000, Channels: 1}, {Name: "PCMU", ClockRate: 8000, Channels: 1},
		{Name: "telephone-event", ClockRate: 8000, Channels: 1}, {Name: "CN", ClockRate: 8000, Channels: 1},
	},
	WebRTC: rich, PCM: rich,
}

// rich are the codecs of who can decode them all.
var rich = []Codec{
	{Name: "opus", ClockRate: 48000, Channels: 2}, {Name: "G722", ClockRate: 8000, Channels: 1}, {Name: "PCMA", ClockRate: 8000, Channels: 1},
	{Name: "PCMU", ClockRate: 8000, Channels: 1}, {Name: "telephone-event", ClockRate: 8000, Channels: 1},
	{Name: "telephone-event", ClockRate: 48000, Channels: 1}, {Name: "CN", ClockRate: 8000, Channels: 1},
}

// Translate writes for one party, described by to, what the other party said in text. See Description.Translate.
func Translate(text, offer []byte, to Local) ([]byte, error) { return translate(text, offer, nil, to) }

// Translate writes for one party, described by to, what the other party said. The m= lines keep their number and
// order; audio and one stream of pictures are carried over with to's transport, everything else gets port 0 (RFC 3264 §5.1, §6). Kept are codecs with their
// payload types, numbers and order as far as the party can use them, their fmtp, direction, packet times and limits of
// bandwidth. The other side's ICE, DTLS, header extensions, feedback, SSRCs and host names stay out.
//
// What the party may use besides, because to.Convert says that we can convert it, is added to an offer after what passes as it
// is, and to an answer in which nothing else is left.
//
// When what was said is an answer, offer is the party's own offer, whose m= lines, protocol, codecs and direction the answer keeps to;
// nil when it is itself an offer. Then to.Previous says which m= lines the party knows.
func (d *Description) Translate(offer *Description, to Local) ([]byte, error) {
	return d.translate(offer, func(Codec) bool { return true }, to)
}

// translate is Translate with only those codecs for which wanted is true; nil: all.
func translate(text, offer []byte, wanted func(Codec) bool, to Local) ([]byte, error) {
	said, err := Read(text)
	if err != nil {
		return nil, err
	}
	var asked *Description
	if offer != nil {
		if asked, err = Read(offer); err != nil {
			return nil, fmt.Errorf("party's own offer: %w", err)
		}
	}
	if wanted == nil {
		return said.Translate(asked, to)
	}
	return said.translate(asked, wanted, to)
}

func (d *Description) translate(offer *Description, wanted func(Codec) bool, to Local) ([]byte, error) {
	said, told := d.session, d.remote.Codecs
	codecs := make([]Codec, 0, len(told))
	for _, c := range told {
		if wanted(c) && to.Profile.carries(c) {
			codecs = append(codecs, c)
		}
	}
	audio := content{
		direction: d.remote.Direction, codecs: codecs, lines: said.packetTimes(),
		bandwidth: said.streams[said.audio].bandwidth, rejected: d.remote.Rejected,
	}
	if offer == nil {
		if to.Direction != "" {
			audio.direction = to.Direction
		}
		if to.Profile.phone() && to.Profile != PCM {
			audio.lines = append(audio.lines, wished.lines()...)
		}
		video := to.videoFor(said, nil, audio.codecs)
		audio.codecs = to.withEvents(to.extend(audio.codecs, told, video.types()), nil, video.types())
		return to.write(to.offering(said, video != nil), audio, video)
	}
	asked, own := offer.session, offer.remote
	audio.codecs = slices.DeleteFunc(audio.codecs, func(c Codec) bool { return !slices.ContainsFunc(own.Codecs, c.same) })
	audio.codecs = to.withEvents(to.substitute(audio.codecs, told, own.Codecs, wanted), own.Codecs, nil)
	audio.direction = narrow(audio.direction, own.Direction)
	audio.rejected = audio.rejected || own.Rejected
	audio.lines = append(audio.lines, own.Extended.lines()...)
	return to.write(to.answering(asked), audio, to.videoFor(said, &asked, nil))
}

// Answer writes a built-in callee's answer to a party's offer: codec c, and the events of its clock if they were offered.
func Answer(offer []byte, c Codec, to Local) ([]byte, error) {
	d, err := Read(offer)
	if err != nil {
		return nil, err
	}
	asked, own := d.session, d.remote
	audio := content{direction: Reverse(own.Direction), rejected: own.Rejected, lines: own.Extended.lines()}
	for _, o := range own.Codecs {
		if o.same(c) && o.PT == c.PT || o.Events() && o.ClockRate == c.ClockRate {
			audio.codecs = append(audio.codecs, o)
		}
	}
	return to.write(to.answering(asked), audio, nil)
}

// narrow takes from an answer's direction what the offer's leaves no room for (RFC 3264 §6.1). Old phones answer sendrecv,
// or nothing at all, whatever was offered, and Chromium refuses such an answer.
func narrow(answer, offer string) string {
	return Direction(Sends(answer) && Hears(offer), Hears(answer) && Sends(offer))
}

// packetTimes are the lines on how much audio a packet carries.
func (s session) packetTimes() []string {
	var lines []string
	for _, key := range []string{"ptime", "maxptime"} {
		if d := s.packetTime(key); d > 0 {
			lines = append(lines, fmt.Sprintf("a=%s:%d", key, d.Milliseconds()))
		}
	}
	return lines
}

// packetTime reads ptime or maxptime (RFC 8866 §6.4); 0 when it is not said, or nonsense.
func (s session) packetTime(key string) time.Duration {
	n, err := strconv.Atoi(s.attribute(s.MediaDescriptions[s.audio], key))
	if err != nil || n <= 0 || n > 1000 {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}
