package signaling

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func hostLeg(s *Server, p *pbx, host string) *leg {
	l := &leg{srv: s, pbx: p, token: token()}
	l.retarget(sip.Uri{Scheme: "sip", User: "x", Host: host})
	return l
}

// The far end of a call is known from the moment it is, until its leg is gone, wherever it moves meanwhile.
func TestFarHosts(t *testing.T) {
	s := newWorld(t, ModeExtension).srv
	plain, web := &pbx{srv: s}, &pbx{srv: s, uri: sip.Uri{Scheme: "sips", Host: "x"}}
	a, b, secure, browser := hostLeg(s, plain, "192.0.2.7"), hostLeg(s, plain, "192.0.2.7"), hostLeg(s, web, "192.0.2.8"), hostLeg(s, nil, "192.0.2.9")
	know := func(when string, want ...string) {
		t.Helper()
		known := make(map[string]bool)
		for _, addr := range want {
			known[addr] = true
		}
		for _, addr := range []string{"192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::1"} {
			if got := s.knows(netip.MustParseAddr(addr)); got != known[addr] {
				t.Errorf("%s: %s known: %v", when, addr, got)
			}
		}
	}
	know("before")
	call := &bridge{id: "c", srv: s}
	for _, l := range []*leg{a, b, secure, browser} {
		s.join(call, l)
	}
	know("up", "192.0.2.7")
	b.mu.Lock()
	b.retarget(sip.Uri{Scheme: "sip", Host: "[2001:db8::1]"})
	b.mu.Unlock()
	know("one moved", "192.0.2.7", "2001:db8::1")
	a.drop()
	a.drop()
	a.mu.Lock()
	a.retarget(sip.Uri{Scheme: "sip", Host: "192.0.2.7"}) // too late
	a.mu.Unlock()
	know("one gone", "2001:db8::1")
	for _, l := range []*leg{b, secure, browser} {
		l.drop()
	}
	know("after")
	if len(s.hosts.legs) > 0 {
		t.Errorf("left: %v", s.hosts.legs)
	}
}

// What a stranger's packet costs while many calls are up.
func BenchmarkStranger(b *testing.B) {
	for _, calls := range []int{1, 1000} {
		b.Run(fmt.Sprint(calls, " calls"), func(b *testing.B) {
			s := &Server{}
			p := &pbx{srv: s}
			for i := range calls {
				l := hostLeg(s, p, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String())
				l.mu.Lock()
				l.place(true)
				l.mu.Unlock()
			}
			stranger := netip.MustParseAddr("192.0.2.1")
			b.ReportAllocs()
			for b.Loop() {
				if s.knows(stranger) {
					b.Fatal("known")
				}
			}
		})
	}
}
