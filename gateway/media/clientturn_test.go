package media

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/pion/logging"
	"github.com/pion/turn/v2"

	"cordboard/gateway/call"
)

// farAway is the address of a server that only the TURN server reaches.
var farAway = netip.MustParseAddr("198.51.100.7")

// translator is a relay's socket in another network: who is farAway for its client is on loopback.
type translator struct{ net.PacketConn }

func (r translator) WriteTo(p []byte, to net.Addr) (int, error) {
	addr := *to.(*net.UDPAddr)
	if addr.IP.Equal(farAway.AsSlice()) {
		addr.IP = loopback.AsSlice()
	}
	return r.PacketConn.WriteTo(p, &addr)
}

func (r translator) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := r.PacketConn.ReadFrom(p)
	if addr, ok := from.(*net.UDPAddr); ok {
		from = &net.UDPAddr{IP: farAway.AsSlice(), Port: addr.Port}
	}
	return n, from, err
}

// relays makes the relays' sockets.
type relays struct{}

func (relays) Validate() error { return nil }

func (relays) AllocatePacketConn(string, int) (net.PacketConn, net.Addr, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		return nil, nil, err
	}
	return translator{conn}, conn.LocalAddr(), nil
}

func (relays) AllocateConn(string, int) (net.Conn, net.Addr, error) { return nil, nil, errNotHere }

// turnServer runs a TURN server for "user" with "password" and gives it, its address, and the authority of its certificate.
func turnServer(t testing.TB, transport string) (s *turn.Server, at string, roots *x509.CertPool) {
	t.Helper()
	quiet := logging.NewDefaultLoggerFactory()
	quiet.Writer, quiet.DefaultLogLevel = io.Discard, logging.LogLevelDisabled
	cfg := turn.ServerConfig{Realm: "test", LoggerFactory: quiet, AuthHandler: func(user, realm string, _ net.Addr) ([]byte, bool) {
		return turn.GenerateAuthKey(user, realm, "password"), user == "user"
	}}
	if transport == "udp" {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at, cfg.PacketConnConfigs = conn.LocalAddr().String(), []turn.PacketConnConfig{{PacketConn: conn, RelayAddressGenerator: relays{}}}
	} else {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if at = listener.Addr().String(); transport == "tls" {
			site := httptest.NewTLSServer(nil)
			t.Cleanup(site.Close)
			roots = x509.NewCertPool()
			roots.AddCert(site.Certificate())
			listener = tls.NewListener(listener, &tls.Config{Certificates: site.TLS.Certificates})
		}
		cfg.ListenerConfigs = []turn.ListenerConfig{{Listener: listener, RelayAddressGenerator: relays{}}}
	}
	s, err := turn.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, at, roots
}

// turnAt is a TURN server as it is configured.
func turnAt(t testing.TB, at, transport, password string) call.ICEServer {
	t.Helper()
	text := map[string]string{"udp": "turn:user:" + password + "@" + at, "tcp": "turn:user:" + password + "@" + at + "?transport=tcp", "tls": "turns:user:" + password + "@" + at}
	s, err := call.ParseICEServer(text[transport])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hostCandidate finds the addresses in candidates of a host.
var hostCandidate = regexp.MustCompile(`(?m)^(a=candidate:\S+ 1 udp \d+ )127\.0\.0\.1( \d+ typ host)`)

// outFar is out with a server that pretends to be farAway.
func (o *office) outFar() {
	o.t.Helper()
	offer := must(o.t)(o.client.Offer(o.t.Context(), "call", pbx, o.server, o.near.description("sendrecv")))
	if !strings.Contains(string(offer), " typ relay") {
		o.t.Fatalf("no relayed candidate is offered:\n%s", offer)
	}
	o.distant.hear(must(o.t)(o.far.Offer(o.t.Context(), "call", alice, pbx, offer)))
	answer := must(o.t)(o.far.Answer(o.t.Context(), "call", pbx, alice, o.distant.description("sendrecv")))
	answer = hostCandidate.ReplaceAll(answer, []byte("${1}"+farAway.String()+"${2}"))
	o.near.hear(must(o.t)(o.client.Answer(o.t.Context(), "call", o.server, pbx, answer)))
}

func TestClientByTURN(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s, at, roots := turnServer(t, transport)
			o := newOffice(t, "21960-21979", turnAt(t, at, transport, "password"))
			o.server.Client.Roots = roots
			o.outFar()
			o.talk("relayed")
			if _, theirs := o.line().ends(); theirs.Addr() != farAway {
				t.Errorf("the server is at %v", theirs)
			}
			o.asksForConsent()
			o.client.Delete("call", "")
			waitFor(t, "the end of relaying", func() bool { return s.AllocationCount() == 0 })
		})
	}
}

// A TURN server that refuses costs the relaying, not the call.
func TestClientRefusedByTURN(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			_, at, _ := turnServer(t, transport)
			o := newOffice(t, "21960-21979", turnAt(t, at, transport, "wrong"))
			o.out("sendrecv")
			o.talk("directly")
			if got, want := o.line().blocked(), "UDP is blocked on the way, and the TURN server "+at+" refuses our user name or password"; got != want {
				t.Errorf("it is said that %s, want %s", got, want)
			}
		})
	}
}

// A TURN server whose certificate nobody vouches for is told no password, and one that does not answer holds a call up for gatherTime.
func TestClientWithoutTURN(t *testing.T) {
	_, at, _ := turnServer(t, "tls")
	dead, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	for _, tt := range []struct {
		name   string
		server call.ICEServer
		fault  string
	}{
		{"untrusted", turnAt(t, at, "tls", "password"), "the certificate of the TURN server " + at + " is not to be trusted"},
		{"silent", turnAt(t, dead.LocalAddr().String(), "udp", "password"), "no TURN server answers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, "21960-21979", tt.server)
			o.out("sendrecv")
			o.talk("directly")
			if got := o.line().blocked(); !strings.HasSuffix(got, ", and "+tt.fault) {
				t.Errorf("it is said that %s", got)
			}
		})
	}
}

func TestClientByServerReflexive(t *testing.T) {
	_, at, _ := turnServer(t, "udp")
	o := newOffice(t, "21960-21979", call.ICEServer{URL: "stun:" + at})
	offer := must(t)(o.client.Offer(t.Context(), "call", pbx, o.server, o.near.description("sendrecv")))
	if !bytes.Contains(offer, []byte(" typ srflx raddr ")) {
		t.Errorf("no address is learned from the STUN server:\n%s", offer)
	}
	if bytes.Contains(offer, []byte("ice-lite")) || bytes.Contains(offer, []byte("trickle")) {
		t.Errorf("a full agent offers\n%s", offer)
	}
}
