package discovery

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of what is remembered, however much the network says.
const (
	maxInstances = 512 // services
	maxPerSource = 128 // of them, that one address told of
	maxAddrs     = 8   // of one host and link

	minTTL = time.Second // also what a goodbye leaves (RFC 6762 §10.1)
	maxTTL = 75 * time.Minute
)

// Types of services that are looked for.
const (
	cordboardType = "_cordboard._tcp.local."
	sipUDPType    = "_sip._udp.local."
	httpsType     = "_https._tcp.local."
)

// transports are the types of services that are PBXs, and how they are spoken to.
var transports = map[string]string{sipUDPType: "udp", "_sip._tcp.local.": "tcp", "_sips._tcp.local.": "tls"}

// types are all that are looked for.
var types = []string{cordboardType, sipUDPType, "_sip._tcp.local.", "_sips._tcp.local."}

// instance is a service that somebody told of.
type instance struct {
	name    string // in full, as it was written
	kind    string // one of types
	label   string // unescaped
	host    string // of SRV, without ".local."; empty: not known yet
	port    uint16
	text    []string // of TXT; nil: not known yet
	source  netip.Addr
	heard   time.Time // when it was told of last
	expires time.Time
}

// address is one of a host.
type address struct {
	netip.Addr
	link    int // where it was heard
	heard   time.Time
	expires time.Time
}

// cache is what the network said and what of it still holds. Only the services' own hosts are remembered, so the bound on services
// bounds all of it.
type cache struct {
	instances map[string]*instance // by name in lower case
	hosts     map[string][]address // by host without ".local."
	next      time.Time            // nothing expires before
}

func newCache() *cache {
	return &cache{instances: map[string]*instance{}, hosts: map[string][]address{}}
}

// take learns from a response. from is who sent it, link where it came in.
func (c *cache) take(m *dns.Msg, from netip.Addr, link int, now time.Time) {
	records := slices.Concat(m.Answer, m.Ns, m.Extra)
	for _, rr := range records { // services first, whose texts and whose hosts' addresses are kept
		switch rr := rr.(type) {
		case *dns.PTR:
			if slices.Contains(types, strings.ToLower(rr.Hdr.Name)) {
				c.hear(rr.Ptr, rr.Hdr.Ttl, from, now)
			}
		case *dns.SRV:
			host, ok := localHost(rr.Target)
			if !ok {
				continue
			}
			if i := c.hear(rr.Hdr.Name, rr.Hdr.Ttl, from, now); i != nil && rr.Hdr.Ttl > 0 {
				i.host, i.port = host, rr.Port
			}
		}
	}
	wanted := map[string]bool{}
	for _, i := range c.instances {
		wanted[i.host] = true
	}
	for _, rr := range records {
		var a netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(rr.A.To4())
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA.To16())
		case *dns.TXT:
			if i := c.instances[strings.ToLower(rr.Hdr.Name)]; i != nil && rr.Hdr.Ttl > 0 {
				i.text = append([]string{}, rr.Txt...)
			}
			continue
		default:
			continue
		}
		if host, ok := localHost(rr.Header().Name); ok && wanted[host] && usable(a) && !a.Is4In6() {
			c.hearAddress(host, a, rr.Header(), link, now)
		}
	}
}

// hear notes that a service is there, or with ttl 0 that it goes. nil: it is none that is looked for, or there are too many.
func (c *cache) hear(name string, ttl uint32, from netip.Addr, now time.Time) *instance {
	key := strings.ToLower(name)
	i := c.instances[key]
	if i == nil {
		if i = newInstance(name); i == nil || ttl == 0 || len(c.instances) >= maxInstances || c.of(from) >= maxPerSource {
			return nil
		}
		i.source = from
		c.instances[key] = i
	}
	i.expires = now.Add(lifetime(ttl))
	if ttl > 0 {
		i.heard = now
	}
	c.wake(i.expires)
	return i
}

// newInstance takes a service's name apart; nil: it is none of those that are looked for.
func newInstance(name string) *instance {
	for _, kind := range types {
		head := len(name) - len(kind) - 1
		if head < 1 || name[head] != '.' || !strings.EqualFold(name[head+1:], kind) {
			continue
		}
		shown := unescape(name[:head])
		if len(shown) > maxLabel { // several labels
			return nil
		}
		return &instance{name: name, kind: kind, label: shown}
	}
	return nil
}

// of counts what an address told of.
func (c *cache) of(from netip.Addr) (n int) {
	for _, i := range c.instances {
		if i.source == from {
			n++
		}
	}
	return n
}

// lifetime is how long a record holds.
func lifetime(ttl uint32) time.Duration {
	return min(max(time.Duration(ttl)*time.Second, minTTL), maxTTL)
}

