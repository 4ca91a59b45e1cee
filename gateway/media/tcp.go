package media

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// proofTime is how long a TCP connection may go without a connectivity check that proves it.
	proofTime = 5 * time.Second

	// outboxSize bounds what waits for a browser to read, in octets: a second of sound. So much again waits in the kernel.
	outboxSize = 16 << 10

	// Connections that have proved nothing: of one address, of which for IPv6 the /64 counts, and of all.
	maxUnprovenOfOne = 32
	maxUnproven      = 1024
)

// errOutbox reports a packet for a browser that reads too slowly.
var errOutbox = errors.New("the browser does not read")

// tcpFlow is a TCP connection that a browser opened to us (RFC 6544 §7: we are passive), for networks that let no UDP
// out. What it brings is handled as a datagram of the browsers' socket, by whoever reads that.
type tcpFlow struct {
	engine *Engine
	conn   net.Conn
	addr   netip.AddrPort // of the browser
	key    uint64         // names the flow on the engine's way to itself
	in     frames         // the reading goroutine's, as carry is
	carry  [forwardHeader + maxPacket]byte
	line   atomic.Pointer[secureLine] // whose it is, nil before it proved itself
	stop   func() bool                // ends the waiting for the line's end; guarded by the mutex of tcpFlows
	last   atomic.Int64               // time.Duration of the engine's clock at the last check that proved itself; 0: none yet
	ended  chan struct{}

	mu   sync.Mutex
	out  []byte // frames that wait for the writing goroutine
	shut bool
	wake chan struct{}
}

// ServeTCP takes a TCP connection that a browser opened for media; begun is what was read of it already. The engine
// closes it: when it doesn't prove itself soon, when its leg ends, or with the engine.
func (e *Engine) ServeTCP(conn net.Conn, begun []byte) {
	f := &tcpFlow{engine: e, conn: conn, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	addr, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	f.addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if f.in.end = copy(f.in.buf[:], begun); err != nil || f.in.end < len(begun) || !e.tcp.add(f) {
		conn.Close()
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(outboxSize) // with more, what is late would come all the same
	}
	if !e.spawn(f.write) || !e.spawn(f.read) {
		f.end()
	}
}

// read owns the connection: when it returns nothing of the flow is left but its writing, which ends too.
func (f *tcpFlow) read() {
	defer f.end()
	defer context.AfterFunc(f.engine.ctx, f.shutdown)()
	f.conn.SetReadDeadline(time.Now().Add(proofTime))
	for {
		p, err := f.in.next()
		switch {
		case err != nil:
			return
		case p == nil:
			if err := f.in.fill(f.conn); err != nil && !f.goesOn(err) {
				return
			}
		case f.last.Load() == 0 && !wellFormed(p):
			return // a browser begins with a check
		default:
			f.engine.tcp.own.Write(f.carry[:forwardHeader+copy(f.carry[forwardHeader:], p)]) // without room it is lost, as on a wire
		}
	}
}

// goesOn says whether a flow lives on after an error: when the time to read is over, but a check came meanwhile.
func (f *tcpFlow) goesOn(err error) bool {
	last := time.Duration(f.last.Load())
	left := last + consent - f.engine.now()
	if !errors.Is(err, os.ErrDeadlineExceeded) || last == 0 || left <= 0 {
		return false
	}
	f.conn.SetReadDeadline(time.Now().Add(left))
	return true
}

// receive takes what the flow brought. It belongs to the goroutine that reads the browsers' socket.
func (f *tcpFlow) receive(p []byte, now time.Duration) {
	line := f.line.Load()
	switch what := sort(p); {
	case what == kindSTUN:
		if reply := f.engine.agent.answer(p, f.addr, f, now); reply != nil {
			f.send(reply)
		}
	case line == nil || what == kindOther:
		f.engine.stray.Add(1)
	case what == kindDTLS:
		line.shake(p, f.addr, f)
	default:
		line.receive(p, what, f.addr, now)
	}
}

// bind ties the flow to a line after a checked request. It says false when it is another line's.
func (f *tcpFlow) bind(line *secureLine, now time.Duration) bool {
	switch f.line.Load() {
	case nil:
		f.engine.tcp.prove(f, line)
	case line:
	default:
		return false
	}
	f.last.Store(int64(max(now, 1)))
	return true
}

// send queues a packet. It never waits: what a browser does not read is dropped.
func (f *tcpFlow) send(p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.shut:
		return errNotUp
	case len(f.out)+frameHeader+len(p) > outboxSize:
		return errOutbox
	}
	f.out = appendFrame(f.out, p)
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
	return nil
}

// write sends what is queued until the flow ends.
func (f *tcpFlow) write() {
	var spare []byte
	for {
		select {
		case <-f.wake:
		case <-f.ended:
			return
		}
		f.mu.Lock()
		p := f.out
		f.out = spare[:0]
		f.mu.Unlock()
		f.conn.SetWriteDeadline(time.Now().Add(consent))
		if _, err := f.conn.Write(p); err != nil {
			f.shutdown() // which ends the reading
			return
		}
		spare = p
	}
}

