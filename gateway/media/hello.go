package media

import (
	"crypto/ecdh"
	"crypto/tls"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
	"golang.org/x/crypto/cryptobyte"
)

// maxHelloPart bounds the datagrams of a ClientHello, of which post-quantum key shares make several.
const maxHelloPart = 8

// Extensions of a ClientHello (RFC 8422 §5.1, RFC 5246 §7.4.1.4.1, RFC 5764 §9, RFC 7627 §5.1, RFC 8446 §4.2.1, RFC 5746 §3.2).
const (
	extensionGroups        = 10
	extensionFormats       = 11
	extensionSignatures    = 13
	extensionSRTP          = 14
	extensionSecret        = 23
	extensionVersions      = 43
	extensionRenegotiation = 0xFF01
	suiteRenegotiation     = 0x00FF // says the same as an empty extension
)

// hello gathers a ClientHello until it can be read. Its zero value is ready.
type hello struct {
	handshakeMessage
	parts [][]byte // the datagrams, for pion to read again
}

// add takes a datagram. It says true when the whole ClientHello is there, or when no more will be waited for.
func (h *hello) add(p []byte) bool {
	if !h.take(p) {
		return false
	}
	h.parts = append(h.parts, slices.Clone(p))
	return len(h.parts) >= maxHelloPart || h.complete()
}

// take copies the ClientHello's fragments out of a datagram. It says false when there is none.
func (h *hello) take(p []byte) (found bool) {
	for r := range records(p) {
		if r.kind != recordHandshake || r.epoch != 0 {
			continue
		}
		for f := range fragments(r.body()) {
			if handshake.Type(f.kind) == handshake.TypeClientHello {
				found = h.handshakeMessage.add(f) || found
			}
		}
	}
	return found
}

// offeredHello is what a ClientHello says (RFC 5246 §7.4.1.2). Lists are those of the message: of two octets each, the client's favourite first.
type offeredHello struct {
	random       []byte
	suites       []byte
	groups       []byte
	schemes      []byte
	srtp         []byte      // profiles (RFC 5764 §4.1.1)
	group        tls.CurveID // chosen by curve
	secret       bool        // extended master secret
	renegotiates bool        // knows secure renegotiation
	formats      bool        // speaks of point formats
}

// parseHello reads a ClientHello of DTLS 1.2, false for any other.
func parseHello(body []byte) (c offeredHello, ok bool) {
	p := cryptobyte.String(body)
	var version uint16
	var random []byte
	var session, cookie, suites, compression, extensions cryptobyte.String
	if !p.ReadUint16(&version) || version != versionDTLS12 || !p.ReadBytes(&random, handshake.RandomLength) || !p.ReadUint8LengthPrefixed(&session) ||
		!p.ReadUint8LengthPrefixed(&cookie) || !p.ReadUint16LengthPrefixed(&suites) || !p.ReadUint8LengthPrefixed(&compression) ||
		!p.ReadUint16LengthPrefixed(&extensions) || !p.Empty() || !slices.Contains(compression, 0) {
		return offeredHello{}, false
	}
	c = offeredHello{random: random, suites: suites, renegotiates: contains(suites, suiteRenegotiation)}
	for !extensions.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return offeredHello{}, false
		}
		if !c.extend(kind, data) {
			return offeredHello{}, false
		}
	}
	return c, true
}

// extend reads an extension, false for one that can't be or that rules DTLS 1.2 out.
func (c *offeredHello) extend(kind uint16, data cryptobyte.String) bool {
	switch kind {
	case extensionGroups:
		return data.ReadUint16LengthPrefixed((*cryptobyte.String)(&c.groups))
	case extensionSignatures:
		return data.ReadUint16LengthPrefixed((*cryptobyte.String)(&c.schemes))
	case extensionSRTP:
		return data.ReadUint16LengthPrefixed((*cryptobyte.String)(&c.srtp))
	case extensionVersions:
		var versions cryptobyte.String
		return data.ReadUint8LengthPrefixed(&versions) && contains(versions, versionDTLS12)
	case extensionSecret:
		c.secret = true
	case extensionRenegotiation:
		c.renegotiates = true
		return len(data) == 1 && data[0] == 0 // of a first handshake (RFC 5746 §3.6)
	case extensionFormats:
		c.formats = true
	}
	return true
}

// curve is an elliptic curve of ours (RFC 8422 §5.1.1).
type curve struct {
	id    tls.CurveID
	arith ecdh.Curve
}

// ourCurves are our curves, the cheapest first. Go has P-256 in assembler for the machines of 64 bits, and there it takes two thirds of
// what X25519 takes.
var ourCurves = func() []curve {
	ours := []curve{{tls.CurveP256, ecdh.P256()}, {tls.X25519, ecdh.X25519()}}
	if strconv.IntSize == 32 {
		slices.Reverse(ours)
	}
	return ours
}()

// curve chooses the first of our curves that the client knows too, nil for none.
func (c *offeredHello) curve() ecdh.Curve {
	for _, one := range ourCurves {
		if contains(c.groups, uint16(one.id)) {
			c.group = one.id
			return one.arith
		}
	}
	return nil
}

// profile chooses the first of our SRTP profiles that the client knows; RFC 5764 §4.1.1 leaves the choice to the server.
func (c *offeredHello) profile(ours []dtls.SRTPProtectionProfile) (dtls.SRTPProtectionProfile, bool) {
	for _, profile := range ours {
		if contains(c.srtp, uint16(profile)) {
			return profile, true
		}
	}
	return 0, false
}

// profiles says which SRTP profiles pion is to take: it goes by the client's order, so our choice alone, and all when there is none.
func (h *hello) profiles(ours []dtls.SRTPProtectionProfile) []dtls.SRTPProtectionProfile {
	c, _ := parseHello(h.body)
	if profile, ok := c.profile(ours); ok {
		return []dtls.SRTPProtectionProfile{profile}
	}
	return ours
}

// contains says whether a number is in a list of numbers of two octets.
func contains(list []byte, number uint16) bool {
	for ; len(list) >= 2; list = list[2:] {
		if binary.BigEndian.Uint16(list) == number {
			return true
		}
	}
	return false
}