// cacheFlush is the bit of a record's class that says that it replaces earlier ones (RFC 6762 §10.2).
const cacheFlush = 1 << 15

func (c *cache) hearAddress(host string, a netip.Addr, h *dns.RR_Header, link int, now time.Time) {
	all := c.hosts[host]
	if h.Class&cacheFlush != 0 {
		for i := range all {
			if old := &all[i]; old.link == link && old.Is4() == a.Is4() && old.Addr != a && now.Sub(old.heard) > time.Second {
				old.expires = sooner(old.expires, now.Add(minTTL))
				c.wake(old.expires)
			}
		}
	}
	i := slices.IndexFunc(all, func(old address) bool { return old.Addr == a && old.link == link })
	if i < 0 {
		if h.Ttl == 0 || len(all) >= maxAddrs {
			return
		}
		i, all = len(all), append(all, address{Addr: a, link: link})
	}
	all[i].heard, all[i].expires = now, now.Add(lifetime(h.Ttl))
	c.hosts[host] = all
	c.wake(all[i].expires)
}

// sooner gives the earlier of two times.
func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// wake sees to it that expire has something to do at that time.
func (c *cache) wake(at time.Time) {
	if c.next.IsZero() || at.Before(c.next) {
		c.next = at
	}
}

// expire forgets what does not hold any more, and reports whether there was anything.
func (c *cache) expire(now time.Time) (changed bool) {
	if c.next.IsZero() || now.Before(c.next) {
		return false
	}
	for key, i := range c.instances {
		if !now.Before(i.expires) {
			delete(c.instances, key)
			changed = true
		}
	}
	return c.tidy(now) || changed
}

// missing gives the services that were not heard of since a time.
func (c *cache) missing(since time.Time) (all []*instance) {
	for _, i := range c.instances {
		if i.heard.Before(since) {
			all = append(all, i)
		}
	}
	return all
}

// drop forgets services that were not heard of since a time.
func (c *cache) drop(since, now time.Time) (changed bool) {
	for key, i := range c.instances {
		if i.heard.Before(since) {
			delete(c.instances, key)
			changed = true
		}
	}
	return c.tidy(now) || changed
}

// tidy forgets addresses that do not hold any more or belong to no service, and sets when to look again.
func (c *cache) tidy(now time.Time) (changed bool) {
	c.next = time.Time{}
	wanted := map[string]bool{}
	for _, i := range c.instances {
		wanted[i.host] = true
		c.wake(i.expires)
	}
	for host, all := range c.hosts {
		kept := slices.DeleteFunc(all, func(a address) bool { return !wanted[host] || !now.Before(a.expires) })
		changed = changed || len(kept) < len(all)
		if len(kept) == 0 {
			delete(c.hosts, host)
			continue
		}
		c.hosts[host] = kept
		for _, a := range kept {
			c.wake(a.expires)
		}
	}
	return changed
}

// incomplete gives what to ask so that services become usable, at most most questions.
func (c *cache) incomplete(most int) (questions []dns.Question) {
	ask := func(name string, kind uint16) {
		if len(questions) < most {
			questions = append(questions, dns.Question{Name: name, Qtype: kind, Qclass: dns.ClassINET})
		}
	}
	for _, i := range c.instances {
		switch {
		case i.host == "":
			ask(i.name, dns.TypeSRV)
			ask(i.name, dns.TypeTXT)
		case i.kind == cordboardType && i.text == nil:
			ask(i.name, dns.TypeTXT)
		}
		if i.host != "" && len(c.hosts[i.host]) == 0 {
			ask(i.host+".local.", dns.TypeA)
			ask(i.host+".local.", dns.TypeAAAA)
		}
	}
	return questions
}

// addrs gives a host's addresses, the best first: those of our own networks, IPv4 before IPv6, link-local ones last, with their zone.
func (c *cache) addrs(host string, links []link) []netip.Addr {
	var all []netip.Addr
	near := map[netip.Addr]bool{}
	for _, a := range c.hosts[host] {
		addr := a.Addr
		i := slices.IndexFunc(links, func(l link) bool { return l.Index == a.link })
		if addr.IsLinkLocalUnicast() && addr.Is6() {
			if i < 0 {
				continue
			}
			addr = addr.WithZone(links[i].Name)
		}
		if !slices.Contains(all, addr) {
			all = append(all, addr)
			near[addr] = i >= 0 && slices.ContainsFunc(links[i].prefixes, func(p netip.Prefix) bool { return p.Contains(a.Addr) })
		}
	}
	rank := func(a netip.Addr) (n int) {
		if !near[a] {
			n += 4
		}
		if a.IsLinkLocalUnicast() {
			n += 8
		}
		if a.Is6() {
			n++
		}
		return n
	}
	slices.SortFunc(all, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b)) })
	return all
}
