package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// identityFile is who this machine is toward its neighbours, key and certificate.
const identityFile = "identity.pem"

// forever is the end of a certificate that has none (RFC 5280 §4.1.2.5).
var forever = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// OpenIdentity gives the certificate that this machine shows its neighbours: made once, signed by itself, saying nothing of the
// machine, without an end. They know it again by its fingerprint, so it is never replaced: a file that can't be read is an error.
func OpenIdentity(dir string) (*tls.Certificate, error) {
	path := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if data, err = newIdentity(dir, path); err != nil {
			return nil, fmt.Errorf("make this machine's identity: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("read this machine's identity: %w", err)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Errorf("read this machine's identity: %s is damaged; put a backup in its place, or delete it and pair with all neighbours again: %w", path, err)
	}
	return &pair, nil
}

// newIdentity writes a new identity. Only one process at a time has the data folder open.
func newIdentity(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	data, err := sign(&x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{CommonName: "Cordboard"},
		NotBefore:    built,
		NotAfter:     forever,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, nil)
	if err != nil {
		return nil, err
	}
	return data, writeFile(path, data)
}

// FingerprintOf is the SHA-256 of a certificate in lower-case hexadecimal digits.
func FingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// IDOf is the ID of the machine whose identity has that fingerprint: its first 128 bits, which nobody can find another key for.
func IDOf(fingerprint string) string { return fingerprint[:min(len(fingerprint), 32)] }
