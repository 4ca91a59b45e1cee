package media

import "encoding/binary"

// What pion's STUN parser of ICE and TURN clients needs to be protected from: it reads addresses without looking at how long they
// are, and a message of another length than it says ends a TURN client's reading.
const (
	attrMapped         = 0x0001
	attrIntegrity      = 0x0008
	attrErrorCode      = 0x0009
	attrChannelNumber  = 0x000C
	attrLifetime       = 0x000D
	attrPeer           = 0x0012
	attrData           = 0x0013
	attrRelayed        = 0x0016
	attrEvenPort       = 0x0018
	attrTransport      = 0x0019
	attrXORMapped      = 0x0020
	attrReservation    = 0x0022
	attrPriority       = 0x0024
	attrUseCandidate   = 0x0025
	attrConnection     = 0x002A
	attrOldXORMapped   = 0x8020
	attrAlternate      = 0x8023
	attrFingerprint    = 0x8028
	attrControlled     = 0x8029
	attrControlling    = 0x802A
	attrResponseOrigin = 0x802B
	attrOtherAddress   = 0x802C
)

// attrSizes are the sizes of attributes that have only one, in octets.
var attrSizes = map[uint16]int{
	attrIntegrity: stunIntegrity, attrChannelNumber: 4, attrLifetime: 4, attrEvenPort: 1, attrTransport: 4, attrReservation: 8,
	attrPriority: 4, attrUseCandidate: 0, attrConnection: 4, attrFingerprint: stunFingerprint, attrControlled: 8, attrControlling: 8,
}

// channelHeader is what ChannelData has before its data, in octets (RFC 8656 §12.4).
const channelHeader = 4

// isMessage says whether pion takes a packet for STUN: by the cookie alone.
func isMessage(p []byte) bool {
	return len(p) >= stunHeaderSize && binary.BigEndian.Uint32(p[4:]) == stunCookie
}

// isChannel says whether a packet is ChannelData (RFC 8656 §12).
func isChannel(p []byte) bool { return len(p) >= channelHeader && p[0]&0xF0 == 0x40 }

// welcome says whether a packet of a peer, or of a STUN or TURN server, may reach pion's ICE agent. A packet that a TURN server
// passes on is looked at inside as well.
func welcome(p []byte) bool { return innocent(p, true) }

// innocent is welcome; outer, when the packet may hold another one.
func innocent(p []byte, outer bool) bool {
	switch {
	case isMessage(p):
		return wellSized(p, outer)
	case isChannel(p) && outer:
		size := int(binary.BigEndian.Uint16(p[2:]))
		return channelHeader+size <= len(p) && innocent(p[channelHeader:channelHeader+size], false)
	}
	return !isChannel(p)
}

// wellSized says whether a STUN message is as long as it says, is filled by its attributes, and each of them is as long as what it is.
func wellSized(p []byte, outer bool) bool {
	if p[0] > 3 || len(p)%4 != 0 || int(binary.BigEndian.Uint16(p[2:])) != len(p)-stunHeaderSize {
		return false
	}
	for rest, n := p[stunHeaderSize:], 0; len(rest) > 0; n++ {
		if len(rest) < 4 || n == stunMaxAttribute {
			return false
		}
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		padded := 4 + (size+3)&^3
		if padded > len(rest) || !fits(kind, rest[4:4+size], outer) {
			return false
		}
		rest = rest[padded:]
	}
	return true
}

// fits says whether a value can be that of an attribute.
func fits(kind uint16, value []byte, outer bool) bool {
	if size, fixed := attrSizes[kind]; fixed {
		return len(value) == size
	}
	switch kind {
	case attrMapped, attrPeer, attrRelayed, attrXORMapped, attrOldXORMapped, attrAlternate, attrResponseOrigin, attrOtherAddress:
		return len(value) == 8 && value[1] == 1 || len(value) == 20 && value[1] == 2 // IPv4, IPv6 (RFC 8489 §14.1)
	case attrErrorCode:
		return len(value) >= 4
	case attrData:
		return outer && innocent(value, false)
	}
	return true
}

// refusal is the code of a TURN server's refusal to relay (RFC 8656 §7.4); 0: the message is none.
func refusal(p []byte) int {
	const allocateError = 0x0113
	if !isMessage(p) || binary.BigEndian.Uint16(p) != allocateError || !wellSized(p, false) {
		return 0
	}
	for rest := p[stunHeaderSize:]; len(rest) > 0; {
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if binary.BigEndian.Uint16(rest) == attrErrorCode {
			return int(rest[6]&7)*100 + int(rest[7])
		}
		rest = rest[4+(size+3)&^3:]
	}
	return 0
}
