package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"time"
)

// authority is a local CA: it may sign for names and addresses of local networks and of this
// site only, so a stolen key can't pose as the rest of the Internet.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newAuthority makes a CA for names, and its file.
func newAuthority(names []string, now time.Time) (ca *authority, file []byte, err error) {
	domains := slices.Clone(local)
	for _, name := range names {
		if !belowAny(name, domains) {
			domains = append(domains, name)
		}
	}
	serial := newSerial()
	file, err = sign(&x509.Certificate{
		SerialNumber: serial,
		// The number tells this CA from an earlier one in a device's list.
		Subject:                     pkix.Name{CommonName: commonName(fmt.Sprintf("Cordboard %04X ", new(big.Int).Rsh(serial, 112)) + names[0])},
		NotBefore:                   built, // not now: no clock that is right, or nearly so, refuses it
		NotAfter:                    now.AddDate(caYears, 0, 0),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domains,
		PermittedIPRanges:           privateNets(),
	}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make CA: %w", err)
	}
	ca, err = parseAuthority(file)
	return ca, file, err
}

// parseAuthority reads the file of newAuthority.
func parseAuthority(file []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(file, file)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("read CA: not a CA's certificate")
	}
	return &authority{pair.Leaf, key}, nil
}

// unfit tells why the CA can't sign a certificate for names now, nil if it can.
func (a *authority) unfit(names []string, now time.Time) error {
	if now.Add(caLead).After(a.cert.NotAfter) {
		return fmt.Errorf("it ends on %s", a.cert.NotAfter.Format(time.DateOnly))
	}
	for _, name := range names {
		if !belowAny(name, a.cert.PermittedDNSDomains) {
			return fmt.Errorf("it was not made for the name %s", name)
		}
	}
	return nil
}

// good reports whether a leaf is of this CA, for just these names and addresses, and far from its end.
func (a *authority) good(leaf *x509.Certificate, names []string, ips []netip.Addr, now time.Time) bool {
	var has []netip.Addr
	for _, ip := range leaf.IPAddresses {
		addr, _ := netip.AddrFromSlice(ip)
		has = append(has, addr.Unmap())
	}
	return bytes.Equal(leaf.AuthorityKeyId, a.cert.SubjectKeyId) && slices.Equal(leaf.DNSNames, names) && slices.Equal(has, ips) &&
		!now.Before(leaf.NotBefore) && now.Add(leafRenewal).Before(leaf.NotAfter)
}

// issue signs a leaf with a new key and gives the file of both.
func (a *authority) issue(names []string, ips []netip.Addr, now time.Time) (file []byte, err error) {
	begin := now.Add(-time.Hour) // for devices whose clock is slow
	leaf := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: commonName(names[0])},
		NotBefore:             begin,
		NotAfter:              begin.Add(leafLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
	}
	for _, ip := range ips {
		leaf.IPAddresses = append(leaf.IPAddresses, net.IP(ip.AsSlice()))
	}
	if file, err = sign(leaf, a); err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return file, nil
}

// sign makes a key and its certificate, signed by ca or, if that is nil, by the key itself. It gives both as PEM.
func sign(template *x509.Certificate, ca *authority) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if ca == nil {
		ca = &authority{template, key}
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// pem is the CA's certificate without its key.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// decodeOne gives what is in the first PEM block.
func decodeOne(text []byte) []byte {
	block, _ := pem.Decode(text)
	return block.Bytes
}

// newSerial gives 128 random bits, the first of them 1 so that none is short.
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] |= 0x80
	return new(big.Int).SetBytes(b)
}

// commonName cuts a name to the 64 characters that X.520 allows.
func commonName(name string) string { return name[:min(len(name), 64)] }
