//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a cable between a browser and the gateway's HTTPS port that can be cut, or go dead: then nobody hears of it.
type wire struct {
	listener net.Listener
	to       string
	alive    *sync.Cond // locks mu

	mu    sync.Mutex
	conns map[net.Conn]bool
	cut   bool
	dead  bool
}

// layWire gives another address for the gateway's page. Media does not go over it.
func layWire(t *testing.T, g *gateway) *wire {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("lay a wire: %v", err)
	}
	w := &wire{listener: l, to: fmt.Sprintf("127.0.0.1:%d", g.https.number), conns: make(map[net.Conn]bool)}
	w.alive = sync.NewCond(&w.mu)
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
		w.die(false)
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
			conn.(end).Conn.Close()
		}
	}
}

// die has the wire carry nothing more, not even the end of a connection, or what has waited since.
func (w *wire) die(dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = dead
	w.alive.Broadcast()
}

// end is one end of a wire's connection.
type end struct {
	net.Conn
	wire *wire
}

// wait returns when the wire is alive.
func (w *wire) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.dead {
		w.alive.Wait()
	}
}

func (e end) Write(p []byte) (int, error) {
	e.wire.wait()
	return e.Conn.Write(p)
}

func (e end) Close() error {
	e.wire.wait()
	return e.Conn.Close()
}

// hold notes a connection, to be cut with the wire; false when that is cut already.
func (w *wire) hold(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[conn] = true
	return !w.cut
}

func (w *wire) carry(conn net.Conn) {
	near := end{conn, w}
	w.wait()
	conn, err := net.Dial("tcp4", w.to)
	if err != nil {
		near.Close()
		return
	}
	far := end{conn, w}
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
