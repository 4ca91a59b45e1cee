//go:build !portable

package media

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel alone takes for a packet of a round, in ns of the process's CPU: "calls" as toward the PBX, one system call each;
// "batch" as toward browsers, one for all; "connected" by sockets that can send to one address only. Receiving is the same in all: one
// wait for the round, and one call a packet. What a relayed packet costs beyond this is ours.
func BenchmarkKernel(b *testing.B) {
	const round = 16
	for _, way := range []string{"calls", "batch", "connected"} {
		b.Run(way, func(b *testing.B) {
			from, to := sockets(b, round), sockets(b, round)
			epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(epoll)
			for i, s := range to {
				if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
					b.Fatal(err)
				}
				if way != "connected" {
					continue
				}
				if err := unix.Connect(from[i].fd, &unix.SockaddrInet4{Port: int(s.local.Port()), Addr: loopback.As4()}); err != nil {
					b.Fatal(err)
				}
			}
			if err := from[0].gather(); err != nil {
				b.Fatal(err)
			}
			v := new(bundle)
			v.tie()
			var events [round]unix.EpollEvent
			p := voice(b, 0)
			var unsent atomic.Uint64
			before := processor(b)
			for b.Loop() {
				from[0].keep(true)
				for i, s := range from {
					switch way {
					case "calls":
						s.send(p, to[i].local)
					case "batch":
						from[0].queue(p, to[i].local, &unsent)
					case "connected":
						unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
					}
				}
				from[0].keep(false)
				for left := round; left > 0; {
					n, err := unix.EpollWait(epoll, events[:], 1000)
					if err == unix.EINTR {
						continue
					}
					if err != nil || n == 0 {
						b.Fatalf("%d of %d packets did not come: %v", left, round, err)
					}
					for _, event := range events[:n] {
						if to[event.Fd].readOne(v) == len(p) {
							left--
						}
					}
				}
			}
			b.ReportMetric(float64(processor(b)-before)/float64(round*b.N), "cpu-ns/packet")
		})
	}
}

// sockets are so many on loopback.
func sockets(b *testing.B, n int) []*socket {
	b.Helper()
	all := make([]*socket, n)
	for i := range all {
		s, err := listen("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.close() })
		all[i] = s
	}
	return all
}

// processor is the CPU time that the process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
