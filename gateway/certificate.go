package gateway

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"cordboard/gateway/cert"
	"cordboard/gateway/web"
)

// certificate tells of the certificate of the moment.
func (g *Gateway) certificate() web.Certificate {
	leaf := g.cert.Leaf()
	c := web.Certificate{
		Names: leaf.DNSNames, From: leaf.NotBefore, Until: leaf.NotAfter, Fingerprint: shownPrint(leaf), Issuer: leaf.Issuer.CommonName,
	}
	for _, a := range leaf.IPAddresses {
		c.Addresses = append(c.Addresses, a.String())
	}
	block, _ := pem.Decode(g.cert.CA())
	if block == nil {
		return c
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil { // it has just signed the leaf
		return c
	}
	c.Authority = &web.Authority{Name: ca.Subject.CommonName, Until: ca.NotAfter, Fingerprint: shownPrint(ca), PEM: string(g.cert.CA())}
	return c
}

// shownPrint is a fingerprint the way devices show it.
func shownPrint(c *x509.Certificate) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(c.Raw)), " ", ":")
}

// LocalCA gives the local CA's certificate of a data folder, as PEM; nil: none was made there yet.
func LocalCA(dir string) ([]byte, error) { return cert.Authority(dir) }
