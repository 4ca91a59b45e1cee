package media

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		faults []string // parts of the message, none when valid
	}{
		{"usual", Config{Listen: ":8443", Ports: "20000-20999"}, nil},
		{"smallest range", Config{Listen: "127.0.0.1:0", Ports: "20001-20003"}, nil},
		{"advertised", Config{Listen: ":0", Ports: "2-3", Advertise: []netip.Addr{loopback}}, nil},
		{"napping", Config{Listen: ":0", Ports: "2-3", Nap: MaxNap}, nil},
		{"all wrong at once", Config{Listen: "x", Ports: "5", Advertise: []netip.Addr{{}}, Nap: -1}, []string{"listen", "ports", "advertise", "nap"}},
		{"not a number", Config{Listen: ":0", Ports: "a-b"}, []string{`"a-b"`}},
		{"backwards", Config{Listen: ":0", Ports: "30-20"}, []string{"ports"}},
		{"no pair", Config{Listen: ":0", Ports: "21-22"}, []string{"ports"}},
		{"beyond 65535", Config{Listen: ":0", Ports: "20000-70000"}, []string{"ports"}},
		{"port 0", Config{Listen: ":0", Ports: "0-10"}, []string{"ports"}},
		{"no host", Config{Listen: ":0", Ports: "2-3", Advertise: []netip.Addr{netip.IPv4Unspecified()}}, []string{"0.0.0.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.config.Validate()
			if (err != nil) != (len(tt.faults) > 0) {
				t.Fatalf("Validate = %v", err)
			}
			for _, part := range tt.faults {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Validate = %v, without %s", err, part)
				}
			}
		})
	}
	if first, pairs, _ := parsePorts("20001-20006"); first != 20002 || pairs != 2 {
		t.Errorf("20001-20006: from %d, %d pairs", first, pairs)
	}
	if _, err := New(Config{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("New takes an empty configuration")
	}
}

func TestAddresses(t *testing.T) {
	public4, public6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	lan4, lan6 := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:1::7")
	remote4, remote6 := netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8:2::5")
	loop6 := netip.IPv6Loopback()
	advertised := &addresses{advertise: []netip.Addr{public4, public6}, listen: netip.IPv6Unspecified()}
	if got := advertised.toward(remote4); got != public4 {
		t.Errorf("toward IPv4: %v", got)
	}
	if got := advertised.toward(remote6); got != public6 {
		t.Errorf("toward IPv6: %v", got)
	}
	if got := advertised.toward(loopback); got != loopback {
		t.Errorf("toward loopback: %v", got)
	}
	known := func(listen netip.Addr) *addresses {
		return &addresses{listen: listen, cached: []netip.Addr{lan4, lan6, loopback, loop6}, read: time.Now()}
	}
	inside4, office4 := netip.MustParseAddr("192.168.7.7"), netip.MustParseAddr("10.7.7.7")
	behind := func(advertise ...netip.Addr) *addresses { // a router, on a network of its own
		a := known(netip.IPv6Unspecified())
		a.advertise = advertise
		a.cached[0] = inside4
		a.routes, a.asked = map[netip.Addr]netip.Addr{office4: inside4}, time.Now()
		return a
	}
	for _, tt := range []struct {
		host netip.Addr
		from *addresses
		want netip.Addr
	}{
		{remote4, behind(public4), public4},
		{office4, behind(public4), inside4},
		{office4, behind(public4, office4), office4}, // in a container, say
		{remote4, behind(office4, public4), public4},
		{remote6, behind(public4), public4},
		{netip.Addr{}, behind(office4, public4), public4},
	} {
		if got := tt.from.toward(tt.host); got != tt.want {
			t.Errorf("toward %v with %v advertised: %v, want %v", tt.host, tt.from.advertise, got, tt.want)
		}
	}
	for _, tt := range []struct {
		name      string
		addresses *addresses
		host      netip.Addr
		want      []netip.Addr
	}{
		{"1:1 NAT, from outside", behind(public4), remote4, []netip.Addr{public4}},
		{"1:1 NAT, from inside", behind(public4), office4, []netip.Addr{inside4, lan6, public4}},
		{"1:1 NAT, from inside by way of the router", behind(public4), public4, []netip.Addr{public4, inside4, lan6}},
		{"private address advertised", behind(office4), office4, []netip.Addr{office4, inside4, lan6}},
		{"private address advertised, from beside", behind(office4), netip.MustParseAddr("10.1.1.1"), []netip.Addr{office4}},
		{"advertised", advertised, remote6, []netip.Addr{public6, public4}},
		{"advertised, by a proxy on this machine", advertised, loopback, []netip.Addr{loopback, public4, public6}},
		{"one address", known(lan4), remote4, []netip.Addr{lan4}},
		{"host unknown", known(netip.IPv6Unspecified()), netip.Addr{}, []netip.Addr{lan4, lan6}},
		{"IPv4 socket", known(netip.IPv4Unspecified()), netip.Addr{}, []netip.Addr{lan4}},
		{"browser on this machine", known(netip.IPv6Unspecified()), loopback, []netip.Addr{loopback, lan4, lan6, loop6}},
	} {
		got := tt.addresses.candidates(tt.host)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
				break
			}
		}
	}
	for _, addr := range new(addresses).own() {
		if addr.IsLinkLocalUnicast() || addr.IsMulticast() {
			t.Errorf("own address %v", addr)
		}
	}
}

