package sdp

import (
	"slices"
	"strings"
)

// Events says whether the codec is telephone-event: keys as RFC 4733 sends them.
func (c Codec) Events() bool { return strings.EqualFold(c.Name, "telephone-event") }

// Noise says whether the codec is comfort noise (RFC 3389).
func (c Codec) Noise() bool { return strings.EqualFold(c.Name, "CN") }

// usualEvents is the payload type that most phones give events, and few anything else.
const usualEvents = 101

// Events says what a party is told of events (RFC 4733).
type Events int

// What a party is told of events.
const (
	EventsAsSaid Events = iota // what the other side said of them
	EventsAlways               // that we take them, for we turn them into what the other side takes
	EventsNever                // nothing
)

// withEvents adds to the codecs that a party is told of the events of their clocks, or takes those away, as the party is to be told.
// When own is not nil we answer it, and add what it has; else we offer, and leave payload types to others that have taken them.
func (l Local) withEvents(codecs, own, taken []Codec) []Codec {
	switch l.Events {
	case EventsAsSaid:
		return codecs
	case EventsNever:
		return slices.DeleteFunc(codecs, Codec.Events)
	}
	from, offering := own, own == nil
	if offering {
		from = carried[l.Profile]
	}
	for _, c := range slices.Clone(codecs) {
		ofClock := func(e Codec) bool { return e.Events() && e.ClockRate == c.ClockRate }
		i := slices.IndexFunc(from, ofClock)
		if !c.carriesAudio() || i < 0 || slices.ContainsFunc(codecs, ofClock) {
			continue
		}
		events := from[i]
		if offering {
			events.PT, events.Fmtp = free(slices.Concat(codecs, taken)), "0-15"
		}
		codecs = append(codecs, events)
	}
	return codecs
}

// free is a dynamic payload type (RFC 3551 §6) that no codec has.
func free(codecs []Codec) uint8 {
	taken := func(pt uint8) bool { return slices.ContainsFunc(codecs, func(c Codec) bool { return c.PT == pt }) }
	pt := uint8(usualEvents)
	for n := uint8(96); taken(pt) && n <= 127; n++ {
		pt = n
	}
	return pt
}
