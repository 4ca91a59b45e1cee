package signaling

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/gateway/auth"
)

// memoryPipe is one direction of a connection in memory. Writing never waits.
type memoryPipe struct {
	mu     sync.Mutex
	data   []byte
	closed bool
	wake   chan struct{}
}

func newMemoryPipe() *memoryPipe { return &memoryPipe{wake: make(chan struct{}, 1)} }

func (p *memoryPipe) read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		n := copy(b, p.data)
		if p.data = p.data[n:]; len(p.data) == 0 {
			p.data = nil
		}
		closed := p.closed
		p.mu.Unlock()
		if n > 0 || len(b) == 0 {
			return n, nil
		}
		if closed {
			return 0, io.EOF
		}
		<-p.wake
	}
}

func (p *memoryPipe) write(b []byte) (int, error) {
	p.mu.Lock()
	p.data = append(p.data, b...)
	p.mu.Unlock()
	p.nudge()
	return len(b), nil
}

func (p *memoryPipe) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.nudge()
}

func (p *memoryPipe) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// memoryConn is one end of a connection in memory: no descriptor, and next to no memory while idle.
type memoryConn struct {
	in, out *memoryPipe
	remote  netip.AddrPort
}

func (c memoryConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c memoryConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c memoryConn) Close() error {
	c.in.close()
	c.out.close()
	return nil
}
func (c memoryConn) LocalAddr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }
func (c memoryConn) RemoteAddr() net.Addr           { return net.TCPAddrFromAddrPort(c.remote) }
func (memoryConn) SetDeadline(time.Time) error      { return nil }
func (memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (memoryConn) SetWriteDeadline(time.Time) error { return nil }

// idleWorld is a Server whose browsers come over memoryConns.
type idleWorld struct {
	tb      testing.TB
	srv     *Server
	eph     auth.Ephemeral
	conns   chan net.Conn
	tls     *tls.Config // of the clients; nil: without TLS
	clients int         // dialled in memory
	opened  int
	dialled [][2]net.Conn // in memory: our end and the browser's
}

func newIdleWorld(tb testing.TB, users int, secure bool) *idleWorld {
	tb.Helper()
	w := &idleWorld{tb: tb, conns: make(chan net.Conn), eph: auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1}}
	var list []auth.User
	for i := range users {
		list = append(list, auth.User{Name: fmt.Sprint("user", i), Extension: fmt.Sprint(1000 + i)})
	}
	srv, err := New(Config{Domain: "office.example", Version: "test"}, Deps{Users: auth.Static(list), Ephemeral: w.eph,
		Digest: auth.NewDigest([]byte("digest secret of test")), Media: &fakeMedia{}}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	w.srv = srv
	web := httptest.NewUnstartedServer(srv)
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	web.Listener.Close()
	web.Listener = memoryListener{w.conns, make(chan struct{})}
	if secure {
		web.StartTLS()
		w.tls = &tls.Config{InsecureSkipVerify: true}
	} else {
		web.Start()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		<-done
		web.Config.Close()
	})
	return w
}

type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l memoryListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}
func (memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

// idleBrowser is the browser's end: no goroutine, and no buffer when between messages.
type idleBrowser struct {
	conn net.Conn
	user string
	id   int // no other browser has it
	seq  int
}

// open dials in memory, signs in as user and completes the WebSocket handshake.
func (w *idleWorld) open(user string) *idleBrowser {
	return w.openAt(user, w.dialInMemory)
}

func (w *idleWorld) dialInMemory() net.Conn {
	if len(w.dialled) == 0 {
		w.dialled = append(w.dialled, w.newConn())
	}
	ends := w.dialled[0]
	w.dialled = w.dialled[1:]
	w.conns <- ends[0]
	return ends[1]
}

// newConn makes a connection in memory.
func (w *idleWorld) newConn() [2]net.Conn {
	w.clients++
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(w.clients >> 8), byte(w.clients)}), uint16(1024+w.clients%60000))
	up, down := newMemoryPipe(), newMemoryPipe()
	return [2]net.Conn{memoryConn{in: up, out: down, remote: addr}, memoryConn{in: down, out: up}}
}

