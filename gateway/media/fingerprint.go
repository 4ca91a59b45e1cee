package media

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// newCertificate makes the self-signed certificate that the engine shows to browsers. Its name and its dates mean
// nothing: who we are is proved by its fingerprint in SDP (RFC 8122, RFC 8827 §6.5).
func newCertificate(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make DTLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make DTLS certificate: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make DTLS certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der) // without it pion parses the certificate in every handshake
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read DTLS certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// fingerprint writes a certificate's SHA-256 as in a=fingerprint (RFC 8122 §5), upper case because Firefox wants it so.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	text := make([]string, len(sum))
	for i, b := range sum {
		text[i] = fmt.Sprintf("%02X", b)
	}
	return "sha-256 " + strings.Join(text, ":")
}

// matches compares a certificate with an a=fingerprint value in constant time. Only hashes of the SHA-2 family count.
func matches(der []byte, value string) bool {
	algorithm, digits, _ := strings.Cut(value, " ")
	want, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), ":", ""))
	if err != nil {
		return false
	}
	var sum []byte
	switch strings.ToLower(algorithm) {
	case "sha-256":
		s := sha256.Sum256(der)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(der)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(der)
		sum = s[:]
	default:
		return false
	}
	return subtle.ConstantTimeCompare(sum, want) == 1
}
