// Package locate finds the servers of a SIP address: which transport, address and port, best first (RFC 3263). It knows
// no SIP message and no socket but those of the resolver it is given.
package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxTargets is how many servers of a name are tried at most: its records may lead to thousands.
const maxTargets = 40

// Transports, as Via names them.
const (
	UDP = "UDP"
	TCP = "TCP"
	TLS = "TLS"
	WS  = "WS" // RFC 7118
	WSS = "WSS"
)

// Query is what of a SIP address says where it leads.
type Query struct {
	Secure    bool   // a sips address: nothing but TLS, or WSS, will do
	Host      string // a name or an address; IPv6 with or without brackets
	Port      int    // 0: none given
	Transport string // of its transport parameter; empty: none given
}

// Target is one server.
type Target struct {
	Transport string
	Addr      netip.AddrPort
}

func (t Target) String() string { return strings.ToLower(t.Transport) + ":" + t.Addr.String() }

// NAPTR says by which service a domain is reached (RFC 3403 §4).
type NAPTR struct {
	Order, Preference uint16
	Service           string // "SIP+D2U", "SIP+D2T", "SIPS+D2T"
	Replacement       string // name for SRV
}

// SRV says where a service is (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// Resolver answers questions about names. No records is an empty list, not an error; an error says that
// nobody could be asked. The duration is for how long the answer holds.
type Resolver interface {
	NAPTR(ctx context.Context, name string) ([]NAPTR, time.Duration, error)
	SRV(ctx context.Context, name string) ([]SRV, time.Duration, error)
	Addrs(ctx context.Context, name string) ([]netip.Addr, time.Duration, error)
}

// Locator finds servers and remembers what it was told for as long as that holds. It is safe for concurrent use.
type Locator struct {
	seed  uint64 // of all draws: the same records give the same order each time, and another one on another machine
	naptr cache[NAPTR]
	srv   cache[SRV]
	addrs cache[netip.Addr]
}

// New makes a Locator that asks r.
func New(r Resolver) *Locator {
	return &Locator{seed: rand.Uint64(), naptr: newCache(r.NAPTR), srv: newCache(r.SRV), addrs: newCache(r.Addrs)}
}

func (l *Locator) random() *rand.Rand { return rand.New(rand.NewPCG(l.seed, 0)) }

// services are the transports in the order in which we like them when a domain does not say (RFC 3263 §4.1).
var services = []struct{ transport, service, prefix string }{
	{UDP, "SIP+D2U", "_sip._udp."},
	{TCP, "SIP+D2T", "_sip._tcp."},
	{TLS, "SIPS+D2T", "_sips._tcp."},
}

// DefaultPort is the port of a transport when none is given (RFC 3261 §19.1.2, RFC 7118 §5.1).
func DefaultPort(transport string) uint16 {
	switch transport {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 5060
}

// Locate gives the servers for q in the order in which to try them.
func (l *Locator) Locate(ctx context.Context, q Query) ([]Target, error) {
	host := strings.TrimSuffix(strings.Trim(q.Host, "[]"), ".")
	wanted := strings.ToUpper(q.Transport)
	if q.Secure && wanted != WSS {
		wanted = TLS
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		transport := cmp.Or(wanted, UDP)
		port := cmp.Or(uint16(q.Port), DefaultPort(transport))
		return []Target{{transport, netip.AddrPortFrom(addr.Unmap(), port)}}, nil
	}
	var list []Target
	if q.Port == 0 {
		list = l.byService(ctx, host, wanted, q.Transport == "")
	}
	if len(list) == 0 {
		addrs, err := l.addrs.get(ctx, host)
		transport := cmp.Or(wanted, UDP)
		list = l.at(nil, transport, addrs, cmp.Or(uint16(q.Port), DefaultPort(transport)))
		if err != nil || len(list) == 0 {
			return nil, fmt.Errorf("no address for %s", host)
		}
	}
	return list, nil
}

// byService gives the servers that NAPTR and SRV records name; none when there are no such records, or nobody
// to ask for them. wanted is the only transport that will do, if any; free says that the address named none.
func (l *Locator) byService(ctx context.Context, host, wanted string, free bool) []Target {
	var list []Target
	if free {
		records, err := l.naptr.get(ctx, host)
		var refused refusal
		if err != nil && !errors.As(err, &refused) {
			return nil // then SRV can't be asked for either, but the name may be known without DNS
		}
		slices.SortStableFunc(records, func(a, b NAPTR) int {
			return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
		})
		for _, r := range records {
			for _, s := range services {
				if strings.EqualFold(r.Service, s.service) && (wanted == "" || wanted == s.transport) {
					list = l.bySRV(ctx, list, s.transport, r.Replacement)
				}
			}
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, s := range services {
		if wanted == "" || wanted == s.transport {
			list = l.bySRV(ctx, list, s.transport, s.prefix+host)
		}
	}
	return list
}

func (l *Locator) bySRV(ctx context.Context, list []Target, transport, name string) []Target {
	records, err := l.srv.get(ctx, name)
	if err != nil {
		return list
	}
	for _, r := range order(records, l.random().IntN) {
		target := strings.TrimSuffix(r.Target, ".")
		if target == "" || r.Port == 0 { // the service is decidedly not there
			continue
		}
		if len(list) >= maxTargets {
			break
		}
		if addrs, err := l.addrs.get(ctx, target); err == nil {
			list = l.at(list, transport, addrs, r.Port)
		}
	}
	return list
}

// at appends the addresses of a host, those of IPv4 first, else in an order drawn once, and nothing twice. Some name servers give 0.0.0.0 for what they
// don't want to be found; that would be this machine.
func (l *Locator) at(list []Target, transport string, addrs []netip.Addr, port uint16) []Target {
	slices.SortFunc(addrs, netip.Addr.Compare)
	l.random().Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	for _, four := range []bool{true, false} {
		for _, a := range addrs {
			t := Target{transport, netip.AddrPortFrom(a.Unmap(), port)}
			if t.Addr.Addr().Is4() == four && len(list) < maxTargets && !a.IsUnspecified() && !a.IsMulticast() && !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	return list
}

// order sorts by priority and, within one, draws by weight (RFC 2782): the first place goes to each with a chance as
// large as its share, and so on. draw gives a number from 0 to n-1.
func order(records []SRV, draw func(n int) int) []SRV {
	rest := slices.Clone(records)
	slices.SortStableFunc(rest, func(a, b SRV) int { // weight 0 first within a priority, so that it has its small chance
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port)) // DNS rotates its answers
	})
	sorted := make([]SRV, 0, len(rest))
	for len(rest) > 0 {
		same, sum := 0, 0
		for same < len(rest) && rest[same].Priority == rest[0].Priority {
			sum += int(rest[same].Weight)
			same++
		}
		at, mark := 0, draw(sum+1)
		for running := int(rest[0].Weight); running < mark; running += int(rest[at].Weight) {
			at++
		}
		sorted = append(sorted, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return sorted
}
