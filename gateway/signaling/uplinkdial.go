package signaling

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"cordboard/gateway/locate"
)

// defaultPath is where another Cordboard, and many a server, takes WebSockets.
const defaultPath = "/ws"

// webURL is the address of the PBX's WebSocket. Whoever wants wss never gets ws.
func (p *pbx) webURL() string {
	u := url.URL{Scheme: strings.ToLower(transportOf(p.uri)), Host: p.uri.Host, Path: defaultPath}
	if p.uri.Port != 0 {
		u.Host = net.JoinHostPort(strings.Trim(p.uri.Host, "[]"), itoa(p.uri.Port))
	}
	if p.cfg.Path != "" {
		u.Path, u.RawQuery, _ = strings.Cut(p.cfg.Path, "?")
	}
	return u.String()
}

// dialWeb opens a WebSocket to the server t of the PBX (RFC 6455 §4.1, RFC 7118 §4.1) and gives it with the connection below.
// opened gives the flow that will be made of it, whose business its pings are.
func (p *pbx) dialWeb(ctx context.Context, t *target, opened func() *flow) (*websocket.Conn, net.Conn, error) {
	if !t.Addr.IsValid() {
		return nil, nil, errNoServer
	}
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	var raw net.Conn
	name := strings.Trim(p.uri.Host, "[]")
	connect := func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", t.Addr.String())
		raw = conn
		return conn, err
	}
	transport := &http.Transport{DialContext: connect, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := connect(ctx, "", "")
		if err != nil {
			return nil, err
		}
		cfg, err := p.clientTLS(name)
		if err == nil {
			cfg.NextProtos = []string{"http/1.1"} // a WebSocket begins with it
			secure := tls.Client(conn, cfg)
			if err = tlsError(secure.HandshakeContext(ctx), name); err == nil {
				return secure, nil
			}
		}
		conn.Close()
		return nil, &handshakeError{err}
	}}
	transport.DisableKeepAlives = true // else each server that refuses leaves a connection open
	header := http.Header{"User-Agent": {p.srv.ua.Name()}}
	if p.cfg.Origin != "" {
		header.Set("Origin", p.cfg.Origin)
	}
	ws, res, err := websocket.Dial(ctx, p.webURL(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport, // it may lead elsewhere, and to where nobody checks a certificate
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader:   header,
		Subprotocols: []string{subprotocol},
		OnPingReceived: func(ctx context.Context, text []byte) bool {
			f := opened()
			return f == nil || f.pinged(ctx, text)
		},
	})
	if err != nil {
		return nil, nil, p.webError(res, err)
	}
	if ws.Subprotocol() != subprotocol {
		ws.CloseNow()
		return nil, nil, fmt.Errorf("the server at %s does not speak SIP over WebSocket", p.webURL())
	}
	return ws, raw, nil
}

// handshakeError carries the reason through the layers of net/http.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// webError says in words why there is no WebSocket.
func (p *pbx) webError(res *http.Response, err error) error {
	var handshake *handshakeError
	switch {
	case errors.As(err, &handshake):
		return handshake.err
	case res == nil, res.StatusCode == http.StatusSwitchingProtocols:
		if errors.Is(err, context.DeadlineExceeded) {
			return errors.New("the PBX does not answer the WebSocket handshake")
		}
		return plain(err)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("there is no WebSocket at %s; set path", p.webURL())
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the PBX refuses the WebSocket: %s; it may want another origin", res.Status)
	case res.StatusCode == http.StatusBadRequest && transportOf(p.uri) == locate.WS:
		return fmt.Errorf("the PBX refuses the WebSocket: %s; it may want transport=wss", res.Status)
	}
	return fmt.Errorf("the PBX refuses the WebSocket: %s", res.Status)
}

// askWeb finds out whether a server of the PBX lives: it answers a ping on a connection that is open, or else takes another one.
func (p *pbx) askWeb(ctx context.Context, t *target) error {
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	if f := p.anyFlow(t); f != nil {
		if err := f.ws.Ping(ctx); err == nil {
			return nil
		}
		if ctx.Err() != nil && !f.gone() {
			f.end(flowVerdict{websocket.StatusAbnormalClosure, "no pong", true})
			return errNoAnswer
		}
	}
	ws, _, err := p.dialWeb(ctx, t, func() *flow { return nil })
	if err != nil {
		return err
	}
	_ = ws.Close(websocket.StatusNormalClosure, "") // we know what we wanted to
	return nil
}

// anyFlow is an open connection to a server of the PBX; nil when there is none.
func (p *pbx) anyFlow(t *target) *flow {
	us := p.srv.uplinks
	us.mu.Lock()
	defer us.mu.Unlock()
	for _, u := range us.source {
		u.mu.Lock()
		f := u.flow
		u.mu.Unlock()
		if u.pbx == p && f != nil && !f.gone() && f.hop == t.Target {
			return f
		}
	}
	return nil
}
