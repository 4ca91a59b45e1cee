package media

import (
	"crypto/rand"
	"encoding/binary"

	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// rtpHeaderSize is the size of an RTP header without contributing sources and extension, in octets (RFC 3550 §5.1).
const rtpHeaderSize = 12

// rtpHeader is what relaying must know of a packet.
type rtpHeader struct {
	size      int // up to the payload, in octets
	extension int // of it the header extension
	pt        uint8
	seq       uint16
	ssrc      uint32
}

// parseRTP reads a header (RFC 3550 §5.1). It says false for another version and for a packet that is shorter than its
// header claims. The payload may still be encrypted.
func parseRTP(p []byte) (h rtpHeader, ok bool) {
	if len(p) < rtpHeaderSize || p[0]>>6 != 2 {
		return h, false
	}
	h.size = rtpHeaderSize + 4*int(p[0]&0x0F)
	if p[0]&0x10 != 0 {
		if len(p) < h.size+4 {
			return h, false
		}
		h.extension = 4 + 4*int(binary.BigEndian.Uint16(p[h.size+2:]))
		h.size += h.extension
	}
	if len(p) < h.size {
		return h, false
	}
	h.pt = p[1] & 0x7F
	h.seq = binary.BigEndian.Uint16(p[2:])
	h.ssrc = binary.BigEndian.Uint32(p[8:])
	return h, true
}

// padded says whether the padding of a packet in the clear is as long as it claims (RFC 3550 §5.1).
func (h rtpHeader) padded(p []byte) bool {
	if p[0]&0x20 == 0 {
		return true
	}
	n := int(p[len(p)-1])
	return n > 0 && n <= len(p)-h.size
}

// strip takes the header extension out of a packet and gives the rest of it, in the same buffer. The numbers of
// extensions are agreed on per leg (RFC 8285 §5), so they mean nothing to the other side.
func (h *rtpHeader) strip(p []byte) []byte {
	if p[0]&0x10 == 0 {
		return p
	}
	fixed := h.size - h.extension
	copy(p[h.extension:], p[:fixed])
	p = p[h.extension:]
	p[0] &^= 0x10
	h.size, h.extension = fixed, 0
	return p
}

// payload is how many octets of payload a packet in the clear has; its padding is none.
func (h rtpHeader) payload(p []byte) int {
	n := len(p) - h.size
	if p[0]&0x20 != 0 {
		n -= int(p[len(p)-1])
	}
	return max(n, 0)
}

// random32 is a number as RFC 3550 §5.1 wants for SSRCs and first sequence numbers: nobody guesses it.
func random32() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}

// types is a set of RTP payload types.
type types [2]uint64

func (t *types) add(pt uint8)     { t[pt>>6&1] |= 1 << (pt & 63) }
func (t *types) join(o types)     { t[0], t[1] = t[0]|o[0], t[1]|o[1] }
func (t types) has(pt uint8) bool { return t[pt>>6&1]&(1<<(pt&63)) != 0 }

// rates are the clock rates of payload types, in kHz; 0 for one that is not known.
type rates [128]uint8

// note takes the rates of codecs whose payload types are not known yet.
func (r *rates) note(codecs []sdp.Codec) {
	for _, c := range codecs {
		if pt := c.PT & 0x7F; r[pt] == 0 {
			r[pt] = uint8(min(c.ClockRate/1000, 255))
		}
	}
}

// of is the rate of a payload type in Hz, as of G.711 for one that is not known.
func (r *rates) of(pt uint8) uint32 {
	if khz := r[pt&0x7F]; khz != 0 {
		return 1000 * uint32(khz)
	}
	return codec.G711Rate
}
