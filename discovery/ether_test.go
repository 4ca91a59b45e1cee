package discovery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// ether joins the machines of a test.
type ether struct {
	mu       sync.Mutex
	stations []*station
	sent     int
}

// station is what is attached to the ether: the sockets of a service, or what announces for it.
type station struct {
	ether *ether
	addr  netip.Addr
	take  func(packet)
}

func (e *ether) attach(addr netip.Addr, take func(packet)) *station {
	s := &station{ether: e, addr: addr}
	e.join(s, take)
	return s
}

// join lets a station take what is sent from now on.
func (e *ether) join(s *station, take func(packet)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.take = take
	e.stations = append(e.stations, s)
}

// Send gives a message to all, with loop to those at the same address too.
func (s *station) Send(message []byte, _ link, loop bool) {
	s.ether.mu.Lock()
	there := slices.Contains(s.ether.stations, s)
	others := slices.Clone(s.ether.stations)
	s.ether.sent++
	s.ether.mu.Unlock()
	for _, o := range others {
		if there && (loop || o.addr != s.addr) {
			o.take(packet{slices.Clone(message), netip.AddrPortFrom(s.addr, port), 1})
		}
	}
}

// Reply is not seen by anybody.
func (s *station) Reply([]byte, link, netip.AddrPort) {}

func (s *station) Close() {
	s.ether.mu.Lock()
	defer s.ether.mu.Unlock()
	s.ether.stations = slices.DeleteFunc(s.ether.stations, func(o *station) bool { return o == s })
}

// query reports whether a packet is no response.
func (p packet) query() bool { return p.data[2]&0x80 == 0 }

// say sends records as a response.
func (s *station) say(records ...dns.RR) {
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true, Answer: records}
	text, err := m.Pack()
	if err != nil {
		panic(err)
	}
	s.Send(text, link{}, true)
}

// rr reads a record in the notation of zone files.
func rr(format string, args ...any) dns.RR {
	r, err := dns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	return r
}

// machine is a service on the ether.
type machine struct {
	*Service
	mu    sync.Mutex
	links []link
	label string // announced now; empty: nothing
	log   bytes.Buffer
	dead  atomic.Bool // lost power: nothing leaves any more
}

// id gives the same letter as often as an ID has digits.
func id(letter string) string { return strings.Repeat(letter, idDigits) }

// lan is a link with these addresses.
func lan(addrs ...string) link {
	l := link{Interface: net.Interface{Index: 1, Name: "eth0"}}
	for _, a := range addrs {
		l.prefixes = append(l.prefixes, netip.MustParsePrefix(a))
	}
	return l
}

// machine makes one whose letter stands for its ID, with links to the ether.
func (e *ether) machine(letter, name string, links ...link) *machine {
	m := &machine{links: links}
	a := Announcement{ID: id(letter), Name: name, Version: "1.2.3", Fingerprint: strings.Repeat(letter, sumDigits), Host: "box" + letter, HTTPS: 8443, SIP: 5060}
	m.Service = New(a, slog.New(slog.NewTextHandler(&m.log, nil)))
	m.Service.links = func() []link {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.links
	}
	m.open = func(links []link, packets chan<- packet) (network, error) {
		return e.attach(links[0].prefixes[0].Addr(), func(p packet) {
			select {
			case packets <- p:
			default:
			}
		}), nil
	}
	m.announce = func(a Announcement, label string, links []link) (func(), error) {
		return e.announce(m, a, label, links), nil
	}
	return m
}

// announce does what zeroconf does: tells of the services, and answers who asks for them.
func (e *ether) announce(m *machine, a Announcement, label string, links []link) (stop func()) {
	s := &station{ether: e, addr: links[0].prefixes[0].Addr()}
	records := func(ttl int) (all []dns.RR) {
		for kind, port := range map[string]uint16{cordboardType: a.HTTPS, httpsType: a.HTTPS, sipUDPType: a.SIP} {
			name := escape(label) + "." + kind
			txt := &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET | cacheFlush, Ttl: uint32(ttl)}}
			if kind == cordboardType {
				txt.Txt = a.text()
			}
			all = append(all, rr("%s %d IN SRV 0 0 %d %s.local.", name, ttl, port, a.Host), txt, rr("%s %d IN PTR %s", kind, ttl, name))
		}
		for _, l := range links {
			for _, p := range l.prefixes {
				kind := "A"
				if p.Addr().Is6() {
					kind = "AAAA"
				}
				r := rr("%s.local. %d IN %s %s", a.Host, min(ttl, 120), kind, p.Addr())
				r.Header().Class |= cacheFlush
				all = append(all, r)
			}
		}
		return all
	}
	e.join(s, func(p packet) {
		var q dns.Msg
		if p.query() && q.Unpack(p.data) == nil && slices.ContainsFunc(q.Question, func(q dns.Question) bool { return q.Name == cordboardType }) && !m.dead.Load() {
			s.say(records(3200)...)
		}
	})
	m.mu.Lock()
	m.label = label
	m.mu.Unlock()
	s.say(records(3200)...)
	return func() {
		if !m.dead.Load() {
			s.say(records(0)...)
		}
		s.Close()
	}
}

// run runs a service until the returned function is called.
func (m *machine) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// sees lists the neighbours by name and their first address.
func (m *machine) sees() string {
	var all []string
	for _, n := range m.Neighbours() {
		all = append(all, n.Name+"@"+n.Addrs[0].String())
	}
	return strings.Join(all, " ")
}
