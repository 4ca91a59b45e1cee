package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority makes a CA of that name.
func authority(t *testing.T, name string, isCA bool) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestRead(t *testing.T) {
	good := authority(t, "Cordboard 12AB front.local", true)
	key := "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	for _, tt := range []struct {
		name, text, want string
	}{
		{"a CA", string(good), ""},
		{"its file with the key", key + string(good) + key, ""},
		{"nothing", "", "there is no certificate"},
		{"a key alone", key, "there is no certificate"},
		{"damaged", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "read authority: x509"},
		{"a server's", string(authority(t, "front.local", false)), "not that of an authority"},
		{"a name like an option", string(authority(t, "-d", true)), "can't be used"},
		{"a name with a line end", string(authority(t, "a\nb", true)), "can't be used"},
	} {
		ca, err := Read([]byte(tt.text))
		switch {
		case tt.want == "" && (err != nil || string(ca.text) != string(good)):
			t.Errorf("%s: %v, %q", tt.name, err, ca.text)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Browsers' lists take the authority and lose it again, by Mozilla's own program.
func TestBrowsers(t *testing.T) {
	if _, err := exec.LookPath("certutil"); err != nil {
		t.Skip("certutil is not installed")
	}
	home := filepath.Join(t.TempDir(), "a [home]*")
	profile := filepath.Join(home, ".mozilla", "firefox", "x.default")
	if err := os.MkdirAll(profile, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t.Context(), "certutil", "-d", "sql:"+profile, "-N", "--empty-password"); err != nil {
		t.Fatal(err)
	}
	ca, err := Read(authority(t, "Cordboard 12AB front.local", true))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Read(authority(t, ca.Name, true)) // which an earlier installation may have left
	if err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(home, ".local", "share", "pki", "nssdb") // where Chromium made one before
	if err := nssAdd(t.Context(), newer, ca); err != nil {
		t.Fatal(err)
	}
	all := browsers(home, "")
	if names := []string{all[0].Name, all[len(all)-1].Name}; len(all) != 2 || !slices.Equal(names, []string{"Chromium and Chrome", "Firefox"}) {
		t.Fatalf("lists of %q", names)
	}
	for _, l := range all {
		if l.Has(t.Context(), ca) {
			t.Errorf("%s trusts it from the start", l.Name)
		}
		for range 2 { // the second time it is there
			if err := l.Add(t.Context(), ca); err != nil {
				t.Fatalf("%s: %v", l.Name, err)
			}
		}
		if !l.Has(t.Context(), ca) || !nssHas(t.Context(), newer, ca) || l.Has(t.Context(), other) {
			t.Errorf("%s: trusts it %v, another of its name %v", l.Name, l.Has(t.Context(), ca), l.Has(t.Context(), other))
		}
	}
	if out, err := run(t.Context(), "certutil", "-d", "sql:"+filepath.Join(home, ".pki", "nssdb"), "-L"); err != nil || !strings.Contains(out, ca.Name+" ") || !strings.Contains(out, "C,,") {
		t.Errorf("certutil lists %s, %v", out, err)
	}
	for _, l := range all {
		for range 2 {
			if err := l.Remove(t.Context(), ca); err != nil {
				t.Errorf("%s: %v", l.Name, err)
			}
		}
		if l.Has(t.Context(), ca) || nssHas(t.Context(), newer, ca) {
			t.Errorf("%s trusts it still", l.Name)
		}
	}
}

// The system's folder is written and its command run; here root has a folder of its own.
func TestStore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root changes a system's list without being asked")
	}
	folder := filepath.Join(t.TempDir(), "it's here")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(folder, "ran")
	l := store{folder, []string{"touch", ran}}.list()
	ca, err := Read(authority(t, "Cordboard 12AB front.local", true))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), ca); err != nil || !l.Has(t.Context(), ca) {
		t.Fatalf("added: %v", err)
	}
	if _, err := os.Stat(ran); err != nil {
		t.Errorf("the command was not run: %v", err)
	}
	if err := l.Remove(t.Context(), ca); err != nil || l.Has(t.Context(), ca) {
		t.Errorf("removed: %v", err)
	}
	l = store{filepath.Join(folder, "missing"), []string{"true"}}.list()
	if err := l.Add(t.Context(), ca); err == nil || !strings.Contains(err.Error(), "this machine") {
		t.Errorf("no folder: %v", err)
	}
}

func TestLacking(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	ca, err := Read(authority(t, "Cordboard 12AB front.local", true))
	if err != nil {
		t.Fatal(err)
	}
	l := browsers(t.TempDir(), "")[0]
	if err := l.Add(context.Background(), ca); err == nil || !strings.Contains(err.Error(), "libnss3-tools") || l.Has(t.Context(), ca) {
		t.Errorf("without certutil: %v", err)
	}
}
