package discovery

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Service announces this machine and looks for others while Run runs. Announcing is zeroconf's work. Looking is our own: zeroconf's
// browser tells of a service once, never that it went, and keeps without bound what the network says.
type Service struct {
	self Announcement // Run's, once that has begun
	log  *slog.Logger

	// The world around, which tests replace.
	links    func() []link
	open     func([]link, chan<- packet) (network, error)
	announce func(Announcement, string, []link) (stop func(), err error)

	sip  atomic.Uint32          // the SIP port to announce; 0: that of self
	name atomic.Pointer[string] // the name to announce; nil: that of self

	mu         sync.Mutex
	neighbours []Neighbour
	pbxs       []PBX
	watchers   map[chan struct{}]bool
}

// New makes a service that tells of a. Nothing is sent before Run.
func New(a Announcement, log *slog.Logger) *Service {
	return &Service{self: a, log: log, links: machineLinks, open: openSockets, announce: announceServices, watchers: map[chan struct{}]bool{}}
}

// SetSIP has the SIP port announced that was opened later. It takes some seconds.
func (s *Service) SetSIP(port uint16) { s.sip.Store(uint32(port)) }

// SetName has another name announced. It takes some seconds.
func (s *Service) SetName(name string) { s.name.Store(&name) }

// Neighbours gives the other Cordboards of the moment, sorted by name. Nothing of them is proven.
func (s *Service) Neighbours() []Neighbour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.neighbours)
}

// PBXs gives the SIP servers that announce themselves, sorted by name. Nothing of them is proven.
func (s *Service) PBXs() []PBX {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pbxs)
}

// Changes holds a tick when Neighbours or PBXs give something else than before, until ctx ends.
func (s *Service) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[c] = true
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, c)
	})
	return c
}

// publish shows what the network has at the moment.
func (s *Service) publish(neighbours []Neighbour, pbxs []PBX) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := sameNeighbours(s.neighbours, neighbours) && samePBXs(s.pbxs, pbxs)
	s.neighbours, s.pbxs = neighbours, pbxs
	if same {
		return
	}
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default: // a tick is waiting already
		}
	}
}

// Times of a service.
const (
	pollLinks   = 2 * time.Second        // how often interfaces and addresses are compared
	asleep      = 10 * time.Second       // a poll that is so late means that the machine slept
	publishWait = 100 * time.Millisecond // so that a flood of packets does not become one of news
	maxQueue    = 64                     // packets that wait

	// maxRenamePause bounds how long a name that others have too is kept, as the power of two of seconds: 17 minutes. A machine takes
	// another name for good (RFC 6762 §9), each time after a pause that is twice as long, or somebody who forges announcements could have
	// us say goodbye and announce for ever.
	maxRenamePause = 10
)

// running is what Run owns.
type running struct {
	*Service
	packets chan packet
	cache   *cache
	host    *hostname
	round   round
	at      []link    // in use
	net     network   // nil: none
	silence func()    // ends announcing; nil: nothing is announced
	number  int       // in our services' name; 1: none
	rename  time.Time // when it may become another one
	failed  bool      // was told that nothing can be sent
	polled  time.Time
	show    time.Time // when to publish; zero: nothing new
	replied map[replyKey]time.Time
}

// replyKey is an answer for our name that went to all of a link.
type replyKey struct {
	link int
	kind uint16
}

// Run announces and looks until ctx ends, then says goodbye. Interfaces that come, go or get other addresses, and a machine that
// slept, make it begin anew. It gives nil: where nothing can be sent it says so and waits for a better time.
func (s *Service) Run(ctx context.Context) error {
	r := s.fresh()
	defer r.leave()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			if r.net != nil {
				r.host.goodbye(r.at, r.send)
			}
			return nil
		case p := <-r.packets:
			r.take(p, time.Now())
		case <-timer.C:
		}
		r.tick(time.Now())
		timer.Reset(time.Until(r.next()))
	}
}

// fresh is a service that knows nothing yet.
func (s *Service) fresh() *running {
	return &running{Service: s, packets: make(chan packet, maxQueue), cache: newCache(s.self.ID), number: 1,
		host: &hostname{name: strings.ToLower(s.self.Host) + ".local.", log: s.log}}
}

// next is when something is to be done.
func (r *running) next() time.Time {
	next := r.polled.Add(pollLinks)
	if r.net == nil {
		return next
	}
	if r.cache.clash {
		next = sooner(next, r.rename)
	}
	for _, t := range []time.Time{r.show, r.cache.next, r.round.next(), r.host.at} {
		if !t.IsZero() {
			next = sooner(next, t)
		}
	}
	return next
}

