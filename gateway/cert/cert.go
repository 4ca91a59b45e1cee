// Package cert keeps the certificate of the gateway's HTTPS port: one of its own local CA, which
// renews itself, or one from files, which are read again when they change.
package cert

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is the [tls] table of the configuration file; both empty: own local CA.
type Config struct {
	Cert string `toml:"cert"` // PEM file: the server's certificate, then those between it and the root
	Key  string `toml:"key"`  // PEM file, not encrypted
}

// Validate names what is missing. The files are looked at by Open.
func (c Config) Validate() error {
	switch {
	case c.Cert == "" && c.Key != "":
		return errors.New("cert: missing, though key is set; set both, or none for the own local CA")
	case c.Cert != "" && c.Key == "":
		return errors.New("key: missing, though cert is set; set both, or none for the own local CA")
	}
	return nil
}

// checkEvery is how often Run looks whether the certificate is still the right one. It is
// short because a machine without a clock battery may jump by years when it hears the time.
const checkEvery = time.Minute

// Keeper has the certificate of the moment. It is safe for concurrent use.
type Keeper struct {
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	ca      atomic.Pointer[[]byte] // PEM; points to nil with own files

	mu     sync.Mutex // guards what follows
	source source
	names  []string
	ips    []netip.Addr
}

// source is where certificates come from.
type source interface {
	// get gives the certificate to use from now on, current itself while that is right, and
	// the PEM of the local CA, if it is one of that.
	get(current *tls.Certificate, names []string, ips []netip.Addr, now time.Time) (cert *tls.Certificate, ca []byte, err error)
}

// Open loads the certificate from the files of cfg. Without them it makes a local CA and a
// certificate for names and ips in dir, unless they are there from an earlier run.
func Open(cfg Config, dir string, names []string, ips []netip.Addr, log *slog.Logger) (*Keeper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open certificate: %w", err)
	}
	k := &Keeper{log: log}
	if cfg.Cert != "" {
		k.source = &files{Config: cfg, log: log}
	} else {
		l, err := openLocal(dir, log)
		if err != nil {
			return nil, fmt.Errorf("open local CA: %w", err)
		}
		k.source = l
	}
	if err := k.Update(names, ips); err != nil {
		return nil, err
	}
	return k, nil
}

// Update gets a certificate for other names and addresses; with own files it reads them again. After an
// error the one before goes on.
func (k *Keeper) Update(names []string, ips []netip.Addr) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.names, k.ips = k.normalize(names, ips)
	return k.refresh(time.Now())
}

// refresh wants the mutex held.
func (k *Keeper) refresh(now time.Time) error {
	cert, ca, err := k.source.get(k.current.Load(), k.names, k.ips, now)
	if err != nil {
		return fmt.Errorf("get certificate: %w", err)
	}
	k.current.Store(cert)
	k.ca.Store(&ca)
	return nil
}

// Run renews the certificate before it ends, and reads changed files again, until ctx ends.
// That is its normal end and gives nil.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		k.mu.Lock()
		err := k.refresh(time.Now())
		k.mu.Unlock()
		if text := fmt.Sprint(err); err != nil && text != told {
			told = text
			k.log.Error("certificate not renewed, the one before goes on", "error", err)
		} else if err == nil {
			told = ""
		}
	}
}

// TLSConfig is for servers; it always uses the certificate of the moment. HTTP/2 is not
// offered, because a WebSocket needs HTTP/1.1.
func (k *Keeper) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		// A message to a browser in one record; Go would begin with records that fit into a packet.
		DynamicRecordSizingDisabled: true,
		GetCertificate:              func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current.Load(), nil },
	}
}

// CA is the local CA's certificate as PEM, for devices to trust; nil with own files.
func (k *Keeper) CA() []byte { return *k.ca.Load() }

// Fingerprint is the SHA-256 of what a device is asked to trust: the local CA's certificate, or
// with own files the server's; as "AB:CD:…".
func (k *Keeper) Fingerprint() string {
	if ca := k.CA(); ca != nil {
		return fingerprint(decodeOne(ca))
	}
	return fingerprint(k.current.Load().Certificate[0])
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}
