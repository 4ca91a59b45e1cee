//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// air is the network between a browser and the gateway, by which media goes: a NAT that can go dead.
type air struct {
	near    *net.UDPConn
	to      *net.UDPAddr
	running sync.WaitGroup

	mu   sync.Mutex
	dead bool
	far  map[netip.AddrPort]*net.UDPConn // by the browser's address
}

// openAir gives media another way to the gateway.
func openAir(t *testing.T, g *gateway) *air {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("open the air: %v", err)
	}
	a := &air{near: near, to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: g.media.number}, far: make(map[netip.AddrPort]*net.UDPConn)}
	a.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, src, err := near.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if far := a.toward(src); far != nil {
				far.Write(buf[:n])
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
			a.mu.Lock()
			dead := a.dead
			a.mu.Unlock()
			if !dead {
				a.near.WriteToUDPAddrPort(buf[:n], src)
			}
		}
	})
	return far
}

// die has the air carry nothing, or again.
func (a *air) die(dead bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dead = dead
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

// The network of a browser goes, and nobody says goodbye. The phone is not left with dead silence, and when the network is back
// so is the page, in the same call.
func TestNetworkGone(t *testing.T) {
	t.Parallel()
	proves(t, "Call survives a network that is gone", page, desk)
	o := &office{pbx: startPBX(t, pbxOptions{})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{bob}, PBX: extensionPBX(o.pbx)})
	w, a := layWire(t, o.gateway), openAir(t, o.gateway)
	p := startBrowser(t, toneBob, o.gateway.ca()).open(t, w.url("/"))
	p.signIn(t, bob.Name, bob.Password)
	p.wantReady(t)
	a.through(t, p)
	o.pageCallsPhone(t, p, toneBob)
	p.wantPath(t, "udp")
	o.phone.forget()

	gone := time.Now()
	w.die(true)
	a.die(true)
	eventually(t, patience, "tone that says that somebody is waited for", func() bool { return o.phone.heard(t).last(4*time.Second).beeps() > 0 })
	t.Logf("a beep %s after the network was gone", time.Since(gone))
	p.wantState(t, "talking")
	w.die(false)
	a.die(false)
	o.gateway.wantLog(t, "call taken over")
	p.wantReady(t)
	p.wantState(t, "talking")
	wantTone(t, "the phone", o.phone, toneBob)
	wantTone(t, "the page", p, tonePhone)
	t.Logf("both are heard %s after it was gone", time.Since(gone))
	p.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
}
