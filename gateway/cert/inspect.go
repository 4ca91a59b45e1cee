package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
)

// Leaf is the certificate of the moment.
func (k *Keeper) Leaf() *x509.Certificate { return k.current.Load().Leaf }

// Inspect gives the certificate that Open would find and writes nothing; nil when there is none yet of the own local CA.
func Inspect(cfg Config, dir string) (*x509.Certificate, error) {
	certFile, keyFile := cfg.Cert, cfg.Key
	if certFile == "" {
		certFile = filepath.Join(dir, leafFile)
		keyFile = certFile
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if cfg.Cert == "" && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}
