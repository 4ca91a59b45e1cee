package media

import (
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v2/pkg/crypto/prf"
	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/alert"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"golang.org/x/crypto/cryptobyte"
)

// maxEarlyRecords bounds the encrypted records that came before the keys to read them.
const maxEarlyRecords = 8

// The ways to sign that we can check (RFC 5246 §7.4.1.4.1), by their numbers; the client is told all.
var signatures = []struct {
	scheme    tls.SignatureScheme
	algorithm x509.SignatureAlgorithm
}{
	{tls.ECDSAWithP256AndSHA256, x509.ECDSAWithSHA256}, {tls.ECDSAWithP384AndSHA384, x509.ECDSAWithSHA384}, {tls.ECDSAWithP521AndSHA512, x509.ECDSAWithSHA512},
	{tls.PKCS1WithSHA256, x509.SHA256WithRSA}, {tls.PKCS1WithSHA384, x509.SHA384WithRSA}, {tls.PKCS1WithSHA512, x509.SHA512WithRSA},
	{tls.Ed25519, x509.PureEd25519},
}

// dtlsServer is our side of one DTLS 1.2 handshake as a server (RFC 6347), as far as WebRTC needs it (RFC 8827 §6.5, RFC 5764): ECDHE with
// our ECDSA certificate, AES-GCM, the client's certificate, extended master secret and SRTP. Datagrams go in, and datagrams come out: it has
// no goroutine, no clock and no socket. A client that asks for something else is left to pion, whose goroutines, timers and copies cost as
// much again as signatures and the exchange of keys.
type dtlsServer struct {
	hello       offeredHello
	asked       *handshakeMessage // the ClientHello
	certificate *tls.Certificate
	profile     dtls.SRTPProtectionProfile
	cipher      dtlsCipher
	key         *ecdh.PrivateKey
	random      [handshake.RandomLength]byte

	transcript []byte // the messages up to now, as if none had been cut (RFC 6347 §4.2.6)
	said       uint16 // messages of ours
	out        flight // our last flight
	number     uint64 // of our next record

	inbox  [len(clientFlight)]handshakeMessage
	heard  int      // messages of inbox that were taken
	early  [][]byte // encrypted records that came before the keys
	peer   *x509.Certificate
	master []byte
	keys   *ciphersuite.GCM
}

// clientFlight are the messages that a client answers our flight with, in their order; the last one is encrypted.
var clientFlight = [...]handshake.Type{
	handshake.TypeCertificate, handshake.TypeClientKeyExchange, handshake.TypeCertificateVerify, handshake.TypeFinished,
}

// dtlsCipher is a cipher suite of ours.
type dtlsCipher struct {
	id   dtls.CipherSuiteID
	hash crypto.Hash
	key  int // octets
}

// The cipher suites that we take, the best first: AES-128 is as good as the curve and the certificate, and cheaper.
var dtlsCiphers = []dtlsCipher{
	{dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, crypto.SHA256, 16},
	{dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, crypto.SHA384, 32},
}

// dtlsFault is why a handshake ended, and what the client is told (RFC 5246 §7.2).
type dtlsFault struct {
	why  string
	tell alert.Description
}

func (r dtlsFault) Error() string { return r.why }

// alert is the datagram that tells the client.
func (r dtlsFault) alert(number uint64) []byte {
	f := flight{datagrams: [][]byte{append(appendRecord(nil, recordAlert, 2), byte(alert.Fatal), byte(r.tell))}}
	f.number(number)
	return f.datagrams[0]
}

var (
	errAlerted     = errors.New("the client refused")
	errMalformed   = dtlsFault{"malformed message", alert.DecodeError}
	errOutOfOrder  = dtlsFault{"message out of order", alert.UnexpectedMessage}
	errUncertified = dtlsFault{"the client has no certificate that we can read", alert.BadCertificate}
	errUnproved    = dtlsFault{"the certificate is not the client's", alert.DecryptError}
	errKeyShare    = dtlsFault{"the client's key is none", alert.IllegalParameter}
	errFinished    = dtlsFault{"the client heard something else", alert.DecryptError}
)

// newDTLSServer begins a handshake, false when the ClientHello asks for what is pion's.
func newDTLSServer(h *hello, certificate *tls.Certificate, ours []dtls.SRTPProtectionProfile) (*dtlsServer, bool) {
	c, ok := parseHello(h.body)
	if !ok || !h.complete() || h.seq != 0 || !c.secret || !contains(c.schemes, uint16(tls.ECDSAWithP256AndSHA256)) {
		return nil, false
	}
	s := &dtlsServer{hello: c, asked: &h.handshakeMessage, certificate: certificate, out: flight{mtu: handshakeMTU}}
	i := slices.IndexFunc(dtlsCiphers, func(d dtlsCipher) bool { return contains(c.suites, uint16(d.id)) })
	curve := s.hello.curve()
	if s.profile, ok = c.profile(ours); i < 0 || curve == nil || !ok {
		return nil, false
	}
	s.cipher = dtlsCiphers[i]
	var err error
	if s.key, err = curve.GenerateKey(rand.Reader); err != nil {
		return nil, false
	}
	rand.Read(s.random[:])
	s.transcript = make([]byte, 0, 4096)
	s.note(h.kind, 0, h.body)
	return s, s.answer() == nil
}

