//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Where the tests' ports lie: below the kernel's range of ephemeral ports, so
// that no outgoing connection takes one between its release and its use, and
// those held apart from the ranges for RTP, which nobody holds.
const (
	firstRTP, endRTP   = 10000, 22000
	firstHeld, endHeld = 22000, 32000
)

// reserved are the numbers that tests have, until they end: tests that run side by side must not get the same one, while nobody
// holds it.
var reserved = struct {
	sync.Mutex
	numbers map[int]bool
}{numbers: make(map[int]bool)}

// reserve keeps size numbers for a test, unless one of them is another's.
func reserve(t *testing.T, first, size int) bool {
	reserved.Lock()
	defer reserved.Unlock()
	for number := first; number < first+size; number++ {
		if reserved.numbers[number] {
			return false
		}
	}
	for number := first; number < first+size; number++ {
		reserved.numbers[number] = true
	}
	t.Cleanup(func() {
		reserved.Lock()
		defer reserved.Unlock()
		for number := first; number < first+size; number++ {
			delete(reserved.numbers, number)
		}
	})
	return true
}

// port is a number free for TCP and UDP on loopback, held until release.
type port struct {
	number int
	tcp    net.Listener
	udp    net.PacketConn
}

// freePort finds a port and holds it.
func freePort(t *testing.T) *port {
	t.Helper()
	return freePorts(t, 1)[0]
}

// freePorts finds n neighbouring ports and holds them.
func freePorts(t *testing.T, n int) []*port {
	t.Helper()
	for range 200 {
		first := firstHeld + rand.IntN(endHeld-firstHeld-n)
		if !reserve(t, first, n) {
			continue
		}
		var held []*port
		for number := first; number < first+n; number++ {
			p, err := hold(number)
			if err != nil {
				break
			}
			t.Cleanup(p.release)
			held = append(held, p)
		}
		if len(held) == n {
			return held
		}
	}
	t.Fatalf("hold %d neighbouring ports: none are free for both TCP and UDP", n)
	return nil
}

func hold(number int) (*port, error) {
	addr := fmt.Sprintf("127.0.0.1:%d", number)
	tcp, err := net.Listen("tcp4", addr)
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenPacket("udp4", addr)
	if err != nil {
		tcp.Close()
		return nil, err
	}
	return &port{number: number, tcp: tcp, udp: udp}, nil
}

// release gives the port to the program that is about to use it. Idempotent.
func (p *port) release() {
	p.tcp.Close()
	p.udp.Close()
}

// addr is the port on loopback as "host:port".
func (p *port) addr() string { return fmt.Sprintf("127.0.0.1:%d", p.number) }

// freeRange finds size neighbouring UDP ports, the first one even.
func freeRange(t *testing.T, size int) (first, last int) {
	t.Helper()
	for range 200 {
		first = firstRTP + 2*rand.IntN((endRTP-firstRTP-size)/2)
		if reserve(t, first, size) && rangeFree(first, size) {
			return first, first + size - 1
		}
	}
	t.Fatalf("find %d neighbouring UDP ports: none", size)
	return 0, 0
}

func rangeFree(first, size int) bool {
	for number := first; number < first+size; number++ {
		c, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", number))
		if err != nil {
			return false
		}
		c.Close()
	}
	return true
}
