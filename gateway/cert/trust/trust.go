// Package trust has the browsers of this machine trust a certificate authority, or no more: it puts it into the lists that they and the
// system keep, by the programs that the system has for that.
package trust

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// CA is an authority that is to be trusted.
type CA struct {
	Name string // by which lists show it
	cert *x509.Certificate
	text []byte // PEM
}

// Read reads an authority's certificate from PEM. What else the text holds, as a key, is left out.
func Read(text []byte) (CA, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return CA{}, fmt.Errorf("read authority: %w", err)
		case !c.IsCA:
			return CA{}, errors.New("read authority: the certificate is not that of an authority")
		}
		name := c.Subject.CommonName
		if name == "" || strings.HasPrefix(name, "-") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7F }) {
			return CA{}, fmt.Errorf("read authority: its name %q can't be used", name)
		}
		return CA{Name: name, cert: c, text: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})}, nil
	}
	return CA{}, errors.New("read authority: there is no certificate")
}

// thumbprint names the certificate where Windows and macOS keep it.
func (ca CA) thumbprint() string {
	sum := sha1.Sum(ca.cert.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// List is one that says whom to trust.
type List struct {
	Name   string // whose: "Chromium and Chrome", "Firefox", "this machine"
	System bool   // all users': an administrator must agree
	Lacks  string // why it can't be changed, and what to do; empty: it can

	has    func(ctx context.Context, ca CA) bool
	add    func(ctx context.Context, ca CA) error
	remove func(ctx context.Context, ca CA) error // does nothing where it is not
}

// changeTime bounds one program that changes a list. People may be asked for a password meanwhile.
const changeTime = 2 * time.Minute

// Has reports whether the list trusts the authority.
func (l List) Has(ctx context.Context, ca CA) bool {
	ctx, stop := context.WithTimeout(ctx, changeTime)
	defer stop()
	return l.has != nil && l.has(ctx, ca)
}

// Add has the list trust the authority. One that does already stays as it is.
func (l List) Add(ctx context.Context, ca CA) error { return l.change(ctx, ca, true, l.add) }

// Remove ends that. One that does not trust it stays as it is.
func (l List) Remove(ctx context.Context, ca CA) error { return l.change(ctx, ca, false, l.remove) }

func (l List) change(ctx context.Context, ca CA, want bool, do func(context.Context, CA) error) error {
	if l.Lacks != "" {
		return errors.New(l.Lacks)
	}
	ctx, stop := context.WithTimeout(ctx, changeTime)
	defer stop()
	if want && l.Has(ctx, ca) {
		return nil
	}
	if err := do(ctx, ca); err != nil {
		return fmt.Errorf("change the list of %s: %w", l.Name, err)
	}
	return nil
}

// run runs a program and gives what it prints; its own words are the error.
func run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		if last := text[strings.LastIndexByte(text, '\n')+1:]; last != "" {
			return text, fmt.Errorf("%s: %s (%w)", name, last, err)
		}
		return text, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// inFile gives a program the certificate as a file.
func (ca CA) inFile(do func(path string) error) error {
	f, err := os.CreateTemp("", "cordboard-*.crt")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(ca.text); err == nil {
		err = f.Chmod(0o644) // who helps with rights of its own must read it
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return do(f.Name())
}
