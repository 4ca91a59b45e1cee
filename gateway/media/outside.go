package media

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v2"
	"github.com/pion/transport/v2/stdnet"
)

// dialTime bounds how long a TURN server may take for a connection.
const dialTime = 5 * time.Second

// errNotHere reports what outside does not do, or for whom.
var errNotHere = errors.New("not done by an ICE agent of ours")

// outside is the network as an ICE agent sees it. It lets in only what is harmless, and sees what TURN servers refuse. After close
// nothing is under way in it.
type outside struct {
	*stdnet.Net
	ctx     context.Context
	close   context.CancelFunc
	servers servers

	mu     sync.Mutex
	names  map[netip.AddrPort]string // "host:port" of the servers that were asked for by UDP
	denied string                    // the TURN server that refused last
	code   int                       // by which code
}

// servers are the STUN and TURN servers, by "host:port".
type servers struct {
	streams   map[string]*tls.Config // reached by TCP; with nil no TLS is spoken
	datagrams map[string]bool        // reached by UDP
}

func newOutside(known servers) (*outside, error) {
	interfaces, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	o := &outside{Net: interfaces, servers: known, names: make(map[netip.AddrPort]string)}
	o.ctx, o.close = context.WithCancel(context.Background())
	return o, nil
}

// refused tells which TURN server refused last and why; no code when none did.
func (o *outside) refused() (server string, code int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.denied, o.code
}

// ResolveUDPAddr implements transport.Net. A server that has no address of the wanted family may have one of the other: the socket
// for TURN takes both.
func (o *outside) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(o.ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	family := "ip4"
	if network == "udp6" {
		family = "ip6"
	}
	addrs, err := net.DefaultResolver.LookupNetIP(o.ctx, family, host)
	if err != nil && family == "ip4" {
		addrs, err = net.DefaultResolver.LookupNetIP(o.ctx, "ip", host)
	}
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("resolve %s: no address", host)
	}
	addr := netip.AddrPortFrom(addrs[0].Unmap(), uint16(port))
	o.mu.Lock()
	o.names[addr] = address
	o.mu.Unlock()
	return net.UDPAddrFromAddrPort(addr), nil
}

// ListenUDP implements transport.Net, for host candidates and for asking STUN servers.
func (o *outside) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &sieve{UDPConn: conn, outside: o, stop: context.AfterFunc(o.ctx, func() { conn.Close() })}, nil
}

// ListenPacket implements transport.Net, for TURN by UDP.
func (o *outside) ListenPacket(string, string) (net.PacketConn, error) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	return &sieve{UDPConn: conn, outside: o, relay: true, stop: context.AfterFunc(o.ctx, func() { conn.Close() })}, nil
}

// DialTCP implements transport.Net; Dial is asked instead.
func (o *outside) DialTCP(string, *net.TCPAddr, *net.TCPAddr) (transport.TCPConn, error) {
	return nil, errNotHere
}

// DialUDP implements transport.Net.
func (o *outside) DialUDP(string, *net.UDPAddr, *net.UDPAddr) (transport.UDPConn, error) {
	return nil, errNotHere
}

// Dial implements proxy.Dialer, for TURN by TCP and TLS.
func (o *outside) Dial(_, address string) (net.Conn, error) {
	config, known := o.servers.streams[address]
	if !known {
		return nil, errNotHere
	}
	ctx, done := context.WithTimeout(o.ctx, dialTime)
	defer done()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := raw
	if config != nil {
		secured := tls.Client(raw, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			raw.Close()
			if bad := new(tls.CertificateVerificationError); errors.As(err, &bad) {
				o.note(address, untrusted)
			}
			return nil, err
		}
		conn = secured
	}
	return &frameSieve{Conn: conn, outside: o, server: address, stop: context.AfterFunc(o.ctx, func() { raw.Close() })}, nil
}

// deny takes note of a message of a TURN server; asked, whether it has asked for credentials before, which is no refusal.
func (o *outside) deny(server string, p []byte, asked *bool) {
	const unauthorized, staleNonce = 401, 438 // RFC 8489 §14.8
	code := refusal(p)
	if code == 0 || code == staleNonce {
		return
	}
	if code == unauthorized && !*asked {
		*asked = true
		return
	}
	o.note(server, code)
}

