package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// check is the start of a frame with a STUN message (RFC 4571, RFC 8489 §5).
var check = []byte{0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

// Connections for media go away from both ports, whole and with no deadline left, however slowly their first octets
// come; the page goes on beside them.
func TestMediaGoesElsewhere(t *testing.T) {
	type handed struct {
		conn  net.Conn
		begun []byte
	}
	taken := make(chan handed, 1)
	s := newSite(t)
	s.deps.ICE = func(conn net.Conn, begun []byte) { taken <- handed{conn, begun} }
	site := s.open(t)
	for _, tt := range []struct {
		addr  string
		piece int
	}{{site.https, len(check)}, {site.https, 1}, {site.https, 11}, {site.http, len(check)}, {site.http, 1}} {
		t.Run(fmt.Sprintf("%d octets at a time", tt.piece), func(t *testing.T) {
			conn := dial(t, tt.addr)
			for rest := check; len(rest) > 0; {
				n := min(tt.piece, len(rest))
				if _, err := conn.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			got := <-taken
			defer got.conn.Close()
			rest := make([]byte, len(check)-len(got.begun))
			if _, err := io.ReadFull(got.conn, rest); err != nil {
				t.Fatal(err)
			}
			if all := append(got.begun, rest...); !bytes.Equal(all, check) {
				t.Errorf("handed away %x, want %x", all, check)
			}
			for _, url := range []string{"https://" + site.https, "http://" + site.http} {
				if res, _ := site.send(t, "GET", url+"/healthz", ""); res.StatusCode != 200 {
					t.Errorf("%s: %s", url, res.Status)
				}
			}
			if _, err := got.conn.Write([]byte("still open")); err != nil {
				t.Errorf("write to a connection that was handed away: %v", err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.ReadFull(conn, make([]byte, len("still open"))); err != nil {
				t.Errorf("read from a connection that was handed away: %v", err)
			}
		})
	}
}

// What only looks like media is no reason to hand a connection away.
func TestNotMedia(t *testing.T) {
	s := newSite(t)
	s.deps.ICE = func(conn net.Conn, begun []byte) { t.Errorf("handed away after %x", begun) }
	site := s.open(t)
	change := func(i int, b byte) []byte {
		p := bytes.Clone(check)
		p[i] = b
		return p
	}
	for _, start := range [][]byte{
		change(1, 21), change(2, 4), change(5, 4), change(6, 0), change(0, 8), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		for _, addr := range []string{site.https, site.http} {
			conn := dial(t, addr)
			if _, err := conn.Write(append(start, "\r\n\r\n"...)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			var timeout net.Error
			if _, err := io.ReadAll(conn); errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("after %x: %v, want an end", start, err)
			}
		}
	}
}
