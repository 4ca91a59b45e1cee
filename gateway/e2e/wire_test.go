//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a cable between a browser and the gateway's HTTPS port that can be cut.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns map[net.Conn]bool
	cut   bool
}

// layWire gives another address for the gateway's page. Media does not go over it.
func layWire(t *testing.T, g *gateway) *wire {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("lay a wire: %v", err)
	}
	w := &wire{listener: l, to: fmt.Sprintf("127.0.0.1:%d", g.https.number), conns: make(map[net.Conn]bool)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.set(true)
		running.Wait()
	})
	return w
}

// url is the address of a path on the gateway, over the wire.
func (w *wire) url(path string) string {
	return fmt.Sprintf("https://localhost:%d%s", w.port(), path)
}

func (w *wire) port() int { return w.listener.Addr().(*net.TCPAddr).Port }

// set cuts the wire with all its connections, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for conn := range w.conns {
		if cut {
			conn.Close()
		}
	}
}

// hold notes a connection, to be cut with the wire; false when that is cut already.
func (w *wire) hold(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[conn] = true
	return !w.cut
}

func (w *wire) carry(near net.Conn) {
	far, err := net.Dial("tcp4", w.to)
	if err != nil {
		near.Close()
		return
	}
	var both sync.WaitGroup
	if w.hold(near) && w.hold(far) {
		both.Go(func() { io.Copy(near, far); near.Close() })
		both.Go(func() { io.Copy(far, near); far.Close() })
	}
	both.Wait()
	near.Close()
	far.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, near)
	delete(w.conns, far)
}