// note adds a message to the transcript.
func (s *dtlsServer) note(kind byte, seq uint16, body []byte) {
	s.transcript = append(appendHeader(s.transcript, kind, seq, len(body), 0, len(body)), body...)
}

// say adds a message to our flight.
func (s *dtlsServer) say(kind handshake.Type, write func(b *cryptobyte.Builder)) error {
	var b cryptobyte.Builder
	write(&b)
	body, err := b.Bytes()
	if err != nil {
		return err
	}
	s.note(byte(kind), s.said, body)
	s.out.add(byte(kind), s.said, body)
	s.said++
	return nil
}

// answer makes the flight that answers the ClientHello (RFC 5246 §7.3).
func (s *dtlsServer) answer() error {
	share := binary.BigEndian.AppendUint16([]byte{3}, uint16(s.hello.group)) // named_curve (RFC 8422 §5.4)
	public := s.key.PublicKey().Bytes()
	share = append(append(share, byte(len(public))), public...)
	digest := s.digest(crypto.SHA256, s.hello.random, s.random[:], share)
	signature, err := s.certificate.PrivateKey.(crypto.Signer).Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return err
	}
	return errors.Join(
		s.say(handshake.TypeServerHello, func(b *cryptobyte.Builder) {
			b.AddUint16(versionDTLS12)
			b.AddBytes(s.random[:])
			b.AddUint8(0) // no session to come back to
			b.AddUint16(uint16(s.cipher.id))
			b.AddUint8(0) // no compression
			b.AddUint16LengthPrefixed(s.extensions)
		}),
		s.say(handshake.TypeCertificate, func(b *cryptobyte.Builder) {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.certificate.Certificate[0]) })
			})
		}),
		s.say(handshake.TypeServerKeyExchange, func(b *cryptobyte.Builder) {
			b.AddBytes(share)
			b.AddUint16(uint16(tls.ECDSAWithP256AndSHA256))
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
		}),
		s.say(handshake.TypeCertificateRequest, func(b *cryptobyte.Builder) {
			b.AddBytes([]byte{2, 64, 1}) // ecdsa_sign, rsa_sign
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, known := range signatures {
					b.AddUint16(uint16(known.scheme))
				}
			})
			b.AddUint16(0) // of any authority
		}),
		s.say(handshake.TypeServerHelloDone, func(*cryptobyte.Builder) {}),
	)
}

// extensions are those of our ServerHello: answers to the client's only.
func (s *dtlsServer) extensions(b *cryptobyte.Builder) {
	add := func(kind uint16, data ...byte) {
		b.AddUint16(kind)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
	}
	add(extensionSecret)
	add(extensionSRTP, 0, 2, byte(s.profile>>8), byte(s.profile), 0) // without MKI
	if s.hello.renegotiates {
		add(extensionRenegotiation, 0) // of a first handshake (RFC 5746 §3.6)
	}
	if s.hello.formats {
		add(extensionFormats, 1, 0) // uncompressed
	}
}

// flight gives what to send to the client, with new numbers, as often as it is asked.
func (s *dtlsServer) flight() [][]byte {
	s.number = s.out.number(s.number)
	return s.out.datagrams
}

// done says whether the handshake is over: flight gives what ends it.
func (s *dtlsServer) done() bool { return s.heard == len(s.inbox) }

// receive takes a datagram of the client's. What can't be read, or was not to be expected, is as if it had been lost (RFC 6347 §4.1.2.7).
func (s *dtlsServer) receive(p []byte) error {
	for r := range records(p) {
		switch {
		case r.kind == recordAlert && r.epoch == 0 && len(r.body()) == 2 && r.body()[0] == byte(alert.Fatal):
			return fmt.Errorf("%w: %v", errAlerted, alert.Description(r.body()[1]))
		case r.kind == recordHandshake && r.epoch == 0:
			s.collect(r.body(), 0, len(s.inbox)-1)
		case r.kind == recordHandshake && r.epoch == 1 && s.keys != nil:
			s.decrypt(r.whole)
		case r.kind == recordHandshake && r.epoch == 1 && len(s.early) < maxEarlyRecords:
			s.early = append(s.early, slices.Clone(r.whole))
		}
	}
	for !s.done() && s.inbox[s.heard].complete() {
		if err := s.take(&s.inbox[s.heard]); err != nil {
			return err
		}
		s.heard++
	}
	return nil
}

// collect puts fragments to those of the messages of inbox that may come so.
func (s *dtlsServer) collect(p []byte, first, end int) {
	for f := range fragments(p) {
		if i := int(f.seq) - 1; i >= first && i < end {
			s.inbox[i].add(f)
		}
	}
}

