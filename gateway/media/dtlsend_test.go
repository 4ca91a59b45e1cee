package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/elliptic"
	"github.com/pion/rtp"
)

// endLine is a carrier that calls back when our last flight has left, before anything else of ours goes on.
type endLine struct {
	*wiretap
	ended func()
}

func (l *endLine) write(p []byte) error {
	err := l.wiretap.write(p)
	if finishing(p) {
		l.ended()
	}
	return err
}

// Whoever has our last flight may send at once, and is understood; what we send leaves after that flight. That it is not known whose
// certificate is right keeps both from going on, and nothing else.
func TestKeysBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for name, curve := range map[string]elliptic.Curve{"ours": elliptic.X25519, "pion's": elliptic.P384} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate := ownCertificate(t)
			e := &Engine{certificate: ownCertificate(t), ctx: t.Context()}
			here, there := udpPair(t)
			line := &endLine{wiretap: &wiretap{Conn: here, sent: make(map[string]int)}}
			s := &security{engine: e, leg: &leg{engine: e, log: slog.New(slog.DiscardHandler)}, ctx: t.Context(), line: line, known: make(chan struct{})}
			var shaken, spoken sync.WaitGroup
			var client *dtls.Conn
			var refused error
			sound := func() ([]byte, rtpHeader) {
				p := packet(t, rtp.Header{SequenceNumber: 1, SSRC: 1}, "sound")
				h, _ := parseRTP(p)
				return slices.Grow(p, maxOverhead), h
			}
			spoke := make(chan error, 1)
			line.ended = func() {
				shaken.Wait()
				k := line.keys.Load()
				if refused != nil || k == nil {
					t.Errorf("at the end: client's error %v, keys %v", refused, k != nil)
					return
				}
				state := client.ConnectionState()
				theirs, err := dtlsKeys(&state, dtls.SRTP_AEAD_AES_128_GCM, true)
				if err != nil {
					t.Error(err)
					return
				}
				p, h := sound()
				sealed, _ := theirs.out.seal(p, h)
				if clear, err := k.in.open(sealed, h); err != nil || !bytes.HasSuffix(clear, []byte("sound")) {
					t.Errorf("sound arrives as %q, %v", clear, err)
				}
				spoken.Go(func() {
					p, h := sound()
					_, err := k.out.seal(p, h)
					spoke <- err
				})
				select {
				case <-spoke:
					t.Error("what we send overtakes our last flight")
				case <-time.After(20 * time.Millisecond):
				}
			}
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
			s.settle(false, fingerprint(certificate.Certificate[0]))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			shaken.Go(func() {
				client, refused = dtls.ClientWithContext(ctx, there, &dtls.Config{
					Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, EllipticCurves: []elliptic.Curve{curve},
					SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
				})
			})
			shaken.Wait()
			if refused != nil {
				t.Fatal(refused)
			}
			defer client.Close()
			select {
			case err := <-spoke:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Error("we send nothing")
			}
			spoken.Wait()
		})
	}
}
