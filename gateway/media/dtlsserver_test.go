package media

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	pioncurve "github.com/pion/dtls/v2/pkg/crypto/elliptic"
)

// errNotOurs reports a ClientHello that is left to pion.
var errNotOurs = errors.New("left to pion")

// handServer is a server's side of one handshake by hand. With cut its flight is cut into datagrams of so many octets; then all that is sent
// comes twice, with backward last first, and so does all that is received.
func handServer(conn net.PacketConn, certificate tls.Certificate, cut int, backward bool) (*dtlsServer, error) {
	var h hello
	buf := make([]byte, bufferSize)
	conn.SetReadDeadline(time.Now().Add(patience))
	var peer net.Addr
	for done := false; !done; {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return nil, err
		}
		peer, done = from, h.add(buf[:n])
	}
	s, ok := newDTLSServer(&h, &certificate, favourites())
	if !ok {
		return nil, errNotOurs
	}
	if cut > 0 {
		small := flight{mtu: cut}
		for _, p := range s.out.datagrams {
			for r := range records(p) {
				for f := range fragments(r.body()) {
					small.add(f.kind, f.seq, f.data)
				}
			}
		}
		s.out = small
	}
	say := func() {
		all := slices.Clone(s.flight())
		if cut > 0 {
			if backward {
				slices.Reverse(all)
			}
			all = slices.Concat(all, all)
		}
		for _, p := range all {
			conn.WriteTo(p, peer)
		}
	}
	say()
	for end := time.Now().Add(patience); !s.done(); {
		var heard [][]byte
		conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			heard = append(heard, bytes.Clone(buf[:n]))
			if cut == 0 {
				break
			}
			conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		}
		if cut > 0 {
			slices.Reverse(heard)
			heard = slices.Concat(heard, heard)
		}
		for _, p := range heard {
			if err := s.receive(p); err != nil {
				return s, err
			}
		}
		if len(heard) == 0 {
			say()
		}
		if time.Now().After(end) {
			return s, os.ErrDeadlineExceeded
		}
	}
	say()
	return s, nil
}

func ownCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// withKey is a certificate of a key.
func withKey(t testing.TB, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// keyKinds are certificates as clients have them.
func keyKinds(t testing.TB) map[string]tls.Certificate {
	_, ed, err1 := ed25519.GenerateKey(rand.Reader)
	p256, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err3 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, err4 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return map[string]tls.Certificate{"Ed25519": withKey(t, ed), "P-256": withKey(t, p256), "P-384": withKey(t, p384), "RSA": withKey(t, rsaKey)}
}

// exporterLabel is that of RFC 5764 §4.2.
const exporterLabel = "EXTRACTOR-dtls_srtp"

// Pion's client agrees with us on all that we take, however the handshake is cut, repeated and disordered, and has the same keys then.
// What we don't take is left to pion.
func TestServesPion(t *testing.T) {
	t.Parallel()
	kinds := keyKinds(t)
	for _, tt := range []struct {
		name   string
		kind   string
		change func(c *dtls.Config)
		want   error
	}{
		{name: "usual"},
		{name: "AES-256", change: func(c *dtls.Config) {
			c.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}},
		{name: "P-256", change: func(c *dtls.Config) { c.EllipticCurves = []pioncurve.Curve{pioncurve.P256} }},
		{name: "X25519", change: func(c *dtls.Config) { c.EllipticCurves = []pioncurve.Curve{pioncurve.X25519} }},
		{name: "P-384 first", change: func(c *dtls.Config) { c.EllipticCurves = []pioncurve.Curve{pioncurve.P384, pioncurve.X25519} }},
		{name: "certificate P-384", kind: "P-384"},
		{name: "certificate RSA", kind: "RSA"},
		{name: "certificate Ed25519", kind: "Ed25519"},
		{name: "small datagrams", change: func(c *dtls.Config) { c.MTU = 200 }},
		{name: "no certificate", change: func(c *dtls.Config) { c.Certificates = nil }, want: errUncertified},
		{name: "somebody's certificate", change: func(c *dtls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: c.Certificates[0].Certificate, PrivateKey: ownCertificate(t).PrivateKey}}
		}, want: errUnproved},
		{name: "curve", change: func(c *dtls.Config) { c.EllipticCurves = []pioncurve.Curve{pioncurve.P384} }, want: errNotOurs},
		{name: "cipher", change: func(c *dtls.Config) {
			c.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}, want: errNotOurs},
		{name: "no extended master secret", change: func(c *dtls.Config) { c.ExtendedMasterSecret = dtls.DisableExtendedMasterSecret }, want: errNotOurs},
		{name: "no SRTP", change: func(c *dtls.Config) { c.SRTPProtectionProfiles = nil }, want: errNotOurs},
	} {
		for _, cut := range []int{0, 100, 500} {
			t.Run(fmt.Sprint(tt.name, " cut ", cut), func(t *testing.T) {
				t.Parallel()
				kind := tt.kind
				if kind == "" {
					kind = "P-256"
				}
				config := &dtls.Config{
					Certificates: []tls.Certificate{kinds[kind]}, InsecureSkipVerify: true, FlightInterval: 300 * time.Millisecond,
					SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM},
				}
				if tt.change != nil {
					tt.change(config)
				}
				here, err := net.ListenPacket("udp4", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer here.Close()
				there, err := net.Dial("udp4", here.LocalAddr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer there.Close()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var client *dtls.Conn
				var refused error
				var shaking sync.WaitGroup
				shaking.Go(func() { client, refused = dtls.ClientWithContext(ctx, there, config) })
				s, err := handServer(here, ownCertificate(t), cut, false) // pion's client can't have it backward
				if !errors.Is(err, tt.want) {
					t.Fatalf("ended with %v, want %v", err, tt.want)
				}
				if tt.want != nil {
					cancel()
				}
				shaking.Wait()
				if tt.want != nil {
					return
				}
				if refused != nil {
					t.Fatal(refused)
				}
				defer client.Close()
				state := client.ConnectionState()
				theirs := must(t)(state.ExportKeyingMaterial(exporterLabel, nil, 60))
				if ours := must(t)(s.ExportKeyingMaterial(exporterLabel, nil, 60)); !bytes.Equal(ours, theirs) {
					t.Errorf("keys %x, client's are %x", ours, theirs)
				}
				if profile, _ := client.SelectedSRTPProtectionProfile(); profile != s.profile || profile != favourites()[0] {
					t.Errorf("profile %v, client's is %v", s.profile, profile)
				}
				if !bytes.Equal(s.peer.Raw, config.Certificates[0].Certificate[0]) {
					t.Error("other certificate")
				}
			})
		}
	}
}

