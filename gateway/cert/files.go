package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"
)

// warnBefore is how long before the end of a certificate from files the log begins to remind, once a day.
const warnBefore = 14 * 24 * time.Hour

// files is the source that reads what someone else renews.
type files struct {
	Config
	log       *slog.Logger
	cert, key []byte    // as last read
	reminded  time.Time // of the coming end
}

func (f *files) get(current *tls.Certificate, names []string, _ []netip.Addr, now time.Time) (*tls.Certificate, []byte, error) {
	cert, err := readFile("certificate", f.Cert)
	if err != nil {
		return nil, nil, err
	}
	key, err := readFile("key", f.Key)
	if err != nil {
		return nil, nil, err
	}
	if current == nil || !bytes.Equal(cert, f.cert) || !bytes.Equal(key, f.key) {
		pair, err := f.parse(cert, key, now)
		if err != nil {
			return nil, nil, err
		}
		current, f.cert, f.key, f.reminded = pair, cert, key, time.Time{}
		f.log.Info("certificate loaded", "file", f.Cert, "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter)
		f.warn(pair.Leaf, names, now)
	}
	if left := current.Leaf.NotAfter.Sub(now); left < warnBefore && now.Sub(f.reminded) >= 24*time.Hour {
		f.reminded = now
		f.log.Warn("the certificate ends soon; renew it", "file", f.Cert, "until", current.Leaf.NotAfter)
	}
	return current, nil, nil
}

// parse tells in one sentence what is wrong with the files.
func (f *files) parse(cert, key []byte, now time.Time) (*tls.Certificate, error) {
	leaf, err := firstCertificate(cert)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s can't be used: %w; it must have the server's certificate first, in PEM form", f.Cert, err)
	}
	switch block := firstKey(key); {
	case block == nil:
		return nil, fmt.Errorf("key file %s can't be used: it has no private key in PEM form; put the key there that the certificate was made with", f.Key)
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("key file %s can't be used: it is encrypted; write it without passphrase (openssl pkey -in … -out …)", f.Key)
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err != nil && strings.Contains(err.Error(), "does not match"):
		return nil, fmt.Errorf("key file %s does not belong to certificate file %s; use the two that were made together, with the server's certificate first", f.Key, f.Cert)
	case err != nil:
		return nil, fmt.Errorf("key file %s can't be used; write it again as an RSA or ECDSA key in PEM form: %w", f.Key, err)
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate file %s expired on %s; renew it, or empty cert and key to use the own local CA", f.Cert, leaf.NotAfter.Format(time.DateOnly))
	}
	return &pair, nil
}

// warn logs what will trouble browsers and yet is no reason not to start.
func (f *files) warn(leaf *x509.Certificate, names []string, now time.Time) {
	if now.Before(leaf.NotBefore) {
		f.log.Warn("the certificate is not good yet; check this machine's clock", "file", f.Cert, "from", leaf.NotBefore)
	}
	for _, name := range names {
		if !belowAny(name, local) && leaf.VerifyHostname(name) != nil {
			f.log.Warn("the certificate is not for this name; browsers will refuse it there", "file", f.Cert, "name", name)
		}
	}
}

// readFile tells in one sentence why a file can't be read.
func readFile(what, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s file %s is missing; put it there, or empty cert and key to use the own local CA", what, path)
	case err != nil:
		return nil, fmt.Errorf("%s file %s can't be read; let the user that runs Cordboard read it: %w", what, path, err)
	}
	return data, nil
}

var errNoCertificate = errors.New("it has no certificate")

// firstCertificate parses the first certificate of a PEM file.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errNoCertificate
}

// firstKey finds the first private key of a PEM file, nil if there is none.
func firstKey(text []byte) *pem.Block {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block
		}
	}
	return nil
}
