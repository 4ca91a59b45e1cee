//go:build e2e

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func refused(status int) bool { return status >= 400 && status < 500 }

// The WebSocket door, tried with raw frames.
func TestDoor(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob},
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [\"https://shop.example\"]\n", secret)})
	good := credentialQuery("alice", time.Now().Add(time.Hour))

	t.Run("origin", func(t *testing.T) {
		for origin, want := range map[string]int{
			"https://evil.example":              http.StatusForbidden,
			"null":                              http.StatusForbidden,
			"https://shop.example.evil.example": http.StatusForbidden,
			fmt.Sprintf("http://localhost:%d", g.https.number):  http.StatusForbidden,
			"https://shop.example":                              http.StatusSwitchingProtocols,
			fmt.Sprintf("https://localhost:%d", g.https.number): http.StatusSwitchingProtocols,
		} {
			if _, resp := handshake(t, g, good, map[string]string{"Origin": origin}); resp.StatusCode != want {
				t.Errorf("Origin %s: %s, want %d", origin, resp.Status, want)
			}
		}
	})
	t.Run("subprotocol", func(t *testing.T) {
		for _, protocol := range []string{"", "xmpp", "sipx"} {
			if _, resp := handshake(t, g, good, map[string]string{"Sec-WebSocket-Protocol": protocol}); !refused(resp.StatusCode) {
				t.Errorf("subprotocol %q: %s, want a refusal", protocol, resp.Status)
			}
		}
		_, resp := handshake(t, g, good, map[string]string{"Sec-WebSocket-Protocol": "xmpp, sip"})
		if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != "sip" {
			t.Errorf("of xmpp and sip the gateway takes %q (%s), want sip", got, resp.Status)
		}
	})
	t.Run("credential", func(t *testing.T) {
		username, password := ephemeral("alice", time.Now().Add(time.Hour))
		for name, query := range map[string]string{
			"expired":      credentialQuery("alice", time.Now().Add(-time.Minute)),
			"forged":       "?" + url.Values{"username": {strings.Replace(username, "alice", "bob", 1)}, "password": {password}}.Encode(),
			"no password":  "?" + url.Values{"username": {username}}.Encode(),
			"not a number": "?" + url.Values{"username": {"soon:alice"}, "password": {password}}.Encode(),
		} {
			s, resp := handshake(t, g, query, nil)
			if resp.StatusCode == http.StatusUnauthorized {
				continue
			}
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Errorf("%s: %s, want 401", name, resp.Status)
				continue
			}
			s.send(t, register("alice")) // taken without a credential: then nothing goes without digest
			s.wantStatus(t, "401")
		}
		s := openSocket(t, g, good)
		s.send(t, register("alice"))
		s.wantStatus(t, "200")
	})
	t.Run("no credential", func(t *testing.T) {
		s := openSocket(t, g, "")
		s.send(t, register("alice"))
		s.wantStatus(t, "401")
		s = openSocket(t, g, "")
		s.send(t, sipRequest("INVITE", "sip:echo@"+domain, "alice"))
		s.wantStatus(t, "401", "403", "407")
	})
	t.Run("somebody else", func(t *testing.T) {
		for _, request := range []string{
			register("bob"),
			sipRequest("MESSAGE", "sip:alice@"+domain, "bob"),
			sipRequest("INVITE", "sip:echo@"+domain, "bob"),
			strings.Replace(register("alice"), "To: <sip:alice@", "To: <sip:bob@", 1),
		} {
			s := openSocket(t, g, good)
			s.send(t, request)
			s.wantStatus(t, "403")
			s.wantClosed(t, 1008)
		}
	})
	t.Run("expires while open", func(t *testing.T) {
		s := openSocket(t, g, credentialQuery("alice", time.Now().Add(3*time.Second)))
		s.send(t, register("alice"))
		s.wantStatus(t, "200")
		time.Sleep(3500 * time.Millisecond)
		if s.frame(final|opText, []byte(register("alice"))) == nil {
			if m, err := s.message(); err == nil && !strings.HasPrefix(m, "SIP/2.0 401") && !strings.HasPrefix(m, "SIP/2.0 403") {
				t.Errorf("after its expiry a credential gives %.60q, want 401, 403 or a close", m)
			}
		}
	})
	t.Run("frames", func(t *testing.T) { frames(t, g, good) })
	t.Run("half-open", func(t *testing.T) { halfOpen(t, g, good) })
	if !g.healthy() {
		t.Error("the gateway isn't healthy any more")
	}
}

// halfOpen has 100 clients stall at different points of the handshake. Another
// one, from another address, gets in all the same.
func halfOpen(t *testing.T, g *gateway, query string) {
	stalled := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, Timeout: 5 * time.Second}
	for i := range 100 {
		c, err := stalled.Dial("tcp4", g.https.addr())
		if err != nil {
			continue // refused from so many at once: fine
		}
		defer c.Close()
		if i%3 == 0 {
			continue
		}
		go func() {
			s := tls.Client(c, g.tls())
			s.SetDeadline(time.Now().Add(5 * time.Second))
			if i%3 == 2 {
				io.WriteString(s, "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
			} else {
				s.Handshake()
			}
		}()
	}
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	s := openSocket(t, g, query)
	s.send(t, register("alice"))
	s.wantStatus(t, "200")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("with 100 stalled clients a register takes %v", took)
	}
}

// With require_handshake nobody gets a WebSocket without a credential.
func TestDoorRequiresHandshake(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice},
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\nrequire_handshake = true\n", secret)})
	if _, resp := handshake(t, g, "", nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a credential: %s, want 401", resp.Status)
	}
	s := openSocket(t, g, credentialQuery("alice", time.Now().Add(time.Hour)))
	s.send(t, register("alice"))
	s.wantStatus(t, "200")
	jar := signIn(t, g, alice)
	address, _ := url.Parse(g.url("/"))
	var cookies []string
	for _, c := range jar.client.Jar.Cookies(address) {
		cookies = append(cookies, c.String())
	}
	s, resp := handshake(t, g, "", map[string]string{"Cookie": strings.Join(cookies, "; ")})
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("with the page's cookie: %s, want 101", resp.Status)
	}
	s.send(t, register("alice"))
	s.wantStatus(t, "200")
	if _, resp := handshake(t, g, "", map[string]string{"Cookie": strings.Join(cookies, "; "), "Origin": "https://evil.example"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the page's cookie from a foreign site: %s, want 403", resp.Status)
	}
}
