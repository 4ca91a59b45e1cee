package discovery

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// port is that of multicast DNS, group4 and group6 are its groups (RFC 6762 §3).
const port = 5353

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// readPause is how long a socket that can't be read is left alone.
const readPause = 100 * time.Millisecond

// maxPacket is the longest message, in bytes (RFC 6762 §17).
const maxPacket = 9000

// packet is a message as it came.
type packet struct {
	data []byte
	from netip.AddrPort // without zone
	link int            // index of the interface; 0: the system does not say
}

// network is how messages are sent; a test has one of its own.
type network interface {
	// Send sends to the group on a link. Without loop no program of this machine gets it, so neither do we.
	Send(message []byte, on link, loop bool)
	// Reply sends to one address on a link.
	Reply(message []byte, on link, to netip.AddrPort)
	Close()
}

// sockets are the network's own: a socket for each family that joins the group on all links.
type sockets struct {
	v4      *ipv4.PacketConn // nil: none
	v6      *ipv6.PacketConn // nil: none
	closing chan struct{}
	readers sync.WaitGroup
}

// openSockets joins the groups. What comes is put into packets; what finds no room there is lost.
func openSockets(links []link, packets chan<- packet) (network, error) {
	s := &sockets{closing: make(chan struct{})}
	err4, err6 := s.open4(links), s.open6(links)
	if s.v4 == nil && s.v6 == nil {
		return nil, errors.Join(err4, err6)
	}
	if s.v4 != nil {
		s.readers.Go(func() {
			s.read(packets, func(b []byte) (int, net.Addr, int, bool, error) {
				n, cm, from, err := s.v4.ReadFrom(b)
				if cm == nil {
					return n, from, 0, true, err
				}
				return n, from, cm.IfIndex, cm.Dst == nil || cm.Dst.IsMulticast(), err
			})
		})
	}
	if s.v6 != nil {
		s.readers.Go(func() {
			s.read(packets, func(b []byte) (int, net.Addr, int, bool, error) {
				n, cm, from, err := s.v6.ReadFrom(b)
				if cm == nil {
					return n, from, 0, true, err
				}
				return n, from, cm.IfIndex, cm.Dst == nil || cm.Dst.IsMulticast(), err
			})
		})
	}
	return s, nil
}

// open4 opens the socket for IPv4. A group's address makes Go share the port with other programs.
func (s *sockets) open4(links []link) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 0), Port: port})
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(c)
	err = errors.New("no interface for IPv4")
	for _, l := range links {
		if e := p.JoinGroup(&l.Interface, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group4, 0))); e != nil {
			err = e
			continue
		}
		s.v4 = p
	}
	if s.v4 == nil {
		return errors.Join(err, c.Close())
	}
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true) // not on Windows
	_ = p.SetMulticastTTL(255)                                     // RFC 6762 §11
	return nil
}

// open6 opens the socket for IPv6.
func (s *sockets) open6(links []link) error {
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP("ff02::"), Port: port})
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(c)
	err = errors.New("no interface for IPv6")
	for _, l := range links {
		if e := p.JoinGroup(&l.Interface, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group6, 0))); e != nil {
			err = e
			continue
		}
		s.v6 = p
	}
	if s.v6 == nil {
		return errors.Join(err, c.Close())
	}
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	_ = p.SetMulticastHopLimit(255)
	return nil
}

// read takes messages that came to the group until the socket is closed: others can only be from outside the link (RFC 6762 §11).
func (s *sockets) read(packets chan<- packet, next func([]byte) (n int, from net.Addr, link int, group bool, err error)) {
	buf := make([]byte, maxPacket)
	for {
		n, from, link, group, err := next(buf)
		select {
		case <-s.closing:
			return
		default:
		}
		addr, ok := from.(*net.UDPAddr)
		if err != nil { // as of an interface that goes; it must not keep us busy
			select {
			case <-s.closing:
				return
			case <-time.After(readPause):
				continue
			}
		}
		if !ok || !group {
			continue
		}
		source := addr.AddrPort()
		select {
		case packets <- packet{append([]byte(nil), buf[:n]...), netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port()), link}:
		default:
		}
	}
}

// Send sends to the groups. What can't be sent now, because a link goes or has no such family, is for the next time.
func (s *sockets) Send(message []byte, on link, loop bool) {
	if s.v4 != nil && on.has(netip.Addr.Is4) && s.v4.SetMulticastInterface(&on.Interface) == nil {
		_ = s.v4.SetMulticastLoopback(loop)
		_, _ = s.v4.WriteTo(message, nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group4, port)))
	}
	if s.v6 != nil && on.has(netip.Addr.Is6) && s.v6.SetMulticastInterface(&on.Interface) == nil {
		_ = s.v6.SetMulticastLoopback(loop)
		_, _ = s.v6.WriteTo(message, nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group6.WithZone(on.Name), port)))
	}
}

// Reply sends to one address.
func (s *sockets) Reply(message []byte, on link, to netip.AddrPort) {
	if to.Addr().Is4() && s.v4 != nil {
		_, _ = s.v4.WriteTo(message, nil, net.UDPAddrFromAddrPort(to))
	}
	if to.Addr().Is6() && s.v6 != nil {
		if to.Addr().IsLinkLocalUnicast() {
			to = netip.AddrPortFrom(to.Addr().WithZone(on.Name), to.Port())
		}
		_, _ = s.v6.WriteTo(message, nil, net.UDPAddrFromAddrPort(to))
	}
}

// Close leaves the groups; no packet is delivered after it.
func (s *sockets) Close() {
	close(s.closing)
	if s.v4 != nil {
		_ = s.v4.Close()
	}
	if s.v6 != nil {
		_ = s.v6.Close()
	}
	s.readers.Wait()
}