// shutdown closes the connection; reading and writing end then.
func (f *tcpFlow) shutdown() {
	f.mu.Lock()
	f.shut = true
	f.mu.Unlock()
	f.conn.Close()
}

// end forgets the flow.
func (f *tcpFlow) end() {
	f.shutdown()
	f.engine.tcp.remove(f)
	close(f.ended)
}

// closed says that nothing goes by the flow any more.
func (f *tcpFlow) closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shut
}

// forwardMark begins a datagram of the engine to itself: no packet of a browser begins so (RFC 7983 §7).
const forwardMark = 0xFF

// forwardHeader is the mark and the flow's key, in octets.
const forwardHeader = 1 + 8

// tcpFlows are the flows of all browsers. They bring what they read to the browsers' socket by a socket of their own,
// so that all media of browsers is handled by the one goroutine that reads there.
type tcpFlows struct {
	at   netip.AddrPort // where browsers connect to; port 0: nowhere
	own  *net.UDPConn   // sends to the browsers' socket; nil: no flow is taken
	from netip.AddrPort // of own

	mu       sync.Mutex
	all      map[uint64]*tcpFlow
	unproven map[netip.Prefix]int
	waiting  int                        // sum of unproven
	of       map[*secureLine][]*tcpFlow // those that proved themselves
}

// open makes the way to the browsers' socket, which listens at.
func (t *tcpFlows) open(browsers netip.AddrPort) error {
	host := browsers.Addr().Unmap()
	switch {
	case host == netip.IPv6Unspecified(), host == netip.IPv4Unspecified():
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	own, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, browsers.Port())))
	if err != nil {
		return err
	}
	t.own, t.all, t.unproven, t.of = own, make(map[uint64]*tcpFlow), make(map[netip.Prefix]int), make(map[*secureLine][]*tcpFlow)
	from := own.LocalAddr().(*net.UDPAddr).AddrPort()
	t.from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return nil
}

// close ends the way; no flow is left.
func (t *tcpFlows) close() {
	if t.own != nil {
		t.own.Close()
	}
}

// deliver takes a datagram that a flow sent here. It says false for all others.
func (t *tcpFlows) deliver(p []byte, src netip.AddrPort, now time.Duration) bool {
	if src != t.from || len(p) <= forwardHeader || p[0] != forwardMark {
		return false
	}
	t.mu.Lock()
	f := t.all[binary.BigEndian.Uint64(p[1:])]
	t.mu.Unlock()
	if f != nil { // else it has ended meanwhile
		f.receive(p[forwardHeader:], now)
	}
	return true
}

// network is what counts as one address.
func (f *tcpFlow) network() netip.Prefix {
	addr := f.addr.Addr().WithZone("")
	prefix, _ := addr.Prefix(min(64, addr.BitLen()))
	return prefix
}

// add takes a flow in, unless too many wait to be proved.
func (t *tcpFlows) add(f *tcpFlow) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := f.network()
	if t.own == nil || t.waiting >= maxUnproven || t.unproven[from] >= maxUnprovenOfOne {
		return false
	}
	for f.key == 0 || t.all[f.key] != nil {
		f.key = rand.Uint64()
	}
	f.carry[0] = forwardMark
	binary.BigEndian.PutUint64(f.carry[1:], f.key)
	t.all[f.key] = f
	t.waiting++
	t.unproven[from]++
	return true
}

// waited takes a flow out of those that wait to be proved. The caller holds mu.
func (t *tcpFlows) waited(f *tcpFlow) {
	t.waiting--
	from := f.network()
	if t.unproven[from]--; t.unproven[from] == 0 {
		delete(t.unproven, from)
	}
}

// prove notes whose a flow is. Of too many of one line that one goes which was not checked for the longest time.
func (t *tcpFlows) prove(f *tcpFlow, line *secureLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[f.key] != f {
		return // it has ended meanwhile
	}
	t.waited(f)
	f.line.Store(line)
	f.stop = context.AfterFunc(line.ctx, f.shutdown)
	list := t.of[line]
	if len(list) >= maxBound {
		oldest := slices.MinFunc(list, func(a, b *tcpFlow) int { return cmp.Compare(a.last.Load(), b.last.Load()) })
		oldest.shutdown()
		list = slices.DeleteFunc(list, func(other *tcpFlow) bool { return other == oldest })
	}
	t.of[line] = append(list, f)
}

// remove forgets a flow.
func (t *tcpFlows) remove(f *tcpFlow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, f.key)
	line := f.line.Load()
	if line == nil {
		t.waited(f)
		return
	}
	f.stop()
	if t.of[line] = slices.DeleteFunc(t.of[line], func(other *tcpFlow) bool { return other == f }); len(t.of[line]) == 0 {
		delete(t.of, line)
	}
}
