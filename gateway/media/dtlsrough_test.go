package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
)

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
