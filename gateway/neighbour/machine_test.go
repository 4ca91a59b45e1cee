package neighbour

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cordboard/discovery"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// machine is a Keeper with a port, as the gateway gives it one.
type machine struct {
	*Keeper
	at     netip.AddrPort
	book   *memory
	people chan call.News // what its People tells first; one reader
	log    *safeBuffer
	links  chan string // IDs of the connections for calls that it took
	stop   func()

	refused atomic.Int32 // handshakes

	mu    sync.Mutex
	found []discovery.Neighbour
	ticks chan struct{}
}

func newMachine(t *testing.T, name string) *machine {
	t.Helper()
	identity, err := cert.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatalf("OpenIdentity: %v", err)
	}
	return startMachine(t, name, identity, &memory{by: make(map[string]call.Neighbour)})
}

func startMachine(t *testing.T, name string, identity *tls.Certificate, book *memory) *machine {
	t.Helper()
	return startMachineThat(t, name, identity, book, false)
}

// startMachineThat starts one that takes calls of strangers, or not.
func startMachineThat(t *testing.T, name string, identity *tls.Certificate, book *memory, strangers bool) *machine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	m := &machine{at: l.Addr().(*net.TCPAddr).AddrPort(), book: book, people: make(chan call.News, 10), log: new(safeBuffer), links: make(chan string, 10), ticks: make(chan struct{}, 1)}
	m.Keeper, err = New(Config{Name: name, Port: m.at.Port(), Identity: identity, Strangers: strangers}, Deps{
		Book: book, Found: m.announced, Changes: func(context.Context) <-chan struct{} { return m.ticks },
		People: func(ctx context.Context) <-chan call.News { return m.people },
		Link: func(conn net.Conn, id string) {
			m.links <- id
			io.Copy(io.Discard, conn)
		},
		Strange: func(conn net.Conn, n call.Neighbour) {
			m.links <- n.Name + " at " + n.Address
			io.Copy(io.Discard, conn)
		},
	}, slog.New(slog.NewTextHandler(m.log, nil)))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				secure := tls.Server(conn, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { return m.Server(h), nil }})
				if secure.Handshake() != nil {
					m.refused.Add(1)
					conn.Close()
					return
				}
				m.Take(secure)
			})
		}
	})
	m.stop = sync.OnceFunc(func() {
		cancel()
		l.Close()
		running.Wait()
	})
	t.Cleanup(m.stop)
	return m
}

func (m *machine) announced() []discovery.Neighbour {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.found)
}

// sees sets what is announced.
func (m *machine) sees(list ...discovery.Neighbour) {
	m.mu.Lock()
	m.found = list
	m.mu.Unlock()
	select {
	case m.ticks <- struct{}{}:
	default:
	}
}

// announcement is how the machine announces itself.
func (m *machine) announcement() discovery.Neighbour {
	return discovery.Neighbour{Announcement: discovery.Announcement{ID: m.ID(), Name: m.cfg.Name, Fingerprint: m.Fingerprint(), HTTPS: m.at.Port()},
		Addrs: []netip.Addr{m.at.Addr()}}
}

// state is what the machine tells of another.
func (m *machine) state(id string) call.NeighbourState {
	for _, s := range m.List() {
		if s.ID == id {
			return s
		}
	}
	return call.NeighbourState{}
}

// await waits until what List tells of another machine is as ok wants it.
func (m *machine) await(t *testing.T, id, what string, ok func(call.NeighbourState) bool) call.NeighbourState {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	changed := m.Watch(ctx)
	for {
		if s := m.state(id); ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: not within 20 s; it is %+v; log:\n%s", what, m.state(id), m.log)
		}
	}
}

// eventually waits for what must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

// pair pairs two machines.
func pair(t *testing.T, a, b *machine) {
	t.Helper()
	p, err := a.Pair(t.Context(), b.at.String())
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	shown := b.await(t, a.ID(), "request to pair", func(s call.NeighbourState) bool { return s.Pairing != nil })
	if shown.Pairing.Code != p.Code || !shown.Pairing.Asked || p.Asked {
		t.Fatalf("one shows %+v, the other %+v", p, *shown.Pairing)
	}
	if err := a.Answer(b.ID(), p.Code, true); err != nil {
		t.Fatalf("Answer: %v", err)
	}
	if err := b.Answer(a.ID(), p.Code, true); err != nil {
		t.Fatalf("Answer: %v", err)
	}
	a.await(t, b.ID(), "paired", func(s call.NeighbourState) bool { return s.Paired && s.Pairing == nil })
	b.await(t, a.ID(), "paired", func(s call.NeighbourState) bool { return s.Paired && s.Pairing == nil })
}

// memory is a Book.
type memory struct {
	mu   sync.Mutex
	by   map[string]call.Neighbour
	wait chan struct{} // before something is put; nil: no need
}

func (m *memory) Neighbours(context.Context) ([]call.Neighbour, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.by)), nil
}

func (m *memory) PutNeighbour(_ context.Context, n call.Neighbour) error {
	if m.wait != nil {
		<-m.wait
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.Name == "broken" {
		return errors.New("the disk is full")
	}
	m.by[n.ID] = n
	return nil
}

func (m *memory) RemoveNeighbour(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, id)
	return nil
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *safeBuffer) count(text string) int { return strings.Count(s.String(), text) }
