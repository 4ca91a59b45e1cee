package cert

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := OpenIdentity(dir)
	if err != nil {
		t.Fatalf("OpenIdentity: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, identityFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("file: %v, %v; want mode 0600", info, err)
	}
	again, err := OpenIdentity(dir)
	if err != nil || !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Errorf("the second OpenIdentity gives another certificate, or %v", err)
	}
	leaf, err := x509.ParseCertificate(first.Certificate[0])
	if err != nil || leaf.IsCA || len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 || !leaf.NotAfter.Equal(forever) {
		t.Errorf("certificate %+v, %v", leaf, err)
	}
	if f := FingerprintOf(first.Certificate[0]); len(f) != 64 || IDOf(f) != f[:32] {
		t.Errorf("fingerprint %q, ID %q", f, IDOf(f))
	}
	if IDOf("") != "" {
		t.Error("IDOf of nothing is something")
	}
}

func TestDamagedIdentityIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, identityFile)
	for _, text := range []string{"", "damaged"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenIdentity(dir); err == nil || !strings.Contains(err.Error(), "pair with all neighbours again") {
			t.Errorf("OpenIdentity of %q: %v, want what to do", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("the file is now %q", got)
		}
	}
}
