package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// numbers are the payload types that the codecs we add get when they are free: their own (RFC 3551 §6), or that of browsers.
var numbers = map[string]uint8{"opus": 111, "G722": 9, "PCMA": 8, "PCMU": 0}

// converts says whether there is sound in codecs that we can turn into another codec's.
func (l Local) converts(codecs []Codec) bool {
	return slices.ContainsFunc(codecs, func(c Codec) bool { return slices.ContainsFunc(l.Convert, c.same) })
}

// extend adds to an offer of codecs, made of what the other side said, those that we can make of it: all if none passes as it is,
// and for a browser Opus in any case, since a page may leave it nothing else. They follow what passes, but what is preferred comes
// first. Payload types that are taken by others are left to them.
func (l Local) extend(codecs, said, taken []Codec) []Codec {
	if !l.converts(said) {
		return codecs
	}
	used, passes := slices.Concat(said, taken), slices.ContainsFunc(codecs, Codec.carriesAudio)
	for _, c := range l.Convert {
		if passes && (l.Profile != WebRTC || !c.isOpus()) || !l.Profile.carries(c) || slices.ContainsFunc(codecs, c.same) {
			continue
		}
		c.PT = numbers[c.Name]
		if slices.ContainsFunc(used, func(u Codec) bool { return u.PT == c.PT }) {
			c.PT = free(used)
		}
		codecs, used = append(codecs, c), append(used, c)
	}
	return l.prefer(codecs)
}

// substitute adds to an answer, in which codecs are left of what the other side said, one that the party has offered and that we can
// make of it; none when something passes as it is, unless another is preferred.
func (l Local) substitute(codecs, said, own []Codec, wanted func(Codec) bool) []Codec {
	passes := slices.ContainsFunc(codecs, Codec.carriesAudio)
	if !l.converts(said) || passes && !l.Prefer {
		return codecs
	}
	for _, c := range own {
		i := slices.IndexFunc(l.Convert, c.same)
		if i < 0 || !wanted(c) || !l.Profile.carries(c) || passes && (l.Profile != WebRTC || !c.isOpus()) {
			continue
		}
		if !slices.ContainsFunc(codecs, c.same) {
			c.Fmtp = l.Convert[i].Fmtp
			codecs = append([]Codec{c}, codecs...) // before events, for phones take what comes first
		}
		break
	}
	return l.prefer(codecs)
}

// prefer puts Opus first for a browser, if it is preferred.
func (l Local) prefer(codecs []Codec) []Codec {
	if i := slices.IndexFunc(codecs, Codec.isOpus); i > 0 && l.Prefer && l.Profile == WebRTC {
		opus := codecs[i]
		codecs = slices.Insert(slices.Delete(codecs, i, i+1), 0, opus)
	}
	return codecs
}

// MostBits is the most that a party wants to be sent of Opus in a second, on average, in bits (maxaveragebitrate, RFC 7587 §6.1);
// 0 when it doesn't say, or nothing that can be.
func (c Codec) MostBits() int {
	const least, most = 6000, 510000
	bits, err := strconv.Atoi(c.parameter("maxaveragebitrate", ""))
	if !c.isOpus() || err != nil || bits < least || bits > most {
		return 0
	}
	return bits
}

// OmitsSilence says whether a party prefers that silence is not sent (usedtx, RFC 7587 §6.1).
func (c Codec) OmitsSilence() bool { return c.isOpus() && c.parameter("usedtx", "") == "1" }

func (c Codec) isOpus() bool { return strings.EqualFold(c.Name, "opus") }

// Same says whether two codecs are one, whatever their payload types and parameters.
func (c Codec) Same(o Codec) bool { return c.same(o) }
