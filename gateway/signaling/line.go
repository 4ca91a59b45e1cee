package signaling

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"cordboard/gateway/locate"
)

const (
	dialTime      = 4 * time.Second  // to open a connection, TLS handshake and all
	writeTime     = 5 * time.Second  // for the PBX to take a message
	keepAliveTime = 25 * time.Second // between two CRLF (RFC 5626 §3.5.1): routers forget a connection that is silent for longer
)

// errOtherCertificates tells that connections can't be shared.
var errOtherCertificates = errors.New("another PBX at the same address has other certificates set")

// lines are the connections toward PBXs, TCP and TLS, those that we opened and the TLS ones that we took.
type lines struct {
	life  context.Context // ends with close, and every dial with it
	end   context.CancelFunc
	dials singleflight.Group
	work  sync.WaitGroup // keep-alives
	tcp   *handover
	tls   *handover

	misread *misread

	mu     sync.Mutex
	open   map[string]*line // by transport and remote address
	closed bool
}

// line is one such connection. sipgo reads from it and closes it.
type line struct {
	net.Conn
	lines *lines
	key   string
	pbx   atomic.Pointer[pbx]
	hop   locate.Target // what it was opened for; zero when we took it
	gone  chan struct{}
	once  sync.Once
	taken atomic.Bool // sipgo sends by it
}

func newLines(m *misread) *lines {
	ls := &lines{tcp: newHandover(), tls: newHandover(), misread: m, open: make(map[string]*line)}
	ls.life, ls.end = context.WithCancel(context.Background())
	return ls
}

func lineKey(transport, remote string) string { return transport + " " + remote }

// add keeps a connection that is open now; false when all are being closed.
func (ls *lines) add(conn net.Conn, p *pbx, hop locate.Target, transport string) (*line, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return nil, false
	}
	l := &line{Conn: ls.misread.candid(conn), lines: ls, key: lineKey(transport, conn.RemoteAddr().String()), hop: hop, gone: make(chan struct{})}
	l.pbx.Store(p)
	ls.open[l.key] = l
	ls.work.Go(l.keepAlive)
	return l, true
}

// at is the connection to or from a remote address; nil when there is none.
func (ls *lines) at(transport, remote string) *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.open[lineKey(transport, remote)]
}

// close ends all connections and waits for their keep-alives.
func (ls *lines) close() {
	ls.mu.Lock()
	ls.closed = true
	var all []*line
	for _, l := range ls.open {
		all = append(all, l)
	}
	ls.mu.Unlock()
	ls.end()
	ls.tcp.Close()
	ls.tls.Close()
	for _, l := range all {
		l.Close()
	}
	ls.work.Wait()
}

// Write bounds how long a PBX that does not read can hold us up.
func (l *line) Write(b []byte) (int, error) {
	_ = l.SetWriteDeadline(time.Now().Add(writeTime))
	return l.Conn.Write(b)
}

// Close ends the connection and has its server asked at once, so that it is opened again.
func (l *line) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.gone)
		l.lines.mu.Lock()
		if l.lines.open[l.key] == l {
			delete(l.lines.open, l.key)
		}
		over := l.lines.closed
		l.lines.mu.Unlock()
		err = l.Conn.Close()
		if !over && l.hop.Addr.IsValid() {
			l.pbx.Load().suspect(l.hop, true)
		}
	})
	return err
}

// keepAlive sends CRLF CRLF until the connection ends.
func (l *line) keepAlive() {
	tick := time.NewTicker(keepAliveTime)
	defer tick.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-tick.C:
			if !l.ping() {
				return
			}
		}
	}
}

// ping sends one keep-alive; false when the connection has ended.
func (l *line) ping() bool {
	if _, err := l.Write([]byte("\r\n\r\n")); err != nil {
		l.Close()
		return false
	}
	return true
}

