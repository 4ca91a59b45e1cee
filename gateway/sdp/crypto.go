package sdp

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Suites are the crypto suites of SDES that we know, in our order of preference: RFC 7714 §14.3, RFC 4568 §6.2, RFC 6188 §6.
var Suites = []Suite{
	{"AEAD_AES_128_GCM", 16, 12}, {"AES_CM_128_HMAC_SHA1_80", 16, 14}, {"AES_256_CM_HMAC_SHA1_80", 32, 14},
	{"AEAD_AES_256_GCM", 32, 12}, {"AES_CM_128_HMAC_SHA1_32", 16, 14}, {"AES_256_CM_HMAC_SHA1_32", 32, 14},
}

// Suite is a crypto suite: its registered name, and the octets of its master key and master salt.
type Suite struct {
	Name      string
	Key, Salt int
}

// Crypto is an a=crypto line (RFC 4568 §4): how who wrote it encrypts what it sends.
type Crypto struct {
	Tag   int // 1 to 999999999: the answer names the line that it takes by it
	Suite Suite
	Key   []byte // master key, then master salt
	MKI   []byte // stands in each packet under the key (RFC 3711 §3.1); nil: none does. Our lines have none
}

// Bounds of an a=crypto line and of how many there are of a stream.
const (
	maxTag    = 999_999_999
	maxCrypto = 16
	maxMKI    = 128 // octets
)

// LogValue leaves the key out.
func (c Crypto) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String leaves the key out.
func (c Crypto) String() string { return strconv.Itoa(c.Tag) + " " + c.Suite.Name }

// GoString leaves the key out.
func (c Crypto) GoString() string { return c.String() }

// line is the attribute, without lifetime (the most that RFC 3711 §9.2 allows) and without MKI, which each side has or has not as it
// likes (RFC 4568 §6.1).
func (c Crypto) line() string {
	return fmt.Sprintf("a=crypto:%d %s inline:%s", c.Tag, c.Suite.Name, base64.StdEncoding.EncodeToString(c.Key))
}

// readCrypto reads the value of an a=crypto line; ok is false for one that is malformed or asks for what we don't do: an unknown
// suite, several keys, a key derivation rate, and packets that are not encrypted or not authenticated. Who offers several
// lines leaves the others to choose from (RFC 4568 §5.1.2). Several keys in one line (§6.1) are for who changes keys in a call without
// telling of it; phones tell of it by another offer, and those that we know take no such line either.
func readCrypto(value string) (c Crypto, ok bool) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return c, false
	}
	tag, err := strconv.ParseUint(f[0], 10, 32)
	i := slices.IndexFunc(Suites, func(s Suite) bool { return strings.EqualFold(s.Name, f[1]) })
	if err != nil || tag == 0 || tag > maxTag || f[0][0] == '0' || i < 0 {
		return c, false
	}
	c = Crypto{Tag: int(tag), Suite: Suites[i]}
	method, key, _ := strings.Cut(f[2], ":")
	if !strings.EqualFold(method, "inline") {
		return c, false
	}
	parts := strings.Split(key, "|")
	rest := parts[1:]
	if len(rest) > 0 && isLifetime(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) > 0 {
		if c.MKI = readMKI(rest[0]); c.MKI == nil || len(rest) > 1 {
			return c, false
		}
	}
	if c.Key, err = readKey(parts[0]); err != nil || len(c.Key) != c.Suite.Key+c.Suite.Salt {
		return c, false
	}
	return c, !slices.ContainsFunc(f[3:], func(p string) bool { return !isHarmless(p) })
}

// readKey reads a key in base64, whose padding some phones leave out.
func readKey(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// readMKI reads a master key identifier and its length, as in 1:4 (RFC 4568 §6.1); nil when it is none.
func readMKI(text string) []byte {
	value, length, _ := strings.Cut(text, ":")
	size, err := strconv.ParseUint(length, 10, 8)
	if err != nil || size == 0 || size > maxMKI || value == "" || len(value) > 3*maxMKI || strings.Trim(value, "0123456789") != "" {
		return nil
	}
	n, _ := new(big.Int).SetString(value, 10) // digits alone
	if n.BitLen() > 8*int(size) {
		return nil
	}
	return n.FillBytes(make([]byte, size))
}

// isLifetime checks for a number of packets, as in 2^48 or 1000000. It is its sender's to keep to it.
func isLifetime(text string) bool {
	power, isPower := strings.CutPrefix(text, "2^")
	n, err := strconv.ParseUint(power, 10, 48)
	return err == nil && (isPower && n <= 48 || !isPower && n > 0)
}

// isHarmless says whether a session parameter (RFC 4568 §6.3) changes nothing for us. One that we don't know does, unless it says
// itself that it may be passed over.
func isHarmless(parameter string) bool {
	name, value, _ := strings.Cut(parameter, "=")
	switch strings.ToUpper(name) {
	case "KDR":
		return value == "0"
	case "WSH": // a hint for the replay window
		return true
	}
	return strings.HasPrefix(name, "-")
}

// cryptos are the lines of a stream that we can take, in the party's order of preference. Of two with one tag the first counts.
func (s session) cryptos(i int) []Crypto {
	var list []Crypto
	for _, a := range s.MediaDescriptions[i].Attributes {
		if a.Key != "crypto" || len(list) == maxCrypto {
			continue
		}
		if c, ok := readCrypto(a.Value); ok && !slices.ContainsFunc(list, func(o Crypto) bool { return o.Tag == c.Tag }) {
			list = append(list, c)
		}
	}
	return list
}
