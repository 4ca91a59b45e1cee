package signaling

import (
	"log/slog"
	"net"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// maxMessage is the longest SIP message from a browser, in bytes, Content-Length header included. It is what sipgo can
// take: the size of its read buffer is a uint16.
const maxMessage = 1<<16 - 1

// maxDatagram is the longest message that fits into UDP over IPv4, in bytes. Above the path's MTU it travels in fragments,
// which beats not at all: an answer can't change to TCP (RFC 3261 §18.2.2), and many a PBX has UDP only.
const maxDatagram = 1<<16 - 1 - 20 - 8

// tuneSipgo sets sipgo's package variables, which hold for the whole process: before anything else of sipgo runs.
var tuneSipgo = sync.OnceFunc(func() {
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) // it warns of its own counting when a flow ends under a transaction
	sip.ParseMaxMessageLength = maxMessage
	sip.UDPMTUSize = maxDatagram + 200       // sipgo drops what comes within 200 bytes of it, answers too
	sip.TransportBufferReadSize = maxMessage // one such buffer for each connection and for the UDP socket
})

// flowListener is a net.Listener whose connections are flows.
type flowListener struct {
	addr   flowAddr
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newFlowListener(secure bool) *flowListener {
	l := &flowListener{addr: "door.invalid:80", conns: make(chan net.Conn), closed: make(chan struct{})}
	if secure {
		l.addr = "door.invalid:443" // sipgo reads the port and may put it into a Via
	}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

// Accept waits for the next flow.
func (l *flowListener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	case c := <-l.conns:
		return c, nil
	}
}

// Close ends Accept. Flows already accepted stay.
func (l *flowListener) Close() error {
	l.close()
	return nil
}

// Addr is a name in the shape of an address.
func (l *flowListener) Addr() net.Addr { return l.addr }

// flowAddr is an address as sipgo wants it: "host:port" under which it files a connection.
type flowAddr string

func (flowAddr) Network() string  { return "tcp" }
func (a flowAddr) String() string { return string(a) }
