package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/guard"
)

// flowsPerAddress is how many flows one client address may have at a time: an office behind one
// NAT fits, a flood does not. Of an IPv6 address only the /64 counts, because one host may use all
// of it. Loopback addresses are not limited: what is on this machine has simpler ways to harm it.
const flowsPerAddress = 100

// door upgrades /ws and runs each browser's transactions. sipgo's own WebSocket server must not face
// a network: one client stalled in its handshake blocks all others.
type door struct {
	cfg     doorConfig
	log     *slog.Logger
	origins map[string]bool // cfg.Origins in normal form

	running sync.WaitGroup // flows and handshakes
	opened  atomic.Uint64  // flows ever made
	allowed allowances

	mu      sync.RWMutex
	flows   map[string]*flow   // by source; nil while the handshake is going on
	places  map[netip.Addr]int // flows by client address
	closing bool
}

// doorConfig is what the door is told by the rest of signaling.
type doorConfig struct {
	Origins          []string       // other sites' origins that may open /ws, "https://www.example.com"
	TrustedProxies   []netip.Prefix // whose X-Forwarded-… is believed
	RequireHandshake bool           // refuse a handshake without a credential
	FlowsPerAddress  int            // 0: flowsPerAddress
	Bans             *guard.Bans    // nil: a list of its own

	// Authenticate checks the credential in a handshake; auth.ErrNoCredentials when there is none.
	Authenticate func(r *http.Request, now time.Time) (auth.Identity, error)
	// Request takes a request in a goroutine of its own, or what waits for nobody in the flow's reader; the transaction ends when
	// it returns.
	Request func(req *sip.Request, tx sip.ServerTransaction, arrived time.Time)
	// Opened is called before the flow's first message is handed up.
	Opened func(*flow)
	// Closed is called once for each Opened, after the last message was handed up. By then Done is
	// closed and the door knows the flow no more.
	Closed func(*flow)
}

func newDoor(cfg doorConfig, log *slog.Logger) *door {
	tuneSipgo()
	if cfg.FlowsPerAddress == 0 {
		cfg.FlowsPerAddress = flowsPerAddress
	}
	if cfg.Bans == nil {
		cfg.Bans = guard.NewBans(nil)
	}
	d := &door{
		cfg: cfg, log: log, origins: make(map[string]bool),
		flows: make(map[string]*flow), places: make(map[netip.Addr]int),
	}
	for _, o := range cfg.Origins {
		if o, ok := normalOrigin(o); ok {
			d.origins[o] = true
		}
	}
	return d
}

// flow finds a flow by the source of a message from it, "ip:port"; nil when it is gone.
func (d *door) flow(source string) *flow {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.flows[source]
}

// ServeHTTP takes a WebSocket handshake (RFC 6455 §4.2, RFC 7118 §4). It returns when the flow is
// open or refused; an open flow goes on without it.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := d.visitor(r)
	if err == nil && d.cfg.Bans.Address(v.client.Addr(), time.Now()) {
		err = errAddressBanned
	}
	if err == nil {
		err = d.examine(r, v)
	}
	var who auth.Identity
	if err == nil {
		who, err = d.identify(r, v)
	}
	var source netip.AddrPort
	if err == nil {
		source, err = d.admit(v.client)
	}
	if err != nil {
		d.refuse(w, v, err)
		return
	}
	defer d.running.Done()

	f := newFlow(d, source, v)
	if who.User != "" {
		f.Bind(who)
	}
	hijack := &flowHijacker{ResponseWriter: w}
	ws, err := websocket.Accept(hijack, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // examine has looked at Origin, and knows of proxies
		OnPingReceived:     f.pinged,
	})
	if err != nil { // Accept has answered
		d.log.Debug("handshake failed", "client", v.client, "error", err)
		d.leave(source)
		f.release()
		return
	}
	f.out = hijack.out
	f.attach(ws, hijack.conn)
	d.enter(f)
}

// identify checks the credential in the handshake.
func (d *door) identify(r *http.Request, v doorVisitor) (auth.Identity, error) {
	now := time.Now()
	who, err := d.cfg.Authenticate(r.WithContext(context.WithValue(r.Context(), doorVisitorKey{}, v)), now)
	switch {
	case err == nil && d.cfg.Bans.User(who.User, now):
		return auth.Identity{}, errUserBanned
	case errors.Is(err, auth.ErrWrongPassword):
		d.cfg.Bans.BlameAddress(v.client.Addr(), guard.WrongPassword, "wrong passwords", now)
	}
	if errors.Is(err, auth.ErrNoCredentials) && !d.cfg.RequireHandshake {
		return auth.Identity{}, nil
	}
	return who, err
}

// admit reserves a place and a name for a flow from client, and counts it as running. The name is the client's address and
// port; behind proxies two clients may come by the same port, then the next free one takes its
// place. Nobody ever connects to that port: the name only has to be unique and look like an address.
func (d *door) admit(client netip.AddrPort) (netip.AddrPort, error) {
	place := placeOf(client.Addr())
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closing:
		return netip.AddrPort{}, errStopping
	case d.places[place] >= d.cfg.FlowsPerAddress && !place.IsLoopback():
		return netip.AddrPort{}, errTooManyFlows
	}
	source := client
	for range 1 << 16 {
		if _, taken := d.flows[source.String()]; !taken && source.Port() != 0 {
			d.flows[source.String()] = nil
			d.places[place]++
			d.running.Add(1)
			return source, nil
		}
		source = netip.AddrPortFrom(source.Addr(), source.Port()+1)
	}
	return netip.AddrPort{}, errTooManyFlows
}

// leave gives back what admit reserved.
func (d *door) leave(source netip.AddrPort) {
	place := placeOf(source.Addr())
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.flows, source.String())
	if d.places[place]--; d.places[place] == 0 {
		delete(d.places, place)
	}
}

// enter starts an upgraded flow. When the door has closed during the handshake, the browser is told at once.
func (d *door) enter(f *flow) {
	d.mu.Lock()
	d.flows[f.source] = f
	closing := d.closing
	d.mu.Unlock()
	if closing {
		f.Close(websocket.StatusGoingAway, stopping)
	}
	d.running.Go(f.run)
}

// close ends all flows with 1001 and waits until they are gone. When ctx ends first they are cut off.
func (d *door) close(ctx context.Context) {
	for _, f := range d.shut() {
		f.Close(websocket.StatusGoingAway, stopping)
	}
	gone := make(chan struct{})
	go func() { d.running.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
		for _, f := range d.shut() { // again: a handshake may have ended since
			f.cutOff()
		}
		<-gone
	}
}

// shut lets nobody in any more and lists who is there.
func (d *door) shut() []*flow {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closing = true
	var flows []*flow
	for _, f := range d.flows {
		if f != nil {
			flows = append(flows, f)
		}
	}
	return flows
}

// placeOf is what flows are counted by.
func placeOf(addr netip.Addr) netip.Addr {
	if addr.Is6() && !addr.IsLoopback() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}
