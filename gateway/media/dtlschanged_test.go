package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/prf"
)

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
