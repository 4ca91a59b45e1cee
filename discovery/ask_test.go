package discovery

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

func TestAddressesOf(t *testing.T) {
	m := new(dns.Msg).SetQuestion("front-office.local.", dns.TypeA)
	m.Response = true
	for name, ip := range map[string]string{"Front-Office.local.": "192.0.2.7", "other.local.": "192.0.2.8"} {
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(ip)})
	}
	text, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if got := addressesOf(text, "front-office.local"); len(got) != 1 || got[0] != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("addresses %v", got)
	}
	m.Response = false
	if text, err = m.Pack(); err != nil || len(addressesOf(text, "front-office.local")) > 0 || len(addressesOf([]byte("x"), "y")) > 0 {
		t.Error("a question has addresses, or noise has")
	}
}
