package media

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// network is a bad network between a browser and the engine: a relay of datagrams that loses, delays and reorders them, as
// a long way by radio does. To each side it looks like a NAT.
type network struct {
	near   *net.UDPConn   // toward the browser
	far    *net.UDPConn   // toward the engine
	engine netip.AddrPort // of the browsers' socket

	loss   atomic.Int64 // of 100 datagrams
	jitter atomic.Int64 // time.Duration: each is late by up to this
	mtu    atomic.Int64 // octets of an IP packet; longer ones are lost
	down   atomic.Bool  // nothing passes

	browser atomic.Pointer[netip.AddrPort]
	lost    atomic.Int64
	tooLong atomic.Int64
	tasks   sync.WaitGroup
}

// ipHeaders are the IPv4 and UDP headers, in octets.
const ipHeaders = 28

func newNetwork(t testing.TB, e *Engine) *network {
	t.Helper()
	n := &network{engine: netip.AddrPortFrom(loopback, e.port)}
	n.mtu.Store(1500)
	for _, conn := range []**net.UDPConn{&n.near, &n.far} {
		var err error
		if *conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()}); err != nil {
			t.Fatal(err)
		}
	}
	n.tasks.Go(func() {
		n.carry(n.near, func(p []byte, src netip.AddrPort) { n.browser.Store(&src); n.far.WriteToUDPAddrPort(p, n.engine) })
	})
	n.tasks.Go(func() {
		n.carry(n.far, func(p []byte, _ netip.AddrPort) {
			if to := n.browser.Load(); to != nil {
				n.near.WriteToUDPAddrPort(p, *to)
			}
		})
	})
	t.Cleanup(func() {
		n.near.Close()
		n.far.Close()
		n.tasks.Wait()
	})
	return n
}

// carry takes datagrams from one socket and hands them on, or not.
func (n *network) carry(from *net.UDPConn, to func(p []byte, src netip.AddrPort)) {
	for {
		buf := make([]byte, 2000)
		size, src, err := from.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		switch {
		case int64(size+ipHeaders) > n.mtu.Load():
			n.tooLong.Add(1)
			continue
		case n.down.Load() || rand.Int64N(100) < n.loss.Load():
			n.lost.Add(1)
			continue
		}
		deliver := func() { to(buf[:size], src) }
		if jitter := n.jitter.Load(); jitter > 0 {
			time.AfterFunc(time.Duration(rand.Int64N(jitter)), deliver)
		} else {
			deliver()
		}
	}
}

// through has a description of the engine lead through the network.
func (n *network) through(text []byte) []byte {
	direct, detour := fmt.Sprint(n.engine.Port()), fmt.Sprint(port(n.near))
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "a=candidate:") || strings.HasPrefix(line, "m=audio") {
			line = strings.Replace(line, " "+direct+" ", " "+detour+" ", 1)
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// A call lives through a network that loses, delays and reorders, takes short packets only, and is gone for ten seconds.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	e := startEngine(t, "21700-21709")
	n := newNetwork(t, e)
	n.loss.Store(5)
	n.jitter.Store(int64(100 * time.Millisecond))
	n.mtu.Store(1200)
	b := newBrowser(t, func(s *webrtc.SettingEngine) { s.SetICETimeouts(5*time.Second, 25*time.Second, 500*time.Millisecond) })
	p := newPhone(t)
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(n.through(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))))
	reaches(t, b.say, p, "begun")
	reaches(t, p.mouth, b, "begun")

	for who, way := range map[string]struct {
		say func(string)
		to  party
	}{"browser to phone": {b.say, p}, "phone to browser": {p.mouth, b}} {
		const sent = 200
		heard := make(map[string]int)
		collect := func(wait time.Duration) bool {
			got := way.to.next(wait)
			if got != nil && strings.HasPrefix(string(got.Payload), who) {
				heard[string(got.Payload)]++
			}
			return got != nil
		}
		for i := range sent {
			way.say(fmt.Sprintf("%s %d", who, i))
			for end := time.Now().Add(packetTime); time.Now().Before(end); {
				collect(time.Until(end))
			}
		}
		for collect(calm) {
		}
		twice := 0
		for _, times := range heard {
			twice += times - 1
		}
		// Of 200 packets 10 are lost in the mean, more than 30 once in a hundred million runs.
		if len(heard) < sent-30 || twice > 0 {
			t.Errorf("%s: %d of %d packets heard, %d of them twice", who, len(heard), sent, twice)
		}
	}
	if n.lost.Load() == 0 {
		t.Error("the network lost nothing")
	}

	n.down.Store(true)
	silent(t, b.say, p, "into the gap")
	time.Sleep(10*time.Second - calm) // the gap itself is what is tested
	n.down.Store(false)
	reaches(t, b.say, p, "after the gap")
	reaches(t, p.mouth, b, "after the gap")
	if n.tooLong.Load() > 0 {
		t.Errorf("%d datagrams did not fit into 1200 octets", n.tooLong.Load())
	}
}
