package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	serverTime  = 2 * time.Second  // for one DNS server to answer
	absentTTL   = 30 * time.Second // for what is not there, when the answer does not say
	systemTTL   = 30 * time.Second // for addresses of the operating system, which tells no TTL
	resolvConf  = "/etc/resolv.conf"
	datagram    = 1232 // bytes; DNS over UDP without fragments (dnsflagday.net/2020)
	maxDNSNames = 20   // records of one answer that are used
)

// DNS asks the name servers of a resolv.conf. Addresses it first looks for in the hosts file and, when DNS has none, at the
// operating system, which may know more (mDNS). Names of one label and those below .local are not asked for in DNS.
type DNS struct {
	conf  string // path
	port  string // of the name servers; empty: as the file says, which is 53
	hosts *net.Resolver
}

// System is the DNS of this machine.
func System() *DNS {
	return &DNS{conf: resolvConf, hosts: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("hosts file only") },
	}}
}

// NAPTR asks for NAPTR records with flag "s", those that lead to SRV.
func (d *DNS) NAPTR(ctx context.Context, name string) ([]NAPTR, time.Duration, error) {
	res, err := d.ask(ctx, name, dns.TypeNAPTR)
	list, ttl := naptrs(res)
	return list, ttl, err
}

func naptrs(res *dns.Msg) (list []NAPTR, ttl time.Duration) {
	all, ttl := records[*dns.NAPTR](res)
	for _, r := range all {
		if strings.EqualFold(r.Flags, "s") && r.Regexp == "" {
			list = append(list, NAPTR{r.Order, r.Preference, r.Service, r.Replacement})
		}
	}
	return list, ttl
}

// SRV asks for SRV records.
func (d *DNS) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	res, err := d.ask(ctx, name, dns.TypeSRV)
	list, ttl := srvs(res)
	return list, ttl, err
}

func srvs(res *dns.Msg) (list []SRV, ttl time.Duration) {
	all, ttl := records[*dns.SRV](res)
	for _, r := range all {
		list = append(list, SRV{r.Priority, r.Weight, r.Port, r.Target})
	}
	return list, ttl
}

// Addrs asks for the addresses of a host.
func (d *DNS) Addrs(ctx context.Context, name string) ([]netip.Addr, time.Duration, error) {
	if list, err := d.hosts.LookupNetIP(ctx, "ip", name); err == nil && len(list) > 0 {
		return list, systemTTL, nil
	}
	var list []netip.Addr
	ttl := maxTTL
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		res, err := d.ask(ctx, name, kind)
		if err != nil {
			break
		}
		more, holds := addresses(res)
		list, ttl = append(list, more...), min(ttl, holds)
	}
	if len(list) > 0 {
		return list, ttl, nil
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, 0, err
	}
	return list, systemTTL, nil
}

// addresses are those of IPv4 in an answer, or else those of IPv6.
func addresses(res *dns.Msg) (list []netip.Addr, ttl time.Duration) {
	four, ttl := records[*dns.A](res)
	for _, r := range four {
		list = appendIP(list, r.A)
	}
	if len(list) > 0 {
		return list, ttl
	}
	six, ttl := records[*dns.AAAA](res)
	for _, r := range six {
		list = appendIP(list, r.AAAA)
	}
	return list, ttl
}

func appendIP(list []netip.Addr, ip net.IP) []netip.Addr {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		list = append(list, addr.Unmap())
	}
	return list
}

// ask gives the answer to a question; nil where DNS is not asked.
func (d *DNS) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	name = strings.ToLower(dns.Fqdn(name))
	if dns.CountLabel(name) < 2 || dns.IsSubDomain("local.", name) {
		return nil, nil
	}
	conf, err := dns.ClientConfigFromFile(d.conf)
	if err != nil {
		return nil, fmt.Errorf("find name servers: %w", err)
	}
	question := new(dns.Msg).SetQuestion(name, kind).SetEdns0(datagram, false)
	last := errors.New("find name servers: none in " + d.conf)
	for _, server := range conf.Servers {
		res, err := exchange(ctx, question, net.JoinHostPort(server, cmp.Or(d.port, conf.Port)))
		if err != nil {
			last = fmt.Errorf("ask name server %s: %w", server, err)
			continue
		}
		return res, nil
	}
	return nil, last
}

// refusal is the code with which a name server answers that it can't say. Of another kind of records it may know more.
type refusal string

func (r refusal) Error() string { return string(r) }

// exchange asks one server, by TCP when the answer is too long for UDP.
func exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, Timeout: serverTime}
		res, _, err := client.ExchangeContext(ctx, question, server)
		switch {
		case err != nil:
			return nil, err
		case res.Truncated && network == "udp":
			continue
		}
		switch res.Rcode {
		case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeFormatError: // of a kind that the server does not know there are none
			return res, nil
		}
		return nil, refusal(strings.ToLower(dns.RcodeToString[res.Rcode]))
	}
	return nil, errors.New("answer cut short")
}

// records are those of one kind in an answer, and for how long they hold: the least TTL, or the zone's for what is not there (RFC 2308 §5).
func records[R dns.RR](res *dns.Msg) (list []R, ttl time.Duration) {
	if res == nil {
		return nil, absentTTL
	}
	ttl = maxTTL
	for _, rr := range res.Answer {
		ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		if r, ok := rr.(R); ok && len(list) < maxDNSNames {
			list = append(list, r)
		}
	}
	if len(list) > 0 {
		return list, ttl
	}
	for _, rr := range res.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return nil, min(maxTTL, time.Duration(min(soa.Minttl, soa.Hdr.Ttl))*time.Second)
		}
	}
	return nil, absentTTL
}