// tick does what is due.
func (r *running) tick(now time.Time) {
	if now.Sub(r.polled) >= pollLinks {
		// A machine that sleeps may stop the one clock and not the other.
		slept := !r.polled.IsZero() && max(now.Sub(r.polled), now.Round(0).Sub(r.polled.Round(0))) > asleep
		r.polled = now
		if links := r.links(); slept || r.net == nil || !sameLinks(links, r.at) {
			r.begin(links, now)
		}
		is := r.self
		if port := uint16(r.sip.Load()); port != 0 {
			r.self.SIP = port
		}
		if name := r.name.Load(); name != nil && *name != is.Name {
			r.self.Name, r.number = *name, 1
		}
		if r.self != is && r.net != nil {
			r.tell()
		}
	}
	if r.net == nil {
		return
	}
	if r.cache.expire(now) {
		r.news(now)
	}
	r.host.tick(now, r.at, r.send)
	if r.round.tick(now, r.cache, r.ask) {
		r.news(now)
	}
	if r.cache.clash && !now.Before(r.rename) {
		r.number++
		r.rename = now.Add(time.Second << min(r.number, maxRenamePause))
		r.tell()
		r.round.restart(now)
	}
	if !r.show.IsZero() && !now.Before(r.show) {
		r.show = time.Time{}
		r.publish(r.cache.neighbours(r.at), r.cache.pbxs(r.at))
	}
}

// news has what is known published soon.
func (r *running) news(now time.Time) {
	if r.show.IsZero() {
		r.show = now.Add(publishWait)
	}
}

// begin starts anew on these links.
func (r *running) begin(links []link, now time.Time) {
	r.leave()
	r.at, r.replied = links, map[replyKey]time.Time{}
	var err error
	if len(links) > 0 {
		if r.net, err = r.open(links, r.packets); err != nil {
			r.net = nil
		}
	}
	if r.net == nil {
		r.quiet(err)
		r.cache = newCache(r.self.ID)
		r.publish(nil, nil)
		return
	}
	r.host.restart(now)
	r.round.restart(now)
	r.tell()
	r.news(now)
}

// tell announces our services, in the place of what was announced before.
func (r *running) tell() {
	if r.silence != nil {
		r.silence()
		r.silence = nil
	}
	r.cache.label, r.cache.clash = label(r.self.Name, r.number), false
	stop, err := r.announce(r.self, r.cache.label, r.at)
	if err != nil {
		r.quiet(err)
		return
	}
	r.silence, r.failed = stop, false
}

// quiet says once that others can't be told.
func (r *running) quiet(err error) {
	if r.failed {
		return
	}
	r.failed = true
	if err == nil {
		r.log.Info("no network carries multicast at the moment, so neighbours are not found; everything else works")
		return
	}
	r.log.Warn("neighbours are not found, everything else works: multicast is not possible; check the network and the firewall's UDP port 5353", "error", err)
}

// leave ends announcing, with goodbye, and closes the sockets.
func (r *running) leave() {
	if r.silence != nil {
		r.silence()
		r.silence = nil
	}
	if r.net != nil {
		r.net.Close()
		r.net = nil
	}
	for len(r.packets) > 0 { // of sockets that are closed
		<-r.packets
	}
}

// send sends a message to all of a link.
func (r *running) send(m *dns.Msg, on link, loop bool) {
	if text, err := m.Pack(); err == nil && len(text) <= maxPacket { // ours can always be written
		r.net.Send(text, on, loop)
	}
}

// ask sends questions to all links.
func (r *running) ask(questions []dns.Question) {
	for _, l := range r.at {
		r.send(&dns.Msg{Question: questions}, l, true)
	}
}

// take reads a packet. Whatever it has in it, it costs no more than its length.
func (r *running) take(p packet, now time.Time) {
	i := slices.IndexFunc(r.at, func(l link) bool { return l.Index == p.link || p.link == 0 && l.on(p.from.Addr()) })
	var m dns.Msg
	if r.net == nil || i < 0 || m.Unpack(p.data) != nil || m.Opcode != dns.OpcodeQuery {
		return
	}
	on := r.at[i]
	r.host.hear(&m, p.from.Addr(), r.at, now)
	if m.Response {
		if r.cache.take(&m, p.from.Addr(), on.Index, now) {
			r.round.hurry(r.cache, now)
			r.news(now)
		}
		return
	}
	r.round.overhear(&m, now)
	answer, alone := r.host.reply(&m, p.from, on)
	switch {
	case answer == nil:
	case alone:
		if text, err := answer.Pack(); err == nil {
			r.net.Reply(text, on, p.from)
		}
	default:
		key := replyKey{on.Index, answer.Answer[0].Header().Rrtype}
		if now.Sub(r.replied[key]) >= time.Second { // RFC 6762 §6
			r.replied[key] = now
			r.send(answer, on, false)
		}
	}
}
