// Package neighbour makes other Cordboards of the network colleagues. Each machine has an identity, a certificate of its own; two
// machines are paired once, by people who compare a code on both, and from then on each takes the other's certificate and no other.
//
// All of it goes by TLS 1.3 on the HTTPS port, both sides showing their certificates, told apart from browsers by ALPN (RFC 7301):
// "cordboard-pair/1" takes anybody, "cordboard-people/1" (how the people there are doing) and "sip/2" (calls) only who is paired, unless strangers may call.
package neighbour

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cordboard/discovery"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// Config is what neighbours are told of us.
type Config struct {
	Name     string // as people know this machine; see SetName
	Port     uint16 // of HTTPS
	Identity *tls.Certificate

	Strangers bool            // who is announced but not paired may call, and may be called; see SetStrangers
	Reserved  func() []string // hosts that are somebody else's, as those of PBXs: no neighbour gets one for its address; nil: there are none
}

// Book keeps who is paired.
type Book interface {
	Neighbours(ctx context.Context) ([]call.Neighbour, error)
	PutNeighbour(ctx context.Context, n call.Neighbour) error
	RemoveNeighbour(ctx context.Context, id string) error
}

// Deps are the parts a Keeper stands on.
type Deps struct {
	Book    Book
	Found   func() []discovery.Neighbour               // what is announced at the moment, nothing of it proven; nil: nothing
	Changes func(ctx context.Context) <-chan struct{}  // gives a tick when that changes; may be nil
	People  func(ctx context.Context) <-chan call.News // how our own people are doing, and then each change
	Link    func(conn net.Conn, id string)             // takes a connection for calls from a paired neighbour, until it ends
	Strange func(conn net.Conn, n call.Neighbour)      // the same from one that is announced but not paired; nil without Strangers
	Paired  func()                                     // is told when who is paired has changed; may be nil
	Lost    func(id string)                            // is told that a neighbour can't be heard any more: its connections are no good; may be nil
}

// Keeper knows the neighbours. Run owns what it starts; the connections that Take gets are the caller's goroutines, and end with Run.
type Keeper struct {
	cfg         Config
	deps        Deps
	log         *slog.Logger
	fingerprint string
	id          string
	server      *tls.Config
	attempts    *rate.Limiter // of others to pair with us
	strangers   atomic.Bool   // may call
	name        atomic.Pointer[string]
	wake        chan struct{} // holds one when followers are to be looked after
	life        context.Context
	end         context.CancelFunc
	work        sync.WaitGroup // followers and pairings that we began

	booking sync.Mutex // held while the book and friends are made to say the same; taken before mu

	mu       sync.Mutex
	friends  map[string]*friend  // the paired, by ID
	pairings map[string]*pairing // that go on, by the other's ID
	troubles map[string]string   // sentences by ID and kind
	conns    map[net.Conn]guest  // open ones that Take got
	watchers map[chan struct{}]bool
}

// friend is a paired neighbour.
type friend struct {
	call.Neighbour
	people    []call.Lamp
	connected bool
	impostor  bool               // somebody else was at one of its addresses when it was reached last
	here      bool               // was announced at the last look
	named     time.Time          // when it took its name; zero: not since the start
	stop      context.CancelFunc // of who follows its people; nil: nobody yet
	again     chan struct{}      // with stop; holds one when it is announced again
	streams   int                // of our people to it
}

// New reads who is paired.
func New(cfg Config, deps Deps, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{
		cfg: cfg, deps: deps, log: log, fingerprint: cert.FingerprintOf(cfg.Identity.Certificate[0]),
		attempts: rate.NewLimiter(rate.Every(attemptEvery), attemptBurst), wake: make(chan struct{}, 1),
		friends: make(map[string]*friend), pairings: make(map[string]*pairing), troubles: make(map[string]string),
		conns: make(map[net.Conn]guest), watchers: make(map[chan struct{}]bool),
	}
	k.SetName(cfg.Name)
	k.strangers.Store(cfg.Strangers)
	k.id = cert.IDOf(k.fingerprint)
	k.server = k.serverTLS()
	k.life, k.end = context.WithCancel(context.Background())
	list, err := deps.Book.Neighbours(context.Background())
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		k.friends[n.ID] = &friend{Neighbour: n}
	}
	return k, nil
}

// SetName has this machine known by another name from now on, to those that are paired within seconds.
func (k *Keeper) SetName(name string) {
	name = clean(name)
	k.name.Store(&name)
}

