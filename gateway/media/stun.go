package media

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// STUN's fixed sizes, in octets (RFC 8489 §5, §14).
const (
	stunHeaderSize   = 20
	stunCookie       = 0x2112A442
	stunIntegrity    = 20
	stunFingerprint  = 4
	stunMaxUsername  = 513 // RFC 8489 §14.3: fewer than 509 bytes of name; some room for padding
	stunMaxAttribute = 64  // attributes in one message; browsers send about eight
)

// wellFormed says whether a datagram is a STUN message that may go to the parser: lengths fit, the cookie is there, the
// attributes fill the message, FINGERPRINT closes it and is right (ICE demands it, RFC 8445 §7.1), and after
// MESSAGE-INTEGRITY comes nothing it does not cover (RFC 8489 §14.5).
func wellFormed(p []byte) bool {
	if len(p) < stunHeaderSize || len(p)%4 != 0 || p[0] > 3 ||
		int(binary.BigEndian.Uint16(p[2:])) != len(p)-stunHeaderSize ||
		binary.BigEndian.Uint32(p[4:]) != stunCookie {
		return false
	}
	integrity := false
	for rest, n := p[stunHeaderSize:], 0; len(rest) > 0; n++ {
		if len(rest) < 4 || n == stunMaxAttribute {
			return false
		}
		attr := stun.AttrType(binary.BigEndian.Uint16(rest))
		size := int(binary.BigEndian.Uint16(rest[2:]))
		padded := 4 + (size+3)&^3
		if padded > len(rest) {
			return false
		}
		switch {
		case attr == stun.AttrFingerprint:
			start := len(p) - len(rest)
			return size == stunFingerprint && padded == len(rest) &&
				binary.BigEndian.Uint32(rest[4:]) == stun.FingerprintValue(p[:start])
		case integrity && attr != stun.AttrMessageIntegritySHA256,
			attr == stun.AttrMessageIntegrity && (size != stunIntegrity || integrity),
			attr == stun.AttrUsername && size > stunMaxUsername:
			return false
		case attr == stun.AttrMessageIntegrity:
			integrity = true
		}
		rest = rest[padded:]
	}
	return false
}

// agent answers connectivity checks as an ICE-lite agent (RFC 8445 §2.5, §7.3). It belongs to the goroutine that reads
// the browsers' socket.
type agent struct {
	table    *table
	in, out  stun.Message
	refusals budget // bounds what strangers cost
}

// answer handles a STUN message from src and gives what to send back, nil for nothing, valid until the next call. A
// reply to a request that does not prove itself is never longer than the request, and there are no more than maxControlRate a second, so
// that nobody is flooded by way of us. The message came by the TCP connection via, nil for UDP.
func (a *agent) answer(p []byte, src netip.AddrPort, via *tcpFlow, now time.Duration) []byte {
	if !wellFormed(p) {
		return nil
	}
	a.in.Raw = p
	if a.in.Decode() != nil || a.in.Type != stun.BindingRequest {
		return nil
	}
	name, err := a.in.Get(stun.AttrUsername)
	if err != nil || !a.in.Contains(stun.AttrMessageIntegrity) {
		return a.refuse(len(p), stun.CodeBadRequest, now) // RFC 8489 §9.1.3
	}
	ours, _, _ := bytes.Cut(name, []byte(":"))
	line, password := a.table.credentials(ours)
	if line == nil {
		return a.refuse(len(p), stun.CodeUnauthorized, now)
	}
	proof := stun.NewShortTermIntegrity(password)
	if proof.Check(&a.in) != nil {
		return a.refuse(len(p), stun.CodeUnauthorized, now)
	}
	if unknown := notUnderstood(&a.in); len(unknown) > 0 {
		return a.reply(stun.BindingError, stun.CodeUnknownAttribute, unknown, proof, stun.Fingerprint)
	}
	if a.in.Contains(stun.AttrICEControlled) {
		// We are lite and therefore controlled; the other agent must take the controlling role (RFC 8445 §7.3.1.1).
		return a.reply(stun.BindingError, stun.CodeRoleConflict, proof, stun.Fingerprint)
	}
	if via != nil && !via.bind(line, now) || via == nil && !a.table.bind(src, line, now) {
		return nil
	}
	line.checked(src, via, string(ours), a.in.Contains(stun.AttrUseCandidate), now)
	mapped := stun.XORMappedAddress{IP: src.Addr().AsSlice(), Port: int(src.Port())}
	return a.reply(stun.BindingSuccess, &mapped, proof, stun.Fingerprint)
}

// refuse replies with an error to a request that proved nothing, unless many did of late.
func (a *agent) refuse(limit int, code stun.ErrorCode, now time.Duration) []byte {
	if !a.refusals.spend(now) {
		return nil
	}
	reply := a.reply(stun.BindingError, code, stun.Fingerprint)
	if len(reply) > limit {
		return nil
	}
	return reply
}

// reply builds a response to the message at hand.
func (a *agent) reply(kind stun.MessageType, parts ...stun.Setter) []byte {
	a.out.Reset()
	id := a.in.TransactionID
	if err := a.out.Build(append([]stun.Setter{kind, stun.NewTransactionIDSetter(id)}, parts...)...); err != nil {
		return nil
	}
	return a.out.Raw
}

// notUnderstood lists attributes that must be understood (types below 0x8000, RFC 8489 §14) and are not.
func notUnderstood(m *stun.Message) (unknown stun.UnknownAttributes) {
	for _, attr := range m.Attributes {
		switch attr.Type {
		case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256, stun.AttrPriority,
			stun.AttrUseCandidate, stun.AttrRealm, stun.AttrNonce, stun.AttrUserhash:
		default:
			if attr.Type < 0x8000 {
				unknown = append(unknown, attr.Type)
			}
		}
	}
	return unknown
}
