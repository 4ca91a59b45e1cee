package media

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// handler takes a datagram, which lies in a buffer of bufferSize that is free again when handler returns. It must not
// wait: on Linux one thread carries the packets of all calls.
type handler func(p []byte, src netip.AddrPort, now time.Duration)

// datagrams is what the engine asks of a socket, one of its UDP ports. Nothing but its methods knows how datagrams come
// and go. Where there is epoll, one thread serves all sockets; elsewhere, or with the build tag "portable", each has a
// goroutine. All methods may be called by any goroutine at any time, also after close.
type datagrams interface {
	// send sends a datagram; it never waits.
	send(p []byte, to netip.AddrPort) error
	// queue sends a datagram, together with others if more packets are being handled at the moment. It never waits, and
	// p is free again when it returns. If the datagram can't be sent after all, unsent is told.
	queue(p []byte, to netip.AddrPort, unsent *atomic.Uint64) error
	// gather makes the socket ready for the packets of many calls: with room for bursts, and for packets that are
	// queued. It comes before serve.
	gather() error
	// addr is the address that the socket is bound to.
	addr() netip.AddrPort
	// close ends the socket and its serving, and waits for neither.
	close() error
}

var _ datagrams = (*socket)(nil)

// roomForBursts is what the kernel keeps for a socket of many calls, in bytes. With the usual 200 kB bursts of a few
// hundred calls are lost.
const roomForBursts = 4 << 20
