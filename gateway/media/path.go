package media

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/logging"
	"github.com/pion/stun"
	"github.com/pion/transport/v2/packetio"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

const (
	// gatherTime bounds how long a description waits for candidates from STUN and TURN servers. What comes later is used, but the
	// other side is not told of it.
	gatherTime = time.Second

	// maxGathered bounds the candidates in a description.
	maxGathered = 24

	// checkTime is the time between two checks of a pair that has not answered, and maxChecks how many it gets. A pair that has answered
	// is taken at the next check.
	checkTime = 50 * time.Millisecond
	maxChecks = 400

	// A pair that was found waits so long for a better one, by what is on our side of it.
	patienceSrflx = 200 * time.Millisecond
	patiencePrflx = 300 * time.Millisecond
	patienceRelay = 600 * time.Millisecond

	// A path on which nothing comes, neither media nor answers to our checks (RFC 7675), is faint after faintTime, and is not used any
	// more after consent.
	faintTime = 5 * time.Second
	aliveTime = 2 * time.Second // between two checks of a path in use
)

// path is one generation of ICE of a client's line, up to a restart: an agent, and once it has connected the way to the server.
// It has two goroutines: one waits for the connection and reads, the other one writes and at last closes the agent.
type path struct {
	line    *clientLine
	client  *call.Client // the servers
	ctx     context.Context
	cancel  context.CancelFunc
	agent   *ice.Agent
	outside *outside
	own     credentials
	bases   []netip.Addr  // our addresses when it was made
	due     time.Time     // when a description waits no longer for candidates
	done    chan struct{} // closed when all candidates are gathered

	theirs      credentials // of the server; written before known is closed
	controlling bool
	known       chan struct{} // closed when theirs is there

	conn  atomic.Pointer[ice.Conn]
	out   *packetio.Buffer
	ends  atomic.Pointer[[2]netip.AddrPort] // ours and the server's
	local atomic.Pointer[netip.Addr]        // of the interface that is used; invalid when it may be any
	state atomic.Int32                      // of the agent, an ice.ConnectionState
}

// newPath begins a path: candidates are gathered from now on.
func newPath(s *clientLine) (*path, error) {
	p := &path{line: s, client: s.leg.party.Client, due: time.Now().Add(gatherTime), own: credentials{ufrag: rand.Text()[:8], pwd: rand.Text()}, done: make(chan struct{}), known: make(chan struct{}),
		out: packetio.NewBuffer(), bases: s.engine.addresses.lately(0)}
	p.out.SetLimitSize(outboxSize)
	p.ctx, p.cancel = context.WithCancel(s.ctx)
	known, urls := serversOf(p.client)
	var err error
	if p.outside, err = newOutside(known); err != nil {
		p.cancel()
		return nil, err
	}
	if p.agent, err = ice.NewAgent(p.config(urls)); err != nil {
		p.outside.close()
		p.cancel()
		return nil, err
	}
	context.AfterFunc(p.ctx, func() { p.out.Close() })
	if !s.engine.spawn(p.write) {
		p.cancel()
		p.end()
		return nil, errClosed
	}
	err = p.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(p.done)
		}
	})
	if err == nil {
		err = p.agent.OnConnectionStateChange(func(state ice.ConnectionState) { p.state.Store(int32(state)) })
	}
	if err == nil {
		err = p.agent.OnSelectedCandidatePairChange(p.selected)
	}
	if err == nil {
		err = p.agent.GatherCandidates()
	}
	if err == nil && !s.engine.spawn(p.run) {
		err = errClosed
	}
	if err != nil {
		p.cancel()
		return nil, err
	}
	return p, nil
}

// serversOf sorts the servers by how they are reached, and gives them as ICE wants them.
func serversOf(client *call.Client) (known servers, urls []*stun.URI) {
	known = servers{streams: make(map[string]*tls.Config), datagrams: make(map[string]bool)}
	for _, s := range client.Servers {
		u, err := stun.ParseURI(s.URL)
		if err != nil {
			continue // call.ParseICEServer makes none of the kind
		}
		u.Username, u.Password = s.Username, s.Password
		at := net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
		switch {
		case u.Scheme == stun.SchemeTypeTURNS:
			known.streams[at] = &tls.Config{ServerName: u.Host, RootCAs: client.Roots, MinVersion: tls.VersionTLS12}
		case u.Proto == stun.ProtoTypeTCP:
			if known.streams[at] == nil {
				known.streams[at] = nil
			}
		default:
			known.datagrams[at] = true
		}
		urls = append(urls, u)
	}
	return known, urls
}

