package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client is who made a request and how, as far as this can be believed.
type client struct {
	addr netip.Addr
	// scheme is "https" or "http", as the browser sees it.
	scheme string
	// private: nobody can listen on the way, be it by TLS or because the browser is on this machine.
	private bool
}

// client looks through trusted proxies: the rightmost address in X-Forwarded-For that is not one of them.
func (c Config) client(r *http.Request) client {
	if byOwner(r) {
		return client{addr: netip.IPv6Loopback(), scheme: "http", private: true}
	}
	peer := hostAddr(r.RemoteAddr)
	who := client{addr: peer, scheme: "http"}
	if r.TLS != nil {
		who.scheme = "https"
	}
	if c.trusted(peer) {
		who.addr = c.forwardedFor(r, peer)
		if proto := last(r.Header.Values("X-Forwarded-Proto")); proto == "http" || proto == "https" {
			who.scheme = proto
		}
	}
	who.private = who.scheme == "https" || who.addr.IsLoopback() && loopbackName(r.Host)
	return who
}

func (c Config) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(c.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (c Config) forwardedFor(r *http.Request, peer netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr := hostAddr(strings.TrimSpace(hop))
		if !addr.IsValid() {
			break
		}
		if peer = addr; !c.trusted(addr) {
			break
		}
	}
	return peer
}

// hostAddr reads "address" or "address:port", without zone and never as IPv4 in IPv6.
func hostAddr(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, _ := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone("")
}

// last gives the last element of a header that is a list.
func last(values []string) string {
	all := strings.Join(values, ",")
	return strings.ToLower(strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]))
}

// loopbackName reports whether host[:port] names this very machine, whoever resolves it.
func loopbackName(host string) bool {
	if addr := hostAddr(host); addr.IsValid() {
		return addr.IsLoopback()
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
