package signaling

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// flowHandshake is what sipgo reads first from every connection. Its answer goes nowhere.
const flowHandshake = "GET /ws HTTP/1.1\r\nHost: door.invalid\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

// flowBuffers hold a message each on its way from the browser to sipgo, so that an idle flow needs none.
var flowBuffers = sync.Pool{New: func() any {
	b := make([]byte, maxMessage+1+lengthRoom) // one more, to see that a message is too long
	return &b
}}

// flowConn is a flow as sipgo sees it: a net.Conn with a WebSocket in it, whose client handshakes at
// once and sends well-formed SIP messages, each whole and in one frame. sipgo's goroutine does the
// reading, so when sipgo does not read nobody reads from the browser.
type flowConn struct {
	f             *flow
	local, remote net.Addr

	head, body []byte  // what Read gives next
	header     [8]byte // of the frame that body is in
	buf        *[]byte // body's, when from flowBuffers
	out        serverFrames

	over       chan struct{} // closed when sipgo has been told of the end
	tell       func()        // closes over
	letGo      chan struct{} // closed when sipgo has closed the connection
	close      func()        // closes letGo
	deadlineMu sync.Mutex
	deadline   *time.Timer // ends reading
	late       atomic.Bool // it did
}

func newFlowConn(f *flow) *flowConn {
	c := &flowConn{
		f: f, remote: flowAddr(f.source), head: []byte(flowHandshake),
		// sipgo files a connection under its local address too, so that must be unique. It names no
		// host; as in RFC 7118 §5.2 it ends in ".invalid".
		local: flowAddr(strconv.FormatUint(f.door.opened.Add(1), 10) + ".flow.invalid:443"),
		over:  make(chan struct{}), letGo: make(chan struct{}),
	}
	c.out.emit = f.send
	c.tell = sync.OnceFunc(func() { close(c.over) })
	c.close = sync.OnceFunc(func() { close(c.letGo) })
	return c
}

// Read gives the handshake, then the browser's messages as masked frames (RFC 6455 §5.3; the mask is zero).
func (c *flowConn) Read(p []byte) (int, error) {
	if len(c.head) == 0 && len(c.body) == 0 {
		if c.buf != nil {
			flowBuffers.Put(c.buf)
			c.buf = nil
		}
		if !c.next() {
			c.tell()
			if c.late.Load() {
				return 0, os.ErrDeadlineExceeded
			}
			return 0, io.EOF
		}
	}
	from := &c.head
	if len(c.head) == 0 {
		from = &c.body
	}
	n := copy(p, *from)
	*from = (*from)[n:]
	return n, nil
}

// next waits for a message that sipgo may see, and puts its frame into head and body.
func (c *flowConn) next() bool {
	for {
		_, r, err := c.f.ws.Reader(context.Background())
		if err != nil {
			c.f.lost(err)
			return false
		}
		buf := flowBuffers.Get().(*[]byte)
		n, err := readMessage(r, (*buf)[:maxMessage+1])
		if err != nil {
			flowBuffers.Put(buf)
			c.f.lost(err)
			return false
		}
		if msg := c.f.take((*buf)[:n]); msg != nil {
			c.buf, c.body = buf, msg
			c.frame()
			return true
		}
		flowBuffers.Put(buf)
	}
}

// readMessage reads to the end of a WebSocket message. p has room for more than one may have.
func readMessage(r io.Reader, p []byte) (int, error) {
	n := 0
	for {
		m, err := r.Read(p[n:])
		n += m
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// frame writes the header of the frame whose payload is body.
func (c *flowConn) frame() {
	const final, text, masked = 0x80, 1, 0x80
	c.header = [8]byte{final | text}
	if n := len(c.body); n < 126 {
		c.header[1] = masked | byte(n)
		c.head = c.header[:6]
	} else {
		c.header[1] = masked | 126
		binary.BigEndian.PutUint16(c.header[2:], uint16(n))
		c.head = c.header[:]
	}
}

// Write takes the frames that sipgo sends and queues their messages for the browser. It never waits.
func (c *flowConn) Write(p []byte) (int, error) {
	if err := c.out.write(p); err != nil {
		if errors.Is(err, errFrame) {
			c.f.Close(websocket.StatusInternalError, "internal error")
		}
		return 0, err
	}
	return len(p), nil
}

// Close ends the flow.
func (c *flowConn) Close() error {
	c.SetReadDeadline(time.Time{})
	c.close()
	c.f.Close(websocket.StatusGoingAway, stopping)
	return nil
}

// awaitEnd waits until sipgo has read to the end, and so has handed up the last message.
func (c *flowConn) awaitEnd() {
	select {
	case <-c.over:
		return
	case <-c.letGo: // it may not read again
	}
	select {
	case <-c.over:
	case <-time.After(flowEndTime):
	}
}

// LocalAddr is a name of our own for this connection, not an address.
func (c *flowConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the flow's source.
func (c *flowConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets the read deadline; writing never waits.
func (c *flowConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline makes the flow end at t. sipgo gives a connection up at its first read error in
// any case. The zero time takes the deadline away.
func (c *flowConn) SetReadDeadline(t time.Time) error {
	c.deadlineMu.Lock()
	defer c.deadlineMu.Unlock()
	if c.deadline != nil {
		c.deadline.Stop()
		c.deadline = nil
	}
	if !t.IsZero() {
		c.deadline = time.AfterFunc(time.Until(t), func() {
			c.late.Store(true)
			c.f.Close(websocket.StatusPolicyViolation, "idle for too long")
		})
	}
	return nil
}

// SetWriteDeadline has nothing to do, since writing never waits.
func (c *flowConn) SetWriteDeadline(time.Time) error { return nil }
