package media

import (
	"slices"
	"strings"

	"cordboard/gateway/sdp"
)

// formatKind is what must be known of a payload to count it.
type formatKind uint8

const (
	formatOther formatKind = iota // sound of which nothing can be told by a look
	formatMuLaw
	formatALaw
	formatG722
	formatOpus
	formatEvent // RFC 4733
	formatNoise // RFC 3389
)

// format is what a payload type of a party means.
type format struct {
	pt   uint8
	kind formatKind
}

// formats are those of a party's codecs.
func formats(codecs []sdp.Codec) []format {
	list := make([]format, 0, len(codecs))
	for _, c := range codecs {
		f := format{pt: c.PT}
		switch strings.ToUpper(c.Name) {
		case "PCMU":
			f.kind = formatMuLaw
		case "PCMA":
			f.kind = formatALaw
		case "G722":
			f.kind = formatG722
		case "OPUS":
			f.kind = formatOpus
		case "TELEPHONE-EVENT":
			f.kind = formatEvent
		case "CN":
			f.kind = formatNoise
		}
		list = append(list, f)
	}
	return list
}

// formats are what the payload types of a leg's party mean: as it says, and for others as its peer says, for what one says may come from
// both (RFC 3264 §6.1). The caller holds the call's mutex.
func (l *leg) formats(w *way) []format {
	var list []format
	for _, of := range []*leg{l, w.peer} {
		if of == nil || of.talk.agreed == nil {
			continue
		}
		for _, f := range formats(of.talk.agreed.Codecs) {
			if !slices.ContainsFunc(list, func(o format) bool { return o.pt == f.pt }) {
				list = append(list, f)
			}
		}
	}
	return list
}

// format finds what a payload type means.
func (w *way) format(pt uint8) format {
	for _, f := range w.formats {
		if f.pt == pt {
			return f
		}
	}
	return format{pt: pt}
}

// codecOf names the codec of a payload type that the party has agreed to; a zero Codec for none. The caller holds the call's mutex.
func (l *leg) codecOf(pt uint8) sdp.Codec {
	if l.talk.agreed != nil {
		if i := slices.IndexFunc(l.talk.agreed.Codecs, func(c sdp.Codec) bool { return c.PT == pt }); i >= 0 {
			return l.talk.agreed.Codecs[i]
		}
	}
	return sdp.Codec{}
}

// What silent looks at and takes for silence.
const (
	looks      = 8 // octets of a payload of G.711, spread over it
	tinyOpus   = 3 // octets of a frame of Opus that holds digital silence
	zeroMuLaw  = 0xFF
	zeroALaw   = 0xD5
	stillG722  = 0xC0
	brokenOpus = 1 // octets of a frame that DTX leaves out: it says nothing of the microphone
)

// silent says whether a payload holds digital silence: what a browser sends for a microphone that is muted or gives nothing. G.711 then
// has nothing but the code of a positive zero; the faintest noise has negative values too. In G.722 the code of the lower band wanders, but that of the
// higher band, the first two bits, stays that of a positive zero (ITU-T G.722), of which the faintest noise makes others as well. Opus makes a
// frame of three octets. Noise and events are no sound either. Of other codecs nothing is said.
func (f format) silent(payload []byte) bool {
	switch f.kind {
	case formatMuLaw:
		return only(payload, zeroMuLaw)
	case formatALaw:
		return only(payload, zeroALaw)
	case formatG722:
		for _, octet := range payload {
			if octet < stillG722 {
				return false
			}
		}
		return true
	case formatOpus:
		return len(payload) <= tinyOpus && len(payload) > brokenOpus
	case formatEvent, formatNoise:
		return true
	}
	return false
}

// only says whether octets spread over a payload are all the same one. An empty payload is no sound.
func only(payload []byte, octet byte) bool {
	step := len(payload)/looks | 1 // odd, so that no tone hides between
	for i := 0; i < len(payload); i += step {
		if payload[i] != octet {
			return false
		}
	}
	return true
}
