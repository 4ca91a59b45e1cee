//go:build !linux || portable

package media

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// relay reads the sockets of an engine, each by a goroutine of its own.
type relay struct{}

func newRelay(time.Duration) (*relay, error) { return new(relay), nil }

// serve hands the datagrams of a socket to handle, one after another, until it is closed. It says false when the engine
// has ended.
func (e *Engine) serve(s *socket, handle handler) bool {
	return e.spawn(func() { s.read(handle, e.now) })
}

// stop has nothing to do: goroutines end with their sockets.
func (*relay) stop() {}

// release has nothing to do.
func (*relay) release() {}

// socket implements datagrams.
type socket struct{ conn *net.UDPConn }

// listen binds a port; nothing is read before serve.
func listen(network string, at *net.UDPAddr) (*socket, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn}, nil
}

// read is the loop of serve. Errors of single datagrams, as some systems report them for a peer's closed port, end
// nothing.
func (s *socket) read(handle handler, clock func() time.Duration) {
	buf := make([]byte, bufferSize)
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(time.Millisecond) // an error that stays must not take the processor
			continue
		}
		handle(buf[:n], netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), clock())
	}
}

// drain hands what came before serve to handle.
func (s *socket) drain(handle handler, now time.Duration) {
	s.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer s.conn.SetReadDeadline(time.Time{})
	buf := make([]byte, bufferSize)
	for range maxDrained {
		n, src, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		handle(buf[:n], netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), now)
	}
}

func (s *socket) send(p []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(p, to)
	return err
}

func (s *socket) queue(p []byte, to netip.AddrPort, _ *atomic.Uint64) error { return s.send(p, to) }

func (s *socket) gather() error {
	return errors.Join(s.conn.SetReadBuffer(roomForBursts), s.conn.SetWriteBuffer(roomForBursts))
}

func (s *socket) addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *socket) close() error { return s.conn.Close() }