// decrypt takes an encrypted record. ChangeCipherSpec says nothing that its epoch does not.
func (s *dtlsServer) decrypt(p []byte) {
	if clear, err := s.keys.Decrypt(slices.Clone(p)); err == nil {
		s.collect(clear[recordHeader:], len(s.inbox)-1, len(s.inbox))
	}
}

// take takes the next message of the client's flight.
func (s *dtlsServer) take(m *handshakeMessage) error {
	if handshake.Type(m.kind) != clientFlight[s.heard] {
		return errOutOfOrder
	}
	before := s.transcript
	s.note(m.kind, m.seq, m.body)
	body := cryptobyte.String(m.body)
	switch clientFlight[s.heard] {
	case handshake.TypeCertificate:
		return s.takeCertificate(body)
	case handshake.TypeClientKeyExchange:
		return s.agree(body)
	case handshake.TypeCertificateVerify:
		return s.prove(body, before)
	default:
		return s.finish(body, before)
	}
}

// takeCertificate reads the client's certificate; whose it is says SDP.
func (s *dtlsServer) takeCertificate(body cryptobyte.String) error {
	var list, first cryptobyte.String
	if !body.ReadUint24LengthPrefixed(&list) || !body.Empty() {
		return errMalformed
	}
	if !list.ReadUint24LengthPrefixed(&first) {
		return errUncertified
	}
	certificate, err := x509.ParseCertificate(first)
	if err != nil {
		return errUncertified
	}
	s.peer = certificate
	return nil
}

// agree makes the keys of the client's share and ours (RFC 8422 §5.10, RFC 7627 §4), and reads what came before them.
func (s *dtlsServer) agree(body cryptobyte.String) error {
	var share cryptobyte.String
	if !body.ReadUint8LengthPrefixed(&share) || !body.Empty() {
		return errMalformed
	}
	public, err := s.key.Curve().NewPublicKey(share)
	if err != nil {
		return errKeyShare
	}
	secret, err := s.key.ECDH(public)
	if err != nil {
		return errKeyShare
	}
	if s.master, err = prf.ExtendedMasterSecret(secret, s.digest(s.cipher.hash, s.transcript), s.cipher.hash.New); err != nil {
		return err
	}
	k, err := prf.GenerateEncryptionKeys(s.master, s.hello.random, s.random[:], 0, s.cipher.key, 4, s.cipher.hash.New)
	if err != nil {
		return err
	}
	if s.keys, err = ciphersuite.NewGCM(k.ServerWriteKey, k.ServerWriteIV, k.ClientWriteKey, k.ClientWriteIV); err != nil {
		return err
	}
	for _, p := range s.early {
		s.decrypt(p)
	}
	s.early = nil
	return nil
}

// prove checks that the client has its certificate's key (RFC 5246 §7.4.8).
func (s *dtlsServer) prove(body cryptobyte.String, signed []byte) error {
	var scheme uint16
	var signature cryptobyte.String
	if !body.ReadUint16(&scheme) || !body.ReadUint16LengthPrefixed(&signature) || !body.Empty() {
		return errMalformed
	}
	for _, known := range signatures {
		if known.scheme == tls.SignatureScheme(scheme) && s.peer.CheckSignature(known.algorithm, signed, signature) == nil {
			return nil
		}
	}
	return errUnproved
}

// finish checks that the client heard and said what we said and heard, and makes our last flight (RFC 5246 §7.4.9).
func (s *dtlsServer) finish(body cryptobyte.String, before []byte) error {
	want, err := prf.VerifyDataClient(s.master, before, s.cipher.hash.New)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, body) != 1 {
		return errFinished
	}
	verify, err := prf.VerifyDataServer(s.master, s.transcript, s.cipher.hash.New)
	if err != nil {
		return err
	}
	header := recordlayer.Header{ContentType: protocol.ContentTypeHandshake, Version: protocol.Version1_2, Epoch: 1}
	clear := appendRecord(make([]byte, 0, handshakeMTU), recordHandshake, messageHeader+len(verify))
	clear[4] = byte(header.Epoch)
	clear = append(appendHeader(clear, byte(handshake.TypeFinished), s.said, len(verify), 0, len(verify)), verify...)
	sealed, err := s.keys.Encrypt(&recordlayer.RecordLayer{Header: header}, clear)
	if err != nil {
		return err
	}
	change := append(appendRecord(make([]byte, 0, recordHeader+1+len(sealed)), recordChange, 1), 1)
	s.out.datagrams = [][]byte{append(change, sealed...)}
	return nil
}

func (s *dtlsServer) digest(h crypto.Hash, parts ...[]byte) []byte {
	sum := h.New()
	for _, p := range parts {
		sum.Write(p)
	}
	return sum.Sum(nil)
}

// ExportKeyingMaterial implements srtp.KeyingMaterialExporter (RFC 5705 §4, without a context).
func (s *dtlsServer) ExportKeyingMaterial(label string, _ []byte, size int) ([]byte, error) {
	if !s.done() {
		return nil, errOutOfOrder
	}
	return prf.PHash(s.master, slices.Concat([]byte(label), s.hello.random, s.random[:]), size, s.cipher.hash.New)
}
