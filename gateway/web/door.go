package web

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"cordboard/gateway/guard"
)

// door lets connections in. Of those that have not yet sent a request header it keeps only so many from one
// address, so that half-open ones neither pile up nor keep others out. Those that bring media go elsewhere. With tls it
// also tells people who typed the address without https:// where to go.
type door struct {
	net.Listener
	tls     *tls.Config // nil: plain HTTP
	waiting *waiting
}

// Accept gives the next connection.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	for err == nil && d.waiting.srv.bannedPeer(conn) {
		_ = conn.Close()
		conn, err = d.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	in := &sniffer{visitor: d.waiting.enter(conn), secure: d.tls != nil, ice: d.waiting.srv.deps.ICE}
	if d.tls == nil {
		return in, nil
	}
	return tls.Server(in, d.tls), nil
}

// bannedPeer reports whether the other end of a connection is kept out.
func (s *Server) bannedPeer(conn net.Conn) bool {
	return s.deps.Bans.Address(hostAddr(conn.RemoteAddr().String()), s.deps.Now())
}

// waiting are the connections that have not finished a request header.
type waiting struct {
	srv    *Server
	mu     sync.Mutex
	by     map[netip.Prefix][]*visitor // of each address, longest waiting first
	closed bool
}

func newWaiting(s *Server) *waiting { return &waiting{srv: s, by: map[netip.Prefix][]*visitor{}} }

// enter adds a connection. Where its address has too many already the oldest is closed: an honest client sends its
// header soon. A trusted proxy, which speaks for many, is not limited. Of an IPv6 address the /64 counts, because one host
// may use all of it.
func (w *waiting) enter(conn net.Conn) *visitor {
	addr := hostAddr(conn.RemoteAddr().String())
	v := &visitor{Conn: conn, waiting: w}
	v.from, _ = addr.Prefix(min(64, addr.BitLen()))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		_ = conn.Close()
		return v
	}
	queue := append(w.by[v.from], v)
	if len(queue) > maxWaiting && !w.srv.cfg.trusted(addr) {
		w.srv.deps.Bans.BlameAddress(addr, guard.Flood, "too many idle connections", w.srv.deps.Now())
		_ = queue[0].Conn.Close()
		queue = slices.Delete(queue, 0, 1)
	}
	w.by[v.from] = queue
	return v
}

// close ends all that wait, now and later, so that they don't hold up a stop.
func (w *waiting) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, queue := range w.by {
		for _, v := range queue {
			_ = v.Conn.Close()
		}
	}
}

// visitor is a connection that waits until it has sent a request header or is closed.
type visitor struct {
	net.Conn
	waiting *waiting
	from    netip.Prefix
}

// pass ends the waiting. It may be called more than once.
func (v *visitor) pass() {
	w := v.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.by[v.from]
	if i := slices.Index(queue, v); i >= 0 {
		w.by[v.from] = slices.Delete(queue, i, i+1)
	}
	if len(w.by[v.from]) == 0 {
		delete(w.by, v.from)
	}
}

func (v *visitor) Close() error {
	v.pass()
	return v.Conn.Close()
}

// passDoor is told by http.Server how far a connection has come.
func passDoor(conn net.Conn, state http.ConnState) {
	if state == http.StateNew {
		return
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.(*sniffer).pass()
}

// redirect reads the rest of the header, which http.Server's deadline for the handshake bounds in time.
func (s *sniffer) redirect(start []byte) {
	header := io.LimitReader(io.MultiReader(bytes.NewReader(start), s.visitor), maxHeader)
	r, err := http.ReadRequest(bufio.NewReader(header))
	if err != nil || !plainHost(r.Host) || !strings.HasPrefix(r.URL.Path, "/") {
		_, _ = io.WriteString(s.visitor, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		return
	}
	to := "https://" + r.Host + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	_, _ = fmt.Fprintf(s.visitor, "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nConnection: close\r\nContent-Length: 0\r\n"+
		"Cache-Control: no-store\r\n\r\n", to)
}
