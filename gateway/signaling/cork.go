package signaling

import (
	"bytes"
	"net"
	"sync"
)

// cork is a connection whose writes can be kept back and then made as one: a WebSocket writes the head of a frame and its
// payload apart, and a burst of messages one after another. Each write by itself would cost the other side a wake-up, and
// with TLS a record.
type cork struct {
	net.Conn

	mu   sync.Mutex
	kept *bytes.Buffer // nil: writes go through
}

// maxKept is how much is kept back, in bytes; more goes through.
const maxKept = 64 << 10

var keptBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Write writes p, or keeps it.
func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		return c.Conn.Write(p)
	}
	if c.kept.Len()+len(p) <= maxKept {
		return c.kept.Write(p)
	}
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// put makes Write keep what it is given until pull. On a nil cork nothing changes.
func (c *cork) put() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = keptBuffers.Get().(*bytes.Buffer)
}

// pull writes what was kept.
func (c *cork) pull() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.pass()
	keptBuffers.Put(c.kept)
	c.kept = nil
	return err
}

// pass writes what was kept so far. The caller holds mu.
func (c *cork) pass() error {
	defer c.kept.Reset()
	if c.kept.Len() == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.kept.Bytes())
	return err
}
