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
	maxAddrs     = 8   // of one host

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

// host is a machine that services are on.
type host struct {
	services int
	addrs    []address
}

// cache is what the network said and what of it still holds. Only the services' own hosts are remembered, so the bound on services
// bounds all of it.
type cache struct {
	own       string               // our ID
	label     string               // our services' name
	clash     bool                 // a Cordboard whose ID comes before ours has that name too
	instances map[string]*instance // by name in lower case
	hosts     map[string]*host     // by name without ".local."
	sources   map[netip.Addr]int   // how many services each told of
	next      time.Time            // nothing expires before
}

func newCache(own string) *cache {
	return &cache{own: own, instances: map[string]*instance{}, hosts: map[string]*host{}, sources: map[netip.Addr]int{}}
}

// take learns from a response. from is who sent it, link where it came in. It reports whether there was anything of use.
func (c *cache) take(m *dns.Msg, from netip.Addr, link int, now time.Time) (learned bool) {
	records := slices.Concat(m.Answer, m.Ns, m.Extra)
	for _, rr := range records { // services first, whose texts and whose hosts' addresses are kept
		switch rr := rr.(type) {
		case *dns.PTR:
			if slices.Contains(types, strings.ToLower(rr.Hdr.Name)) {
				learned = c.hear(rr.Ptr, rr.Hdr.Ttl, from, now) != nil || learned
			}
		case *dns.SRV:
			name, ok := localHost(rr.Target)
			if !ok {
				continue
			}
			i := c.hear(rr.Hdr.Name, rr.Hdr.Ttl, from, now)
			if learned = i != nil || learned; i != nil && rr.Hdr.Ttl > 0 {
				c.place(i, name)
				i.port = rr.Port
			}
		}
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
				i.text, learned = append([]string{}, rr.Txt...), true
				c.compare(i)
			}
			continue
		default:
			continue
		}
		if name, ok := localHost(rr.Header().Name); ok && c.hosts[name] != nil && usable(a) && !a.Is4In6() {
			c.hearAddress(c.hosts[name], a, rr.Header(), link, now)
			learned = true
		}
	}
	return learned
}

// compare finds out whether a service has our name and is not ours. Of two the one whose ID comes later takes another name.
func (c *cache) compare(i *instance) {
	if i.kind == cordboardType && strings.EqualFold(i.label, c.label) {
		a, ok := readText(i.text)
		c.clash = c.clash || ok && a.ID < c.own
	}
}

// place puts a service on a host.
func (c *cache) place(i *instance, name string) {
	if i.host == name {
		return
	}
	c.displace(i)
	if c.hosts[name] == nil {
		c.hosts[name] = new(host)
	}
	c.hosts[name].services++
	i.host = name
}

// displace takes a service off its host.
func (c *cache) displace(i *instance) {
	if h := c.hosts[i.host]; h != nil {
		if h.services--; h.services == 0 {
			delete(c.hosts, i.host)
		}
	}
}

// remove forgets a service.
func (c *cache) remove(key string, i *instance) {
	c.displace(i)
	if c.sources[i.source]--; c.sources[i.source] == 0 {
		delete(c.sources, i.source)
	}
	delete(c.instances, key)
}

// hear notes that a service is there, or with ttl 0 that it goes. nil: it is none that is looked for, or there are too many.
func (c *cache) hear(name string, ttl uint32, from netip.Addr, now time.Time) *instance {
	key := strings.ToLower(name)
	i := c.instances[key]
	if i == nil {
		if i = newInstance(name); i == nil || ttl == 0 || len(c.instances) >= maxInstances || c.sources[from] >= maxPerSource {
			return nil
		}
		i.source = from
		c.sources[from]++
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

// lifetime is how long a record holds.
func lifetime(ttl uint32) time.Duration {
	return min(max(time.Duration(ttl)*time.Second, minTTL), maxTTL)
}

// cacheFlush is the bit of a record's class that says that it replaces earlier ones (RFC 6762 §10.2).
const cacheFlush = 1 << 15

func (c *cache) hearAddress(on *host, a netip.Addr, h *dns.RR_Header, link int, now time.Time) {
	all := on.addrs
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
	on.addrs = all
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
			c.remove(key, i)
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
			c.remove(key, i)
			changed = true
		}
	}
	return c.tidy(now) || changed
}

// tidy forgets addresses that do not hold any more, and sets when to look again.
func (c *cache) tidy(now time.Time) (changed bool) {
	c.next = time.Time{}
	for _, i := range c.instances {
		c.wake(i.expires)
	}
	for _, h := range c.hosts {
		before := len(h.addrs)
		h.addrs = slices.DeleteFunc(h.addrs, func(a address) bool { return !now.Before(a.expires) })
		changed = changed || len(h.addrs) < before
		for _, a := range h.addrs {
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
		if len(questions) == most {
			break
		}
		switch {
		case i.host == "":
			ask(i.name, dns.TypeSRV)
			ask(i.name, dns.TypeTXT)
		case i.kind == cordboardType && i.text == nil:
			ask(i.name, dns.TypeTXT)
		}
		if i.host != "" && len(c.hosts[i.host].addrs) == 0 {
			ask(i.host+".local.", dns.TypeA)
			ask(i.host+".local.", dns.TypeAAAA)
		}
	}
	return questions
}

// addrs gives a host's addresses, the best first: those of our own networks, IPv4 before IPv6, link-local ones last, with their zone.
func (c *cache) addrs(name string, links []link) []netip.Addr {
	var all []netip.Addr
	near := map[netip.Addr]bool{}
	h := c.hosts[name]
	if h == nil {
		return nil
	}
	for _, a := range h.addrs {
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
