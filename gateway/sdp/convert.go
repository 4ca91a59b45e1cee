package sdp

import (
	"slices"
	"strings"
)

// preferred are payload types that the codecs we add get when they are free: their own (RFC 3551 §6), or those that
// browsers use.
var preferred = map[string]map[uint32]uint8{
	"opus": {48000: 111}, "G722": {8000: 9}, "PCMA": {8000: 8}, "PCMU": {8000: 0}, "telephone-event": {48000: 110, 8000: 101},
}

// converts says whether codecs hold sound that we can turn into another codec's.
func (l Local) converts(codecs []Codec) bool {
	return slices.ContainsFunc(codecs, func(c Codec) bool { return slices.ContainsFunc(l.Convert, c.same) })
}

// extend adds to an offer of codecs, made of what the other side said, those that we can make of it: all if none passes
// as it is, and for a browser Opus in any case, since a page may leave it nothing else. They follow what passes, but what
// is preferred comes first.
func (l Local) extend(codecs, said []Codec) []Codec {
	if !l.converts(said) {
		return codecs
	}
	used := slices.Clone(said)
	add := func(c Codec) bool {
		if !slices.ContainsFunc(carried[l.Profile], c.same) || slices.ContainsFunc(codecs, c.same) {
			return false
		}
		pt, free := freeType(c, used)
		if c.PT = pt; free {
			codecs, used = append(codecs, c), append(used, c)
		}
		return free
	}
	passes := slices.ContainsFunc(codecs, Codec.carriesAudio)
	for _, c := range l.Convert {
		if !passes || l.Profile == WebRTC && c.isOpus() {
			add(c)
		}
	}
	if i := slices.IndexFunc(said, Codec.isEvent); i >= 0 { // at every clock, for they go by that of the sound (RFC 4733 §2.1)
		for _, c := range codecs {
			add(Codec{Name: "telephone-event", ClockRate: c.ClockRate, Channels: 1, Fmtp: said[i].Fmtp})
		}
	}
	return l.prefer(codecs)
}

// substitute adds to an answer, which is left with codecs of what the other side said, what the party has offered and we
// can convert to; nothing when something passes as it is, unless another is preferred.
func (l Local) substitute(codecs, said, own []Codec, wanted func(Codec) bool) []Codec {
	passes := slices.ContainsFunc(codecs, Codec.carriesAudio)
	if !l.converts(said) || passes && !l.Prefer {
		return codecs
	}
	for _, c := range own {
		i := slices.IndexFunc(l.Convert, c.same)
		if i < 0 || !wanted(c) || !slices.ContainsFunc(carried[l.Profile], c.same) || passes && (l.Profile != WebRTC || !c.isOpus()) {
			continue
		}
		if !slices.ContainsFunc(codecs, c.same) {
			c.Fmtp = l.Convert[i].Fmtp
			codecs = append([]Codec{c}, codecs...) // before events, for phones take what comes first
		}
		for _, event := range own {
			if event.isEvent() && event.ClockRate == c.ClockRate && slices.ContainsFunc(said, Codec.isEvent) && !slices.ContainsFunc(codecs, event.same) {
				codecs = append(codecs, event)
			}
		}
		break
	}
	return l.prefer(codecs)
}

// prefer puts Opus first for a browser, if it is preferred.
func (l Local) prefer(codecs []Codec) []Codec {
	if l.Prefer && l.Profile == WebRTC {
		slices.SortStableFunc(codecs, func(a, b Codec) int {
			switch {
			case a.isOpus() && !b.isOpus():
				return -1
			case b.isOpus() && !a.isOpus():
				return 1
			}
			return 0
		})
	}
	return codecs
}

// freeType finds a payload type for a codec that none of used has; false when there is none left.
func freeType(c Codec, used []Codec) (uint8, bool) {
	taken := func(pt uint8) bool { return slices.ContainsFunc(used, func(u Codec) bool { return u.PT == pt }) }
	if pt, ok := preferred[c.Name][c.ClockRate]; ok && !taken(pt) {
		return pt, true
	}
	for pt := uint8(127); pt >= 96; pt-- {
		if !taken(pt) {
			return pt, true
		}
	}
	return 0, false
}

// isEvent is true for events of RFC 4733.
func (c Codec) isEvent() bool { return strings.EqualFold(c.Name, "telephone-event") }

func (c Codec) isOpus() bool { return strings.EqualFold(c.Name, "opus") }

// Same says whether two codecs are one, whatever their payload types and parameters.
func (c Codec) Same(o Codec) bool { return c.same(o) }
