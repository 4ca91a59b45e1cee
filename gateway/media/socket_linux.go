//go:build !portable

package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket implements datagrams. The engine's relay thread reads it. No system call on it ever waits, so that they are
// made without telling Go's scheduler (RawSyscall6), which costs more than some of the calls.
type socket struct {
	family int // AF_INET, or AF_INET6, which is for both families if bound to all addresses
	local  netip.AddrPort

	mu     sync.Mutex // held in each system call, so that a descriptor is never used after its end
	fd     int        // -1 after close
	to     netip.AddrPort
	name   unix.RawSockaddrInet6 // of to, as the kernel has it
	size   int                   // of name, in octets
	batch  *batch                // nil before gather
	relay  *relay                // nil before serve
	slot   slot                  // in relay's table
	handle handler
}

// batchSize is how many datagrams of one socket are read or sent by one system call.
const batchSize = 64

// maxRounds bounds how often one socket is read before others have their turn.
const maxRounds = 16

// batch is the datagrams that were queued on a socket while packets are being handled.
type batch struct {
	bundle
	open   bool // datagrams are kept
	used   int
	unsent [batchSize]*atomic.Uint64
}

// bundle is what sendmmsg and recvmmsg take.
type bundle struct {
	messages [batchSize]message
	parts    [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrInet6
	buf      [batchSize * bufferSize]byte
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	size   uint32
}

// nameSize is the size of an address with its family, in octets, that has room for both families.
const nameSize = unix.SizeofSockaddrInet6

// tie joins the parts of a bundle, once for all.
func (v *bundle) tie() {
	for i := range v.messages {
		h := &v.messages[i].header
		v.parts[i].Base = &v.buf[i*bufferSize]
		v.parts[i].SetLen(bufferSize)
		h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
		h.Namelen = nameSize
		h.Iov = &v.parts[i]
		h.SetIovlen(1)
	}
}

// slot is the buffer of a message.
func (v *bundle) slot(i int) []byte { return v.buf[i*bufferSize : (i+1)*bufferSize : (i+1)*bufferSize] }

// listen binds a port; nothing is read before serve. Network "udp" without an address is for both families.
func listen(network string, at *net.UDPAddr) (*socket, error) {
	addr, _ := netip.AddrFromSlice(at.IP)
	addr = addr.Unmap().WithZone(at.Zone)
	all := !addr.IsValid() || addr.IsUnspecified()
	if network == "udp6" || (network == "udp" && (all || addr.Is6())) {
		if all {
			addr = netip.IPv6Unspecified()
		}
		s, err := bind(unix.AF_INET6, netip.AddrPortFrom(addr, uint16(at.Port)), network == "udp6")
		if !all || network == "udp6" || (!errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EADDRNOTAVAIL)) {
			return s, err
		}
	}
	if all {
		addr = netip.IPv4Unspecified() // or a machine without IPv6
	}
	return bind(unix.AF_INET, netip.AddrPortFrom(addr, uint16(at.Port)), false)
}

func bind(family int, at netip.AddrPort, only6 bool) (*socket, error) {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{family: family, fd: fd}
	if err := s.bind(at, only6); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind UDP %v: %w", at, err)
	}
	return s, nil
}

func (s *socket) bind(at netip.AddrPort, only6 bool) error {
	if s.family == unix.AF_INET6 {
		only := 0
		if only6 {
			only = 1
		}
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	var name unix.RawSockaddrInet6
	size := encode(&name, s.family, at)
	if size == 0 {
		return unix.EAFNOSUPPORT
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(s.fd), uintptr(unsafe.Pointer(&name)), uintptr(size)); errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	room := uint32(nameSize)
	if _, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(s.fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&room))); errno != 0 {
		return os.NewSyscallError("getsockname", errno)
	}
	s.local = decode(&name)
	return nil
}

