package signaling

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/locate"
	"cordboard/gateway/sdp"
)

// firstPause is how long it takes at most until a connection that broke is opened again. The time is drawn, so that of many whom a server
// lost in one moment not all come back in one.
const firstPause = time.Second

// maxUplinks is how many connections to PBXs there are at most.
const maxUplinks = 10_000

var (
	errNoAccount    = errors.New("no account is signed in there")
	errNotConnected = errors.New("the connection has closed")
)

// uplink is the WebSocket of one account at a PBX (RFC 7118): there we are what a browser is here. Each account has one of its own, since a
// server may take all that comes by a connection for its owner's. What is sent before the account is registered on the connection of the
// moment, or while there is none, waits a little for that.
type uplink struct {
	pbx      *pbx
	user     string // the account's name at the PBX
	name     string // the destination of messages that go down it
	instance string // urn:uuid of this device (RFC 5626 §4.1)
	broke    chan struct{}

	opening sync.Mutex

	mu     sync.Mutex
	creds  auth.Credentials
	flow   *flow         // nil: none is open
	ready  *flow         // the one on which the account is registered; nil: none
	served bool          // there was such a flow before
	turned chan struct{} // closed and replaced when ready changes
	retry  time.Duration // the longest pause before the next connection
}

// uplinks are the connections of all accounts. They are flows as those of browsers are, and live behind a door that nobody else comes in by.
type uplinks struct {
	door *door

	mu     sync.Mutex
	named  map[string]*uplink // by name
	source map[string]*uplink // by the source of what comes from its flow
}

func newUplinks(s *Server) *uplinks {
	us := &uplinks{named: make(map[string]*uplink), source: make(map[string]*uplink)}
	us.door = newDoor(doorConfig{FlowsPerAddress: maxUplinks, Bans: s.deps.Bans, Request: s.serve, Opened: func(*flow) {}, Closed: us.closed}, s.log)
	return us
}

// web says whether the PBX is reached by WebSocket.
func (p *pbx) web() bool { return isFlowTransport(transportOf(p.uri)) }

// uplinkName is the destination of what an account sends to the PBX. No network address looks like it.
func (p *pbx) uplinkName(user string) string { return "uplink " + p.key() + " " + user }

// uplink is that of an account, made when there is none yet.
func (p *pbx) uplink(creds auth.Credentials) *uplink {
	us := p.srv.uplinks
	us.mu.Lock()
	defer us.mu.Unlock()
	name := p.uplinkName(creds.Username)
	u := us.named[name]
	if u == nil {
		u = &uplink{pbx: p, user: creds.Username, name: name, instance: p.instance(creds.Username), broke: make(chan struct{}, 1),
			turned: make(chan struct{}), retry: firstPause}
		us.named[name] = u
	}
	u.mu.Lock()
	u.creds = creds
	u.mu.Unlock()
	return u
}

// instance names this device to the PBX. It is the same after a restart, so that the server finds the old registration and replaces it.
func (p *pbx) instance(user string) string {
	made := p.srv.deps.Ephemeral.Password("device " + p.srv.cfg.Domain + " " + p.cfg.URI + " " + user)
	if len(made) == 0 {
		made = []string{token()}
	}
	sum := sha256.Sum256([]byte(made[0]))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8, made in a way of one's own (RFC 9562 §5.8)
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// by is the uplink of that name; nil when there is none.
func (us *uplinks) by(name string) *uplink {
	us.mu.Lock()
	defer us.mu.Unlock()
	return us.named[name]
}

// at is the uplink by whose flow a message came; nil when that has closed, or is none.
func (us *uplinks) at(source string) *uplink {
	us.mu.Lock()
	defer us.mu.Unlock()
	return us.source[source]
}

// account are the credentials of the account.
func (u *uplink) account() auth.Credentials {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.creds
}

// open connects to the PBX's server in use, if there is no connection.
func (u *uplink) open(ctx context.Context) error {
	u.opening.Lock()
	defer u.opening.Unlock()
	u.mu.Lock()
	up := u.flow != nil
	u.mu.Unlock()
	if up {
		return nil
	}
	us := u.pbx.srv.uplinks
	place, err := us.door.admit(netip.AddrPortFrom(netip.IPv4Unspecified(), 1)) // an address that no browser has
	if err != nil {
		return err
	}
	defer us.door.running.Done()
	t := u.pbx.server()
	ws, raw, err := u.pbx.dialWeb(ctx, t, func() *flow { return us.door.flow(place.String()) })
	if err != nil {
		us.door.leave(place)
		return err
	}
	f := newFlow(us.door, place, doorVisitor{client: place, secure: transportOf(u.pbx.uri) == locate.WSS})
	f.hop = t.Target
	f.Bind(auth.Identity{User: u.user})
	f.attach(ws, raw)
	us.mu.Lock()
	us.source[f.source] = u
	us.mu.Unlock()
	u.mu.Lock()
	u.flow = f
	u.mu.Unlock()
	us.door.enter(f)
	u.pbx.log.Debug("connected", "server", t, "extension", u.user)
	return nil
}

// closed is told that a connection has ended. Its account has to connect and register again; whether the server is there at all is found out at
// once.
func (us *uplinks) closed(f *flow) {
	us.mu.Lock()
	u := us.source[f.source]
	delete(us.source, f.source)
	us.mu.Unlock()
	if u == nil {
		return
	}
	u.mu.Lock()
	if u.flow == f {
		u.flow = nil
	}
	if u.ready == f {
		u.turn(nil)
	}
	if time.Since(f.opened) > lastRetry {
		u.retry = firstPause
	}
	u.mu.Unlock()
	u.pbx.disconnected(u.user)
	u.pbx.log.Info("connection closed", "extension", u.user, "code", int(f.verdict.code), "reason", f.verdict.reason)
	u.pbx.suspect(f.hop, false)
	select {
	case u.broke <- struct{}{}:
	default:
	}
}

// disconnected notes that an account is not registered any more, as its connection has closed.
func (p *pbx) disconnected(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.regs {
		if r.creds.Username == user && r.state == stateRegistered {
			r.state, r.detail = stateUnreachable, errNotConnected.Error()
		}
	}
}

// turn makes f the flow that requests go down. The caller holds u.mu.
func (u *uplink) turn(f *flow) {
	u.ready = f
	close(u.turned)
	u.turned = make(chan struct{})
}

// pause is how long to wait before a connection that broke is opened again. The less they last, the longer it gets.
func (u *uplink) pause() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	longest := u.retry
	u.retry = min(2*u.retry, lastRetry)
	return rand.N(longest)
}

