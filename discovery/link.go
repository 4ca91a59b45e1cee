package discovery

import (
	"net"
	"net/netip"
	"reflect"
	"slices"
)

// maxLinks bounds the interfaces that are used: systems limit how many may join a group by one socket.
const maxLinks = 16

// link is an interface that carries multicast.
type link struct {
	net.Interface
	prefixes []netip.Prefix // our addresses on it, with their networks
}

// machineLinks gives the interfaces that are up, carry multicast and have an address; never loopback.
func machineLinks() []link {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var links []link
	for _, i := range all {
		const want = net.FlagUp | net.FlagRunning | net.FlagMulticast
		if i.Flags&want != want || i.Flags&net.FlagLoopback != 0 || len(links) == maxLinks {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it vanished at this moment
		}
		l := link{Interface: i}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil {
				l.prefixes = append(l.prefixes, p)
			}
		}
		if len(l.prefixes) > 0 {
			slices.SortFunc(l.prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
			links = append(links, l)
		}
	}
	return links
}

// sameLinks reports whether nothing has changed that others must learn of.
func sameLinks(a, b []link) bool {
	return slices.EqualFunc(a, b, func(a, b link) bool {
		return a.Index == b.Index && a.Name == b.Name && reflect.DeepEqual(a.prefixes, b.prefixes)
	})
}

// interfaces are the links as the standard library has them.
func interfaces(links []link) []net.Interface {
	all := make([]net.Interface, len(links))
	for i, l := range links {
		all[i] = l.Interface
	}
	return all
}

// ours reports whether an address is this machine's.
func ours(a netip.Addr, links []link) bool {
	return slices.ContainsFunc(links, func(l link) bool {
		return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

// has reports whether we have such an address on the link.
func (l link) has(such func(netip.Addr) bool) bool {
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return such(p.Addr()) })
}

// on reports whether an address is of a network of the link.
func (l link) on(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
