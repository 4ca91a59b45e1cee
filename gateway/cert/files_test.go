package cert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair gives certificate and key as a public CA and its client would leave them.
func pair(t *testing.T, name string, now time.Time) (cert, key []byte) {
	t.Helper()
	ca, _, err := newAuthority([]string{name}, now)
	if err != nil {
		t.Fatal(err)
	}
	both, err := ca.issue([]string{name}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	_, key, found := bytes.Cut(both, []byte("-----END CERTIFICATE-----\n"))
	if !found {
		t.Fatalf("no key in %s", both)
	}
	return bytes.TrimSuffix(both, key), key
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOwnFiles(t *testing.T) {
	now := time.Now()
	cert, key := pair(t, "office.example", now)
	otherCert, otherKey := pair(t, "office.example", now)
	late, lateKey := pair(t, "office.example", now.AddDate(0, -6, 0))
	early, earlyKey := pair(t, "office.example", now.AddDate(0, 6, 0))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	garbage := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	badKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	folder := []byte("folder") // makes a folder instead of a file
	for _, tt := range []struct {
		what      string
		cert, key []byte // nil: missing
		fault     string // CERT and KEY stand for the files
		log       string
	}{
		{"right", cert, key, "", "certificate loaded"},
		{"chain, both in each", append(append(append([]byte{}, cert...), otherCert...), key...), append(append([]byte{}, cert...), key...), "", "certificate loaded"},
		{"clock is slow", early, earlyKey, "", "check this machine's clock"},
		{"no certificate file", nil, key, "certificate file CERT is missing; put it there", ""},
		{"no key file", cert, nil, "key file KEY is missing; put it there", ""},
		{"certificate is a folder", folder, key, "certificate file CERT can't be read; let the user", ""},
		{"key is a folder", cert, folder, "key file KEY can't be read; let the user", ""},
		{"empty certificate", []byte{}, key, "certificate file CERT can't be used: it has no certificate", ""},
		{"files exchanged", key, cert, "certificate file CERT can't be used: it has no certificate", ""},
		{"broken certificate", garbage, key, "certificate file CERT can't be used", ""},
		{"certificate as key", cert, cert, "key file KEY can't be used: it has no private key", ""},
		{"encrypted key", cert, encrypted, "key file KEY can't be used: it is encrypted", ""},
		{"broken key", cert, badKey, "key file KEY can't be used; write it again", ""},
		{"of another certificate", cert, otherKey, "key file KEY does not belong to certificate file CERT", ""},
		{"chain the wrong way round", append(append([]byte{}, otherCert...), cert...), key, "with the server's certificate first", ""},
		{"expired", late, lateKey, "certificate file CERT expired on 20", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dir := t.TempDir()
			cfg := Config{Cert: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
			for path, data := range map[string][]byte{cfg.Cert: tt.cert, cfg.Key: tt.key} {
				switch {
				case bytes.Equal(data, folder):
					if err := os.Mkdir(path, 0o700); err != nil {
						t.Fatal(err)
					}
				case data != nil:
					write(t, path, data)
				}
			}
			log, text := logger()
			k, err := Open(cfg, filepath.Join(dir, "unused"), []string{"office.example", "front.local"}, []netip.Addr{lan}, log)
			if tt.fault != "" {
				want := strings.NewReplacer("CERT", cfg.Cert, "KEY", cfg.Key).Replace(tt.fault)
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Open = %v, want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.CA() != nil || len(k.Fingerprint()) != 95 {
				t.Errorf("CA %s, fingerprint %s", k.CA(), k.Fingerprint())
			}
			if !strings.Contains(text.String(), tt.log) {
				t.Errorf("log %s, want %q", text, tt.log)
			}
			if _, err := os.Stat(filepath.Join(dir, "unused")); err == nil {
				t.Error("a folder for the local CA was made")
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg   Config
		fault string
	}{{Config{}, ""}, {Config{"c", "k"}, ""}, {Config{Cert: "c"}, "key: missing"}, {Config{Key: "k"}, "cert: missing"}} {
		err := tt.cfg.Validate()
		if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.fault)
		}
		if tt.fault != "" {
			if _, err := Open(tt.cfg, t.TempDir(), names, nil, nil); err == nil {
				t.Errorf("%+v: opened", tt.cfg)
			}
		}
	}
}

// Another program renews the files, first one, then the other.
func TestRunReadsAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(built.AddDate(1, 0, 0)))
		cert, key := pair(t, "office.example", time.Now().AddDate(0, 0, -70))
		cfg := Config{Cert: write(t, filepath.Join(dir, "c.pem"), cert), Key: write(t, filepath.Join(dir, "k.pem"), key)}
		log, text := logger()
		k, err := Open(cfg, dir, []string{"office.example", "other.example"}, nil, log)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text.String(), "not for this name"); n != 1 || !strings.Contains(text.String(), "name=other.example") {
			t.Errorf("log %s, want it to tell that other.example is missing", text)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		serves := func(cert []byte) bool {
			synctest.Wait()
			got, err := handshake(t, k.TLSConfig(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := x509.ParseCertificate(decodeOne(cert))
			return got.Equal(want)
		}
		time.Sleep(10*24*time.Hour + checkEvery)
		synctest.Wait()
		if n := strings.Count(text.String(), "ends soon"); n < 4 || n > 5 {
			t.Errorf("%d reminders in the last days, want one a day", n)
		}
		newCert, newKey := pair(t, "office.example", time.Now())
		write(t, cfg.Cert, newCert)
		time.Sleep(10 * checkEvery)
		if !serves(cert) {
			t.Error("serves half-renewed files")
		}
		if n := strings.Count(text.String(), "does not belong"); n != 1 {
			t.Errorf("told %d times that the files don't match, want once", n)
		}
		write(t, cfg.Key, newKey)
		time.Sleep(checkEvery)
		if !serves(newCert) {
			t.Error("does not serve the renewed files")
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
