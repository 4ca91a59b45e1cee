package media

import (
	"net/netip"
	"testing"
	"time"
)

var (
	signaledHost = netip.MustParseAddrPort("192.0.2.1:4000")
	sipHost      = netip.MustParseAddr("198.51.100.1")
)

func TestRetarget(t *testing.T) {
	addr := netip.MustParseAddrPort
	begin := (*target)(nil).retarget(signaledHost, sipHost)
	if begin.addr != signaledHost || begin.latched {
		t.Errorf("first description: %+v", begin)
	}
	if nobody := (*target)(nil).retarget(netip.AddrPort{}, netip.Addr{}); nobody.addr.IsValid() || nobody.admits(signaledHost) {
		t.Errorf("anyone is heard when no host is known: %+v", nobody)
	}
	if only := (*target)(nil).retarget(netip.AddrPort{}, sipHost); !only.admits(addr("198.51.100.1:6000")) {
		t.Error("only the host of signaling is known, and not heard")
	}
	latched := &target{signaled: signaledHost, host: sipHost, addr: addr("192.0.2.1:5000"), latched: true}
	if same := latched.retarget(signaledHost, sipHost); *same != *latched {
		t.Errorf("same address again: %+v", same)
	}
	if moved := latched.retarget(addr("192.0.2.9:1"), sipHost); moved.addr != addr("192.0.2.9:1") || moved.latched {
		t.Errorf("other address: %+v", moved)
	}
	// A description has no zone (RFC 4566 has none), what comes from a link's own address has one; what goes there needs it.
	link, there := addr("[fe80::1]:4000"), addr("[fe80::1%2]:5000")
	for _, zoned := range []*target{(*target)(nil).retarget(link, netip.Addr{}), (*target)(nil).retarget(netip.AddrPort{}, link.Addr()),
		(*target)(nil).retarget(netip.AddrPort{}, netip.MustParseAddr("fe80::1%eth0"))} {
		if !zoned.admits(there) || zoned.admits(addr("[fe80::2%2]:5000")) {
			t.Errorf("of %+v is heard %v, of another one %v", zoned, zoned.admits(there), zoned.admits(addr("[fe80::2%2]:5000")))
		}
	}
	if got := (*target)(nil).retarget(link, netip.MustParseAddr("fe80::9%2")).addr; got != addr("[fe80::1%2]:4000") {
		t.Errorf("sent to %v, want by the link of signaling", got)
	}
	elsewhere := &target{signaled: signaledHost, host: sipHost, addr: addr("198.51.100.1:7"), latched: true}
	if gone := elsewhere.retarget(signaledHost, netip.MustParseAddr("198.51.100.2")); gone.latched || gone.addr != signaledHost {
		t.Errorf("latched to a host of signaling that changed: %+v", gone)
	}
	for _, bad := range []string{"224.0.0.1:4000", "0.0.0.0:4000", "192.0.2.1:0", "[ff02::1]:4"} {
		if got := begin.retarget(addr(bad), sipHost); got.addr.IsValid() {
			t.Errorf("sending to %v", got.addr)
		}
	}
}

