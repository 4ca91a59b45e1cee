package media

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// handler takes a datagram, which lies in a buffer of bufferSize that is free again when handler returns. It must not wait.
type handler func(p []byte, src netip.AddrPort, now time.Duration)

// socket is one UDP port of the engine. Nothing but its methods knows how datagrams come and go.
type socket struct{ conn *net.UDPConn }

// listen binds a port; nothing is read before serve.
func listen(network string, at *net.UDPAddr) (*socket, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn}, nil
}

// serve hands the datagrams of a socket to handle, one after another, until it is closed. It says false when the engine has ended.
func (e *Engine) serve(s *socket, handle handler) bool {
	return e.spawn(func() { s.read(handle, e.now) })
}

// read is the loop of serve. Errors of single datagrams, as some systems report them for a peer's closed port, end nothing.
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

// send sends a datagram; it never waits.
func (s *socket) send(p []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(p, to)
	return err
}

// addr is the address that the socket is bound to.
func (s *socket) addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// close ends the socket and its serving, and waits for neither.
func (s *socket) close() error { return s.conn.Close() }
