package media

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/elliptic"
	"github.com/pion/stun/v3"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// lossy is a client's connection that loses some of what comes.
type lossy struct {
	net.Conn
	lose  func(p []byte) bool
	count atomic.Int32 // datagrams lost
}

func (l *lossy) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if err != nil || l.lose == nil || !l.lose(p[:n]) {
			return n, err
		}
		l.count.Add(1)
	}
}

// checkedClient makes a call by hand, up to where DTLS begins: its socket has passed a connectivity check.
func checkedClient(t testing.TB, e *Engine, host netip.Addr, certificate tls.Certificate) net.Conn {
	t.Helper()
	return checkedBrowser(t, e, host, certificate, "actpass")
}

// checkedBrowser is checkedClient with a role of choice in the handshake.
func checkedBrowser(t testing.TB, e *Engine, host netip.Addr, certificate tls.Certificate, setup string) net.Conn {
	t.Helper()
	party := call.Party{Leg: "alice", Profile: sdp.WebRTC, Host: host}
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:them\r\na=ice-pwd:theirpasswordtheirpassword\r\n" +
		"a=fingerprint:" + fingerprint(certificate.Certificate[0]) + "\r\na=setup:" + setup + "\r\na=sendrecv\r\n"
	answer, err := sdp.Parse(must(t)(e.Local(t.Context(), "call", party, Echo, []byte(offer))))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", netip.AddrPortFrom(host, e.Addr().Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	check := request(t, stun.NewUsername(answer.ICEUfrag+":them"), attribute(stun.AttrUseCandidate),
		stun.NewShortTermIntegrity(answer.ICEPwd), stun.Fingerprint)
	conn.Write(check)
	buf := make([]byte, 1500)
	conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(buf); err != nil || buf[0] != 1 || buf[1] != 1 {
		t.Fatalf("reply to a check: %x, %v", buf[:n], err)
	}
	conn.SetReadDeadline(time.Time{})
	return conn
}

func TestHandshake(t *testing.T) {
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*dtls.Config, *lossy)
		state  string
	}{
		{"usual", func(*dtls.Config, *lossy) {}, "up"},
		{"ClientHello in several datagrams", func(c *dtls.Config, _ *lossy) { c.MTU = 60 }, "up"},
		{"the last flight is lost", func(_ *dtls.Config, l *lossy) {
			l.lose = func(p []byte) bool { return finishing(p) && l.count.Load() == 0 }
		}, "up"},
		{"the last flight is lost often", func(_ *dtls.Config, l *lossy) {
			l.lose = func(p []byte) bool { return finishing(p) && l.count.Load() < 5 }
		}, "up"},
		{"a curve of pion's", func(c *dtls.Config, _ *lossy) {
			c.EllipticCurves, c.FlightInterval = []elliptic.Curve{elliptic.P384}, time.Hour
		}, "up"},
		{"no certificate", func(c *dtls.Config, _ *lossy) { c.Certificates = nil }, "dtls"},
		{"other certificate", func(c *dtls.Config, _ *lossy) { c.Certificates[0] = other }, "failed"},
		{"no extended master secret", func(c *dtls.Config, _ *lossy) { c.ExtendedMasterSecret = dtls.DisableExtendedMasterSecret }, "dtls"},
		{"no SRTP", func(c *dtls.Config, _ *lossy) { c.SRTPProtectionProfiles = nil }, "dtls"},
		{"other SRTP only", func(c *dtls.Config, _ *lossy) {
			c.SRTPProtectionProfiles = []dtls.SRTPProtectionProfile{dtls.SRTP_NULL_HMAC_SHA1_80}
		}, "dtls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := startEngine(t, "20640-20659")
			conn := &lossy{Conn: checkedClient(t, e, loopback, certificate)}
			config := &dtls.Config{
				Certificates:           []tls.Certificate{certificate},
				SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM},
				InsecureSkipVerify:     true,
				FlightInterval:         100 * time.Millisecond,
			}
			tt.change(config, conn)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			client, err := dtls.ClientWithContext(ctx, conn, config)
			if tt.state == "up" && err != nil {
				t.Fatal(err)
			}
			if err == nil {
				defer client.Close()
				if profile, _ := client.SelectedSRTPProtectionProfile(); tt.state == "up" && profile != favourites()[0] {
					t.Errorf("SRTP profile %v, want %v", profile, favourites()[0])
				}
			}
			waitFor(t, "state "+tt.state, func() bool { return stats(t, e, "call", "alice").State == tt.state })
			time.Sleep(50 * time.Millisecond)
			if got := stats(t, e, "call", "alice").State; got != tt.state {
				t.Errorf("state %q, want %q", got, tt.state)
			}
			if strings.Contains(tt.name, "lost") && conn.count.Load() == 0 {
				t.Error("nothing was lost")
			}
		})
	}
}

// One socket serves both address families.
func TestBothFamilies(t *testing.T) {
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(host.String(), func(t *testing.T) {
			e := startEngineAt(t, ":0", "20660-20679")
			if host.Is6() && route(host) != host {
				t.Skip("no IPv6 on this machine")
			}
			conn := checkedClient(t, e, host, certificate)
			client, err := dtls.Client(conn, &dtls.Config{
				Certificates:           []tls.Certificate{certificate},
				SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
				InsecureSkipVerify:     true,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			waitFor(t, "up", func() bool { return stats(t, e, "call", "alice").State == "up" })
			phone := call.Party{Leg: "phone", Profile: sdp.RTP, Host: host}
			offer := must(t)(e.Offer(t.Context(), "two", pbx, phone, newPhone(t).description("sendrecv")))
			if told, err := sdp.Parse(offer); err != nil || told.Audio.Addr() != host {
				t.Errorf("a phone at %v is told %v, %v", host, told.Audio, err)
			}
		})
	}
}
