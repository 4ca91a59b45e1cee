package cert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	names = []string{"front.local", "office.example"}
	lan   = netip.MustParseAddr("192.168.1.5")
)

// logger writes to a buffer that the test may read.
func logger() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func open(t *testing.T, dir string, names []string, ips ...netip.Addr) (*Keeper, *bytes.Buffer) {
	t.Helper()
	log, text := logger()
	k, err := Open(Config{}, dir, names, ips, log)
	if err != nil {
		t.Fatal(err)
	}
	return k, text
}

// leaf gets the certificate as a client does that trusts the CA, checked for name.
func leaf(t *testing.T, k *Keeper, name string) (*x509.Certificate, error) {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(k.CA()) {
		t.Fatal("no CA")
	}
	return handshake(t, k.TLSConfig(), &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"h2", "http/1.1"}})
}

func handshake(t *testing.T, server, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		tls.Server(b, server).Handshake() // the client's view is the one that counts
		b.Close()
	}()
	c := tls.Client(a, client)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("negotiated %q, want http/1.1", p)
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

func TestNamesAndAddresses(t *testing.T) {
	k, text := open(t, t.TempDir(), []string{"Front.local.", "office.example", "under_score.local", "", "fd00::7", "front.local"}, lan, lan,
		netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("203.0.113.9"),
		netip.MustParseAddr("2001:db8::1"), netip.Addr{}, netip.IPv4Unspecified(), netip.MustParseAddr("224.0.0.251"))
	for name, good := range map[string]bool{
		"front.local": true, "office.example": true, "localhost": true, "192.168.1.5": true, "127.0.0.1": true, "::1": true, "fe80::1": true,
		"fd00::7": true, "10.0.0.1": true, "203.0.113.9": false, "2001:db8::1": false, "other.local": false, "192.168.1.6": false,
	} {
		if _, err := leaf(t, k, name); (err == nil) != good {
			t.Errorf("connect to %s: %v, want success %v", name, err, good)
		}
	}
	if got, err := leaf(t, k, "localhost"); err == nil {
		if want := []string{"front.local", "office.example", "localhost"}; !slices.Equal(got.DNSNames, want) || got.Subject.CommonName != "front.local" {
			t.Errorf("names %v of %v, want %v", got.DNSNames, got.Subject, want)
		}
	}
	for _, want := range []string{"name=under_score.local", "203.0.113.9", "2001:db8::1"} {
		if strings.Count(text.String(), want) != 1 {
			t.Errorf("log does not tell once of %s:\n%s", want, text)
		}
	}
}

func TestKeptAcrossRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	first, _ := open(t, dir, names, lan)
	before, err := leaf(t, first, "front.local")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("files %v, %v, want two", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder has mode %v, %v, want 0700", info.Mode(), err)
	}
	again, text := open(t, dir, names, lan)
	after, err := leaf(t, again, "front.local")
	if err != nil || !after.Equal(before) || text.Len() > 0 {
		t.Errorf("a restart changed the certificate: %v, log %s", err, text)
	}
	if again.Fingerprint() != first.Fingerprint() || len(first.Fingerprint()) != 95 || bytes.Contains(first.CA(), []byte("PRIVATE")) {
		t.Errorf("fingerprints %s and %s, CA\n%s", first.Fingerprint(), again.Fingerprint(), first.CA())
	}
}

