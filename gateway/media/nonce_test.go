package media

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
)

// wiretap is a carrier that remembers the encrypted records that were sent by it.
type wiretap struct {
	net.Conn
	keys atomic.Pointer[keys]
	mu   sync.Mutex
	sent map[string]int
}

func (w *wiretap) at() *netip.AddrPort {
	at := w.RemoteAddr().(*net.UDPAddr).AddrPort()
	return &at
}

func (w *wiretap) keyed() bool     { return w.keys.Load() != nil }
func (w *wiretap) install(k *keys) { w.keys.Store(k) }

func (w *wiretap) write(p []byte) error {
	w.mu.Lock()
	for rest := p; len(rest) >= recordHeader; {
		size := min(recordHeader+int(binary.BigEndian.Uint16(rest[11:])), len(rest))
		if binary.BigEndian.Uint16(rest[3:]) > 0 {
			w.sent[string(rest[:size])]++
		}
		rest = rest[size:]
	}
	w.mu.Unlock()
	_, err := w.Conn.Write(p)
	return err
}

// encrypted are the records, repeated ones once.
func (w *wiretap) encrypted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

// dtls/v2 draws its AES-GCM nonces (RFC 5288 §3) at random, which is no harm to an association that encrypts one record in its life:
// two among 2^64 would have to meet. We say nothing but Finished, whatever the other side says after the handshake, and what is
// repeated is repeated octet by octet.
func TestOneRecordIsEncrypted(t *testing.T) {
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		client bool
	}{{"we are the client", true}, {"we are the server", false}} {
		t.Run(tt.name, func(t *testing.T) {
			e := startEngine(t, "21900-21919")
			here, there := udpPair(t)
			w := &wiretap{Conn: here, sent: make(map[string]int)}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := &security{engine: e, leg: &leg{engine: e, log: slog.New(slog.DiscardHandler)}, ctx: ctx, line: w, known: make(chan struct{})}
			var reading sync.WaitGroup
			reading.Go(func() {
				buf := make([]byte, bufferSize)
				for {
					n, err := here.Read(buf)
					if err != nil {
						return
					}
					s.receive(buf[:n])
				}
			})
			defer reading.Wait()
			defer here.Close()
			shake := dtls.ClientWithContext
			if tt.client {
				shake = dtls.ServerWithContext
			}
			s.settle(tt.client, fingerprint(certificate.Certificate[0]))
			limited, stop := context.WithTimeout(ctx, patience)
			defer stop()
			peer, err := shake(limited, there, &dtls.Config{Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert,
				SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}, ExtendedMasterSecret: dtls.RequireExtendedMasterSecret})
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, "keys", w.keyed)
			for range 50 {
				peer.Write([]byte("application data"))
			}
			peer.Close() // an alert, which others answer
			s.receive([]byte{recordChange, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1})
			if n := w.encrypted(); n != 1 {
				t.Errorf("%d records were encrypted, want 1", n)
			}
		})
	}
}

// udpPair is two connected sockets.
func udpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	first, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.DialUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()}, first.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	at := first.LocalAddr().(*net.UDPAddr)
	first.Close()
	connected, err := net.DialUDP("udp4", at, second.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connected.Close(); second.Close() })
	return connected, second
}
