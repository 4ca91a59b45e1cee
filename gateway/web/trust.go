package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

var (
	//go:embed trust/trust.html
	trustHTML string
	//go:embed trust/trust.css
	trustCSS []byte
)

var trustTemplate = template.Must(template.New("trust").Parse(trustHTML))

// trustPage explains how a device comes to trust this machine's certificate. It works without scripts, also on a
// device where the calling page does not.
type trustPage struct {
	page, style, certificate http.Handler
}

// newTrustPage takes the local CA's certificate, PEM; nil when the certificate is from elsewhere.
func newTrustPage(name string, ca []byte) (*trustPage, error) {
	view := struct{ Name, Fingerprint string }{Name: name}
	certificate := http.Handler(page{})
	if ca != nil {
		block, _ := pem.Decode(ca)
		if block == nil {
			return nil, errors.New("read CA certificate: not PEM")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("read CA certificate: %w", err)
		}
		view.Fingerprint = fingerprint(block.Bytes)
		certificate = file{kind: "application/x-x509-ca-cert", plain: newVersion(ca, "")}
	}
	var html bytes.Buffer
	if err := trustTemplate.Execute(&html, view); err != nil {
		return nil, fmt.Errorf("write page: %w", err)
	}
	text, err := newFile("trust.html", html.Bytes())
	if err != nil {
		return nil, fmt.Errorf("pack page: %w", err)
	}
	style, err := newFile("trust.css", trustCSS)
	if err != nil {
		return nil, fmt.Errorf("pack style: %w", err)
	}
	return &trustPage{page: text, style: style, certificate: certificate}, nil
}

// fingerprint is the SHA-256 of a certificate (DER) the way devices show it, "AB:CD:…".
func fingerprint(der []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(der)), " ", ":")
}
