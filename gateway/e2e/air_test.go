//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// What a bad air does to packets, each way. Loss is of 100 packets. Each is late by up to airJitter, so that those of every 20 ms overtake each
// other. An IP packet has at most airMTU octets, with the headers; a longer one goes in pieces, and is lost with any of them.
const (
	airLoss   = 5
	airJitter = 100 * time.Millisecond
	airMTU    = 1200
	airBuffer = "6-12" // of a phone: more packets of 20 ms than airJitter
	ipHeaders = 28     // octets: those of IPv4 and UDP
)

// air is the network between a browser and the gateway, by which media goes: a NAT that can go dead or be bad. It does by itself what netem
// would, for not every kernel has that.
type air struct {
	near    *net.UDPConn
	to      *net.UDPAddr
	running sync.WaitGroup

	mu         sync.Mutex
	dead, poor bool
	lost       int                             // packets, while it was bad
	long       int                             // packets of the gateway's that had to go in pieces
	far        map[netip.AddrPort]*net.UDPConn // by the browser's address
}

// openAir gives media another way to the gateway.
func openAir(t *testing.T, g *gateway) *air {
	t.Helper()
	host := net.ParseIP(g.host)
	if host == nil { // localhost
		host = net.IPv4(127, 0, 0, 1)
	}
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: host})
	if err != nil {
		t.Fatalf("open the air: %v", err)
	}
	a := &air{near: near, to: &net.UDPAddr{IP: host, Port: g.media.number}, far: make(map[netip.AddrPort]*net.UDPConn)}
	a.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, src, err := near.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if far := a.toward(src); far != nil {
				a.carry(buf[:n], func(b []byte) { far.Write(b) }, new(int))
			}
		}
	})
	t.Cleanup(func() {
		near.Close()
		a.mu.Lock()
		a.dead = true
		for _, far := range a.far {
			far.Close()
		}
		a.mu.Unlock()
		a.running.Wait()
	})
	return a
}

// toward is the socket from which the gateway hears a browser's; nil while the air is dead.
func (a *air) toward(src netip.AddrPort) *net.UDPConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead {
		return nil
	}
	if far := a.far[src]; far != nil {
		return far
	}
	far, err := net.DialUDP("udp4", nil, a.to)
	if err != nil {
		return nil
	}
	a.far[src] = far
	a.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			a.carry(buf[:n], func(b []byte) { a.near.WriteToUDPAddrPort(b, src) }, &a.long)
		}
	})
	return far
}

// carry hands a packet on, in its time, or not. It counts those that go in pieces.
func (a *air) carry(b []byte, on func([]byte), long *int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead {
		return
	}
	if !a.poor {
		on(b)
		return
	}
	pieces := (len(b) + ipHeaders + airMTU - 1) / airMTU
	if pieces > 1 {
		*long++
	}
	for range pieces {
		if rand.IntN(100) < airLoss {
			a.lost++
			return
		}
	}
	b = bytes.Clone(b)
	time.AfterFunc(rand.N(airJitter), func() { on(b) })
}

// die has the air carry nothing, or again.
func (a *air) die(dead bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dead = dead
}

// bad makes the air a bad one, or a good one again.
func (a *air) bad(poor bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.poor = poor
}

// wantBad fails the test unless packets of the one call of the moment were lost and overtook each other, and none of the gateway's was too long.
func (a *air) wantBad(t *testing.T, s *session) {
	t.Helper()
	a.mu.Lock()
	lost, long := a.lost, a.long
	a.mu.Unlock()
	in := leg(t, s.media(t), "browser")
	t.Logf("the air lost %d packets; of %d that came to the gateway %d are missing and %d were overtaken, jitter %.0f ms", lost, in.PacketsIn, in.Lost, in.Late, in.Jitter)
	if lost == 0 || in.Lost == 0 || in.Late == 0 {
		t.Error("the bad air was a good one")
	}
	if long > 0 {
		t.Errorf("%d packets of the gateway's had more than %d octets", long, airMTU)
	}
}

// through makes a page know no other way for media than the air.
func (a *air) through(t *testing.T, p *tab) {
	t.Helper()
	eval[bool](t, p, fmt.Sprintf(`(() => {
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (d, ...more) {
    const sdp = d.sdp.replace(/^a=candidate:\S+ \d+ tcp .*\r\n/gim, "").replace(/^(a=candidate:\S+ \d+ udp \d+ \S+) %d /gim, "$1 %d ");
    return set.call(this, { type: d.type, sdp }, ...more);
  };
  return true;
})()`, a.to.Port, a.near.LocalAddr().(*net.UDPAddr).Port))
}
