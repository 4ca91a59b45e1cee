package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"cordboard/gateway/auth"
	"cordboard/gateway/locate"
)

// How long a flow waits for what.
const (
	flowBindTime  = 30 * time.Second // for an identity
	flowPingEvery = 30 * time.Second
	flowPongTime  = 10 * time.Second // for the answer to a ping
	flowProofTime = 5 * time.Second  // for that of a browser whose media has stopped
	flowWriteTime = 10 * time.Second // for what is queued to leave
	flowCloseTime = 3 * time.Second  // for the closing handshake (RFC 6455 §7.1.1)
)

// What a flow may do before it is closed. Until it has an identity its requests are few; then all flows of a user share what it may do. Answers
// are not requests: they may come in a burst of our own making, such as NOTIFYs for a hundred lamps.
const (
	flowStrangerRate = 30 // requests per second, in bursts of twice as many
	flowFriendRate   = 300
	flowFrameRate    = 600 // messages and pings of all kinds
	flowMaxBad       = 10  // malformed messages
	flowMaxQueue     = 1024
	flowMaxQueued    = 1 << 20 // bytes waiting for a slow reader
)

const stopping = "server is stopping" // reason of a close with 1001

var errSlowReader = errors.New("send to browser: it does not read")

// flow is one browser's WebSocket (RFC 5626: a request for the browser goes down it, never to a host
// name). Two goroutines belong to it: run, which writes and keeps time, and read.
type flow struct {
	door          *door
	source        string // remote as text
	remote, local netip.AddrPort
	secure        bool
	inside        bool        // its other end is in this process
	quiet         atomic.Bool // and asks not to be disturbed
	opened        time.Time
	serial        uint64        // no other flow of its door has it
	hop           locate.Target // toward a PBX: the server that we have connected to

	ws  socket
	out *cork     // between them, where we are the server
	raw io.Closer // under ws; closing it ends everything at once
	tx  flowTransactions

	frames         *rate.Limiter
	requests       atomic.Pointer[rate.Limiter]
	received, sent atomic.Uint64 // messages
	bad            atomic.Uint64 // of those received, malformed ones

	writing sync.Mutex  // held while messages leave, so that they do so in order
	stuck   *time.Timer // runs while messages are on their way; guarded by writing
	held    atomic.Bool // the reader will send what is queued

	ending chan struct{} // closed by end
	done   chan struct{} // closed when no message comes up any more
	wake   chan struct{} // holds one when there is something to send
	bound  chan struct{} // holds one when the identity has changed
	doubt  chan struct{} // holds one when the browser shall show that it lives

	mu       sync.Mutex
	identity auth.Identity // no user: not bound
	queue    [][]byte
	queued   int         // bytes in queue
	verdict  flowVerdict // does not change any more once ending is closed
}

// flowVerdict is why a flow ends. The first one counts.
type flowVerdict struct {
	code   websocket.StatusCode // 0: it goes on
	reason string
	abrupt bool // without closing handshake: the peer is gone or stuck
}

func newFlow(d *door, source netip.AddrPort, v doorVisitor) *flow {
	f := &flow{
		door: d, source: source.String(), remote: source, local: v.local, secure: v.secure, opened: time.Now(), serial: d.opened.Add(1),
		frames: rate.NewLimiter(flowFrameRate, 2*flowFrameRate),
		ending: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1), bound: make(chan struct{}, 1),
		doubt: make(chan struct{}, 1),
	}
	f.requests.Store(rate.NewLimiter(flowStrangerRate, 2*flowStrangerRate))
	f.stuck = time.AfterFunc(flowWriteTime, f.giveUp)
	f.stuck.Stop()
	return f
}

// attach gives the flow its WebSocket.
func (f *flow) attach(ws *websocket.Conn, raw net.Conn) {
	ws.SetReadLimit(maxMessage)
	f.ws, f.raw = ws, raw
	if t, ok := raw.(interface{ NetConn() net.Conn }); ok {
		f.raw = t.NetConn() // closing TLS would first try to say so
	}
}

// Source is the flow's name: the source of its messages and the destination of those for it, "ip:port".
func (f *flow) Source() string { return f.source }

// Transport is the flow's transport in a Via (RFC 7118 §5.2).
func (f *flow) Transport() string {
	if f.secure {
		return "WSS"
	}
	return "WS"
}

// Local is our end of the TCP connection; behind a proxy, the proxy's way to us.
func (f *flow) Local() netip.AddrPort { return f.local }

