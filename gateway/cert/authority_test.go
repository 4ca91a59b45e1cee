package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCertificates(t *testing.T) {
	k, _ := open(t, t.TempDir(), names, lan)
	ca, err := x509.ParseCertificate(decodeOne(k.CA()))
	if err != nil {
		t.Fatal(err)
	}
	if !ca.IsCA || ca.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || !ca.MaxPathLenZero || !ca.PermittedDNSDomainsCritical ||
		len(ca.ExtKeyUsage) != 1 || ca.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth || len(ca.PermittedIPRanges) != 9 {
		t.Errorf("CA %+v", ca)
	}
	if got := strings.Join(ca.PermittedDNSDomains, " "); got != "local localhost office.example" {
		t.Errorf("CA permits %s", got)
	}
	if years := time.Until(ca.NotAfter).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("CA ends in %.1f years", years)
	}
	l := k.current.Load().Leaf
	if l.IsCA || l.KeyUsage != x509.KeyUsageDigitalSignature || len(l.ExtKeyUsage) != 1 || l.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth ||
		l.NotAfter.Sub(l.NotBefore) != leafLifetime {
		t.Errorf("leaf %+v", l)
	}
	for _, c := range []*x509.Certificate{ca, l} {
		if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve.Params().Name != "P-256" || c.SerialNumber.BitLen() != 128 {
			t.Errorf("%v: key %T, serial %x", c.Subject, c.PublicKey, c.SerialNumber)
		}
	}
	other, _ := open(t, t.TempDir(), names, lan)
	if otherCA, _ := x509.ParseCertificate(decodeOne(other.CA())); otherCA.Subject.String() == ca.Subject.String() {
		t.Errorf("two CAs are both called %s", ca.Subject)
	}
}

// Go and, where it is installed, OpenSSL take what the CA may sign and refuse the rest.
func TestConstraints(t *testing.T) {
	openssl, missing := exec.LookPath("openssl")
	if missing != nil {
		t.Log("ATTENTION: openssl is not installed, only Go checked the certificates")
	}
	ca, file, err := newAuthority([]string{"front.local", "office.example", "localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	caPath := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(caPath, ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	if parsed, err := parseAuthority(file); err != nil || !parsed.cert.Equal(ca.cert) {
		t.Fatalf("parseAuthority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for _, tt := range []struct {
		name, ip string
		good     bool
	}{
		{"front.local", "", true},
		{"a.b.local", "", true},
		{"localhost", "", true},
		{"office.example", "", true},
		{"phone.office.example", "", true},
		{strings.Repeat("a", 63) + ".local", "", true},
		{"local.example", "", false},
		{"bank.example", "", false},
		{"myoffice.example", "", false},
		{"example", "", false},
		{"front.local", "10.255.0.1", true},
		{"front.local", "172.31.0.1", true},
		{"front.local", "192.168.0.1", true},
		{"front.local", "169.254.7.7", true},
		{"front.local", "100.127.0.1", true},
		{"front.local", "127.0.0.1", true},
		{"front.local", "::1", true},
		{"front.local", "fd12::1", true},
		{"front.local", "fe80::1", true},
		{"front.local", "203.0.113.1", false},
		{"front.local", "172.32.0.1", false},
		{"front.local", "2001:db8::1", false},
		{"front.local", "::2", false},
	} {
		var ips []netip.Addr
		what, verify := tt.name, []string{"-verify_hostname", tt.name}
		if tt.ip != "" {
			ips = append(ips, netip.MustParseAddr(tt.ip))
			what, verify = tt.ip, []string{"-verify_ip", tt.ip}
		}
		data, err := ca.issue([]string{tt.name}, ips, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		l, err := x509.ParseCertificate(decodeOne(data))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(x509.VerifyOptions{Roots: roots, DNSName: what}); (err == nil) != tt.good {
			t.Errorf("Go on %s: %v, want success %v", what, err, tt.good)
		}
		if missing != nil {
			continue
		}
		path := filepath.Join(dir, "leaf.pem")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", caPath}, verify...)
		out, err := exec.Command(openssl, append(args, path)...).CombinedOutput()
		if (err == nil) != tt.good || !tt.good && !bytes.Contains(out, []byte("permitted subtree violation")) {
			t.Errorf("OpenSSL on %s: %v, want success %v: %s", what, err, tt.good, out)
		}
	}
}
