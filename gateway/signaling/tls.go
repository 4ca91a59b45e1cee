package signaling

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"cordboard/gateway/guard"
	"cordboard/gateway/locate"
)

// maxHandshakes bounds the TLS handshakes of strangers that are under way.
const maxHandshakes = 32

// ErrTLSPort says which port could not be opened.
var ErrTLSPort = errors.New("SIP port for TLS")

// sameCertificates says whether two PBXs are checked, and we at them, in the same way.
func sameCertificates(a, b *pbx) bool {
	return a.cfg.CA == b.cfg.CA && a.cfg.Cert == b.cfg.Cert && a.cfg.Key == b.cfg.Key && strings.EqualFold(a.uri.Host, b.uri.Host)
}

// clientTLS is how we connect to the PBX: its certificate must be for name. Files are read each time, so that renewed ones count.
func (p *pbx) clientTLS(name string) (*tls.Config, error) {
	roots, err := p.cfg.roots()
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: name}
	if p.cfg.Cert != "" {
		pair, err := p.cfg.pair()
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// roots are the authorities whose certificates the PBX may show; nil: those of the system.
func (p PBX) roots() (*x509.CertPool, error) {
	if p.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(p.CA)
	if err != nil {
		return nil, fmt.Errorf("read the PBX's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", p.CA)
	}
	return pool, nil
}

// pair is the certificate that we show the PBX.
func (p PBX) pair() (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		return pair, fmt.Errorf("read the certificate for the PBX: %w", err)
	}
	return pair, nil
}

// validateTLS names the faults of the files for TLS.
func (p PBX) validateTLS() []error {
	var faults []error
	if _, err := p.roots(); err != nil {
		faults = append(faults, fmt.Errorf("ca: %w", err))
	}
	switch {
	case p.Cert == "" && p.Key != "":
		faults = append(faults, errors.New("cert: missing, though key is set"))
	case p.Cert != "" && p.Key == "":
		faults = append(faults, errors.New("key: missing, though cert is set"))
	case p.Cert != "":
		if _, err := p.pair(); err != nil {
			faults = append(faults, fmt.Errorf("cert: %w", err))
		}
	}
	return faults
}

// tlsError says in words why a handshake with the PBX failed. name is whom its certificate had to be for.
func tlsError(err error, name string) error {
	var (
		unknown  x509.UnknownAuthorityError
		other    x509.HostnameError
		invalid  x509.CertificateInvalidError
		notTLS   tls.RecordHeaderError
		alert    tls.AlertError
		mistrust *tls.CertificateVerificationError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		return fmt.Errorf("certificate is for another name (%s), not %s", strings.Join(namesOf(other.Certificate), ", "), name)
	case errors.As(err, &unknown):
		issuer := "its issuer"
		if unknown.Cert != nil {
			issuer = "its issuer, " + unknown.Cert.Issuer.CommonName + ","
		}
		return fmt.Errorf("certificate not trusted: %s is not known here; set ca to the PBX's authority", issuer)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("certificate not trusted: good from %s to %s only", invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &mistrust):
		return fmt.Errorf("certificate not trusted: %w", mistrust.Err)
	case errors.As(err, &alert):
		return fmt.Errorf("the PBX refuses TLS with us: %w", alert)
	case errors.As(err, &notTLS):
		return errors.New("the PBX does not speak TLS at that port")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the PBX does not answer the TLS handshake")
	}
	return plain(err)
}

func namesOf(cert *x509.Certificate) []string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// serveTLS takes connections until the listener closes. Who is no PBX gets none.
func (s *Server) serveTLS(ctx context.Context, sips net.Listener) {
	cfg := s.deps.TLS.Clone()
	cfg.NextProtos, cfg.ClientAuth = nil, tls.RequestClientCert // checked by admit, against the authorities of each PBX
	plain := cfg.Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return s.shownTo(hello, plain) }
	places := make(chan struct{}, maxHandshakes)
	var greeting sync.WaitGroup
	defer greeting.Wait()
	for {
		conn, err := sips.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if addr := hostOf(conn.RemoteAddr().String()); !s.mayDial(addr) {
			conn.Close()
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		greeting.Go(func() {
			defer func() { <-places }()
			s.greet(ctx, conn, cfg)
		})
	}
}

// shownTo is how we meet a PBX that connects to us: a PBX for which we have a certificate sees that one.
func (s *Server) shownTo(hello *tls.ClientHelloInfo, otherwise *tls.Config) (*tls.Config, error) {
	addr := hostOf(hello.Conn.RemoteAddr().String())
	for _, p := range s.roster().all {
		if p.cfg.Cert == "" || !p.owns(addr, true) {
			continue
		}
		pair, err := p.cfg.pair()
		if err != nil {
			return nil, err
		}
		cfg := otherwise.Clone()
		cfg.GetCertificate, cfg.Certificates = nil, []tls.Certificate{pair}
		return cfg, nil
	}
	return otherwise, nil
}

// mayDial says whether a TLS connection from addr is worth a handshake.
func (s *Server) mayDial(addr netip.Addr) bool {
	if s.deps.Bans.Address(addr, time.Now()) {
		return false
	}
	for _, p := range s.roster().all {
		if p.cfg.Cert != "" || p.owns(addr, true) {
			return true
		}
	}
	return false
}

// greet makes the handshake with a stranger and hands it to sipgo if it is a PBX.
func (s *Server) greet(ctx context.Context, conn net.Conn, cfg *tls.Config) {
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	secure := tls.Server(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		s.log.Debug("TLS handshake failed", "address", conn.RemoteAddr(), "error", err)
		conn.Close()
		return
	}
	p := s.admit(hostOf(conn.RemoteAddr().String()), secure.ConnectionState().PeerCertificates)
	if p == nil {
		s.log.Warn("TLS connection of no PBX closed", "address", conn.RemoteAddr())
		s.deps.Bans.BlameAddress(hostOf(conn.RemoteAddr().String()), guard.Scan, "knocked on the SIP port", time.Now())
		secure.Close()
		return
	}
	l, ok := s.lines.add(secure, p, locate.Target{}, locate.TLS)
	if !ok {
		secure.Close()
		return
	}
	if !s.lines.tls.put(l) {
		l.Close()
		return
	}
	l.taken.Store(true)
}

// admit says which PBX a TLS connection is from: with mutual TLS the one that the certificate names, whatever the
// address; without, the one that has the address.
func (s *Server) admit(addr netip.Addr, chain []*x509.Certificate) *pbx {
	var found *pbx
	for _, p := range s.roster().all {
		switch {
		case p.cfg.Cert != "":
			if p.shown(chain) {
				return p
			}
		case found == nil && p.owns(addr, true):
			found = p
		}
	}
	return found
}

// shown says whether a chain of certificates is the PBX's own (RFC 5922 §7.2).
func (p *pbx) shown(chain []*x509.Certificate) bool {
	if len(chain) == 0 {
		return false
	}
	roots, err := p.cfg.roots()
	if err != nil {
		p.log.Warn("certificate not checked", "error", err)
		return false
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{
		DNSName: strings.Trim(p.uri.Host, "[]"), Roots: roots, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // a PBX shows its server certificate as a client too
	})
	return err == nil
}
