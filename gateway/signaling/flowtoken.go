package signaling

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// flowID names the line of a flow. It says nothing of the browser's address.
type flowID [8]byte

// flowMAC is how many bytes of the HMAC a flow token carries, as in the example of RFC 5626 §5.2.
const flowMAC = 10

// flowTokens makes and reads the names of lines that go into Path and Contact toward a PBX (RFC 3327, RFC 5626 §5.2): the ID and an
// HMAC-SHA256 of it. They are of letters and digits in one case, since URIs may lose theirs on the way. Lines don't outlive the
// process, nor does the key.
type flowTokens struct{ key []byte }

var flowText = base32.StdEncoding.WithPadding(base32.NoPadding)

func newFlowTokens() flowTokens {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return flowTokens{key}
}

func (t flowTokens) seal(id flowID) string {
	return strings.ToLower(flowText.EncodeToString(append(id[:], t.mac(id)...)))
}

// open gives the ID in a token of ours; false for any other text.
func (t flowTokens) open(text string) (id flowID, ok bool) {
	if len(text) != flowText.EncodedLen(len(id)+flowMAC) {
		return id, false
	}
	raw, err := flowText.DecodeString(strings.ToUpper(text))
	if err != nil {
		return id, false
	}
	copy(id[:], raw)
	return id, hmac.Equal(raw[len(id):], t.mac(id))
}

func (t flowTokens) mac(id flowID) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(id[:])
	return h.Sum(nil)[:flowMAC]
}