// ID is by which neighbours know this machine, and Fingerprint the SHA-256 of the certificate that they see.
func (k *Keeper) ID() string { return k.id }

// Fingerprint is in lower-case hexadecimal.
func (k *Keeper) Fingerprint() string { return k.fingerprint }

// Run follows how the people of paired neighbours are doing until ctx ends, and then closes every connection.
func (k *Keeper) Run(ctx context.Context) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	var changed <-chan struct{}
	if k.deps.Changes != nil {
		changed = k.deps.Changes(ctx)
	}
	for {
		k.check()
		k.follow()
		select {
		case <-ctx.Done():
			k.close()
			return nil
		case <-changed:
			k.changed()
		case <-k.wake:
		case <-again.C:
		}
	}
}

// close ends all connections and waits for what was started.
func (k *Keeper) close() {
	k.end()
	k.mu.Lock()
	for conn := range k.conns {
		conn.Close()
	}
	k.mu.Unlock()
	k.work.Wait()
}

// tellPaired tells signaling who may be called and may call.
func (k *Keeper) tellPaired() {
	if k.deps.Paired != nil {
		k.deps.Paired()
	}
}

// Paired lists who is paired.
func (k *Keeper) Paired() []call.Neighbour {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]call.Neighbour, 0, len(k.friends))
	for _, f := range k.friends {
		list = append(list, f.Neighbour)
	}
	return list
}

// poke has Run look after everything anew.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// changed tells who watches.
func (k *Keeper) changed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for ch := range k.watchers {
		select {
		case ch <- struct{}{}:
		default: // is about to look anyway
		}
	}
}

// Watch gives a tick at each change of what List tells, until ctx ends.
func (k *Keeper) Watch(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	k.mu.Lock()
	k.watchers[ch] = true
	k.mu.Unlock()
	context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.watchers, ch)
	})
	return ch
}

// trouble notes a sentence about a neighbour, and logs the first one of its kind; empty: it is over.
func (k *Keeper) trouble(id, kind, text string) {
	key := id + " " + kind
	k.mu.Lock()
	before, known := k.troubles[key]
	same := before == text
	if text == "" {
		delete(k.troubles, key)
	} else {
		if kind == kindPair && !known {
			k.makeRoom()
		}
		k.troubles[key] = text
	}
	k.mu.Unlock()
	if same {
		return
	}
	if text != "" && !known {
		k.log.Warn("neighbour", "id", id, "trouble", text)
	}
	k.changed()
}

// maxFailed is how many pairings that came to nothing are remembered: anybody can begin one.
const maxFailed = 64

// makeRoom forgets one of them when there are so many. The caller holds k.mu.
func (k *Keeper) makeRoom() {
	n := 0
	for key := range k.troubles {
		if !strings.HasSuffix(key, " "+kindPair) {
			continue
		}
		if n++; n == maxFailed {
			delete(k.troubles, key)
		}
	}
}

// Forget ends the pairing with a neighbour, by its ID, name or address.
func (k *Keeper) Forget(ctx context.Context, name string) error {
	f, err := k.friendNamed(name)
	if err != nil {
		return err
	}
	k.booking.Lock()
	err = k.deps.Book.RemoveNeighbour(ctx, f.ID)
	if err != nil {
		k.booking.Unlock()
		return err
	}
	k.mu.Lock()
	delete(k.friends, f.ID)
	for _, kind := range pinnedKinds {
		delete(k.troubles, f.ID+" "+kind)
	}
	stop := f.stop
	var open []net.Conn
	for conn := range k.conns {
		if c, ok := conn.(*tls.Conn); ok && peerID(c.ConnectionState()) == f.ID {
			open = append(open, conn)
		}
	}
	k.mu.Unlock()
	k.booking.Unlock()
	for _, conn := range open { // which waits for who does not read
		go conn.Close()
	}
	if stop != nil {
		stop()
	}
	k.log.Info("neighbour forgotten", "id", f.ID, "name", f.Name)
	k.tellPaired()
	k.changed()
	return nil
}

// What people are told when they ask for what is not possible.
var (
	ErrUnknown   error = sentence("No neighbour of that name is known. cordboard neighbours lists them; HOST:PORT works too.")
	ErrAmbiguous error = sentence("Several neighbours have that name. Give the id that cordboard neighbours lists.")
	ErrNoPairing error = sentence("There is no such request to pair any more. Begin again.")
)

// sentence is an error that people read as it is.
type sentence string

func (s sentence) Error() string { return string(s) }
