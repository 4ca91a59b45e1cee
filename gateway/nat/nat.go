// Package nat tells hosts on our side of an address translator from those beyond it.
package nat

import (
	"net/netip"
	"slices"
)

// shared are the addresses of networks behind a provider's NAT (RFC 6598), which private networks across sites use too.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Near says whether an address means anything only near by.
func Near(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || shared.Contains(addr)
}

// Inside says whether a host is on our side of a router that translates our address to an advertised one (1:1 NAT): it has a
// private address, and only public ones are advertised.
func Inside(host netip.Addr, advertised []netip.Addr) bool {
	return Near(host) && !slices.ContainsFunc(advertised, Near)
}
