package media

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"cordboard/gateway/sdp"
)

// forge sends ClientHellos from sockets of one host to an address until the test ends or stop is called; the first of each is out when it returns.
func forge(t *testing.T, sockets int, to netip.AddrPort) (stop func()) {
	t.Helper()
	hello := clientHello(t)
	var conns []*net.UDPConn
	for range sockets {
		conns = append(conns, stranger(t, "127.0.0.1"))
	}
	send := func() {
		for _, c := range conns {
			for _, part := range hello {
				c.WriteToUDPAddrPort(part, to)
			}
		}
	}
	send()
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				send()
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); sending.Wait() })
	t.Cleanup(stop)
	return stop
}

// ClientHellos from other ports of a phone's host, before its own and during its handshake, neither win nor keep it from ending: whether it speaks from where
// it said or from elsewhere, as behind a NAT.
func TestForgedHelloToPhone(t *testing.T) {
	e := startEngine(t, "21090-21099")
	for _, tt := range []struct {
		name   string
		nat    bool
		forged int
	}{{"from the announced port", false, 5}, {"from another port, alone", true, 0}, {"from another port", true, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			defer e.Delete("call", "")
			a, b := newPhone(t), newDTLSPhone(t)
			description := b.description("active")
			if tt.nat {
				description = bytes.Replace(description, fmt.Appendf(nil, "m=audio %d ", port(b.media)), fmt.Appendf(nil, "m=audio %d ", port(stranger(t, "127.0.0.1"))), 1)
			}
			var err error
			if b.remote, err = sdp.Parse(must(t)(e.Offer(t.Context(), "call", desk, toDTLS, a.description("sendrecv")))); err != nil {
				t.Fatal(err)
			}
			a.hear(must(t)(e.Answer(t.Context(), "call", toDTLS, desk, description)))
			stop := func() {}
			if tt.forged > 0 {
				stop = forge(t, tt.forged, b.remote.Audio)
				time.Sleep(20 * time.Millisecond) // they are there first
			}
			if err := b.connect(true); err != nil {
				t.Fatalf("the phone's handshake ends with %v", err)
			}
			reaches(t, a.mouth, b, "there")
			reaches(t, b.mouth, a, "back")
			stop()
			if s := stats(t, e, "call", toDTLS.Leg); s.State != "up" {
				t.Errorf("leg is %q", s.State)
			}
		})
	}
}

// Of a rival that never answers there is no end of place: the oldest gives way, one that goes on does not.
func TestRivalsGiveWay(t *testing.T) {
	e := startEngine(t, "21090-21099")
	a, b := newPhone(t), newDTLSPhone(t)
	var err error
	if b.remote, err = sdp.Parse(must(t)(e.Offer(t.Context(), "call", desk, toDTLS, a.description("sendrecv")))); err != nil {
		t.Fatal(err)
	}
	a.hear(must(t)(e.Answer(t.Context(), "call", toDTLS, desk, b.description("active"))))
	s, err := e.lock("call", false)
	if err != nil {
		t.Fatal(err)
	}
	media := s.legs[toDTLS.Leg].line.(*plainLine).dtls.first()
	s.mu.Unlock()
	hello := clientHello(t)[0]
	come := func(port uint16) { media.compete(hello, netip.AddrPortFrom(loopback, port)) }
	for port := range uint16(maxRivals) {
		come(1000 + port)
	}
	first := media.rivals[0]
	first.security.mu.Lock()
	first.security.far = 2 << 16
	first.security.mu.Unlock()
	come(2000)
	come(2000)
	if len(media.rivals) != maxRivals || media.rivals[0] != first || media.rivals[1].src.Port() != 1002 || media.rivals[2].src.Port() != 2000 {
		t.Errorf("rivals are %v", media.rivals)
	}
}

// Before a browser's ClientHello and while its handshake goes on others send theirs to the port that all browsers share: these are nobody's.
func TestForgedHelloToBrowser(t *testing.T) {
	e := startEngine(t, "20440-20459")
	stop := forge(t, 3, netip.AddrPortFrom(loopback, e.Addr().Port()))
	b, p := newBrowser(t, func(s *webrtc.SettingEngine) { s.SetAnsweringDTLSRole(webrtc.DTLSRoleClient) }), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "from the browser")
	reaches(t, p.mouth, b, "from the phone")
	stop()
	if e.stray.Load() == 0 {
		t.Error("no forged ClientHello came")
	}
}