// openAt does the same over a connection that dial makes.
func (w *idleWorld) openAt(user string, dial func() net.Conn) *idleBrowser {
	w.tb.Helper()
	w.opened++
	b := &idleBrowser{conn: dial(), user: user, id: w.opened}
	if w.tls != nil {
		b.conn = tls.Client(b.conn, w.tls)
	}
	name, password := w.eph.Sign(user, time.Now().Add(time.Hour))
	q := url.Values{"username": {name}, "password": {password}}
	fmt.Fprintf(b.conn, "GET /ws?%s HTTP/1.1\r\nHost: office.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n", q.Encode())
	res, err := http.ReadResponse(bufio.NewReader(b.conn), nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		w.tb.Fatalf("handshake of %s: %v, %v", user, res, err)
	}
	return b
}

// frame makes a masked frame (the mask is zero).
func (b *idleBrowser) send(text string) error {
	frame := []byte{0x81, 0x80 | 126}
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(len(text))), 0, 0, 0, 0)
	_, err := b.conn.Write(append(frame, text...))
	return err
}

// read gives the next text frame.
func (b *idleBrowser) read(p []byte) ([]byte, error) {
	for {
		if _, err := io.ReadFull(b.conn, p[:2]); err != nil {
			return nil, err
		}
		kind, n := p[0], int(p[1])
		if n == 126 {
			if _, err := io.ReadFull(b.conn, p[:2]); err != nil {
				return nil, err
			}
			n = int(binary.BigEndian.Uint16(p))
		}
		if _, err := io.ReadFull(b.conn, p[:n]); err != nil {
			return nil, err
		}
		if kind == 0x81 {
			return p[:n], nil
		}
	}
}

// register is a REGISTER in the shape of JsSIP's, refreshed when sent again.
func (b *idleBrowser) register() string {
	b.seq++
	return strings.NewReplacer("alice", b.user, "CSeq: 81", fmt.Sprint("CSeq: ", 81+b.seq), "z9hG4bK4384293", fmt.Sprint("z9hG4bK", 1_000_000+b.seq),
		"ac7a0f3e", fmt.Sprintf("%08x", b.id), "8dn2kd9s", fmt.Sprintf("%08x", b.id), "7hd8s9ksj3hs9d8fj3", fmt.Sprintf("%018x", b.id)).Replace(benchRegister)
}

// fill has browsers register that are spread over the users, each over a connection that dial makes, and gives their raw ends.
func (w *idleWorld) fill(users, flows int, dial func() net.Conn) []net.Conn {
	w.tb.Helper()
	kept := make([]net.Conn, flows) // the raw ends; all else of a client may go
	p := make([]byte, 1<<16)
	for i := range flows {
		c := w.openAt(fmt.Sprint("user", i%users), dial)
		if err := c.send(c.register()); err != nil {
			w.tb.Fatal(err)
		}
		if msg, err := c.read(p); err != nil || !bytes.HasPrefix(msg, []byte("SIP/2.0 200 ")) {
			w.tb.Fatalf("%q, %v", msg, err)
		}
		kept[i] = c.conn
		if t, ok := c.conn.(*tls.Conn); ok {
			kept[i] = t.NetConn()
		}
	}
	n := 0
	for u := range users {
		n += len(w.srv.reg.of(fmt.Sprint("user", u), time.Now()))
	}
	if n != flows {
		w.tb.Fatalf("%d contacts registered, want %d", n, flows)
	}
	return kept
}

// idleMemory is what a registered browser takes of the heap and the stacks, in bytes, without its connection and the client's part.
func idleMemory(tb testing.TB, users, flows int, secure bool) float64 {
	w := newIdleWorld(tb, users, secure)
	w.open("user0").conn.Close()
	w.dialled = make([][2]net.Conn, flows) // the connections themselves are not counted
	for i := range w.dialled {
		w.dialled[i] = w.newConn()
	}
	before := memoryInUse()
	kept := w.fill(users, flows, w.dialInMemory)
	each := float64(memoryInUse()-before) / float64(flows)
	for _, c := range kept {
		c.Close()
	}
	return each
}

// BenchmarkIdleFlows is the memory of 20 000 registered browsers: heap and stacks, without the kernel's part and the clients'.
func BenchmarkIdleFlows(b *testing.B) {
	for _, secure := range []bool{false, true} {
		b.Run(fmt.Sprintf("tls=%v", secure), func(b *testing.B) {
			for range b.N {
				b.ReportMetric(idleMemory(b, 4000, 20_000, secure), "B/flow")
			}
		})
	}
}

// memoryInUse is what the heap and the stacks take, in bytes.
func memoryInUse() int64 {
	for range 4 {
		runtime.GC()
		time.Sleep(50 * time.Millisecond) // stacks shrink at a collection, finalizers run after one
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
