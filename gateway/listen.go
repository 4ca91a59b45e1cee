package gateway

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cordboard/gateway/media"
)

// minRTPPorts is the least number of ports toward the PBX: two pairs, so that one call can be put on hold for another.
const minRTPPorts = 4

// port is one port the gateway opens, as the configuration asks for it.
type port struct {
	key      string
	host     string
	first    uint16
	last     uint16 // the same as first but for the RTP range
	tcp, udp bool
}

// check finds addresses that are none and ports that would be opened twice.
func (l *Listen) check(check *checker) {
	var ports []port
	for _, p := range []struct {
		key, text     string
		tcp, udp, off bool // off: may be empty
	}{
		{key: "https", text: l.HTTPS, tcp: true, off: true},
		{key: "http", text: l.HTTP, tcp: true, off: true},
		{key: "media", text: l.Media, udp: true},
		{key: "sip", text: l.SIP, tcp: true, udp: true},
		{key: "sips", text: l.SIPS, tcp: true, off: true},
	} {
		if p.text == "" && p.off {
			continue
		}
		host, number, err := splitAddress(p.text)
		if err != nil {
			check.add("listen."+p.key, "%v", err)
			continue
		}
		ports = append(ports, port{p.key, host, number, number, p.tcp, p.udp})
	}
	if l.HTTPS == "" && l.HTTP == "" {
		check.add("listen.https", "empty, and http too, so there would be no page; set one of them")
	}
	if nap := time.Duration(l.Nap); nap > media.MaxNap {
		check.add("listen.nap", "%v is too long for sound; want at most %v", nap, media.MaxNap)
	}
	if first, last, err := portRange(l.RTP); err != nil {
		check.add("listen.rtp", "%v", err)
	} else {
		ports = append(ports, port{"rtp", "", first, last, false, true})
	}
	for i, a := range ports {
		for _, b := range ports[:i] {
			if clash(a, b) {
				check.faults = append(check.faults, Fault{
					Path: "listen." + a.key, other: "listen." + b.key,
					Problem: fmt.Sprintf("%s and %s both want port %d", b.key, a.key, max(a.first, b.first)),
				})
			}
		}
	}
	for i, text := range l.Advertise {
		if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			check.add("listen.advertise"+index0(i), "%q is not an IP address that others could reach", text)
		}
	}
	for i, text := range l.TrustedProxies {
		if _, err := parsePrefix(text); err != nil {
			check.add("listen.trusted_proxies"+index0(i), "%q is not a range of addresses like 10.0.0.0/8", text)
		}
	}
}

// clash reports whether two ports can't be open at the same time.
func clash(a, b port) bool {
	if !(a.tcp && b.tcp || a.udp && b.udp) || a.first == 0 || b.first == 0 {
		return false
	}
	if a.host != b.host && !everywhere(a.host) && !everywhere(b.host) {
		return false
	}
	return a.first <= b.last && b.first <= a.last
}

// everywhere reports whether a host stands for all interfaces.
func everywhere(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}

// portRange reads "20000-20999": the first port is even, because RTP has the even port of a pair (RFC 3550 §11).
func portRange(text string) (first, last uint16, err error) {
	from, to, ok := strings.Cut(text, "-")
	a, errA := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	switch {
	case !ok || errA != nil || errB != nil || a == 0:
		return 0, 0, fmt.Errorf("%q is not a range of ports like 20000-20999", text)
	case a%2 != 0:
		return 0, 0, fmt.Errorf("%q begins with an odd port; want an even one", text)
	case b < a+minRTPPorts-1:
		return 0, 0, fmt.Errorf("%q has too few ports; want at least %d", text, minRTPPorts)
	}
	return uint16(a), uint16(b), nil
}

// parsePrefix reads a CIDR, or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// advertised gives the addresses of a valid configuration.
func (l *Listen) advertised() []netip.Addr {
	var all []netip.Addr
	for _, text := range l.Advertise {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// proxies gives the trusted proxies of a valid configuration.
func (l *Listen) proxies() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range l.TrustedProxies {
		if p, err := parsePrefix(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}
