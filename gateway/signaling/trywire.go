package signaling

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"cordboard/gateway/locate"
)

// maxTryMessage bounds an answer to a trial, in bytes.
const maxTryMessage = 64 << 10

// tryWire brings the messages of a trial to a PBX.
type tryWire interface {
	send(ctx context.Context, message []byte) error
	receive(ctx context.Context) ([]byte, error)
	local() netip.AddrPort
	close()
}

// dial opens the connection that the server's transport asks for.
func (t *trial) dial(ctx context.Context) (tryWire, error) {
	if t.at.Transport == locate.WS || t.at.Transport == locate.WSS {
		return t.dialWeb(ctx)
	}
	network := "tcp"
	if t.at.Transport == locate.UDP {
		network = "udp"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, t.at.Addr.String())
	if err == nil && t.at.Transport == locate.TLS {
		conn, err = t.secure(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	w := &tryConn{Conn: conn}
	if network == "tcp" {
		w.stream = bufio.NewReader(conn)
	}
	return w, nil
}

// tryConn is UDP, TCP or TLS.
type tryConn struct {
	net.Conn
	stream *bufio.Reader // nil: UDP
}

func (w *tryConn) local() netip.AddrPort { return hostPort(w.LocalAddr()) }
func (w *tryConn) close()                { w.Close() }

func (w *tryConn) send(ctx context.Context, message []byte) error {
	_ = w.SetWriteDeadline(deadline(ctx))
	_, err := w.Write(message)
	return err
}

func (w *tryConn) receive(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { _ = w.SetReadDeadline(time.Unix(1, 0)) })()
	if w.stream != nil {
		return readAnswer(w.stream)
	}
	data := make([]byte, maxTryMessage)
	for {
		n, err := w.Read(data)
		if !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return data[:n], err
		}
		_ = w.SetReadDeadline(time.Time{}) // that of the wait before
		if ctx.Err() != nil {              // whose end may just have been undone
			return nil, ctx.Err()
		}
	}
}

// readAnswer reads a message of a stream: its Content-Length says where it ends (RFC 3261 §18.3).
func readAnswer(stream *bufio.Reader) ([]byte, error) {
	var message bytes.Buffer
	length := 0
	for {
		line, err := stream.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			if message.Len() == 0 { // keep-alives
				continue
			}
			message.WriteString("\r\n")
			break
		}
		if message.Write(line); message.Len() > maxTryMessage {
			return nil, errors.New("the answer is too long")
		}
		name, value, _ := strings.Cut(string(line), ":")
		if name = textproto.TrimString(name); strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "l") {
			n, err := strconv.ParseUint(textproto.TrimString(value), 10, 16)
			if err != nil {
				return nil, fmt.Errorf("the answer has a Content-Length of %.20q", value)
			}
			length = int(n)
		}
	}
	_, err := io.CopyN(&message, stream, int64(length))
	return message.Bytes(), err
}

// tryWeb is a WebSocket (RFC 7118).
type tryWeb struct {
	ws *websocket.Conn
	at netip.AddrPort // ours
}

// dialWeb opens a WebSocket to the server, where nothing leads elsewhere.
func (t *trial) dialWeb(ctx context.Context) (tryWire, error) {
	w := &tryWeb{}
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.at.Addr.String())
		if err == nil {
			w.at = hostPort(conn.LocalAddr())
		}
		return conn, err
	}
	transport := &http.Transport{DialContext: connect, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := connect(ctx, "", "")
		if err != nil {
			return nil, err
		}
		secure, err := t.secure(ctx, conn, "http/1.1")
		if err != nil {
			return nil, &handshakeError{err}
		}
		return secure, nil
	}}
	header := http.Header{"User-Agent": {"Cordboard"}}
	if t.pbx.cfg.Origin != "" {
		header.Set("Origin", t.pbx.cfg.Origin)
	}
	ws, res, err := websocket.Dial(ctx, t.pbx.webURL(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	if err != nil {
		return nil, t.pbx.webError(res, err)
	}
	if ws.Subprotocol() != subprotocol {
		ws.CloseNow()
		return nil, fmt.Errorf("the server at %s does not speak SIP over WebSocket", t.pbx.webURL())
	}
	ws.SetReadLimit(maxTryMessage)
	w.ws = ws
	return w, nil
}

func (w *tryWeb) local() netip.AddrPort { return w.at }
func (w *tryWeb) close()                { w.ws.CloseNow() }

func (w *tryWeb) send(ctx context.Context, message []byte) error {
	return w.ws.Write(ctx, websocket.MessageText, message)
}

func (w *tryWeb) receive(ctx context.Context) ([]byte, error) {
	_, data, err := w.ws.Read(ctx)
	return data, err
}