// Remote is the browser's address. Behind a proxy the port says nothing.
func (f *flow) Remote() netip.AddrPort { return f.remote }

// Identity is who the flow belongs to; false while it is nobody's.
func (f *flow) Identity() (auth.Identity, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.identity, f.identity.User != ""
}

// Bind says who the flow belongs to. It stays theirs: another user is refused, the same one can
// only put off its expiry.
func (f *flow) Bind(who auth.Identity) (ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch had := f.identity; {
	case who.User == "", had.User != "" && had.User != who.User:
		return false
	case had.User == "", who.Expiry.IsZero(), !had.Expiry.IsZero() && who.Expiry.After(had.Expiry):
		f.identity = who
		if had.User == "" {
			f.requests.Store(f.door.allowed.take(who.User))
		}
	}
	select {
	case f.bound <- struct{}{}:
	default:
	}
	return true
}

// release gives back what the flow, which is gone, was allowed as its user's.
func (f *flow) release() {
	if who, ok := f.Identity(); ok {
		f.door.allowed.leave(who.User)
	}
}

// Close ends the flow once everything given to it before is sent. It does not wait. Only the first
// call of its kind counts.
func (f *flow) Close(code websocket.StatusCode, reason string) {
	f.end(flowVerdict{code: code, reason: reason})
}

// Done is closed when the flow is over: no message comes from it any more.
func (f *flow) Done() <-chan struct{} { return f.done }

func (f *flow) end(v flowVerdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.verdict.code == 0 {
		f.verdict = v
		close(f.ending)
	}
}

func (f *flow) isEnding() bool {
	select {
	case <-f.ending:
		return true
	default:
		return false
	}
}

// cutOff ends the flow at once, whatever it is doing.
func (f *flow) cutOff() {
	f.end(flowVerdict{websocket.StatusGoingAway, stopping, true})
	f.raw.Close()
}

// send queues a message for the browser; it never waits for it.
func (f *flow) send(msg []byte) error {
	if f.isEnding() {
		return fmt.Errorf("send to browser: %w", net.ErrClosed)
	}
	f.mu.Lock()
	if len(f.queue) >= flowMaxQueue || f.queued+len(msg) > flowMaxQueued {
		f.mu.Unlock()
		f.end(flowVerdict{websocket.StatusPolicyViolation, "messages are not read", true})
		return errSlowReader
	}
	f.queue = append(f.queue, msg)
	f.queued += len(msg)
	f.mu.Unlock()
	if f.held.Load() {
		return nil
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// take judges a message from the browser; nil when nobody else is to see it. Called by the reader only.
func (f *flow) take(msg []byte) sip.Message {
	if f.isEnding() { // all that matters now is the peer's close frame
		return nil
	}
	f.received.Add(1)
	switch {
	case !f.frames.Allow():
		f.Close(websocket.StatusPolicyViolation, "too many messages")
		return nil
	case string(msg) == "\r\n\r\n": // keep-alive (RFC 5626 §3.5.1)
		f.send([]byte("\r\n"))
		return nil
	case string(msg) == "\r\n", len(msg) == 0:
		return nil
	}
	out, err := screenMessage(msg)
	_, request := out.(*sip.Request)
	switch {
	case errors.Is(err, errTooLong):
		f.Close(websocket.StatusMessageTooBig, "message too long")
		return nil
	case request && !f.requests.Load().Allow():
		f.Close(websocket.StatusPolicyViolation, "too many requests")
		return nil
	case err != nil:
		f.door.log.Debug("message dropped", "flow", f.source, "error", err)
		if f.bad.Add(1) >= flowMaxBad {
			f.Close(websocket.StatusPolicyViolation, "too many malformed messages")
			return nil
		}
		if res := refusalOf(msg); res != nil {
			f.send(res)
		}
		return nil
	}
	return out
}

// pinged counts the browser's pings; it tells whether to answer.
func (f *flow) pinged(context.Context, []byte) bool {
	if f.frames.Allow() {
		return true
	}
	f.Close(websocket.StatusPolicyViolation, "too many pings")
	return false
}

// lost tells why reading has ended.
func (f *flow) lost(err error) {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		f.end(flowVerdict{closed.Code, closed.Reason, true})
	case errors.Is(err, websocket.ErrMessageTooBig):
		f.Close(websocket.StatusMessageTooBig, "message too long")
	default:
		f.end(flowVerdict{websocket.StatusAbnormalClosure, "connection lost", true})
	}
}
