//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pbxTLS are the files of a PBX that takes TLS too.
type pbxTLS struct {
	Addr      string // where it listens
	Cert, Key string
	Clients   string // authorities of its clients; empty: it asks for no certificate
}

// authority signs certificates for a test, in PEM files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "The office's own CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.file, _ = a.sign(t, "ca", template)
	return a
}

// sign makes a certificate and its key; the first one is the authority's own.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	if a.cert == nil {
		a.cert, a.key = template, secret
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, secret.Public(), a.key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatalf("write %s: %v", path, err)
		}
	}
	return cert, key
}

// leaf makes a certificate for this machine's own addresses, as server and client.
func (a *authority) leaf(t *testing.T, name string) (cert, key string) {
	t.Helper()
	return a.sign(t, name, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
}

// Calls over TLS with the office's own authority, both ways: through the connection that the gateway opened, through a port of the
// gateway's, and with certificates on both sides.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	proves(t, "SIP by TLS", page, desk)
	for _, tt := range []struct {
		name              string
		scheme            string
		listening, mutual bool
	}{
		{name: "own connection", scheme: "sip:%s;transport=tls"},
		{name: "own port", scheme: "sip:%s;transport=tls", listening: true},
		{name: "certificates on both sides", scheme: "sips:%s", listening: true, mutual: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.mutual {
				proves(t, "SIP by TLS, certificates on both sides", page, desk)
			}
			ca := newAuthority(t)
			secure := freePort(t)
			files := &pbxTLS{Addr: secure.addr()}
			files.Cert, files.Key = ca.leaf(t, "pbx")
			more := fmt.Sprintf("ca = %q\n", ca.file)
			if tt.mutual {
				files.Clients = ca.file
				cert, key := ca.leaf(t, "gateway")
				more += fmt.Sprintf("cert = %q\nkey = %q\n", cert, key)
			}
			secure.release()
			o, site := &office{pbx: startPBX(t, pbxOptions{TLS: files})}, openSite(t)
			options := gatewayOptions{Users: []gatewayUser{alice}, Extra: forSite(site),
				PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = %q\nmode = \"extension\"\n%s\n", fmt.Sprintf(tt.scheme, secure.addr()), more)}
			if tt.listening {
				options.SIPS = freePort(t)
			}
			o.gateway = startGateway(t, options)
			o.pbx.wantRegistered(t, "101")
			bothWays(t, o, alice, "101")
			if !tt.listening {
				proves(t, "SIP by TLS", jsSIP)
				o.callsPhone(t, site, "jssip")
			}
			if log := o.pbx.output(); !strings.Contains(log, "REGISTER sip:") && !strings.Contains(log, "REGISTER sips:") || !strings.Contains(log, "by tls call") {
				t.Error("the PBX saw no request by TLS")
			}
		})
	}
}

// Everything by IPv6: page, WebSocket, PBX, phone, and sound on both sides.
func TestOverIPv6(t *testing.T) {
	proves(t, "IPv6", page, desk)
	proves(t, "SIP by WebSocket over IPv6", page, desk)
	l, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		if _, none := os.Stat("/proc/net/if_inet6"); none != nil {
			t.Skip("NOT TESTED: this kernel has no IPv6")
		}
		missing(t, "IPv6 on loopback is not there")
	}
	l.Close()
	media := func(t *testing.T, c *plainClient) { c.wantPath(t, "udp ::1") }
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			o, site := &office{pbx: startPBX(t, pbxOptions{Host: "[::1]"})}, openSite(t)
			o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Web: "[::1]", Media: "[::1]", Host: "[::]", PBX: pbxTable(o.pbx, "extension", transport, ""), Extra: forSite(site)})
			o.pbx.wantRegistered(t, "101")
			bothWays(t, o, alice, "101")
			if transport == "tcp" {
				proves(t, "IPv6", jsSIP)
				proves(t, "SIP by TCP", page, desk, jsSIP)
				proves(t, "SIP by WebSocket over IPv6", jsSIP)
				proves(t, "Media by IPv6", jsSIP)
				o.callsPhone(t, site, "jssip", media)
			}
		})
	}
	t.Run("tls", func(t *testing.T) {
		proves(t, "SIP by TLS over IPv6", page, desk)
		ca, secure := newAuthority(t), freePort(t)
		files := &pbxTLS{Addr: fmt.Sprintf("[::1]:%d", secure.number)}
		files.Cert, files.Key = ca.leaf(t, "pbx")
		secure.release()
		o, site, sound := &office{pbx: startPBX(t, pbxOptions{Host: "[::1]", TLS: files})}, openSite(t), deskSound(t)
		o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Web: "[::1]", Media: "[::1]", Host: "[::]", Extra: forSite(site) + withDesk,
			PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s;transport=tls\"\nmode = \"extension\"\nca = %q\n", files.Addr, ca.file)})
		o.pbx.wantRegistered(t, "101")
		bothWays(t, o, alice, "101")
		proves(t, "IPv6", sipJS)
		proves(t, "SIP by TLS", sipJS)
		proves(t, "SIP by TLS over IPv6", sipJS)
		proves(t, "SIP by WebSocket over IPv6", sipJS)
		proves(t, "Media by IPv6", sipJS)
		o.callsPhone(t, site, "sipjs", media)
		proves(t, "IPv6", thisMachine)
		proves(t, "SIP by TLS", thisMachine)
		proves(t, "SIP by TLS over IPv6", thisMachine)
		o.deskAndPhone(t, openDesk(t, sound, o.gateway, alice), "101")
		if !strings.Contains(o.pbx.output(), "by tls call") {
			t.Error("the PBX saw no request by TLS")
		}
	})
}

// Two PBXs: when the first dies calls go to the second, and back when it lives again.
func TestFailOver(t *testing.T) {
	t.Parallel()
	proves(t, "Next server of a PBX", page, desk)
	first, second := startPBX(t, pbxOptions{}), startPBX(t, pbxOptions{})
	o := &office{pbx: first}
	o.phone = startPhone(t, first, "201", phoneOptions{})
	other := &office{pbx: second, phone: startPhone(t, second, "201", phoneOptions{})}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: pbxTable(first, "extension", "udp", fmt.Sprintf("backup = [%q]\n", second.addr()))})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	first.wantRegistered(t, "101")
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")

	first.kill()
	second.wantRegistered(t, "101")
	other.pageCallsPhone(t, o.alice, toneAlice)
	other.phone.hangUp(t)
	o.alice.wantOver(t)
	other.phoneCallsPage(t, o.alice, "101", toneAlice)
	o.alice.hangUp(t)
	other.phone.wantEvent(t, "CALL_CLOSED")

	o.phone.stop()
	first.start(t)
	first.wantRegistered(t, "101")
	o.phone = startPhone(t, first, "201", phoneOptions{})
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
}
