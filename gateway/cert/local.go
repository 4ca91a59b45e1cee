package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Lifetimes. Browsers refuse leaves of more than 398 days.
const (
	leafLifetime = 90 * 24 * time.Hour
	leafRenewal  = 30 * 24 * time.Hour // left when it is renewed
	caYears      = 10
)

// caLead is how long before its end the CA is replaced: devices need time to trust the new
// one, and every leaf has its full life.
const caLead = leafLifetime

// built is a moment before which no clock is right. Machines without a clock battery start in 1970.
var built = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Files of the local CA, each with key and certificate, so that one rename replaces both.
const (
	caFile   = "ca.pem"
	leafFile = "server.pem"
)

// localCA is the source that signs for itself.
type localCA struct {
	dir    string
	log    *slog.Logger
	ca     *authority   // nil before the first get
	public []netip.Addr // those last logged as left out
}

// openLocal makes the folder and clears away what a power cut left of unfinished files.
func openLocal(dir string, log *slog.Logger) (*localCA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{caFile, leafFile} {
		leftovers, err := filepath.Glob(filepath.Join(dir, name+tempMark+"*"))
		if err != nil {
			return nil, err
		}
		for _, file := range leftovers {
			if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > time.Hour { // else another process may be at it
				if err := os.Remove(file); err != nil {
					return nil, err
				}
			}
		}
	}
	return &localCA{dir: dir, log: log}, nil
}

func (l *localCA) get(current *tls.Certificate, names []string, ips []netip.Addr, now time.Time) (*tls.Certificate, []byte, error) {
	if now.Before(built) {
		now = built
	}
	ips = l.permitted(ips)
	if err := l.ensureCA(names, now); err != nil {
		return nil, nil, err
	}
	if current == nil {
		current = l.loadLeaf()
	}
	if current == nil || !l.ca.good(current.Leaf, names, ips, now) {
		data, err := l.ca.issue(names, ips, now)
		if err != nil {
			return nil, nil, err
		}
		if err := writeFile(filepath.Join(l.dir, leafFile), data); err != nil {
			return nil, nil, fmt.Errorf("save certificate: %w", err)
		}
		cert, err := tls.X509KeyPair(data, data)
		if err != nil {
			return nil, nil, err
		}
		current = &cert
		l.log.Info("certificate issued", "names", names, "addresses", ips, "until", cert.Leaf.NotAfter)
	}
	return current, l.ca.pem(), nil
}

// permitted leaves out the public addresses, because one that the CA's constraints don't
// permit would spoil the whole certificate.
func (l *localCA) permitted(ips []netip.Addr) (permitted []netip.Addr) {
	var public []netip.Addr
	for _, ip := range ips {
		if isPrivate(ip) {
			permitted = append(permitted, ip)
		} else {
			public = append(public, ip)
		}
	}
	if len(public) > 0 && !slices.Equal(public, l.public) {
		l.log.Info("public addresses left out of the certificate, the local CA vouches for private ones only", "addresses", public)
	}
	l.public = public
	return permitted
}

// ensureCA loads the CA, or makes one when there is none that will do for names.
func (l *localCA) ensureCA(names []string, now time.Time) error {
	path := filepath.Join(l.dir, caFile)
	var reason error
	if l.ca == nil {
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return l.makeCA(path, names, now)
		case err != nil: // not replaced: it may be good, and devices trust it
			return err
		}
		if l.ca, err = parseAuthority(data); err != nil {
			reason = err
		}
	}
	if reason == nil {
		reason = l.ca.unfit(names, now)
	}
	if reason == nil {
		return nil
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = writeFile(path+".old", data)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep old CA: %w", err)
	}
	l.log.Warn("the local CA is replaced; every device must trust the new one again", "reason", reason, "old", path+".old")
	return l.makeCA(path, names, now)
}

func (l *localCA) makeCA(path string, names []string, now time.Time) error {
	ca, data, err := newAuthority(names, now)
	if err != nil {
		return err
	}
	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("save CA: %w", err)
	}
	l.ca = ca
	l.log.Info("local CA made", "file", path, "until", ca.cert.NotAfter, "fingerprint", fingerprint(ca.cert.Raw))
	return nil
}

// loadLeaf gives the certificate of an earlier run, nil when it is missing, damaged or
// not of this CA: a new one costs nothing.
func (l *localCA) loadLeaf() *tls.Certificate {
	data, err := os.ReadFile(filepath.Join(l.dir, leafFile))
	if err != nil {
		return nil
	}
	cert, err := tls.X509KeyPair(data, data)
	if err != nil || cert.Leaf.CheckSignatureFrom(l.ca.cert) != nil {
		return nil
	}
	return &cert
}
