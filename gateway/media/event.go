package media

import (
	"encoding/binary"
	"strings"
	"time"
)

// keyNames are the keys by their event codes (RFC 4733 §3.2). Codes above them are not keys.
const keyNames = "0123456789*#ABCD"

// keyCode is the event code of a key; false for none.
func keyCode(key rune) (uint8, bool) {
	i := strings.IndexRune(keyNames, key)
	return uint8(i), i >= 0
}

// eventSize is the size of an event's payload, in octets (RFC 4733 §2.3).
const eventSize = 4

// eventVolume is the level of the keys that we make, in -dBm0: that of their louder tone.
const eventVolume = 8

// appendEvent appends the payload of an event that has lasted for so many ticks.
func appendEvent(p []byte, code uint8, end bool, duration uint16) []byte {
	flags := uint8(eventVolume)
	if end {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(p, code, flags), duration)
}

// key is a key that is pressed, as a packet of its event tells.
type key struct {
	code   uint8
	begins bool          // the first packet that arrived of it
	ends   bool          // the first one with its end
	length time.Duration // so far
}

// eventReader follows the events of one party. Its zero value has seen none.
type eventReader struct {
	known, ended bool
	code         uint8
	ssrc         uint32
	stamp        uint32 // of the event, or of its present segment (RFC 4733 §2.5.1.3)
	ticks        uint32 // that it has lasted in this segment
	before       uint32 // and in those before
}

// lateEvent is how far behind the newest event another one is an old packet, in seconds; beyond it the party began anew.
const lateEvent = 10

// open says that a key is held whose end has not come.
func (r *eventReader) open() bool { return r.known && !r.ended }

// read takes the payload of an event's packet. It is false for what tells nothing new: a packet repeated or overtaken, an event
// that is no key, or nonsense.
func (r *eventReader) read(payload []byte, ssrc, stamp, clock uint32) (key, bool) {
	if len(payload) < eventSize || int(payload[0]) >= len(keyNames) {
		return key{}, false
	}
	code, end, ticks := payload[0], payload[1]&0x80 != 0, uint32(binary.BigEndian.Uint16(payload[2:]))
	begins := false
	switch ahead := int32(stamp - r.stamp); {
	case !r.known, ssrc != r.ssrc, ahead < -int32(lateEvent*clock):
		begins = true
	case ahead < 0, ahead == 0 && (r.ended || code != r.code || ticks < r.ticks):
		return key{}, false
	case ahead == 0:
	case !r.ended && code == r.code && r.ticks > 0 && uint32(ahead) == r.ticks: // the next segment
		r.before += r.ticks
	default:
		begins = true
	}
	if begins {
		r.before = 0
	}
	r.known, r.ended, r.code, r.ssrc, r.stamp, r.ticks = true, end, code, ssrc, stamp, ticks
	return key{code: code, begins: begins, ends: end, length: r.length(clock)}, true
}

// lose gives the key that was held, as over: the party speaks again, or presses another key, and no packet told of the end.
func (r *eventReader) lose(clock uint32) key {
	r.ended = true
	return key{code: r.code, ends: true, length: r.length(clock)}
}

// length is how long the event has lasted.
func (r *eventReader) length(clock uint32) time.Duration {
	return time.Duration(r.before+r.ticks) * time.Second / time.Duration(max(clock, 1))
}
