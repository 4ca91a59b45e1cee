//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The ends of a rough way, and the card at the far one.
const (
	roughNear = "10.216.0.254"
	roughFar  = "10.216.0.1"
	roughCard = "rough0"
)

// What a rough way does: to each packet by itself, so that they overtake each other.
const (
	roughLoss   = 0.05
	roughJitter = 60 * time.Millisecond
)

// roughWay is a cable between the test's namespace and a machine, which the test carries the packets over: UDP and ARP alone. It does what the
// kernel's netem would, which not every kernel has.
type roughWay struct {
	rough         atomic.Bool
	carried, lost atomic.Int64 // since it is rough
}

// layRoughWay makes the cable, which is calm at first. Run it in a namespace of the test.
func layRoughWay(t *testing.T, m *machine) *roughWay {
	t.Helper()
	shell(t, nil, "ip link add near0 type veth peer name near1 && ip link set near1 addrgenmode none arp off up && ip address add "+roughNear+"/24 dev near0 && ip link set near0 up"+
		fmt.Sprintf(" && ip link add far1 type veth peer name %s netns %d && ip link set far1 addrgenmode none arp off up", roughCard, m.pid))
	shell(t, m, "ip address add "+roughFar+"/24 dev "+roughCard+" && ip link set "+roughCard+" up")
	w := &roughWay{}
	near, far := openCardRaw(t, "near1"), openCardRaw(t, "far1")
	var running, late sync.WaitGroup
	running.Go(func() { w.carry(near, far, rand.New(rand.NewPCG(1, 1)), &late) })
	running.Go(func() { w.carry(far, near, rand.New(rand.NewPCG(1, 2)), &late) })
	t.Cleanup(func() {
		near.Close()
		far.Close()
		running.Wait()
		late.Wait()
	})
	return w
}

// openCardRaw opens a network card for frames of Ethernet.
func openCardRaw(t *testing.T, name string) *os.File {
	t.Helper()
	card, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	all := binary.NativeEndian.Uint16([]byte{0, 3}) // ETH_P_ALL, in the network's order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: card.Index}); err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	return f
}

// carry takes frames from one end to the other, until one is closed.
func (w *roughWay) carry(from, to *os.File, random *rand.Rand, late *sync.WaitGroup) {
	for {
		frame := make([]byte, 1<<16)
		n, err := from.Read(frame)
		if err != nil {
			return
		}
		frame = frame[:n]
		if !carriedRoughly(frame) {
			continue
		}
		if !w.rough.Load() || frame[12] == 8 && frame[13] == 6 {
			_, _ = to.Write(frame)
			continue
		}
		w.carried.Add(1)
		if random.Float64() < roughLoss {
			w.lost.Add(1)
			continue
		}
		late.Add(1)
		time.AfterFunc(time.Duration(random.Int64N(int64(roughJitter))), func() {
			defer late.Done()
			_, _ = to.Write(frame)
		})
	}
}

// carriedRoughly says whether a frame is ARP or UDP over IPv4, and takes the checksum of UDP out, which a virtual card leaves to the one that a packet
// leaves the machine by.
func carriedRoughly(frame []byte) bool {
	const ethernet, udp = 14, 17
	if len(frame) < ethernet+20 {
		return false
	}
	switch packet := frame[ethernet:]; binary.BigEndian.Uint16(frame[12:]) {
	case 0x0806:
		return true
	case 0x0800:
		head := 4 * int(packet[0]&15)
		if packet[9] != udp || len(packet) < head+8 {
			return false
		}
		if binary.BigEndian.Uint16(packet[6:])&0x1fff == 0 { // not the rest of one
			clear(packet[head+6 : head+8])
		}
		return true
	}
	return false
}
