// Package codec turns samples into payloads and back.
package codec

import (
	"strings"

	"github.com/zaf/g711"
)

// Law is one of the two companding laws of G.711: 8000 samples per second, one octet each.
type Law int

// The laws, under their names in RTP (RFC 3551 §4.5.14).
const (
	PCMU Law = iota + 1 // µ-law, North America and Japan
	PCMA                // A-law, elsewhere
)

// G711Rate is the sampling rate of both laws, in Hz; it is their RTP clock as well.
const G711Rate = 8000

// ByName finds a law by its rtpmap name in any case.
func ByName(name string) (Law, bool) {
	switch {
	case strings.EqualFold(name, "PCMU"):
		return PCMU, true
	case strings.EqualFold(name, "PCMA"):
		return PCMA, true
	}
	return 0, false
}

// String gives the rtpmap name.
func (l Law) String() string {
	if l == PCMA {
		return "PCMA"
	}
	return "PCMU"
}

// PayloadType is the static RTP payload type (RFC 3551 §6).
func (l Law) PayloadType() uint8 {
	if l == PCMA {
		return 8
	}
	return 0
}

// Overload is the level of the loudest sine the law can carry, in dBm0 (G.711 tables 1 and 2: T_max 3.14 for A-law,
// 3.17 for µ-law).
func (l Law) Overload() float64 {
	if l == PCMA {
		return 3.14
	}
	return 3.17
}

// FullScale is the peak of that sine, in steps of a 16-bit sample: the virtual decision value of G.711 tables 1a and
// 2a, 4096 of 13 bits and 8159 of 14 bits.
func (l Law) FullScale() float64 {
	if l == PCMA {
		return 4096 * 8
	}
	return 8159 * 4
}

// Encode appends one octet per sample to dst.
func (l Law) Encode(dst []byte, samples []int16) []byte {
	encode := g711.EncodeUlawFrame
	if l == PCMA {
		encode = g711.EncodeAlawFrame
	}
	for _, s := range samples {
		dst = append(dst, encode(s))
	}
	return dst
}

// Decode appends one sample per octet to dst.
func (l Law) Decode(dst []int16, payload []byte) []int16 {
	decode := g711.DecodeUlawFrame
	if l == PCMA {
		decode = g711.DecodeAlawFrame
	}
	for _, b := range payload {
		dst = append(dst, decode(b))
	}
	return dst
}
