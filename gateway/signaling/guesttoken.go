package signaling

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// guestID names the guest of a flow. It says nothing of the browser's address.
type guestID [8]byte

// guestMAC is how many bytes of the HMAC a flow token carries, as in the example of RFC 5626 §5.2.
const guestMAC = 10

// guestTokens makes and reads the names of guests that go into Path and Contact toward a PBX (RFC 3327, RFC 5626 §5.2): the ID and an
// HMAC-SHA256 of it. They are of letters and digits in one case, since URIs may lose theirs on the way. Guests don't outlive the
// process, nor does the key.
type guestTokens struct{ key []byte }

var guestText = base32.StdEncoding.WithPadding(base32.NoPadding)

func newGuestTokens() guestTokens {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return guestTokens{key}
}

func (t guestTokens) seal(id guestID) string {
	return strings.ToLower(guestText.EncodeToString(append(id[:], t.mac(id)...)))
}

// open gives the ID in a token of ours; false for any other text.
func (t guestTokens) open(text string) (id guestID, ok bool) {
	if len(text) != guestText.EncodedLen(len(id)+guestMAC) {
		return id, false
	}
	raw, err := guestText.DecodeString(strings.ToUpper(text))
	if err != nil || len(raw) != len(id)+guestMAC { // line breaks count in text, but not in raw
		return id, false
	}
	copy(id[:], raw)
	return id, hmac.Equal(raw[len(id):], t.mac(id))
}

func (t guestTokens) mac(id guestID) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(id[:])
	return h.Sum(nil)[:guestMAC]
}