func TestChangedNames(t *testing.T) {
	for _, tt := range []struct {
		what  string
		names []string
		ips   []netip.Addr
		newCA bool
	}{
		{"the same", names, []netip.Addr{lan}, false},
		{"another address", names, []netip.Addr{netip.MustParseAddr("10.1.1.1")}, false},
		{"a public address more", names, []netip.Addr{lan, netip.MustParseAddr("203.0.113.9")}, false},
		{"another machine name", []string{"back.local", "office.example"}, []netip.Addr{lan}, false},
		{"a name below the domain", []string{"front.local", "phone.office.example"}, []netip.Addr{lan}, false},
		{"another domain", []string{"front.local", "office.test"}, []netip.Addr{lan}, true},
		{"a name that ends alike", []string{"front.local", "myoffice.example"}, []netip.Addr{lan}, true},
		{"a short name", []string{"front"}, nil, true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dir := t.TempDir()
			k, _ := open(t, dir, names, lan)
			ca := k.CA()
			restarted, text := open(t, dir, tt.names, tt.ips...)
			if err := k.Update(tt.names, tt.ips); err != nil {
				t.Fatal(err)
			}
			for what, k := range map[string]*Keeper{"restart": restarted, "update": k} {
				if _, err := leaf(t, k, tt.names[len(tt.names)-1]); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				if bytes.Equal(k.CA(), ca) == tt.newCA {
					t.Errorf("%s: new CA should be %v", what, tt.newCA)
				}
			}
			old, err := os.ReadFile(filepath.Join(dir, "ca.pem.old"))
			if told := strings.Contains(text.String(), "must trust the new one again"); told != tt.newCA || (err == nil) != tt.newCA {
				t.Errorf("old file: %v, log %s", err, text)
			}
			if tt.newCA && len(old) == 0 {
				t.Error("the old CA was not kept")
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	for _, tt := range []struct {
		what  string
		spoil func(dir string) error
		newCA bool
		fault bool // Open fails
	}{
		{"leaf gone", func(dir string) error { return os.Remove(filepath.Join(dir, leafFile)) }, false, false},
		{"leaf cut", func(dir string) error { return os.Truncate(filepath.Join(dir, leafFile), 200) }, false, false},
		{"leaf empty", func(dir string) error { return os.Truncate(filepath.Join(dir, leafFile), 0) }, false, false},
		{"leaf is the CA", func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, caFile))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, leafFile), data, 0o600))
		}, false, false},
		{"CA is the leaf", func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, leafFile))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, caFile), data, 0o600))
		}, true, false},
		{"CA gone", func(dir string) error { return os.Remove(filepath.Join(dir, caFile)) }, true, false},
		{"CA cut", func(dir string) error { return os.Truncate(filepath.Join(dir, caFile), 200) }, true, false},
		{"CA can't be read", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, caFile)), os.Mkdir(filepath.Join(dir, caFile), 0o700))
		}, false, true},
		{"unfinished files", func(dir string) error {
			var err error
			for _, name := range []string{"ca.pem.new1", "server.pem.new2"} {
				path := filepath.Join(dir, name)
				err = errors.Join(err, os.WriteFile(path, []byte("half"), 0o600), os.Chtimes(path, time.Time{}, time.Now().Add(-2*time.Hour)))
			}
			return err
		}, false, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dir := t.TempDir()
			k, _ := open(t, dir, names, lan)
			ca := k.CA()
			if err := tt.spoil(dir); err != nil {
				t.Fatal(err)
			}
			log, _ := logger()
			k, err := Open(Config{}, dir, names, []netip.Addr{lan}, log)
			if tt.fault {
				if err == nil || !strings.Contains(err.Error(), caFile) {
					t.Errorf("Open = %v, want an error that names the file", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := leaf(t, k, "office.example"); err != nil {
				t.Error(err)
			}
			if bytes.Equal(k.CA(), ca) == tt.newCA {
				t.Errorf("new CA should be %v", tt.newCA)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*"+tempMark+"*")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// A year passes, then ten; nobody restarts anything.
func TestRunRenews(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(built.AddDate(0, 6, 0)))
		k, text := open(t, dir, names, lan)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		ca := k.CA()
		first, err := leaf(t, k, "front.local")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * 24 * time.Hour)
		synctest.Wait()
		if same, err := leaf(t, k, "front.local"); err != nil || !same.Equal(first) {
			t.Errorf("renewed too early, or %v", err)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		second, err := leaf(t, k, "front.local")
		if err != nil || second.Equal(first) || time.Until(second.NotAfter) < 89*24*time.Hour {
			t.Errorf("not renewed 30 days before the end: %v, %v", second.NotAfter, err)
		}
		if !bytes.Equal(k.CA(), ca) {
			t.Error("another CA after two months")
		}
		if restarted, _ := open(t, dir, names, lan); !bytes.Equal(restarted.current.Load().Certificate[0], second.Raw) {
			t.Error("the renewed certificate was not kept")
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if n := strings.Count(text.String(), "certificate issued"); n != 2 {
			t.Errorf("%d certificates issued, want 2", n)
		}
	})
}

// The clock of a machine without battery starts in 2000 here, then jumps; the CA survives
// that, and ends only after ten years.
func TestClock(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k, _ := open(t, dir, names, lan)
		ca := k.CA()
		for _, at := range []time.Time{built, built.AddDate(0, 3, 0), built.AddDate(9, 8, 0)} {
			time.Sleep(time.Until(at))
			if err := k.refresh(time.Now()); err != nil {
				t.Fatal(err)
			}
			if _, err := leaf(t, k, "front.local"); err != nil || !bytes.Equal(k.CA(), ca) {
				t.Errorf("in %v: %v", at, err)
			}
		}
		time.Sleep(time.Until(built.AddDate(9, 10, 0)))
		if err := k.refresh(time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := leaf(t, k, "front.local"); err != nil || bytes.Equal(k.CA(), ca) {
			t.Errorf("no new CA before the end of the old one: %v", err)
		}
	})
}
