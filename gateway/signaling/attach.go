package signaling

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// socket carries a flow's messages: a WebSocket, or memory.
type socket interface {
	Reader(ctx context.Context) (websocket.MessageType, io.Reader, error)
	Write(ctx context.Context, kind websocket.MessageType, msg []byte) error
	Ping(ctx context.Context) error
	Close(code websocket.StatusCode, reason string) error
	CloseNow() error
}

// Line is the far end of a flow in memory: what a phone inside of this process speaks SIP through, a message at a time. Its methods may
// be called by any goroutine.
type Line struct {
	out, in *mailbox
	quiet   func(on bool)
}

// Quiet says whether the phone's user asks not to be disturbed, which the user's lamp shows as long as the line is open.
func (l *Line) Quiet(on bool) { l.quiet(on) }

// Send gives a message to the server; it never waits.
func (l *Line) Send(msg []byte) error { return l.out.put(msg) }

// Receive waits for the next message from the server; io.EOF once the line is closed.
func (l *Line) Receive() ([]byte, error) { return l.in.get() }

// Close ends the line, as the server may too.
func (l *Line) Close() error {
	l.out.close()
	l.in.close()
	return nil
}

// Attach gives a phone inside of this process a flow that belongs to the user: it needs no credential, and its legs' media are samples
// (sdp.PCM). It is open until either side closes it. There is one at most.
func (s *Server) Attach(user string) (*Line, error) {
	here := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1) // no address of anybody: the name only has to be unique
	source, err := s.door.admit(here)
	if err != nil {
		return nil, fmt.Errorf("attach the phone of this machine: %w", err)
	}
	defer s.door.running.Done()
	f := newFlow(s.door, source, doorVisitor{client: here, local: here, secure: true})
	f.inside = true
	f.Bind(auth.Identity{User: user})
	up, down := newMailbox(), newMailbox()
	f.ws, f.raw = memorySocket{in: up, out: down}, closers{up, down}
	s.inside.Store(f)
	s.door.enter(f)
	return &Line{out: up, in: down, quiet: func(on bool) {
		f.quiet.Store(on)
		s.around.moved(user)
	}}, nil
}

// quiet says whether this machine's phone is the user's and asks not to be disturbed.
func (s *Server) quiet(user string) bool {
	f := s.inside.Load()
	if f == nil || f.gone() || !f.quiet.Load() {
		return false
	}
	id, _ := f.Identity()
	return id.User == user
}

// media is how the media of the flow's phone travels.
func (f *flow) media() call.Party {
	p := call.Party{Profile: sdp.WebRTC, Host: f.Remote().Addr().Unmap()}
	if f.inside {
		p.Profile = sdp.PCM
	}
	return p
}

// SetName has this machine known by another name from the next call on.
func (s *Server) SetName(name string) { s.name.Store(&name) }

// deskName is the callee that is this machine's own microphone and loudspeaker.
const deskName = "desk"

// noDeskError says in one sentence why this machine's phone does not ring.
type noDeskError struct{ why string }

func (e *noDeskError) Error() string { return e.why }

// toDesk rings the phone of this machine, and no other device of its owner.
func (s *Server) toDesk(ctx context.Context, from caller, req *sip.Request) (plan, error) {
	absent := func() (plan, error) {
		why := ""
		if s.deps.NoDesk != nil {
			why = s.deps.NoDesk()
		}
		return plan{}, &noDeskError{cmp.Or(why, "The sound of this machine is not available")}
	}
	f := s.inside.Load()
	if f == nil {
		return absent()
	}
	id, _ := f.Identity()
	user, err := s.deps.Users.User(ctx, id.User)
	if err != nil {
		return absent()
	}
	p, err := s.toUsers(from, []auth.User{user}, req)
	if err != nil {
		return absent()
	}
	p.branches = slices.DeleteFunc(p.branches, func(l *leg) bool { return l.flow != f })
	if len(p.branches) == 0 {
		return absent()
	}
	for _, l := range p.branches {
		l.remote = address{display: *s.name.Load(), uri: sip.Uri{Scheme: "sip", User: deskName, Host: s.cfg.Domain}}
	}
	return p, nil
}

// mailbox is a queue of messages from one goroutine to another.
type mailbox struct {
	mu     sync.Mutex
	queue  [][]byte
	closed bool
	news   chan struct{} // holds one when there is something to look at
}

func newMailbox() *mailbox { return &mailbox{news: make(chan struct{}, 1)} }

// put never waits. A reader that has stopped reading gets no more.
func (m *mailbox) put(msg []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return fmt.Errorf("send in memory: %w", net.ErrClosed)
	case len(m.queue) >= flowMaxQueue:
		return fmt.Errorf("send in memory: %w", errSlowReader)
	}
	m.queue = append(m.queue, bytes.Clone(msg))
	m.tell()
	return nil
}

// get waits for a message.
func (m *mailbox) get() ([]byte, error) {
	for {
		m.mu.Lock()
		if len(m.queue) > 0 {
			msg := m.queue[0]
			m.queue = m.queue[1:]
			m.mu.Unlock()
			return msg, nil
		}
		if m.closed {
			m.tell() // for others who wait
			m.mu.Unlock()
			return nil, io.EOF
		}
		m.mu.Unlock()
		<-m.news
	}
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.tell()
}

// tell wakes the reader. The caller holds m.mu.
func (m *mailbox) tell() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// memorySocket is the server's end of a Line.
type memorySocket struct{ in, out *mailbox }

func (m memorySocket) Reader(context.Context) (websocket.MessageType, io.Reader, error) {
	msg, err := m.in.get()
	return websocket.MessageText, bytes.NewReader(msg), err
}

func (m memorySocket) Write(_ context.Context, _ websocket.MessageType, msg []byte) error {
	return m.out.put(msg)
}

// Ping finds the other end alive: it is in this process.
func (memorySocket) Ping(context.Context) error { return nil }

func (m memorySocket) Close(websocket.StatusCode, string) error { return m.CloseNow() }

func (m memorySocket) CloseNow() error { return closers{m.in, m.out}.Close() }

// closers closes both ways.
type closers [2]*mailbox

func (c closers) Close() error {
	c[0].close()
	c[1].close()
	return nil
}
