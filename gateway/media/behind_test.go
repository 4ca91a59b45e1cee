package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"

	"cordboard/gateway/sdp"
)

// A phone that is the server of the handshake speaks right behind its end, and no word of it is lost.
func TestPhoneSpeaksAtOnce(t *testing.T) {
	e := startEngine(t, "21090-21099")
	for range 5 {
		a, b := newPhone(t), newDTLSPhone(t)
		b.held = new([][]byte)
		var err error
		if b.remote, err = sdp.Parse(must(t)(e.Offer(t.Context(), "call", desk, toDTLS, a.description("sendrecv")))); err != nil {
			t.Fatal(err)
		}
		a.hear(must(t)(e.Answer(t.Context(), "call", toDTLS, desk, b.description("passive"))))
		if err := b.connect(false); err != nil {
			t.Fatal(err)
		}
		burst := slices.Clone(*b.held)
		for i := range 4 {
			burst = append(burst, b.sealed(fmt.Sprint("word ", i)))
		}
		for _, p := range burst {
			b.media.WriteToUDPAddrPort(p, b.remote.Audio)
		}
		var heard []string
		for end := time.Now().Add(patience); !slices.Contains(heard, "later") && time.Now().Before(end); {
			b.mouth("later")
			for p := a.next(20 * time.Millisecond); p != nil; p = a.next(time.Millisecond) {
				heard = append(heard, string(p.Payload))
			}
		}
		if len(heard) < 4 || !slices.Equal(heard[:4], []string{"word 0", "word 1", "word 2", "word 3"}) {
			t.Errorf("of what came behind the end of the handshake is heard %q", heard)
		}
		e.Delete("call", "")
	}
}

// So does a browser.
func TestBrowserSpeaksAtOnce(t *testing.T) {
	e := startEngine(t, "20640-20659")
	certificate := ownCertificate(t)
	for range 5 {
		conn := checkedBrowser(t, e, loopback, certificate, "passive")
		hold := &holdingConn{Conn: conn}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		server, err := dtls.ServerWithContext(ctx, hold, &dtls.Config{
			Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert,
			SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80},
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		state := server.ConnectionState()
		config := srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
		if err := config.ExtractSessionKeysFromDTLS(&state, false); err != nil {
			t.Fatal(err)
		}
		out, err := srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile)
		if err != nil {
			t.Fatal(err)
		}
		seq := uint16(0)
		say := func() {
			seq++
			p, err := out.EncryptRTP(nil, packet(t, rtp.Header{SequenceNumber: seq, Timestamp: 160 * uint32(seq), SSRC: 1}, "word"), nil)
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(p)
		}
		for _, p := range hold.held {
			conn.Write(p)
		}
		for range 4 {
			say()
		}
		waitFor(t, "up", func() bool { return stats(t, e, "call", "alice").State == "up" })
		say()
		waitFor(t, "all that the browser said", func() bool { return stats(t, e, "call", "alice").PacketsIn == 5 })
		if s := stats(t, e, "call", "alice"); s.Dropped > 0 {
			t.Errorf("%d packets were dropped", s.Dropped)
		}
		e.Delete("call", "")
		server.Close()
	}
}

// What is no media of a handshake that ends is not kept, and of what is no more than a few packets.
func TestLittleIsKeptBehind(t *testing.T) {
	s := &security{engine: &Engine{}, line: new(wiretap), client: true, settled: true}
	var b behind
	p := make([]byte, 100)
	if b.keep(s, p, netip.AddrPort{}) {
		t.Error("a packet before the handshake is kept")
	}
	s.current, s.ending = &association{security: s, client: true}, true
	for range maxBehind {
		if !b.keep(s, p, netip.AddrPort{}) {
			t.Error("a packet behind the end is not kept")
		}
	}
	if b.keep(s, p, netip.AddrPort{}) {
		t.Error("too many packets are kept")
	}
	if kept := b.take(); len(kept) != maxBehind || !bytes.Equal(kept[0].data, p) || b.packets != nil {
		t.Errorf("%d packets were kept", len(kept))
	}
}

// holdingConn keeps the end of a server's handshake back.
type holdingConn struct {
	net.Conn
	held [][]byte
}

func (c *holdingConn) Write(p []byte) (int, error) {
	if finishing(p) {
		c.held = append(c.held, bytes.Clone(p))
		return len(p), nil
	}
	return c.Conn.Write(p)
}