func TestLatch(t *testing.T) {
	const real, near, host, other = "192.0.2.1:4000", "192.0.2.1:5000", "198.51.100.1:6000", "203.0.113.1:4000"
	type packet struct {
		after time.Duration
		src   string
		ssrc  uint32
		seq   uint16
		ok    bool
	}
	// talk is the party that talks from its address, a packet each 20 ms.
	talk := func(n int, src string, ssrc uint32, from uint16) (all []packet) {
		for i := range n {
			all = append(all, packet{packetTime, src, ssrc, from + uint16(i), true})
		}
		return all
	}
	refuse := func(all []packet) []packet {
		for i := range all {
			all[i].ok = false
		}
		return all
	}
	join := func(parts ...[]packet) (all []packet) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	for _, tt := range []struct {
		name    string
		packets []packet
		to      string
	}{
		{"as signaled", talk(3, real, 1, 1), real},
		{"from another port", talk(3, near, 1, 1), near},
		{"from the host of signaling", talk(3, host, 1, 1), host},
		{"from another host", refuse(talk(300, other, 1, 1)), real},
		{"another host never takes over", join(talk(3, real, 1, 1), []packet{{time.Minute, other, 1, 4, false}}, refuse(talk(50, other, 1, 5))), real},
		{"another port while the party talks", join(talk(3, real, 1, 1), []packet{{0, near, 2, 1, false}, {packetTime, real, 1, 4, true},
			{0, near, 2, 2, false}, {0, near, 1, 5, false}, {packetTime, real, 1, 5, true}, {0, near, 1, 6, false}}), real},
		{"the same stream from a new port", join(talk(3, real, 1, 1), []packet{{moveSilence, near, 1, 4, true}}, talk(3, near, 1, 5),
			[]packet{{0, real, 1, 9, false}}), near},
		{"the same stream too early", join(talk(3, real, 1, 1), []packet{{moveSilence - 1, near, 1, 4, false}}), real},
		{"a repeated packet", join(talk(3, real, 1, 1), []packet{{time.Minute, near, 1, 3, false}}), real},
		{"an old packet", join(talk(3, real, 1, 1), []packet{{time.Minute, near, 1, 1, false}}), real},
		{"another stream after a while", join(talk(3, real, 1, 1), []packet{{replaceSilence, near, 2, 1, false}}, refuse(talk(witnesses-2, near, 2, 2)),
			talk(3, near, 2, witnesses)), near},
		{"another stream too early", join(talk(3, real, 1, 1), []packet{{replaceSilence / 2, near, 2, 1, false}}, refuse(talk(20, near, 2, 2)),
			talk(1, real, 1, 4), refuse(talk(20, near, 2, 22))), real},
		{"another stream that is not in a row", join(talk(3, real, 1, 1), []packet{{time.Minute, near, 2, 1, false}, {0, near, 2, 9, false},
			{0, near, 2, 3, false}, {0, near, 3, 4, false}, {0, near, 3, 5, false}, {0, host, 3, 6, false}, {0, near, 3, 7, false}}), real},
		{"too many changes", join(talk(1, real, 1, 1),
			[]packet{{time.Second, near, 1, 2, true}, {time.Second, real, 1, 3, true}, {time.Second, near, 1, 4, true}, {time.Second, real, 1, 5, true},
				{time.Second, near, 1, 6, true}, {time.Second, real, 1, 7, true}, {time.Second, near, 1, 8, false}, {time.Minute, near, 1, 9, true}}), near},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l latch
			l.aim(signaledHost, sipHost)
			now := time.Hour
			for i, p := range tt.packets {
				now += p.after
				if ok := l.admit(netip.MustParseAddrPort(p.src), numbers{ssrc: p.ssrc, seq: p.seq}, now); ok != p.ok {
					t.Errorf("packet %d, %+v: %v", i, p, ok)
				}
			}
			if got := l.target.Load().addr; got != netip.MustParseAddrPort(tt.to) {
				t.Errorf("sending to %v, want %s", got, tt.to)
			}
		})
	}
	var before latch
	if before.admit(signaledHost, numbers{}, 0) || before.admitControl(signaledHost, 1, 1, 0) || before.from(signaledHost) {
		t.Error("heard before any description")
	}
}

func TestLatchOfReports(t *testing.T) {
	near, other := netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("203.0.113.1:4000")
	var l latch
	l.aim(signaledHost, sipHost)
	now := time.Hour
	for _, step := range []struct {
		name   string
		after  time.Duration
		src    netip.AddrPort
		source uint32
		ok     bool
	}{
		{"a stranger", 0, other, 7, false},
		{"the first", 0, signaledHost, 7, true},
		{"another port too early", controlSilence - 1, near, 7, false},
		{"another port with another source", 1, near, 8, false},
		{"a stranger with its source", 0, other, 7, false},
		{"another port", 0, near, 7, true},
		{"the old one", 0, signaledHost, 7, false},
	} {
		now += step.after
		if ok := l.admitControl(step.src, step.source, 7, now); ok != step.ok {
			t.Errorf("%s: %v", step.name, ok)
		}
	}
	if l.from(signaledHost) || !l.from(near) {
		t.Error("RTCP on the port of RTP is taken from elsewhere")
	}
}