// encode writes an address as the kernel has it and gives its size; 0 for one that a socket of that family can't send
// to.
func encode(name *unix.RawSockaddrInet6, family int, at netip.AddrPort) int {
	*name = unix.RawSockaddrInet6{Family: uint16(family)}
	port := (*[2]byte)(unsafe.Pointer(&name.Port)) // in both families at the same place
	port[0], port[1] = byte(at.Port()>>8), byte(at.Port())
	addr := at.Addr()
	if family == unix.AF_INET {
		addr = addr.Unmap()
		if !addr.Is4() {
			return 0
		}
		(*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr = addr.As4()
		return unix.SizeofSockaddrInet4
	}
	if !addr.IsValid() {
		return 0
	}
	name.Addr, name.Scope_id = addr.As16(), scope(addr.Zone())
	return nameSize
}

// scope is the number of a zone: that of a network interface.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// decode reads an address. An IPv4 address that was mapped to IPv6 stays so in the address of a socket itself.
func decode(name *unix.RawSockaddrInet6) netip.AddrPort {
	octets := (*[2]byte)(unsafe.Pointer(&name.Port))
	port := uint16(octets[0])<<8 | uint16(octets[1])
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	addr := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(strconv.FormatUint(uint64(name.Scope_id), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

func (s *socket) gather() error {
	s.batch = new(batch)
	s.batch.tie()
	var faults []error
	for _, option := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option[0], roomForBursts) != nil { // only for the mighty
			faults = append(faults, os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option[1], roomForBursts)))
		}
	}
	return errors.Join(faults...)
}

func (s *socket) addr() netip.AddrPort { return s.local }

func (s *socket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	if s.relay != nil {
		s.relay.remove(s, s.slot)
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return os.NewSyscallError("close", err)
}

func (s *socket) send(p []byte, to netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendNow(p, to)
}

// sendNow sends a datagram. The caller holds mu.
func (s *socket) sendNow(p []byte, to netip.AddrPort) error {
	if s.fd < 0 {
		return net.ErrClosed
	}
	if to != s.to {
		s.to, s.size = to, encode(&s.name, s.family, to)
	}
	if s.size == 0 {
		return unix.EAFNOSUPPORT
	}
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&s.name)), uintptr(s.size))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func (s *socket) queue(p []byte, to netip.AddrPort, unsent *atomic.Uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch
	if b == nil || !b.open || len(p) > bufferSize {
		return s.sendNow(p, to)
	}
	if s.fd < 0 {
		return net.ErrClosed
	}
	size := encode(&b.names[b.used], s.family, to)
	if size == 0 {
		return unix.EAFNOSUPPORT
	}
	b.messages[b.used].header.Namelen = uint32(size)
	b.parts[b.used].SetLen(copy(b.slot(b.used), p))
	b.unsent[b.used] = unsent
	if b.used++; b.used == batchSize {
		s.sendBatch()
	}
	return nil
}

// keep makes queue keep datagrams, or send those that it kept.
func (s *socket) keep(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batch.open = open; !open && s.batch.used > 0 {
		s.sendBatch()
	}
}

// sendBatch sends what was queued. The caller holds mu.
func (s *socket) sendBatch() {
	b := s.batch
	for next := 0; next < b.used && s.fd >= 0; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.messages[next])), uintptr(b.used-next),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			next += int(n)
		case unix.EINTR:
		default: // what the first one met; the others may fare better
			b.unsent[next].Add(1)
			next++
		}
	}
	clear(b.unsent[:b.used])
	b.used = 0
}

// receive hands what came to the socket to its handler. It belongs to the relay thread, which lends it v.
func (s *socket) receive(v *bundle, now time.Duration) {
	if s.batch == nil { // a party's own, where a second datagram hardly ever waits
		if n := s.readOne(v); n >= 0 {
			s.handle(v.slot(0)[:n], decode(&v.names[0]), now)
		}
		return
	}
	for range maxRounds {
		n := s.readMany(v)
		for i := range n {
			s.handle(v.slot(i)[:v.messages[i].size], decode(&v.names[i]), now)
		}
		if n < batchSize {
			return
		}
	}
}

// readOne reads a datagram into the first slot; below 0 there is none.
func (s *socket) readOne(v *bundle) int { return s.read(v.slot(0), &v.names[0]) }

// read reads a datagram and the address it came from; below 0 there is none.
func (s *socket) read(p []byte, from *unix.RawSockaddrInet6) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return -1
	}
	room := uint32(nameSize)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&room)))
	if errno != 0 {
		return -1
	}
	return int(n)
}

// drain hands what came before serve to handle.
func (s *socket) drain(handle handler, now time.Duration) {
	p, from := make([]byte, bufferSize), new(unix.RawSockaddrInet6)
	for range maxDrained {
		n := s.read(p, from)
		if n < 0 {
			return
		}
		handle(p[:n], decode(from), now)
	}
}

// readMany reads as many datagrams as are there and fit.
func (s *socket) readMany(v *bundle) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&v.messages[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	for i := range n { // the room for the next ones' addresses
		v.messages[i].header.Namelen = nameSize
	}
	return int(n)
}
