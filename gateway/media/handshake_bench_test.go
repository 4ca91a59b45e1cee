package media

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
)

// What it costs to set up a browser's leg: descriptions, a connectivity check, the DTLS handshake and its end. The
// client's side of the handshake is in it too.
func BenchmarkHandshake(b *testing.B) {
	certificate, err := newCertificate(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	e := startEngine(b, "20950-20959")
	config := &dtls.Config{
		Certificates:           []tls.Certificate{certificate},
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM},
		InsecureSkipVerify:     true,
	}
	b.ReportAllocs()
	for b.Loop() {
		conn := checkedClient(b, e, loopback, certificate)
		client, err := dtls.Client(conn, config)
		if err != nil {
			b.Fatal(err)
		}
		s, err := e.session("call", false)
		if err != nil {
			b.Fatal(err)
		}
		<-s.legs["alice"].line.(*secureLine).up
		client.Close()
		e.Delete("call", "")
	}
}
