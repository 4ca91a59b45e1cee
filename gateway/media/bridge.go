package media

import (
	"slices"
	"strings"

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

func isEvent(c sdp.Codec) bool { return strings.EqualFold(c.Name, "telephone-event") }

func isOpus(c sdp.Codec) bool { return strings.EqualFold(c.Name, "opus") }

// says are the codecs that a leg's party may send, with the payload types that we told it. The caller holds the
// session's mutex.
func (l *leg) says() []sdp.Codec {
	if l.talk.agreed == nil {
		return nil
	}
	told, err := sdp.Parse(l.talk.sent)
	if err != nil {
		return nil // nothing was told yet
	}
	return shared(told.Codecs, l.talk.agreed.Codecs)
}

// wants are the codecs that a leg's party can be sent, with the payload types that it told us, in its order of
// preference. The caller holds the session's mutex.
func (l *leg) wants() []sdp.Codec {
	if l.talk.agreed == nil {
		return nil
	}
	told, err := sdp.Parse(l.talk.sent)
	if err != nil {
		return nil
	}
	return shared(l.talk.agreed.Codecs, told.Codecs)
}

// shared are those of some codecs that are among others too.
func shared(some, others []sdp.Codec) []sdp.Codec {
	return slices.DeleteFunc(slices.Clone(some), func(c sdp.Codec) bool { return !slices.ContainsFunc(others, c.Same) })
}

// bridge chooses what changes the packets of a leg on their way to its peer; nil when they pass as they are. What was
// chosen before and still fits goes on undisturbed. The caller holds the session's mutex.
func (l *leg) bridge(to *leg) adapter {
	plan, needed := l.engine.plan(l.says(), to.wants(), to.party.Profile)
	if !needed {
		l.unbridge()
		return nil
	}
	if t := l.transcoder; t != nil && t.to == to && t.plan.equal(plan) {
		return t
	}
	l.unbridge()
	t, err := newTranscoder(l, to, plan)
	if err != nil {
		l.log.Warn("sound can't be converted", "to", to.name, "error", err)
		return nil
	}
	l.transcoder = t
	return t
}

// unbridge ends what bridge has begun. The caller holds the session's mutex.
func (l *leg) unbridge() {
	if l.transcoder != nil {
		l.transcoder.stop()
		l.transcoder = nil
	}
}

// plan is what becomes of each payload type of a leg on its way to the peer.
type plan struct {
	through types       // pass as they are
	from    []sdp.Codec // are converted
	events  []sdp.Codec // become events of another clock
	to      sdp.Codec   // what from becomes
	event   sdp.Codec   // what events become, of to's clock; without a name: nothing
}

func (p plan) equal(o plan) bool {
	return p.through == o.through && p.to == o.to && p.event == o.event && slices.Equal(p.from, o.from) && slices.Equal(p.events, o.events)
}

// plan makes one for a party that says some codecs and another that wants others; false: everything passes as it is.
func (e *Engine) plan(says, wants []sdp.Codec, profile sdp.Profile) (p plan, needed bool) {
	target := slices.IndexFunc(wants, converts)
	if target < 0 {
		return p, false
	}
	only := false // Opus, whatever else would pass
	if i := slices.IndexFunc(wants, isOpus); i >= 0 && e.opus == OpusPrefer && profile == sdp.WebRTC {
		target, only = i, true
	}
	p.to = wants[target]
	for _, c := range says {
		switch {
		case isEvent(c) && c.ClockRate != p.to.ClockRate:
			p.events = append(p.events, c)
		case !converts(c), !only && slices.ContainsFunc(wants, c.Same), c.Same(p.to):
			p.through.add(c.PT)
		default:
			p.from = append(p.from, c)
		}
	}
	if len(p.from) == 0 {
		return plan{}, false
	}
	if i := slices.IndexFunc(wants, func(c sdp.Codec) bool { return isEvent(c) && c.ClockRate == p.to.ClockRate }); i >= 0 {
		p.event = wants[i]
	}
	for _, c := range says { // events go with the sound, in one stream
		if isEvent(c) && c.ClockRate == p.to.ClockRate && p.event.Name != "" {
			p.events = append(p.events, c)
			p.through[c.PT>>6&1] &^= 1 << (c.PT & 63)
		}
	}
	return p, true
}

// isLaw is true for G.711.
func isLaw(c sdp.Codec) bool {
	_, ok := codec.ByName(c.Name)
	return ok
}

// noteLoss remembers how many packets the party says it lost, from a compound RTCP packet.
func (l *leg) noteLoss(p []byte) {
	at := 8 // of the first report block (RFC 3550 §6.4)
	if len(p) > 1 && p[1] == senderReport {
		at += 20
	}
	if len(p) >= at+24 && p[0]&0x1F > 0 {
		l.count.farLoss.Store(uint32(p[at+4]) + 1)
	}
}

// senderReport is the packet type of reports that begin with 20 octets on the sender (RFC 3550 §6.4.1).
const senderReport = 200

// lossReported is how many of a hundred packets the party lost of late; false before it has said so.
func (l *leg) lossReported() (percent int, known bool) {
	n := l.count.farLoss.Load()
	return (int(n) - 1) * 100 / 256, n > 0
}