// Browsers are told to connect where the TCP port listens.
func TestTCPCandidates(t *testing.T) {
	lan4, lan6, public := netip.MustParseAddr("192.168.7.7"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.1")
	for _, tt := range []struct {
		at        string // empty: no port
		advertise []netip.Addr
		udp, want []netip.Addr
	}{
		{"", nil, []netip.Addr{lan4}, nil},
		{"[::]:443", nil, []netip.Addr{lan4, lan6}, []netip.Addr{lan4, lan6}},
		{"0.0.0.0:443", nil, []netip.Addr{lan6, lan4}, []netip.Addr{lan4}},
		{"192.168.7.7:443", nil, []netip.Addr{loopback, lan4, lan6}, []netip.Addr{lan4}},
		{"192.168.7.7:443", []netip.Addr{public}, []netip.Addr{public}, []netip.Addr{public}},
		{"127.0.0.1:443", []netip.Addr{public}, []netip.Addr{public}, nil},
		{"127.0.0.1:443", nil, []netip.Addr{loopback, lan4}, []netip.Addr{loopback}},
		{"[::]:443", nil, []netip.Addr{lan4, lan6, public, loopback}, []netip.Addr{lan4, lan6, public}},
	} {
		e := &Engine{addresses: addresses{advertise: tt.advertise}}
		if tt.at != "" {
			e.tcp.at = netip.MustParseAddrPort(tt.at)
		}
		var udp, want []netip.AddrPort
		for _, addr := range tt.udp {
			udp = append(udp, netip.AddrPortFrom(addr, 8443))
		}
		for _, addr := range tt.want {
			want = append(want, netip.AddrPortFrom(addr, 443))
		}
		if got := e.tcpCandidates(udp); !slices.Equal(got, want) {
			t.Errorf("port at %q, UDP at %v: TCP at %v, want %v", tt.at, tt.udp, got, want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	c, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	der := c.Certificate[0]
	own := fingerprint(der)
	for value, want := range map[string]bool{
		own:                  true,
		strings.ToLower(own): true,
		strings.Replace(own, "sha-256", "sha-1", 1): false,
		own[:len(own)-3]: false,
		"":               false,
		"sha-256":        false,
		"sha-256 zz":     false,
		"sha-512 " + strings.Repeat("00:", 63) + "00": false,
	} {
		if matches(der, value) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
	other, _ := newCertificate(time.Now())
	if matches(other.Certificate[0], own) {
		t.Error("another certificate matches")
	}
}

// A way to a host is asked for again when it may have changed, or when too many are known.
func TestRouteKept(t *testing.T) {
	old := netip.MustParseAddr("192.0.2.1")
	kept := func(age time.Duration) *addresses {
		return &addresses{routes: map[netip.Addr]netip.Addr{loopback: old}, asked: time.Now().Add(-age)}
	}
	if got := kept(0).toward(loopback); got != old {
		t.Errorf("asked again at once: %v", got)
	}
	if got := kept(2 * routeTime).toward(loopback); got != loopback {
		t.Errorf("not asked again: %v", got)
	}
	full := kept(-time.Hour) // by the clock not old for long
	for host := netip.MustParseAddr("192.0.2.2"); len(full.routes) < maxRoutes; host = host.Next() {
		full.routes[host] = old
	}
	if got := full.toward(loopback); got != loopback || len(full.routes) != 1 {
		t.Errorf("%v with %d hosts known", got, len(full.routes))
	}
}

// What a call asks several times.
func BenchmarkToward(b *testing.B) {
	a := new(addresses)
	b.ReportAllocs()
	for b.Loop() {
		a.toward(loopback)
	}
}
