package signaling

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// streams makes of TCP or TLS connections what a fakePBX reads: whole messages and whom they are from.
type streams struct {
	net.Listener
	in   chan streamed
	done chan struct{}

	mu    sync.Mutex
	conns map[string]net.Conn
	ever  int // connections so far
	pings int // CRLF CRLF
}

type streamed struct {
	text string
	from net.Addr
}

func listenStreams(t *testing.T, l net.Listener) *streams {
	t.Helper()
	s := &streams{Listener: l, in: make(chan streamed), done: make(chan struct{}), conns: make(map[string]net.Conn)}
	t.Cleanup(func() { close(s.done); s.Close(); s.cut() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn.RemoteAddr().String()] = conn
			s.ever++
			s.mu.Unlock()
			go s.read(conn)
		}
	}()
	return s
}

// read takes messages off a connection by their Content-Length.
func (s *streams) read(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var head strings.Builder
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" && head.Len() == 0 {
				s.mu.Lock()
				s.pings++
				s.mu.Unlock()
				continue
			}
			head.WriteString(line)
			if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
			if line == "\r\n" {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		select {
		case s.in <- streamed{head.String() + string(body), conn.RemoteAddr()}:
		case <-s.done:
			return
		}
	}
}

// cut breaks all connections and gives how many there were ever.
func (s *streams) cut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, conn := range s.conns {
		conn.Close()
		delete(s.conns, key)
	}
	return s.ever
}

func (s *streams) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ever
}

func (s *streams) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-s.in:
		return copy(b, m.text), m.from, nil
	case <-s.done:
		return 0, nil, net.ErrClosed
	}
}

func (s *streams) WriteTo(b []byte, to net.Addr) (int, error) {
	s.mu.Lock()
	conn := s.conns[to.String()]
	s.mu.Unlock()
	if conn == nil {
		return 0, net.ErrClosed
	}
	return conn.Write(b)
}

func (s *streams) LocalAddr() net.Addr              { return s.Addr() }
func (s *streams) SetDeadline(time.Time) error      { return nil }
func (s *streams) SetReadDeadline(time.Time) error  { return nil }
func (s *streams) SetWriteDeadline(time.Time) error { return nil }

// testCA signs certificates for PBXs.
type testCA struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newTestCA(t *testing.T, name string) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := &testCA{t: t, dir: t.TempDir(), key: key}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.file = ca.write("ca.pem", "CERTIFICATE", der)
	return ca
}

func (ca *testCA) write(name, kind string, der []byte) string {
	path := filepath.Join(ca.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
	return path
}

// issue makes a certificate for a name or address, good until end.
func (ca *testCA) issue(name string, end time.Time) (pair tls.Certificate, cert, key string) {
	ca.t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, secret.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, key = ca.write(name+".pem", "CERTIFICATE", der), ca.write(name+".key", "PRIVATE KEY", text)
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		ca.t.Fatal(err)
	}
	return pair, cert, key
}

// listenAt opens a TCP port of a host for a fake PBX; a family that the machine lacks skips the test.
func listenAt(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil && strings.HasPrefix(addr, "[") {
		t.Skipf("no IPv6 here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}
