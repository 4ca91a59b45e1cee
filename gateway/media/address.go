package media

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"cordboard/gateway/nat"
)

// maxCandidates bounds the addresses that a browser is told.
const maxCandidates = 8

// interfacesTime is how long the list of the machine's addresses is good for; reading it costs a tenth of a
// millisecond.
const interfacesTime = 5 * time.Second

// A way to a host is good for routeTime, for a call asks several times and asking the kernel takes six system calls. No more
// than maxRoutes are kept.
const (
	routeTime = time.Second
	maxRoutes = 256
)

// addresses chooses which of our addresses a party is told.
type addresses struct {
	advertise []netip.Addr // instead of our own; empty: those of the interfaces
	listen    netip.Addr   // of the browsers' socket; unspecified: all

	mu     sync.Mutex
	cached []netip.Addr
	read   time.Time
	routes map[netip.Addr]netip.Addr // what route says, by host
	asked  time.Time                 // when the first of routes was made
}

// toward is our address as a host sees it. Loopback hosts see us by loopback, whatever is advertised, and those inside see
// our own address. An invalid host gets the address that the rest of the world would see.
func (a *addresses) toward(host netip.Addr) netip.Addr {
	host = host.Unmap()
	if !host.IsLoopback() && len(a.advertise) > 0 && !nat.Inside(host, a.advertise) {
		return a.advertised(host)
	}
	if host.IsValid() {
		if source := a.route(host); source.IsValid() {
			return source
		}
	}
	if own := a.own(); len(own) > 0 {
		return own[0]
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// advertised is the first address that fits a host best: by its family, then by being near or far as the host is.
func (a *addresses) advertised(host netip.Addr) netip.Addr {
	fit := func(addr netip.Addr) (n int) {
		if !host.IsValid() || addr.Is4() == host.Is4() {
			n = 2
		}
		if nat.Near(addr) == nat.Near(host) {
			n++
		}
		return n
	}
	return slices.MaxFunc(a.advertise, func(a, b netip.Addr) int { return fit(a) - fit(b) })
}

// candidates are the addresses that a browser at host may reach the browsers' socket by, best first. Where addresses are
// advertised those of the interfaces are for hosts inside, and for one that seems to be ourselves because the router
// translates its address, too.
func (a *addresses) candidates(host netip.Addr) []netip.Addr {
	host = host.Unmap()
	best := a.toward(host)
	switch {
	case len(a.advertise) == 0:
		return a.listening(host, best)
	case !host.IsLoopback() && nat.Inside(host, a.advertise):
		own := a.listening(host, best)
		return first(own[0], slices.Concat(own, a.advertise))
	case slices.Contains(a.advertise, host):
		return first(best, slices.Concat(a.advertise, a.listening(host, best)))
	}
	return first(best, a.advertise)
}

// listening are those of our own addresses that the browsers' socket listens at, for a host that sees us by best.
func (a *addresses) listening(host, best netip.Addr) []netip.Addr {
	if !a.listen.IsUnspecified() {
		return []netip.Addr{a.listen}
	}
	own := slices.Clone(a.own())
	loopback := func(addr netip.Addr) bool { return addr.IsLoopback() }
	if !host.IsLoopback() && slices.ContainsFunc(own, func(addr netip.Addr) bool { return !addr.IsLoopback() }) {
		own = slices.DeleteFunc(own, loopback)
	}
	if a.listen.Is4() {
		own = slices.DeleteFunc(own, netip.Addr.Is6)
	}
	switch {
	case !a.listen.Is4() || best.Is4():
		return first(best, own)
	case len(own) > 0:
		return first(own[0], own)
	}
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}

// maxTCPCandidates bounds the addresses that a browser is told to connect to; it may try them all in each call.
const maxTCPCandidates = 3

// tcpCandidates are where a browser that was given these candidates may connect to.
func (e *Engine) tcpCandidates(udp []netip.AddrPort) (list []netip.AddrPort) {
	at := e.tcp.at
	if at.Port() == 0 {
		return nil
	}
	only := at.Addr()
	for _, c := range udp {
		addr := c.Addr()
		if len(list) < maxTCPCandidates && (addr == only || only.Is4() == addr.Is4() && only.IsUnspecified() || only == netip.IPv6Unspecified() ||
			!only.IsLoopback() && slices.Contains(e.addresses.advertise, addr)) {
			list = append(list, netip.AddrPortFrom(addr, at.Port()))
		}
	}
	return list
}

// first puts best before the others and bounds their number.
func first(best netip.Addr, others []netip.Addr) []netip.Addr {
	list := []netip.Addr{best}
	for _, addr := range others {
		if !slices.Contains(list, addr) && len(list) < maxCandidates {
			list = append(list, addr)
		}
	}
	return list
}

// own lists the addresses of the interfaces that are up, without link-local ones, loopback last.
func (a *addresses) own() []netip.Addr { return a.lately(interfacesTime) }

// lately is own as it was some time ago at most.
func (a *addresses) lately(ago time.Duration) []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cached != nil && time.Since(a.read) < ago {
		return a.cached
	}
	var list, loopback []netip.Addr
	interfaces, _ := net.Interfaces() // without a list there is loopback still
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		prefixes, _ := i.Addrs()
		for _, p := range prefixes {
			prefix, err := netip.ParsePrefix(p.String())
			if err != nil {
				continue
			}
			switch addr := prefix.Addr().Unmap(); {
			case addr.IsLoopback():
				loopback = append(loopback, addr)
			case addr.IsGlobalUnicast():
				list = append(list, addr)
			}
		}
	}
	a.cached, a.read = append(list, loopback...), time.Now()
	return a.cached
}

// route is the address that the kernel would send to host from. Invalid when there is no way.
func (a *addresses) route(host netip.Addr) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.asked) >= routeTime || len(a.routes) >= maxRoutes {
		a.routes, a.asked = make(map[netip.Addr]netip.Addr), time.Now()
	}
	source, ok := a.routes[host]
	if !ok {
		source = route(host)
		a.routes[host] = source
	}
	return source
}

// route asks the kernel for the address it would send to host from; no packet is sent. Invalid when there is no way.
func route(host netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
}
