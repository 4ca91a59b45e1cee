package gateway

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// machineAddresses are the addresses of the interfaces that are up: that of the default route
// first, then IPv4, then IPv6; loopback last, link-local left out.
func machineAddresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	route := routeAddress()
	var all []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it vanished at this moment
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || p.Addr().IsLinkLocalUnicast() || p.Addr().IsMulticast() {
				continue
			}
			all = append(all, p.Addr().Unmap())
		}
	}
	rank := func(a netip.Addr) int {
		switch {
		case a.IsLoopback():
			return 3
		case a == route:
			return 0
		case a.Is4():
			return 1
		}
		return 2
	}
	slices.SortFunc(all, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b)) })
	return slices.Compact(all)
}

// routeAddress is our address toward the rest of the network. Connecting a UDP socket asks the routing
// table and sends nothing; the far address is one for documentation (RFC 5737).
func routeAddress() netip.Addr {
	c, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

// certificateNames are what browsers may call this machine, for its certificate; the best known name first.
func certificateNames(cfg Config) (names []string, addrs []netip.Addr) {
	if _, err := netip.ParseAddr(cfg.Domain); err != nil {
		names = append(names, strings.ToLower(cfg.Domain))
	}
	if local := hostName() + ".local"; !slices.Contains(names, local) {
		names = append(names, local)
	}
	return names, slices.Concat(machineAddresses(), cfg.Listen.advertised())
}

// pageAddresses are where a browser finds the page, the best for other machines first. Where all
// interfaces are served it is one address for others, and localhost.
func pageAddresses(cfg Config, scheme string, on net.Addr) []string {
	bound := on.(*net.TCPAddr).AddrPort()
	hosts := []netip.Addr{bound.Addr().Unmap()}
	if bound.Addr().IsUnspecified() {
		hosts = slices.Concat(cfg.Listen.advertised(), machineAddresses())
	}
	var pages []string
	local := bound.Addr().IsUnspecified() || bound.Addr().IsLoopback()
	for _, h := range hosts {
		if !h.IsLoopback() {
			pages = append(pages, pageAddress(scheme, h.String(), bound.Port()))
			break
		}
	}
	if local {
		pages = append(pages, pageAddress(scheme, "localhost", bound.Port()))
	}
	return pages
}

// pageAddress leaves out the port that browsers take for granted.
func pageAddress(scheme, host string, port uint16) string {
	if scheme == "https" && port == 443 || scheme == "http" && port == 80 {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
}
