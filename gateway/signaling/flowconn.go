package signaling

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
)

// flowBuffer is how much of a message is read at first, in bytes: most messages are shorter. A buffer for the longest
// would let many slow senders take much memory.
const flowBuffer = 4 << 10

// flowBuffers hold a message each while it is read, so that an idle flow needs none.
var flowBuffers = sync.Pool{New: func() any {
	b := make([]byte, flowBuffer)
	return &b
}}

// read hands up what the browser sends until the connection ends or cannot be used any more.
func (f *flow) read() {
	for {
		_, r, err := f.ws.Reader(context.Background())
		if err != nil {
			f.lost(err)
			return
		}
		buf := flowBuffers.Get().(*[]byte)
		text, err := readMessage(r, *buf)
		if err == nil {
			if msg := f.take(text); msg != nil {
				f.receive(msg)
			}
		}
		flowBuffers.Put(buf)
		if err != nil {
			f.lost(err)
			return
		}
	}
}

// readMessage reads to the end of a WebSocket message, into p if it fits.
func readMessage(r io.Reader, p []byte) ([]byte, error) {
	for n := 0; ; {
		if n == len(p) {
			p = append(p, make([]byte, len(p))...)
		}
		m, err := r.Read(p[n:])
		n += m
		if err == io.EOF {
			return p[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// flowConn is a flow as sipgo's transactions use it: a connection that takes messages. It never waits for the browser
// and lives as long as the flow, whoever refers to it.
type flowConn struct{ f *flow }

// WriteMsg queues msg for the browser.
func (c flowConn) WriteMsg(msg sip.Message) error {
	const room = 1024 // bytes; enough for most messages
	text := bytes.NewBuffer(make([]byte, 0, room+len(msg.Body())))
	msg.StringWrite(text)
	return c.f.send(text.Bytes())
}

// LocalAddr is our end of the TCP connection.
func (c flowConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.f.local) }

// Ref does nothing: a flow does not count who refers to it.
func (flowConn) Ref(int) int { return 1 }

// TryClose does nothing either.
func (flowConn) TryClose() (int, error) { return 1, nil }

// Close ends the flow.
func (c flowConn) Close() error {
	c.f.Close(websocket.StatusGoingAway, stopping)
	return nil
}

// flowTransactions are the SIP transactions under way on a flow (RFC 3261 §17), by the keys under which sipgo knows them. sipgo
// has a store of its own for those on other transports; this one needs no connection of sipgo's for each browser, which
// would read with 64 KiB and parse each message a second time, and a flow that closes finds its own without looking at all.
type flowTransactions struct {
	mu      sync.Mutex
	servers map[string]*flowInvite
	clients map[string]*sip.ClientTx
	over    bool // the flow has closed
}

var errFlowGone = errors.Join(errors.New("the browser's connection has closed"), sip.ErrTransactionTransport)

// receive gives a message to its transaction; a new request begins one.
func (f *flow) receive(msg sip.Message) {
	msg.SetTransport(f.Transport())
	msg.SetSource(f.source)
	switch msg := msg.(type) {
	case *sip.Request:
		f.requested(msg)
	case *sip.Response:
		key, err := sip.ClientTxKeyMake(msg)
		if err != nil {
			return
		}
		f.tx.mu.Lock()
		tx := f.tx.clients[key]
		f.tx.mu.Unlock()
		if tx != nil {
			go tx.Receive(msg) // waits for its taker; ends with the transaction
		}
	}
}

// requested takes a request. An INVITE begins a transaction, or goes on with one when it comes again or is the ACK of a refusal
// (RFC 3261 §17.2.1). Every other request on a reliable transport comes once and is answered once, which needs no state.
func (f *flow) requested(req *sip.Request) {
	arrived := time.Now()
	switch req.Method {
	case sip.INVITE:
		f.invited(req, arrived)
		return
	case sip.ACK:
		if tx := f.serverOf(req, sip.INVITE); tx != nil && tx.refused() {
			return
		}
	case sip.CANCEL:
		if tx := f.serverOf(req, sip.INVITE); tx != nil {
			_ = flowConn{f}.WriteMsg(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)) // the flow may be closing
			tx.cancel(req)
			return
		}
	}
	tx := &flowReply{f: f}
	take := func() {
		f.door.cfg.Request(req, tx, arrived)
		tx.Terminate()
	}
	switch req.Method {
	case sip.ACK, sip.REGISTER, sip.OPTIONS: // wait for nobody; and what comes after an ACK counts on it
		f.atOnce(take)
	default:
		go take() // waits for other peers, but not for long
	}
}

// invited takes an INVITE.
func (f *flow) invited(req *sip.Request, arrived time.Time) {
	key, err := sip.ServerTxKeyMake(req)
	if err != nil {
		_ = flowConn{f}.WriteMsg(sip.NewResponseFromRequest(req, sip.StatusBadRequest, "Bad Request", nil)) // the flow may be closing
		return
	}
	f.tx.mu.Lock()
	tx, known := f.tx.servers[key]
	if !known && !f.tx.over {
		tx = newFlowInvite(f, req)
		if f.tx.servers == nil {
			f.tx.servers = make(map[string]*flowInvite)
		}
		f.tx.servers[key] = tx
	}
	f.tx.mu.Unlock()
	switch {
	case known:
		tx.repeat()
	case tx != nil:
		go func() { // ends with the transaction
			f.door.cfg.Request(req, tx, arrived)
			f.tx.mu.Lock()
			delete(f.tx.servers, key)
			f.tx.mu.Unlock()
			tx.Terminate()
		}()
	}
}

// serverOf finds the transaction that the request with that method began, which req goes with (RFC 3261 §9.2, §17.2.3).
func (f *flow) serverOf(req *sip.Request, method sip.RequestMethod) *flowInvite {
	seq := *req.CSeq()
	seq.MethodName = method
	key, err := sip.ServerTxKeyMake(relative{req, &seq})
	if err != nil {
		return nil
	}
	f.tx.mu.Lock()
	defer f.tx.mu.Unlock()
	return f.tx.servers[key]
}

// relative is a CANCEL or ACK that looks like the INVITE it goes with.
type relative struct {
	*sip.Request
	seq *sip.CSeqHeader
}

// CSeq is that of the INVITE.
func (r relative) CSeq() *sip.CSeqHeader { return r.seq }

// atOnce lets the reader do something and send what that gave rise to, which spares two changes of goroutine.
func (f *flow) atOnce(do func()) {
	f.held.Store(true)
	do()
	f.held.Store(false)
	f.flush()
}

// request begins a client transaction on the flow.
func (f *flow) request(req *sip.Request) (*sip.ClientTx, error) {
	key, err := sip.ClientTxKeyMake(req)
	if err != nil {
		return nil, err
	}
	f.tx.mu.Lock()
	if f.tx.over {
		f.tx.mu.Unlock()
		return nil, errFlowGone
	}
	tx := sip.NewClientTx(key, req, flowConn{f}, quiet)
	if f.tx.clients == nil {
		f.tx.clients = make(map[string]*sip.ClientTx)
	}
	f.tx.clients[key] = tx
	f.tx.mu.Unlock()
	tx.OnTerminate(func(string, error) {
		f.tx.mu.Lock()
		delete(f.tx.clients, key)
		f.tx.mu.Unlock()
	})
	if err := tx.Init(); err != nil {
		tx.Terminate()
		return nil, err
	}
	return tx, nil
}

// endTransactions ends what is under way; nothing begins any more.
func (f *flow) endTransactions() {
	f.tx.mu.Lock()
	f.tx.over = true
	var under []interface{ Terminate() }
	for _, tx := range f.tx.servers {
		under = append(under, tx)
	}
	for _, tx := range f.tx.clients {
		under = append(under, tx)
	}
	f.tx.mu.Unlock()
	for _, tx := range under {
		tx.Terminate()
	}
}

// transaction begins a client transaction: on the flow that req is for, or by sipgo toward a PBX.
func (s *Server) transaction(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	if !isFlowTransport(req.Transport()) {
		return s.send(ctx, req)
	}
	if f := s.door.flow(req.Destination()); f != nil {
		return f.request(req)
	}
	if u := s.uplinks.by(req.Destination()); u != nil {
		return u.request(ctx, req)
	}
	return nil, errFlowGone
}

// write sends a message that belongs to no transaction: an ACK of a 2xx, or that 2xx again.
func (s *Server) write(msg sip.Message) error {
	if !isFlowTransport(msg.Transport()) {
		return s.ua.TransportLayer().WriteMsg(msg)
	}
	if f := s.door.flow(msg.Destination()); f != nil {
		return flowConn{f}.WriteMsg(msg)
	}
	if u := s.uplinks.by(msg.Destination()); u != nil {
		return u.write(msg)
	}
	if f := s.uplinks.door.flow(msg.Destination()); f != nil { // what answers a request of the PBX
		return flowConn{f}.WriteMsg(msg)
	}
	return errFlowGone
}

func isFlowTransport(t string) bool { return t == "WS" || t == "WSS" }