// untrusted stands for the code of a TURN server whose certificate nobody vouches for.
const untrusted = -1

// note remembers why a TURN server is of no use.
func (o *outside) note(server string, code int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.denied, o.code = server, code
}

// errSent says that a packet was sent, to an agent that checks a path only if it has sent nothing on it for some time. Consent is asked
// for all the time (RFC 7675 §5.1), and a lite server knows by it alone that we are still there; so it must not know of what else is
// sent.
var errSent = errors.New("sent")

// sendIndication is the type of a message by which a TURN server is given data to pass on (RFC 8656 §11.1).
const sendIndication = 0x0016

// asks says whether a packet is a message that waits for an answer.
func asks(p []byte) bool { return isMessage(p) && binary.BigEndian.Uint16(p) != sendIndication }

// sieve is a UDP socket that lets in only what is harmless.
type sieve struct {
	*net.UDPConn
	outside *outside
	relay   bool // takes only what a TURN server says
	asked   bool // for credentials; the reader's
	stop    func() bool
}

// ReadFrom implements net.PacketConn.
func (s *sieve) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.ReadFromUDPAddrPort(p)
		if err != nil {
			return n, nil, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !welcome(p[:n]) {
			continue
		}
		if s.relay {
			name, known := s.outside.name(from)
			if !known || !isMessage(p[:n]) && !isChannel(p[:n]) {
				continue
			}
			s.outside.deny(name, p[:n], &s.asked)
		}
		return n, net.UDPAddrFromAddrPort(from), nil
	}
}

// WriteTo implements net.PacketConn. A TURN server that is reached by TCP is not asked for our address by UDP: nobody may answer there.
func (s *sieve) WriteTo(p []byte, to net.Addr) (int, error) {
	if addr, ok := to.(*net.UDPAddr); ok && !s.relay && isMessage(p) {
		at := addr.AddrPort()
		if name, known := s.outside.name(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())); known {
			if !s.outside.servers.datagrams[name] {
				return 0, errNotHere
			}
		}
	}
	n, err := s.UDPConn.WriteTo(p, to)
	if err == nil && !asks(p) {
		err = errSent
	}
	return n, err
}

// Close implements net.PacketConn.
func (s *sieve) Close() error {
	s.stop()
	return s.UDPConn.Close()
}

// name is the server at an address.
func (o *outside) name(at netip.AddrPort) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name, known := o.names[at]
	return name, known
}

// frameSieve is a connection to a TURN server that lets in only what is harmless. It ends with what is no message at all.
type frameSieve struct {
	net.Conn
	outside *outside
	server  string
	asked   bool // for credentials
	stop    func() bool
	buf     [channelHeader + maxPacket + stunHeaderSize]byte
	left    []byte // of the message at hand
}

// errNoMessage reports something else than messages and data.
var errNoMessage = errors.New("the TURN server sends no messages")

// Read implements net.Conn.
func (s *frameSieve) Read(p []byte) (int, error) {
	for len(s.left) == 0 {
		frame, err := s.next()
		if err != nil {
			return 0, err
		}
		if welcome(frame) {
			s.outside.deny(s.server, frame, &s.asked)
			s.left = frame
		}
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// Write implements net.Conn.
func (s *frameSieve) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	if err == nil && !asks(p) {
		err = errSent
	}
	return n, err
}

// next reads a message, or data with its padding (RFC 8656 §12.5).
func (s *frameSieve) next() ([]byte, error) {
	if _, err := io.ReadFull(s.Conn, s.buf[:channelHeader]); err != nil {
		return nil, err
	}
	size := channelHeader + (int(binary.BigEndian.Uint16(s.buf[2:]))+3)&^3
	if s.buf[0] <= 3 {
		size += stunHeaderSize - channelHeader
	}
	if s.buf[0] > 3 && !isChannel(s.buf[:]) || size > len(s.buf) {
		return nil, errNoMessage
	}
	if _, err := io.ReadFull(s.Conn, s.buf[channelHeader:size]); err != nil {
		return nil, err
	}
	if s.buf[0] <= 3 && !isMessage(s.buf[:size]) {
		return nil, errNoMessage
	}
	return s.buf[:size], nil
}

// Close implements net.Conn.
func (s *frameSieve) Close() error {
	s.stop()
	return s.Conn.Close()
}
