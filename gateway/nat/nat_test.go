package nat

import (
	"net/netip"
	"strings"
	"testing"
)

func TestInside(t *testing.T) {
	for _, tt := range []struct {
		host, advertised string
		want             bool
	}{
		{"192.168.1.20", "203.0.113.1", true},
		{"100.64.0.7", "203.0.113.1", true},
		{"fe80::7", "2001:db8::1", true},
		{"fd00::7", "203.0.113.1 2001:db8::1", true},
		{"198.51.100.7", "203.0.113.1", false},
		{"192.168.1.20", "203.0.113.1 10.0.0.1", false}, // a near one is for those who are near
		{"100.128.0.7", "203.0.113.1", false},
	} {
		var advertised []netip.Addr
		for a := range strings.FieldsSeq(tt.advertised) {
			advertised = append(advertised, netip.MustParseAddr(a))
		}
		if got := Inside(netip.MustParseAddr(tt.host), advertised); got != tt.want {
			t.Errorf("%s inside of %s: %v, want %v", tt.host, tt.advertised, got, tt.want)
		}
	}
}
