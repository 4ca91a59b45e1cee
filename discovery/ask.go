package discovery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// askTime is how long Ask waits for an answer that another has already given.
const askTime = time.Second

// ErrNoMulticast reports a machine without a network on which a .local name could be asked for.
var ErrNoMulticast = errors.New("no network carries multicast")

// Ask asks who has a name like "front-office.local", as a program does that is no multicast DNS itself (RFC 6762 §5.1), and gives
// the IPv4 addresses that were told within a second; none when nobody answers.
func Ask(ctx context.Context, name string) ([]netip.Addr, error) {
	links := machineLinks()
	if len(links) == 0 {
		return nil, ErrNoMulticast
	}
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	query.RecursionDesired = false
	text, err := query.Pack()
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	err = ErrNoMulticast
	for _, l := range links {
		if p.SetMulticastInterface(&l.Interface) != nil {
			continue
		}
		_ = p.SetMulticastLoopback(true)
		if _, failed := p.WriteTo(text, nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group4, port))); failed == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(askTime))
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	var found []netip.Addr
	for buf := make([]byte, maxPacket); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return found, nil
		}
		for _, a := range addressesOf(buf[:n], name) {
			if !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
}

// addressesOf gives the IPv4 addresses that a message of the network tells of a name.
func addressesOf(text []byte, name string) []netip.Addr {
	var m dns.Msg
	if m.Unpack(text) != nil || !m.Response {
		return nil
	}
	var found []netip.Addr
	for _, r := range m.Answer {
		if a, ok := r.(*dns.A); ok && strings.EqualFold(a.Hdr.Name, dns.Fqdn(name)) {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
				found = append(found, addr)
			}
		}
	}
	return found
}
