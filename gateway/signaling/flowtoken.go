package signaling

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/emiago/sipgo/sip"
)

// Why a request that names a flow can't go down it (RFC 5626 §5.3).
var (
	errForgedToken = errors.New("not a token of ours")
	errFlowFailed  = errors.New("the named connection has closed")
)

// sealer makes tokens that stand in the user part of an address of ours and name something that only we can read. They are
// encrypted and authenticated (AES-GCM, compared in constant time), so nobody learns from two of them whether they name the
// same, and nobody makes one. The key dies with the process, as does all that they name.
type sealer struct{ aead cipher.AEAD }

func newSealer() (sealer, error) {
	key := make([]byte, 16)
	rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal makes a token for payload. A token of one kind is none of another.
func (s sealer) seal(kind string, payload []byte) string {
	return kind + base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, payload, []byte(kind)))
}

// open gives back what seal put in; false when s has not made the token.
func (s sealer) open(kind, token string) ([]byte, bool) {
	const longest = 200 // bytes; ours are shorter
	if len(token) <= len(kind) || len(token) > longest || token[:len(kind)] != kind {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token[len(kind):])
	if err != nil {
		return nil, false
	}
	payload, err := s.aead.Open(nil, nil, sealed, []byte(kind))
	return payload, err == nil
}

const flowKind = "flow-" // of tokens

// flowToken names a flow, and this one alone: a later flow of the same name gets another token (RFC 5626 §5.2).
func (s *Server) flowToken(f *flow) string {
	return s.sealer.seal(flowKind, append(binary.BigEndian.AppendUint64(nil, f.serial), f.source...))
}

// flowOf finds the flow that a token names.
func (s *Server) flowOf(token string) (*flow, error) {
	payload, ok := s.sealer.open(flowKind, token)
	if !ok || len(payload) < 8 {
		return nil, errForgedToken
	}
	f := s.door.flow(string(payload[8:]))
	if f == nil || f.serial != binary.BigEndian.Uint64(payload) {
		return nil, errFlowFailed
	}
	return f, nil
}

// path is the address of ours that names a flow (RFC 5626 §5.1): requests with it as their Route go down that flow.
func (s *Server) path(f *flow) sip.Uri {
	return sip.Uri{Scheme: "sip", User: s.flowToken(f), Host: s.cfg.Domain, UriParams: sip.HeaderParams{{K: "transport", V: "ws"}, {K: "lr"}, {K: "ob"}}}
}
