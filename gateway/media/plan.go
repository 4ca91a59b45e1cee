package media

import (
	"math"
	"slices"
	"strings"
	"time"

	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// convertible are the codecs that can be turned into one another, best first, with what we say of them: Opus that is
// lost may be repeated in the next packet (RFC 7587 §6.1).
var convertible = []sdp.Codec{
	{Name: "opus", ClockRate: codec.OpusRate, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"},
	{Name: "G722", ClockRate: 8000, Channels: 1},
	{Name: "PCMA", ClockRate: 8000, Channels: 1},
	{Name: "PCMU", ClockRate: 8000, Channels: 1},
}

// converts says whether we can turn a codec into samples and back.
func converts(c sdp.Codec) bool { return slices.ContainsFunc(convertible, c.Same) }

func isOpus(c sdp.Codec) bool { return strings.EqualFold(c.Name, "opus") }

// isLaw is true for G.711.
func isLaw(c sdp.Codec) bool {
	_, ok := codec.ByName(c.Name)
	return ok
}

// carriesSound is false for events and comfort noise, which accompany sound.
func carriesSound(c sdp.Codec) bool { return !c.Events() && !c.Noise() }

// says are the codecs that a leg's party may send, with the payload types that we told it; wants those that it can be sent, with
// the payload types that it told us, in its order of preference. The caller holds the call's mutex.
func (l *leg) says() []sdp.Codec {
	says, _ := l.exchanged()
	return says
}

func (l *leg) wants() []sdp.Codec {
	_, wants := l.exchanged()
	return wants
}

// exchanged is what says and wants take their part of.
func (l *leg) exchanged() (says, wants []sdp.Codec) {
	if l.talk.agreed == nil {
		return nil, nil
	}
	told, err := l.talk.told()
	if err != nil {
		return nil, nil // nothing was told yet
	}
	return inCommon(told.Codecs, l.talk.agreed.Codecs), inCommon(l.talk.agreed.Codecs, told.Codecs)
}

// inCommon are those of some codecs that are among others too.
func inCommon(some, others []sdp.Codec) []sdp.Codec {
	return slices.DeleteFunc(slices.Clone(some), func(c sdp.Codec) bool { return !slices.ContainsFunc(others, c.Same) })
}

// plan is what is converted of what a leg's party says.
type plan struct {
	from  []sdp.Codec
	to    sdp.Codec
	frame time.Duration // of sound in a packet
}

func (p plan) equal(o plan) bool {
	return p.to == o.to && p.frame == o.frame && slices.Equal(p.from, o.from)
}

// converts says whether a payload type is converted.
func (p plan) converts(pt uint8) bool {
	return slices.ContainsFunc(p.from, func(c sdp.Codec) bool { return c.PT == pt })
}

// plan makes one for a party that says some codecs, and another that wants others in packets of frame. What both have passes as
// it is, unless the other is a browser for which Opus is preferred.
func (e *Engine) plan(says, wants []sdp.Codec, profile sdp.Profile, frame time.Duration) (p plan) {
	target, only := slices.IndexFunc(wants, converts), false
	if i := slices.IndexFunc(wants, isOpus); i >= 0 && e.opus == OpusPrefer && profile == sdp.WebRTC {
		target, only = i, true
	}
	if target < 0 || e.opus == OpusNever {
		return p
	}
	p.to, p.frame = wants[target], packetIn(wants[target], frame)
	for _, c := range says {
		if converts(c) && !c.Same(p.to) && (only || !slices.ContainsFunc(wants, c.Same)) {
			p.from = append(p.from, c)
		}
	}
	return p
}

// packetIn is how much sound a packet has in a codec, of a party that wants frame.
func packetIn(c sdp.Codec, frame time.Duration) time.Duration {
	if isOpus(c) && frame != packetTime/2 && frame%packetTime != 0 {
		return packetTime // it has no others (RFC 6716 §2.1.4)
	}
	return frame
}

// transcodes gives what converts a leg's sound for its peer, nil when nothing is to be converted. What was chosen before and still fits
// goes on undisturbed. The caller holds the call's mutex.
func (l *leg) transcodes(to *leg, frame time.Duration) *transcoder {
	plan := l.engine.plan(l.says(), to.wants(), to.party.Profile, frame)
	if t := l.transcoder; t != nil && t.to == to && t.plan.equal(plan) {
		return t
	}
	l.stopTranscoding()
	if len(plan.from) == 0 {
		return nil
	}
	t, err := newTranscoder(l.engine, to, plan)
	if err != nil {
		l.log.Warn("sound can't be converted", "to", to.name, "error", err)
		return nil
	}
	l.transcoder = t
	return t
}

// stopTranscoding ends what transcodes has begun. The caller holds the call's mutex.
func (l *leg) stopTranscoding() {
	if l.transcoder != nil {
		l.transcoder.stop()
		l.transcoder = nil
	}
}

// lossReported is how many of a hundred packets the party lost of late; false before it has said so.
func (l *leg) lossReported() (percent int, known bool) {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	return int(math.Ceil(100 * l.streams.far.Share)), !l.streams.far.At.IsZero()
}