// registered is told that the account is registered on the present connection. Calls that were up on an earlier one come with it.
func (u *uplink) registered() {
	u.mu.Lock()
	moved := u.flow != nil && u.ready != u.flow
	again := u.served
	if moved {
		u.turn(u.flow)
		u.served = true
	}
	u.mu.Unlock()
	if moved && again {
		u.pbx.srv.announce(u)
	}
}

// dismiss closes the connection of a registration that has ended, unless another one has the same account.
func (p *pbx) dismiss(r *registration) {
	u := r.uplink()
	p.mu.Lock()
	for _, other := range p.regs {
		if other != r && other.creds.Username == u.user {
			u = nil
			break
		}
	}
	p.mu.Unlock()
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.flow != nil {
		u.flow.Close(websocket.StatusNormalClosure, "")
	}
}

// await gives the flow on which the account is registered. It waits for that until ctx ends.
func (u *uplink) await(ctx context.Context) (*flow, error) {
	for {
		u.mu.Lock()
		f, turned := u.ready, u.turned
		u.mu.Unlock()
		if f != nil && !f.gone() {
			return f, nil
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return nil, &downError{u.pbx.cfg.Name, errNotConnected}
		}
	}
}

// request begins a client transaction on the flow of the moment.
func (u *uplink) request(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	u.mu.Lock()
	f := u.flow
	u.mu.Unlock()
	if req.Method == sip.REGISTER {
		if f == nil {
			return nil, errFlowGone
		}
		return f.request(req)
	}
	f, err := u.await(ctx)
	if err != nil {
		return nil, err
	}
	return f.request(req)
}

// write sends what belongs to no transaction.
func (u *uplink) write(msg sip.Message) error {
	u.mu.Lock()
	f := u.ready
	u.mu.Unlock()
	if f == nil {
		return errFlowGone
	}
	return flowConn{f}.WriteMsg(msg)
}

// addressUplink sends req by the uplink of an account. The Via has no address: we have none that the PBX could use (RFC 7118 §5).
func (p *pbx) addressUplink(req *sip.Request, user string) {
	req.RemoveHeader("Via")
	transport := transportOf(p.uri)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport, Host: p.host}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	req.PrependHeader(via)
	req.SetTransport(transport)
	req.SetDestination(p.uplinkName(user))
	req.Laddr = sip.Addr{Hostname: p.key()}
}

// deviceContact is the Contact of a registration by WebSocket (RFC 5626 §4.2.1).
func (u *uplink) deviceContact(uri sip.Uri) *sip.ContactHeader {
	return &sip.ContactHeader{Address: uri, Params: sip.HeaderParams{{K: "+sip.instance", V: `"<` + u.instance + `>"`}, {K: "reg-id", V: "1"}}}
}

// open says why the account with creds can't call through the PBX now; nil when it can, or soon.
func (p *pbx) open(creds auth.Credentials) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.regs {
		if r.creds.Username != creds.Username {
			continue
		}
		switch r.state {
		case stateRegistered, stateRegistering, stateUnreachable: // which is about to change, or p would be down
			return nil
		}
		return &downError{p.cfg.Name, errors.New(r.detail)}
	}
	return &downError{p.cfg.Name, errNoAccount}
}

// webParty is the media of a leg toward the PBX: we are the one who connects, and who may have to find a way through routers first.
func (p *pbx) webParty(host netip.Addr) call.Party {
	client := new(call.Client)
	client.Roots, _ = p.cfg.roots() // read anew each time; without them nothing at the PBX is trusted, and no call gets so far
	for _, text := range p.cfg.ICE {
		if server, err := call.ParseICEServer(text); err == nil { // Validate has looked at them
			client.Servers = append(client.Servers, server)
		}
	}
	return call.Party{Profile: sdp.WebRTC, Host: host, Client: client}
}
