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
	"log/slog"
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
	"github.com/pion/dtls/v2/pkg/crypto/prf"
	"github.com/pion/rtp"
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

// roughLine is a carrier that harms what we send.
type roughLine struct {
	*wiretap
	harm func(n int32, p []byte, pass func([]byte)) // our n-th datagram
	mu   sync.Mutex
	sent int32
}

func (r *roughLine) write(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.harm(r.sent, bytes.Clone(p), func(p []byte) { r.wiretap.write(p) })
	r.sent++
	return nil
}

// roughHandshake is a handshake with pion's client, the n-th datagram of which, ours or the client's, is harmed. With late it is known whose
// certificate is right only after the client is done.
func roughHandshake(t *testing.T, e *Engine, certificate tls.Certificate, ours bool, n int32, harm harm, late bool) {
	here, there := udpPair(t)
	spoil := func(mine bool) func(int32, []byte, func([]byte)) {
		var held [][]byte
		return func(i int32, p []byte, pass func([]byte)) {
			if mine == ours && i == n {
				held = harm(p, pass)
				return
			}
			pass(p)
			for _, p := range held {
				pass(p)
			}
			held = nil
		}
	}
	w := &wiretap{Conn: here, sent: make(map[string]int)}
	s := &security{engine: e, leg: &leg{engine: e, log: slog.New(slog.DiscardHandler)}, ctx: t.Context(), known: make(chan struct{})}
	s.line = &roughLine{wiretap: w, harm: spoil(true)}
	var reading sync.WaitGroup
	reading.Go(func() {
		harm := spoil(false)
		buf := make([]byte, bufferSize)
		for i := int32(0); ; i++ {
			n, err := here.Read(buf)
			if err != nil {
				return
			}
			harm(i, bytes.Clone(buf[:n]), s.receive)
		}
	})
	defer reading.Wait()
	defer here.Close()
	if !late {
		s.settle(false, fingerprint(certificate.Certificate[0]))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	peer, err := dtls.ClientWithContext(ctx, there, &dtls.Config{
		Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, FlightInterval: 100 * time.Millisecond, MTU: 250,
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if late {
		if w.keyed() {
			t.Error("keys for a certificate that may be anybody's")
		}
		s.settle(false, fingerprint(certificate.Certificate[0]))
	}
	waitFor(t, "keys", w.keyed)
	state := peer.ConnectionState()
	theirs, err := dtlsKeys(&state, dtls.SRTP_AEAD_AES_128_GCM, true)
	if err != nil {
		t.Fatal(err)
	}
	p := packet(t, rtp.Header{SequenceNumber: 1, SSRC: 1}, "sound")
	h, _ := parseRTP(p)
	sealed := must(t)(theirs.out.seal(slices.Grow(p, 64), h))
	if clear, err := w.keys.Load().in.open(sealed, h); err != nil || !bytes.HasSuffix(clear, []byte("sound")) {
		t.Errorf("sound arrives as %q, %v", clear, err)
	}
	if n := w.encrypted(); n != 1 {
		t.Errorf("%d records were encrypted", n)
	}
}

// harm does something to a datagram, which it may pass, or give back to pass after the next one.
type harm func(p []byte, pass func([]byte)) (held [][]byte)

// Whichever datagram of a handshake is lost, comes twice or comes late, it ends with the same keys at both ends, and with none before it is
// known whose certificate is right.
func TestRoughHandshake(t *testing.T) {
	t.Parallel()
	certificate := ownCertificate(t)
	e := startEngine(t, "23900-23909")
	harms := map[string]harm{
		"lost":  func([]byte, func([]byte)) [][]byte { return nil },
		"twice": func(p []byte, pass func([]byte)) [][]byte { pass(p); pass(p); return nil },
		"late":  func(p []byte, _ func([]byte)) [][]byte { return [][]byte{p} },
	}
	for name, harm := range harms {
		for _, late := range []bool{false, true} {
			for n := range int32(8) {
				for _, ours := range []bool{true, false} {
					if !ours || n < 2 { // we say two things
						t.Run(fmt.Sprintf("%s %d ours %v settled late %v", name, n, ours, late), func(t *testing.T) {
							t.Parallel()
							roughHandshake(t, e, certificate, ours, n, harm, late)
						})
					}
				}
			}
		}
	}
}

// pipeHandshake is a handshake with pion's client through a pipe, in which the client's answer is changed. If it comes to its end all the
// same, state is the client's.
func pipeHandshake(t testing.TB, theirs, ours tls.Certificate, change func(p []byte)) (s *dtlsServer, state dtls.State, size int) {
	t.Helper()
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var client *dtls.Conn
	var shaking sync.WaitGroup
	defer shaking.Wait()
	defer cancel()
	defer here.Close()
	shaken := make(chan struct{})
	shaking.Go(func() {
		defer close(shaken)
		client, _ = dtls.ClientWithContext(ctx, there, &dtls.Config{Certificates: []tls.Certificate{theirs}, InsecureSkipVerify: true, MTU: 8000,
			SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}})
	})
	buf := make([]byte, 8000)
	here.SetDeadline(time.Now().Add(patience))
	n, err := here.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var h hello
	h.add(buf[:n])
	s, ok := newDTLSServer(&h, &ours, favourites())
	if !ok {
		t.Fatal(errNotOurs)
	}
	for _, p := range s.flight() {
		here.Write(p)
	}
	if n, err = here.Read(buf); err != nil {
		t.Fatal(err)
	}
	change(buf[:n])
	if s.receive(buf[:n]) != nil || !s.done() {
		return s, state, n
	}
	for _, p := range s.flight() {
		here.Write(p)
	}
	<-shaken
	if client == nil {
		t.Fatal("the client knows nothing of the end")
	}
	return s, client.ConnectionState(), n
}

// An octet that is changed on its way ends a handshake, or is as if the datagram had been lost, or nothing goes by it: never do the ends have
// different keys.
func TestChangedOnTheWay(t *testing.T) {
	t.Parallel()
	client, ours := ownCertificate(t), ownCertificate(t)
	ended, lost := 0, 0
	for at := 0; ; at += 3 {
		s, state, size := pipeHandshake(t, client, ours, func(p []byte) {
			if at < len(p) {
				p[at] ^= 1 << (at % 8)
			}
		})
		switch {
		case s.done():
			if !bytes.Equal(must(t)(s.ExportKeyingMaterial(exporterLabel, nil, 60)), must(t)(state.ExportKeyingMaterial(exporterLabel, nil, 60))) {
				t.Fatalf("octet %d: other keys", at)
			}
			ended++
		default:
			if _, err := s.ExportKeyingMaterial(exporterLabel, nil, 60); err == nil {
				t.Fatalf("octet %d: keys without a handshake", at)
			}
			lost++
		}
		if at > size {
			break
		}
	}
	if ended == 0 || lost < 10*ended {
		t.Errorf("%d handshakes came to their end, %d did not", ended, lost)
	}
}

func TestFinishProves(t *testing.T) {
	s := &dtlsServer{cipher: dtlsCiphers[0], master: make([]byte, 48), transcript: []byte("all that was said")}
	right := must(t)(prf.VerifyDataClient(s.master, []byte("before"), s.cipher.hash.New))
	for i := range right {
		wrong := bytes.Clone(right)
		wrong[i] ^= 1
		if err := s.finish(wrong, []byte("before")); !errors.Is(err, errFinished) {
			t.Errorf("octet %d is wrong: %v", i, err)
		}
	}
	for _, wrong := range [][]byte{nil, right[:11], append(bytes.Clone(right), 0)} {
		if err := s.finish(wrong, []byte("before")); !errors.Is(err, errFinished) {
			t.Errorf("%x: %v", wrong, err)
		}
	}
}

func TestFlight(t *testing.T) {
	for mtu := 26; mtu < 700; mtu += 7 {
		f := flight{mtu: mtu}
		bodies := [][]byte{bytes.Repeat([]byte("hello"), 20), []byte("a"), bytes.Repeat([]byte("certificate"), 50), {}}
		for i, body := range bodies {
			f.add(byte(i+1), uint16(i), body)
		}
		next := f.number(100)
		got, number := make([]handshakeMessage, len(bodies)), uint64(100)
		for _, p := range f.datagrams {
			if len(p) > mtu {
				t.Fatalf("mtu %d: %d octets", mtu, len(p))
			}
			for r := range records(p) {
				if !bytes.Equal(r.whole[5:11], []byte{0, 0, 0, 0, byte(number >> 8), byte(number)}) {
					t.Fatalf("mtu %d: record %d is % x", mtu, number, r.whole[:recordHeader])
				}
				number++
				for part := range fragments(r.body()) {
					got[part.seq].add(part)
				}
			}
		}
		for i, body := range bodies[:3] {
			if !got[i].complete() || !bytes.Equal(got[i].body, body) || int(got[i].kind) != i+1 {
				t.Fatalf("mtu %d: message %d is %q", mtu, i, got[i].body)
			}
		}
		if next != number {
			t.Errorf("mtu %d: next %d, want %d", mtu, next, number)
		}
	}
}

// Whatever comes instead of the client's answer: no keys, nothing said but one alert, and nothing is kept beyond a bound.
func FuzzDTLSServer(f *testing.F) {
	whole := clientHello(f, dtls.SRTP_AEAD_AES_128_GCM)[0]
	certificate := ownCertificate(f)
	own := certificate.Certificate[0]
	answer := flight{mtu: handshakeMTU}
	size := len(own)
	answer.add(11, 1, slices.Concat([]byte{0, byte((size + 3) >> 8), byte(size + 3), 0, byte(size >> 8), byte(size)}, own))
	answer.add(16, 2, append([]byte{32, 9}, make([]byte, 31)...))
	answer.add(15, 3, []byte{4, 3, 0, 2, 1, 1})
	f.Add(whole, bytes.Join(answer.datagrams, nil), 700)
	f.Add(whole, slices.Concat(appendRecord(nil, recordAlert, 2), []byte{2, 40}), 3)
	f.Add(whole, slices.Concat([]byte{22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 30}, make([]byte, 30)), 3)
	f.Fuzz(func(t *testing.T, first, p []byte, cut int) {
		var h hello
		h.add(first)
		s, ok := newDTLSServer(&h, &certificate, favourites())
		if !ok {
			return
		}
		said := 0
		for _, d := range s.flight() {
			said += len(d)
		}
		if said > 2*handshakeMTU {
			t.Errorf("%d octets are answered to %d", said, len(first))
		}
		cut = max(0, min(cut, len(p)))
		for range maxEarlyRecords {
			for _, part := range [][]byte{p[:cut], p[cut:], p} {
				s.asked.repeats(part)
				if s.receive(part) != nil {
					break
				}
			}
		}
		kept := 0
		for _, m := range s.inbox {
			kept += len(m.body)
		}
		if s.done() || len(s.early) > maxEarlyRecords || kept > len(s.inbox)*maxMessage || len(s.transcript) > 8*maxMessage {
			t.Errorf("done %v, %d early records, %d octets kept", s.done(), len(s.early), kept)
		}
		if _, err := s.ExportKeyingMaterial(exporterLabel, nil, 60); err == nil {
			t.Error("keys for nobody")
		}
	})
}
