package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// doorBench is a door that answers every request with 200 and its body.
type doorBench struct {
	t    testing.TB
	door *door
	web  *httptest.Server

	opened, closed atomic.Int32
	requests       chan *sip.Request // what came up
	onRequest      func(*sip.Request, sip.ServerTransaction)
}

func newDoorBench(t testing.TB, change func(*doorConfig)) *doorBench {
	t.Helper()
	b := &doorBench{t: t, requests: make(chan *sip.Request, 1000)}
	cfg := doorConfig{
		Authenticate: authenticateNobody,
		Opened:       func(*flow) { b.opened.Add(1) },
		Closed:       func(*flow) { b.closed.Add(1) },
	}
	if change != nil {
		change(&cfg)
	}
	cfg.Request = func(req *sip.Request, tx sip.ServerTransaction, _ time.Time) {
		select {
		case b.requests <- req:
		default:
		}
		if b.onRequest != nil {
			b.onRequest(req, tx)
			return
		}
		tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", req.Body()))
	}
	b.door = newDoor(cfg, quiet)
	return b
}

// overTLS puts the door behind HTTPS.
func (b *doorBench) overTLS() *doorBench {
	b.web = httptest.NewUnstartedServer(b.door)
	b.web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	b.web.StartTLS()
	b.t.Cleanup(b.stop)
	return b
}

// overHTTP puts the door behind plain HTTP.
func (b *doorBench) overHTTP() *doorBench {
	b.web = httptest.NewServer(b.door)
	b.t.Cleanup(b.stop)
	return b
}

func (b *doorBench) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	b.door.close(ctx)
	if b.web != nil {
		b.web.Close()
	}
	if b.opened.Load() != b.closed.Load() {
		b.t.Errorf("%d flows opened, %d closed", b.opened.Load(), b.closed.Load())
	}
}

// dial opens a flow as a browser does, with our own Origin.
func (b *doorBench) dial(path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	if header == nil {
		header = http.Header{"Origin": {b.web.URL}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, b.web.URL+path, &websocket.DialOptions{
		HTTPClient: b.web.Client(), HTTPHeader: header, Subprotocols: []string{"sip"}})
	if err == nil {
		ws.SetReadLimit(1 << 20)
	}
	return ws, res, err
}

// browser opens a flow that must succeed.
func (b *doorBench) browser() *websocket.Conn {
	b.t.Helper()
	ws, _, err := b.dial("/ws", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { ws.CloseNow() })
	return ws
}

// theFlow is the only flow there is.
func (b *doorBench) theFlow() *flow {
	b.t.Helper()
	for limit := time.Now().Add(patient); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		b.door.mu.RLock()
		for _, f := range b.door.flows {
			if f != nil && b.opened.Load() > 0 {
				b.door.mu.RUnlock()
				return f
			}
		}
		b.door.mu.RUnlock()
	}
	b.t.Fatal("no flow")
	return nil
}

var branches atomic.Int64

// sipMessage makes a MESSAGE; the header Content-Length only when given.
func sipMessage(body string, headers ...string) string {
	extra := ""
	for _, h := range headers {
		extra += h + "\r\n"
	}
	n := branches.Add(1)
	return fmt.Sprintf("MESSAGE sip:bob@office.example SIP/2.0\r\nVia: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK%d\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:alice@office.example>;tag=a1\r\nTo: <sip:bob@office.example>\r\nCall-ID: %d@test\r\nCSeq: 1 MESSAGE\r\n"+
		"Content-Type: text/plain\r\n%s\r\n%s", n, n, extra, body)
}

// write sends a message as a browser.
func flowWrite(t testing.TB, ws *websocket.Conn, msg string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, []byte(msg)); err != nil {
		t.Fatal(err)
	}
}

// read waits for a message as a browser.
func flowRead(t testing.TB, ws *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	_, msg, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(msg)
}

// wantAnswer reads a 200 with the given body.
func wantAnswer(t testing.TB, ws *websocket.Conn, body string) {
	t.Helper()
	msg := flowRead(t, ws)
	if _, got, _ := strings.Cut(msg, "\r\n\r\n"); !strings.HasPrefix(msg, "SIP/2.0 200 ") || got != body {
		t.Fatalf("got %d bytes %.200q, want a 200 with body %.40q", len(msg), msg, body)
	}
}

// wantClosed reads until the server closes with code.
func wantClosed(t testing.TB, ws *websocket.Conn, code websocket.StatusCode, reason string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	for {
		_, _, err := ws.Read(ctx)
		if err == nil {
			continue
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code || !strings.Contains(closed.Reason, reason) {
			t.Fatalf("closed by %v, want %v %q", err, code, reason)
		}
		return
	}
}

// pipeListener accepts connections without a network, for tests on the virtual clock.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, io.EOF
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	l.conns <- pipeConn{server}
	return client, nil
}

// pipeConn is a pipe with addresses.
type pipeConn struct{ net.Conn }

func (pipeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50000} }
func (pipeConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

func doorLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// authenticateNobody finds no credential in any handshake.
func authenticateNobody(*http.Request, time.Time) (auth.Identity, error) {
	return auth.Identity{}, auth.ErrNoCredentials
}