// connect sees to it that sipgo has a connection to hop, whose certificate must be for name.
func (s *Server) connect(ctx context.Context, p *pbx, hop locate.Target, name string) error {
	if l := s.lines.at(hop.Transport, hop.Addr.String()); l != nil && l.taken.Load() {
		if other := l.pbx.Load(); hop.Transport == locate.TLS && other != p && !sameCertificates(other, p) {
			return errOtherCertificates
		}
		return nil
	}
	done := s.lines.dials.DoChan(lineKey(hop.Transport, hop.Addr.String()), func() (any, error) {
		if s.lines.at(hop.Transport, hop.Addr.String()) != nil { // opened just now
			return nil, nil
		}
		ctx, stop := context.WithTimeout(s.lines.life, dialTime) // not the caller's: others may wait for the same
		defer stop()
		return nil, s.dial(ctx, p, hop, name)
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// dial opens a connection and hands it to sipgo.
func (s *Server) dial(ctx context.Context, p *pbx, hop locate.Target, name string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", hop.Addr.String())
	if err != nil {
		return plain(err)
	}
	queue := s.lines.tcp
	if hop.Transport == locate.TLS {
		queue = s.lines.tls
		cfg, err := p.clientTLS(name)
		if err == nil {
			secure := tls.Client(conn, cfg)
			err = tlsError(secure.HandshakeContext(ctx), name)
			if err == nil {
				conn = secure
			}
		}
		if err != nil {
			conn.Close()
			return err
		}
	}
	l, ok := s.lines.add(conn, p, hop, hop.Transport)
	if !ok {
		conn.Close()
		return net.ErrClosed
	}
	if !queue.put(l) {
		l.Close()
		return net.ErrClosed
	}
	l.taken.Store(true)
	p.log.Debug("connected", "server", hop)
	return nil
}

// portToward is the port at which the server hop reaches us. By TLS without a listener of ours that is the connection's own.
func (s *Server) portToward(hop locate.Target) int {
	if hop.Transport != locate.TLS {
		return int(s.ports().at.Port())
	}
	if sips := s.ports().tls; sips != nil {
		return sips.Addr().(*net.TCPAddr).Port
	}
	if l := s.lines.at(hop.Transport, hop.Addr.String()); l != nil {
		return l.LocalAddr().(*net.TCPAddr).Port
	}
	return int(locate.DefaultPort(locate.TLS))
}

// handover is a net.Listener by which sipgo takes connections that we opened or checked.
type handover struct {
	conns  chan *handed
	last   *handed // owned by Accept
	closed chan struct{}
	once   sync.Once
}

type handed struct {
	net.Conn
	taken chan struct{} // closed when sipgo sends by it
}

func newHandover() *handover {
	return &handover{conns: make(chan *handed), closed: make(chan struct{})}
}

// put gives sipgo a connection and waits until it has it in its pool; false when the handover is closed.
func (h *handover) put(conn net.Conn) bool {
	c := &handed{conn, make(chan struct{})}
	select {
	case h.conns <- c:
	case <-h.closed:
		return false
	}
	select {
	case <-c.taken:
		return true
	case <-h.closed:
		return false
	}
}

// Accept waits for the next connection. That sipgo asks for another tells that it has the one before.
func (h *handover) Accept() (net.Conn, error) {
	if h.last != nil {
		close(h.last.taken)
		h.last = nil
	}
	select {
	case <-h.closed:
		return nil, net.ErrClosed
	case c := <-h.conns:
		h.last = c
		return c.Conn, nil
	}
}

// Close ends Accept. Connections already taken stay.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr is a name in the shape of an address; sipgo wants its port.
func (h *handover) Addr() net.Addr {
	return handoverAddr(fmt.Sprintf("pbx.invalid:%d", locate.DefaultPort(locate.TLS)))
}

type handoverAddr string

func (handoverAddr) Network() string { return "tcp" }
func (a handoverAddr) String() string {
	return string(a)
}
