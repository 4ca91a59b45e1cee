package signaling

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordboard/gateway/auth"
)

// subprotocol is SIP's name in a WebSocket handshake (RFC 7118 §4.1).
const subprotocol = "sip"

// doorVisitor is who knocks, as far as the HTTP request tells. Behind a trusted proxy it is what the
// proxy says of its client.
type doorVisitor struct {
	client netip.AddrPort // without zone
	local  netip.AddrPort
	own    string // the origin of our own page as the browser sees it
	secure bool   // the browser came by TLS
}

// doorVisitorKey finds the visitor in a request's context.
type doorVisitorKey struct{}

// visitor works out who sent r.
func (d *door) visitor(r *http.Request) (doorVisitor, error) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return doorVisitor{}, fmt.Errorf("read client address: %w", err)
	}
	v := doorVisitor{client: bareAddrPort(peer), secure: r.TLS != nil}
	if l, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		local, _ := netip.ParseAddrPort(l.String()) // without one there is no hint for the media address
		v.local = bareAddrPort(local)
	}
	host := r.Host
	if d.trusts(v.client.Addr()) {
		v.client = netip.AddrPortFrom(d.forwardedFor(r, v.client.Addr()), v.client.Port())
		if p := lastForwarded(r.Header.Values("X-Forwarded-Proto")); p != "" {
			v.secure = strings.EqualFold(p, "https") || strings.EqualFold(p, "wss")
		}
		if h := lastForwarded(r.Header.Values("X-Forwarded-Host")); h != "" {
			host = h
		}
	}
	scheme := "http://"
	if v.secure {
		scheme = "https://"
	}
	v.own, _ = normalOrigin(scheme + host)
	return v, nil
}

// forwardedFor is the nearest address of X-Forwarded-For that is not a trusted proxy's: what stands
// further left may be invented.
func (d *door) forwardedFor(r *http.Request, peer netip.Addr) netip.Addr {
	client := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := forwardedAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if client = addr; !d.trusts(client) {
			break
		}
	}
	return client
}

// forwardedAddr reads an element of X-Forwarded-For; some proxies add the port.
func forwardedAddr(hop string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(hop)
	if err != nil {
		var p netip.AddrPort
		p, err = netip.ParseAddrPort(hop)
		addr = p.Addr()
	}
	return addr.Unmap().WithZone(""), err
}