// config is how the agent works.
func (p *path) config(urls []*stun.URI) *ice.AgentConfig {
	e, host := p.line.engine, p.line.leg.party.Host
	quiet := logging.NewDefaultLoggerFactory()
	quiet.Writer, quiet.DefaultLogLevel = io.Discard, logging.LogLevelDisabled
	faint, failed, alive, check, checks := faintTime, consent-faintTime, aliveTime, checkTime, uint16(maxChecks)
	srflx, prflx, relay := patienceSrflx, patiencePrflx, patienceRelay
	c := &ice.AgentConfig{
		LocalUfrag: p.own.ufrag, LocalPwd: p.own.pwd, MulticastDNSMode: ice.MulticastDNSModeDisabled,
		NetworkTypes:   []ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6},
		CandidateTypes: []ice.CandidateType{ice.CandidateTypeHost},
		Net:            p.outside, ProxyDialer: p.outside, LoggerFactory: quiet,
		DisconnectedTimeout: &faint, FailedTimeout: &failed, KeepaliveInterval: &alive, CheckInterval: &check, MaxBindingRequests: &checks,
		SrflxAcceptanceMinWait: &srflx, PrflxAcceptanceMinWait: &prflx, RelayAcceptanceMinWait: &relay,
		IncludeLoopback: host.IsLoopback(),
		IPFilter: func(ip net.IP) bool {
			addr, _ := netip.AddrFromSlice(ip)
			only := e.addresses.listen
			return only.IsUnspecified() || only == addr.Unmap() // the configuration has one address for media
		},
	}
	if len(urls) > 0 {
		c.Urls = urls
		c.CandidateTypes = append(c.CandidateTypes, ice.CandidateTypeServerReflexive, ice.CandidateTypeRelay)
	}
	return c
}

// gathered are the path's candidates as in a description, best first, once they are all there or gatherTime is over.
func (p *path) gathered() []string {
	late := time.NewTimer(time.Until(p.due))
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
	case <-p.ctx.Done():
	}
	candidates, err := p.agent.GetLocalCandidates()
	if err != nil {
		return nil
	}
	p.complain(candidates)
	candidates = slices.DeleteFunc(candidates, func(c ice.Candidate) bool { return c.TCPType() == ice.TCPTypeActive })
	slices.SortStableFunc(candidates, func(a, b ice.Candidate) int { return cmp.Compare(b.Priority(), a.Priority()) })
	var lines []string
	for _, c := range candidates[:min(len(candidates), maxGathered)] {
		lines = append(lines, c.Marshal())
	}
	return lines
}

// connect takes what the server said of its ICE, and goes for it.
func (p *path) connect(remote *sdp.Remote, controlling bool) {
	p.theirs, p.controlling = credentials{remote.ICEUfrag, remote.ICEPwd}, controlling
	p.add(remote)
	close(p.known)
}

// add takes the server's candidates; those that are known already are passed over.
func (p *path) add(remote *sdp.Remote) {
	for _, text := range remote.Candidates {
		if c, err := ice.UnmarshalCandidate(text); err == nil {
			p.agent.AddRemoteCandidate(c)
		}
	}
}

// selected takes note of the pair of candidates that is in use.
func (p *path) selected(ours, theirs ice.Candidate) {
	p.ends.Store(&[2]netip.AddrPort{endOf(ours), endOf(theirs)})
	base := netip.Addr{}
	if ours.Type() == ice.CandidateTypeHost {
		base = endOf(ours).Addr()
	}
	p.local.Store(&base)
}

// endOf is a candidate's address.
func endOf(c ice.Candidate) netip.AddrPort {
	addr, _ := netip.ParseAddr(c.Address())
	return netip.AddrPortFrom(addr.Unmap(), uint16(c.Port()))
}

// run connects, and then reads until the path ends.
func (p *path) run() {
	select {
	case <-p.known:
	case <-p.ctx.Done():
		return
	}
	dial := p.agent.Accept
	if p.controlling {
		dial = p.agent.Dial
	}
	conn, err := dial(p.ctx, p.theirs.ufrag, p.theirs.pwd)
	if err != nil {
		return // the line has ended, or goes another way
	}
	p.conn.Store(conn)
	p.line.connected(p)
	buf := make([]byte, bufferSize)
	for {
		n, err := conn.Read(buf[:maxPacket])
		if err != nil {
			return
		}
		p.line.receive(buf[:n:bufferSize], p.line.engine.now())
	}
}

// send queues a datagram for the server. It never waits; what the network does not take is dropped.
func (p *path) send(datagram []byte) error {
	if p.conn.Load() == nil || p.lost() {
		return errNotUp
	}
	_, err := p.out.Write(datagram)
	return err
}

// write sends what is queued until the path ends, and then ends the agent.
func (p *path) write() {
	defer p.end()
	buf := make([]byte, bufferSize)
	for {
		n, err := p.out.Read(buf)
		if err != nil {
			return
		}
		if conn := p.conn.Load(); conn != nil {
			conn.Write(buf[:n]) // lost, as on a wire
		}
	}
}

// end closes the agent, which tells TURN servers; what it waits for in the network while it gathers ends before.
func (p *path) end() {
	defer p.outside.close()
	select {
	case <-p.done:
	default:
		p.outside.close()
	}
	p.agent.GracefulClose()
}

// lost says that the server's consent to be sent to has run out (RFC 7675).
func (p *path) lost() bool { return ice.ConnectionState(p.state.Load()) == ice.ConnectionStateFailed }

// faint says that the path is of use no more, or may soon be: nothing comes by it, or our address is gone.
func (p *path) faint() bool {
	switch ice.ConnectionState(p.state.Load()) {
	case ice.ConnectionStateFailed, ice.ConnectionStateDisconnected:
		return true
	}
	own := p.line.engine.addresses.lately(lookTime)
	if base := p.local.Load(); base != nil && base.IsValid() {
		return !slices.Contains(own, *base)
	}
	return p.conn.Load() != nil && !slices.ContainsFunc(p.bases, func(a netip.Addr) bool { return slices.Contains(own, a) })
}

// close ends the path and waits for no one.
func (p *path) close() { p.cancel() }
