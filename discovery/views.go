package discovery

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// neighbours gives the Cordboards that can be reached, but this one, sorted by name.
func (c *cache) neighbours(links []link) []Neighbour {
	var all []Neighbour
	for _, i := range c.instances {
		if i.kind != cordboardType || i.host == "" || i.port == 0 {
			continue
		}
		a, ok := readText(i.text)
		if !ok || a.ID == c.own {
			continue
		}
		addrs := c.addrs(i.host, links)
		if len(addrs) == 0 {
			continue
		}
		a.Name = cmp.Or(a.Name, Printable(i.label, maxShown), i.host)
		a.Host, a.HTTPS = i.host, i.port
		if phone := c.instances[strings.ToLower(escape(i.label)+"."+sipUDPType)]; phone != nil && phone.host == i.host {
			a.SIP = phone.port
		}
		all = append(all, Neighbour{Announcement: a, Addrs: addrs, Seen: i.heard})
	}
	slices.SortFunc(all, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Host, b.Host), cmp.Compare(a.HTTPS, b.HTTPS))
	})
	return all
}

// pbxs gives the SIP servers that can be reached and are no Cordboards, sorted by name.
func (c *cache) pbxs(links []link) []PBX {
	var all []PBX
	for _, i := range c.instances {
		transport, ok := transports[i.kind]
		if !ok || i.host == "" || i.port == 0 {
			continue
		}
		if board := c.instances[strings.ToLower(escape(i.label)+"."+cordboardType)]; board != nil && board.host == i.host {
			continue
		}
		if addrs := c.addrs(i.host, links); len(addrs) > 0 {
			all = append(all, PBX{Name: cmp.Or(Printable(i.label, maxShown), i.host), Transport: transport, Host: i.host + ".local", Port: i.port, Addrs: addrs})
		}
	}
	slices.SortFunc(all, func(a, b PBX) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	return all
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

// sameNeighbours reports whether two lists say the same, whenever it was heard.
func sameNeighbours(a, b []Neighbour) bool {
	return slices.EqualFunc(a, b, func(a, b Neighbour) bool { return a.Announcement == b.Announcement && slices.Equal(a.Addrs, b.Addrs) })
}

func samePBXs(a, b []PBX) bool {
	return slices.EqualFunc(a, b, func(a, b PBX) bool {
		return a.Name == b.Name && a.Transport == b.Transport && a.Host == b.Host && a.Port == b.Port && slices.Equal(a.Addrs, b.Addrs)
	})
}