// OpenSSL's client, too, has the same keys.
func TestServesOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	for kind, certificate := range keyKinds(t) {
		dir := t.TempDir()
		key := must(t)(x509.MarshalPKCS8PrivateKey(certificate.PrivateKey))
		for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}, "key": {Type: "PRIVATE KEY", Bytes: key}} {
			if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for args, cut := range map[string]int{"-groups X25519:P-256": 0, "-groups P-256": 256, "-cipher ECDHE-ECDSA-AES256-GCM-SHA384": 256, "-mtu 320": 0} {
			t.Run(fmt.Sprint(kind, args, " cut ", cut), func(t *testing.T) {
				t.Parallel()
				here, err := net.ListenPacket("udp4", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer here.Close()
				all := append([]string{"s_client", "-dtls1_2", "-timeout", "-connect", here.LocalAddr().String(), "-use_srtp", "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM",
					"-cert", filepath.Join(dir, "cert"), "-key", filepath.Join(dir, "key"), "-keymatexport", exporterLabel, "-keymatexportlen", "60"}, strings.Fields(args)...)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				client := exec.CommandContext(ctx, openssl, all...)
				var said bytes.Buffer
				client.Stdout, client.Stderr = &said, &said
				stdin, err := client.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := client.Start(); err != nil {
					t.Fatal(err)
				}
				s, err := handServer(here, ownCertificate(t), cut, true)
				if err == nil {
					here.SetReadDeadline(time.Now().Add(patience))
					stdin.Write([]byte("hello\n")) // proves that it heard the end, and is done then
					here.ReadFrom(make([]byte, bufferSize))
				}
				stdin.Close()
				client.Wait()
				if err != nil {
					t.Fatalf("%v\n%s", err, &said)
				}
				ours := strings.ToUpper(hex.EncodeToString(must(t)(s.ExportKeyingMaterial(exporterLabel, nil, 60))))
				theirs := regexp.MustCompile(`Keying material: (\w+)`).FindStringSubmatch(said.String())
				if theirs == nil || theirs[1] != ours || !bytes.Equal(s.peer.Raw, certificate.Certificate[0]) {
					t.Errorf("keys %s, client's are %v\n%s", ours, theirs, &said)
				}
			})
		}
	}
}
