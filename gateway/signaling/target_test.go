package signaling

import (
	"net/netip"
	"testing"
)

// A PBX on our side of a 1:1 NAT is told our own address, one beyond it the advertised one.
func TestAddressTowardPBX(t *testing.T) {
	w := buildWorld(t, ModeTrunk, func(cfg *Config, _ *Deps) {
		cfg.Advertise = []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")}
	})
	p := w.srv.pbxes()[0]
	for host, want := range map[string]string{
		"192.168.1.20": "", "10.0.0.7": "", "127.0.0.1": "", "fd00::20": "",
		"198.51.100.7": "203.0.113.1", "2001:db8:1::7": "2001:db8::1",
	} {
		got, set := p.advertised(netip.MustParseAddr(host))
		if set != (want != "") || set && got.String() != want {
			t.Errorf("toward %s: %v, %v, want %q", host, got, set, want)
		}
	}
}
