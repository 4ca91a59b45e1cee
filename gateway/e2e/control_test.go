//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// event is what baresip tells of itself: CALL_INCOMING, CALL_ESTABLISHED,
// CALL_CLOSED, CALL_DTMF_START, REGISTER_OK and the like.
type event struct {
	Type  string `json:"type"`
	Peer  string `json:"peeruri"`
	Param string `json:"param"`
}

// control speaks to baresip's ctrl_tcp module: JSON in netstrings.
type control struct {
	conn net.Conn

	mu      sync.Mutex
	events  []event
	mark    int // events before it belong to calls that are over
	replies []string
}

func dialControl(t *testing.T, addr string) *control {
	t.Helper()
	c := &control{}
	eventually(t, 10*time.Second, "control connection to baresip", func() (ok bool) {
		conn, err := net.Dial("tcp4", addr)
		c.conn = conn
		return err == nil
	})
	t.Cleanup(func() { c.conn.Close() })
	go c.read()
	return c
}

// read collects events and replies until the connection ends.
func (c *control) read() {
	r := bufio.NewReader(c.conn)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil || n > 1<<20 {
			return
		}
		text := make([]byte, n+1) // with the comma that ends it
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		var m struct {
			event
			Event bool   `json:"event"`
			Data  string `json:"data"`
			OK    bool   `json:"ok"`
		}
		if json.Unmarshal(text[:n], &m) != nil {
			continue
		}
		c.mu.Lock()
		if m.Event {
			c.events = append(c.events, m.event)
		} else {
			c.replies = append(c.replies, m.Data)
		}
		c.mu.Unlock()
	}
}

// command has baresip do something.
func (c *control) command(t *testing.T, name, params string) {
	t.Helper()
	text, _ := json.Marshal(map[string]string{"command": name, "params": params, "token": "e2e"})
	c.mu.Lock()
	before := len(c.replies)
	c.mu.Unlock()
	if _, err := fmt.Fprintf(c.conn, "%d:%s,", len(text), text); err != nil {
		t.Fatalf("command %s to baresip: %v", name, err)
	}
	eventually(t, 5*time.Second, "reply of baresip to "+name, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.replies) > before
	})
}

// forget lets the next wantEvent look only at what happens from now on.
func (c *control) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark = len(c.events)
}

// wantEvent waits for an event since the last forget.
func (c *control) wantEvent(t *testing.T, kind string) event {
	t.Helper()
	var found event
	if !within(15*time.Second, func() bool {
		for _, e := range c.recent() {
			if e.Type == kind {
				found = e
				return true
			}
		}
		return false
	}) {
		t.Fatalf("baresip: no %s; it told %v", kind, c.recent())
	}
	return found
}

// recent are the events since the last forget.
func (c *control) recent() []event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]event(nil), c.events[c.mark:]...)
}