func (d *door) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(d.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// bareAddrPort drops what sipgo drops when it looks a connection up: the zone, and IPv6 around IPv4.
func bareAddrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// lastForwarded is the last element of a list header: the one the nearest proxy wrote.
func lastForwarded(values []string) string {
	list := strings.Join(values, ",")
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// normalOrigin brings "scheme://host[:port]" into the form in which two of them compare as text.
func normalOrigin(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return "", false
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	return u.Scheme + "://" + host, true
}

// examine checks the handshake of v, all but its credential.
func (d *door) examine(r *http.Request, v doorVisitor) error {
	switch {
	case r.Method != http.MethodGet:
		return &doorRefusal{http.StatusMethodNotAllowed, "method", "This address takes GET only.", 0}
	case r.ProtoMajor != 1 || r.ProtoMinor < 1 || !headerLists(r.Header, "Upgrade", "websocket") || !headerLists(r.Header, "Connection", "upgrade"):
		return &doorRefusal{http.StatusUpgradeRequired, "not_websocket", "This address is for telephone programs: it speaks SIP over WebSocket.", 0}
	case !slices.Contains(headerTokens(r.Header, "Sec-WebSocket-Protocol"), subprotocol):
		return &doorRefusal{http.StatusBadRequest, "subprotocol", `The WebSocket handshake must offer the subprotocol "sip" (RFC 7118).`, 0}
	}
	if len(r.Header.Values("Origin")) == 0 {
		return nil // no browser: it has no page whose origin could matter, and its cookies are not looked at
	}
	origin, ok := normalOrigin(r.Header.Get("Origin"))
	if !ok || len(r.Header.Values("Origin")) > 1 || (origin != v.own && !d.origins[origin]) {
		return &doorRefusal{http.StatusForbidden, "origin", "Pages of this site may not call through this gateway. Its administrator can list the site under [web] origins.", 0}
	}
	return nil
}

// headerTokens are the elements of a comma-separated header.
func headerTokens(h http.Header, name string) []string {
	list := strings.Split(strings.Join(h.Values(name), ","), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// headerLists tells whether token, in lower case, is among the elements of a header.
func headerLists(h http.Header, name, token string) bool {
	return slices.ContainsFunc(headerTokens(h, name), func(t string) bool { return strings.ToLower(t) == token })
}

// doorRefusal is a handshake's end, in HTTP and in words.
type doorRefusal struct {
	status        int
	code, message string
	retryAfter    time.Duration // 0: not said
}

func (r *doorRefusal) Error() string { return "take WebSocket handshake: " + r.message }

var (
	errStopping     = &doorRefusal{http.StatusServiceUnavailable, "stopping", "The gateway is stopping. Try again in a moment.", time.Second}
	errTooManyFlows = &doorRefusal{http.StatusTooManyRequests, "too_many_connections", "There are too many connections from this address.", 10 * time.Second}
)

// refuse answers a handshake that leads to no flow.
func (d *door) refuse(w http.ResponseWriter, v doorVisitor, err error) {
	var no *doorRefusal
	switch {
	case errors.As(err, &no):
	case errors.Is(err, auth.ErrNoCredentials):
		no = &doorRefusal{http.StatusUnauthorized, "no_credential", "A credential is needed to connect: sign in first.", 0}
	case errors.Is(err, auth.ErrExpired):
		no = &doorRefusal{http.StatusUnauthorized, "expired", "The credential has expired: sign in again.", 0}
	case errors.Is(err, auth.ErrMustChange):
		no = &doorRefusal{http.StatusUnauthorized, "choose_password", "The one-time password must be replaced first.", 0}
	case errors.Is(err, auth.ErrWrongPassword), errors.Is(err, auth.ErrMalformed), errors.Is(err, auth.ErrNoUser):
		no = &doorRefusal{http.StatusUnauthorized, "wrong_credential", "The credential is not valid: sign in again.", 0}
	default:
		no = &doorRefusal{http.StatusInternalServerError, "internal", "The gateway could not check the connection. Its log tells why.", 0}
	}
	level := slog.LevelDebug
	if no.status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	d.log.Log(context.Background(), level, "handshake refused", "client", v.client, "status", no.status, "error", err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	switch no.status {
	case http.StatusUpgradeRequired:
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "websocket")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	}
	if no.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(no.retryAfter.Seconds()))))
	}
	w.WriteHeader(no.status)
	json.NewEncoder(w).Encode(map[string]string{"error": no.code, "message": no.message})
}

// flowHijacker keeps the connection that goes over to the WebSocket, so that a flow whose peer is
// stuck can be cut off.
type flowHijacker struct {
	http.ResponseWriter
	conn net.Conn
	out  *cork
}

// Sizes of a WebSocket's buffers, in bytes. What does not fit goes past them; all but messages fits, and those are gathered
// below. net/http's own buffers, 4 KiB each, would be a third of what an idle flow takes.
const (
	socketIn    = 512
	socketInTLS = 64 // TLS has read a whole record already
	socketOut   = 128
)

// Hijack takes the connection over from net/http.
func (h *flowHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = conn
	if n := rw.Reader.Buffered(); n > 0 { // the client did not wait for our answer
		early, _ := rw.Reader.Peek(n)
		conn = &earlyConn{conn, bytes.Clone(early)}
	}
	in := socketIn
	if _, ok := h.conn.(interface{ NetConn() net.Conn }); ok {
		in = socketInTLS
	}
	h.out = &cork{Conn: conn}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, in), bufio.NewWriterSize(h.out, socketOut)), nil
}

// earlyConn is a connection of which some bytes have been read already.
type earlyConn struct {
	net.Conn
	early []byte
}

// Read gives those first.
func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
