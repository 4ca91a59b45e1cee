package signaling

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	answeringTime = 2 * time.Second        // for answers to what came before something that can't be read
	partTime      = 200 * time.Millisecond // for the peer to read them, once it knows that no more come
)

// misread answers what sipgo can't read. It tells nobody of it but its log, while it reads: so that is listened to. A datagram is the one that the
// read filter has let through just before, of somebody whom we know; what comes by a connection is what was read from it last.
type misread struct {
	srv *Server

	mu   sync.Mutex
	from net.Addr             // of the datagram
	open map[*candid]struct{} // connections that sipgo reads from
}

func (m *misread) heard(from net.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from = from
}

// answer tells the sender of the last datagram that it can't be read.
func (m *misread) answer(data string) {
	m.mu.Lock()
	from := m.from
	m.mu.Unlock()
	res := refusalOf([]byte(data))
	if from == nil || res == nil {
		return
	}
	if _, err := m.srv.ports().udp.WriteTo(res, from); err != nil {
		m.srv.log.Debug("refusal not sent", "error", err)
	}
}

// part has the connection from which that was read told and wound up, by the goroutine that reads from it.
func (m *misread) part(data string) {
	m.mu.Lock()
	var from *candid
	for c := range m.open {
		if c.hasRead(data) {
			from = c
		}
	}
	m.mu.Unlock()
	if from != nil {
		from.windUp([]byte(data))
	}
}

// unreadLog is sipgo's log, of which only what its transports can't read is of interest.
type unreadLog struct {
	misread *misread
	read    func(*misread, string) // takes that; nil: what logs is no transport that reads by itself
}

// What sipgo writes of a message that it can't read.
const sipgoUnread = "failed to parse"

// sipgoReaders are the names under which it does.
var sipgoReaders = map[string]func(*misread, string){"Transport<UDP>": (*misread).answer, "Transport<TCP>": (*misread).part, "Transport<TLS>": (*misread).part}

// Enabled implements slog.Handler.
func (l unreadLog) Enabled(_ context.Context, level slog.Level) bool {
	return l.read != nil && level >= slog.LevelError
}

// WithAttrs implements slog.Handler.
func (l unreadLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "caller" {
			l.read = sipgoReaders[a.Value.String()]
		}
	}
	return l
}

// WithGroup implements slog.Handler.
func (l unreadLog) WithGroup(string) slog.Handler { return l }

// Handle implements slog.Handler.
func (l unreadLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message != sipgoUnread {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "data" {
			l.read(l.misread, a.Value.String())
		}
		return a.Key != "data"
	})
	return nil
}

// candid is a connection of which sipgo reads whole messages, and whose peer is told before sipgo ends it because it can't read what came.
type candid struct {
	net.Conn
	misread *misread
	in      whole // sipgo's

	mu     sync.Mutex
	last   []byte // read and not followed by another read; sipgo's
	came   time.Time
	before time.Time // when the read before was
}

// candid is conn, for sipgo to read from.
func (m *misread) candid(conn net.Conn) *candid {
	c := &candid{Conn: conn, misread: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = make(map[*candid]struct{})
	}
	m.open[c] = struct{}{}
	return c
}

// Read gives one message, as sipgo can read it, and notes it.
func (c *candid) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.last = nil
	c.mu.Unlock()
	n, err := c.in.read(c.Conn, p)
	n = len(squeezeMessage(p[:n]))
	c.mu.Lock()
	c.last = p[:n]
	c.before, c.came = c.came, time.Now()
	c.mu.Unlock()
	return n, err
}

// hasRead says whether that was read last.
func (c *candid) hasRead(data string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.last) == data
}

// windUp refuses what can't be read and lets what came before be answered. What comes meanwhile is thrown away: closed with something unread, the
// connection would be reset, and what is on its way to the peer lost with it (RFC 2525 §2.17).
func (c *candid) windUp(data []byte) {
	rest := unreadable(data)
	c.mu.Lock()
	since := c.before
	if len(rest) < len(data) {
		since = c.came
	}
	c.mu.Unlock()
	if res := refusalOf(rest); res != nil {
		_ = c.SetWriteDeadline(time.Now().Add(writeTime))
		_, _ = c.Conn.Write(res) // it ends in any case
	}
	c.drain(since.Add(answeringTime))
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.drain(time.Now().Add(partTime))
	}
}

// drain throws away what comes until the peer ends the connection, or until then.
func (c *candid) drain(limit time.Time) {
	_ = c.SetReadDeadline(limit)
	_, _ = io.Copy(io.Discard, c.Conn)
}

// Close ends the connection.
func (c *candid) Close() error {
	c.misread.mu.Lock()
	delete(c.misread.open, c)
	c.misread.mu.Unlock()
	return c.Conn.Close()
}

// unreadable is what came by a connection from the first message on that can't be read; nil when there is none.
func unreadable(data []byte) []byte {
	in := sip.NewParser().NewSIPStream()
	defer in.Close()
	_, _ = in.Write(data)
	for len(data) > 0 {
		_, n, err := in.ParseNext()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return data
		}
		data = data[n:]
	}
	return nil
}
