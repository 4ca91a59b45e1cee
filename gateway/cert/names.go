package cert

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// local are the domains that belong to every local network (RFC 6762 §3, RFC 6761 §6.3). "local" as a
// name constraint permits all names below it (RFC 5280 §4.2.1.10).
var local = []string{"local", "localhost"}

// private are the addresses that belong to every local network: RFC 1918, loopback, link-local,
// carrier-grade NAT and so the VPNs that use it (RFC 6598), RFC 4193.
var private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10",
	"::1/128", "fc00::/7", "fe80::/10")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

func isPrivate(ip netip.Addr) bool {
	return slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// privateNets is private for package x509.
func privateNets() []*net.IPNet {
	nets := make([]*net.IPNet, 0, len(private))
	for _, p := range private {
		nets = append(nets, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return nets
}

// below reports whether name is domain or ends in it, at a dot.
func below(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

func belowAny(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return below(name, d) })
}

// normalize gives the names lower case, the first one first, and the addresses sorted, each once. It
// adds localhost and the loopback addresses. What can't be in a certificate is left out and logged.
func (k *Keeper) normalize(names []string, ips []netip.Addr) ([]string, []netip.Addr) {
	ips = slices.Concat(ips, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()})
	var cleanNames []string
	for _, name := range append(slices.Clone(names), "localhost") {
		name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
		if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			ips = append(ips, ip)
			continue
		}
		switch {
		case name == "":
		case !isHostname(name):
			k.log.Warn("name left out of the certificate, it is no host name", "name", name)
		case !slices.Contains(cleanNames, name):
			cleanNames = append(cleanNames, name)
		}
	}
	var cleanIPs []netip.Addr
	for _, ip := range ips {
		if ip = ip.Unmap().WithZone(""); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() {
			cleanIPs = append(cleanIPs, ip)
		}
	}
	slices.SortFunc(cleanIPs, netip.Addr.Compare)
	return cleanNames, slices.Compact(cleanIPs)
}

// isHostname accepts letters a-z, digits and hyphens in labels of at most 63, together at most 253
// characters (RFC 1123 §2.1).
func isHostname(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(name) <= 253
}
