package locate

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zone is a Resolver with what stands in it; questions are counted.
type zone struct {
	naptr map[string][]NAPTR
	srv   map[string][]SRV
	addrs map[string][]netip.Addr
	err   error // of NAPTR and SRV: DNS is not there
	asked []string
}

func (z *zone) NAPTR(_ context.Context, name string) ([]NAPTR, time.Duration, error) {
	z.asked = append(z.asked, "NAPTR "+name)
	return z.naptr[name], time.Minute, z.err
}

func (z *zone) SRV(_ context.Context, name string) ([]SRV, time.Duration, error) {
	z.asked = append(z.asked, "SRV "+name)
	return z.srv[name], time.Minute, z.err
}

func (z *zone) Addrs(_ context.Context, name string) ([]netip.Addr, time.Duration, error) {
	z.asked = append(z.asked, "A "+name)
	if len(z.addrs[name]) == 0 {
		return nil, 0, errors.New("no such host")
	}
	return z.addrs[name], time.Minute, nil
}

func addrs(text string) (list []netip.Addr) {
	for a := range strings.FieldsSeq(text) {
		list = append(list, netip.MustParseAddr(a))
	}
	return list
}

func texts(list []Target) string {
	var all []string
	for _, t := range list {
		all = append(all, t.String())
	}
	return strings.Join(all, " ")
}

func TestLocate(t *testing.T) {
	z := zone{
		naptr: map[string][]NAPTR{
			"full.test": {{50, 50, "SIPS+D2T", "_sips._tcp.full.test."}, {100, 50, "SIP+D2U", "_sip._udp.full.test."}, {90, 50, "SIP+D2T", "_sip._tcp.full.test."}, {1, 1, "SIP+D2S", "_sip._sctp.full.test."}},
		},
		srv: map[string][]SRV{
			"_sips._tcp.full.test.": {{1, 1, 5061, "a.full.test."}},
			"_sips._tcp.full.test":  {{1, 1, 5061, "a.full.test."}},
			"_sip._tcp.full.test.":  {{2, 1, 5070, "b.full.test."}, {1, 1, 5060, "a.full.test."}},
			"_sip._udp.full.test.":  {{1, 1, 5080, "b.full.test."}},
			"_sip._udp.half.test":   {{1, 1, 5090, "a.full.test."}},
			"_sip._tcp.half.test":   {{1, 1, 5091, "a.full.test."}},
			"_sip._udp.gone.test":   {{1, 1, 5091, "."}},
		},
		addrs: map[string][]netip.Addr{"a.full.test": addrs("2001:db8::a 192.0.2.1"), "b.full.test": addrs("192.0.2.2"), "plain.test": addrs("192.0.2.3"), "gone.test": addrs("192.0.2.4")},
	}
	for _, tt := range []struct {
		name string
		q    Query
		want string
	}{
		{"number", Query{Host: "192.0.2.9"}, "udp:192.0.2.9:5060"},
		{"number of IPv6", Query{Host: "[2001:db8::1]", Port: 5070, Transport: "tcp"}, "tcp:[2001:db8::1]:5070"},
		{"number by TLS", Query{Host: "192.0.2.9", Transport: "TLS"}, "tls:192.0.2.9:5061"},
		{"number by sips", Query{Host: "192.0.2.9", Secure: true}, "tls:192.0.2.9:5061"},
		{"port", Query{Host: "a.full.test", Port: 5062}, "udp:192.0.2.1:5062 udp:[2001:db8::a]:5062"},
		{"port by sips", Query{Host: "plain.test", Port: 5062, Secure: true}, "tls:192.0.2.3:5062"},
		{"NAPTR", Query{Host: "full.test"}, "tls:192.0.2.1:5061 tls:[2001:db8::a]:5061 tcp:192.0.2.1:5060 tcp:[2001:db8::a]:5060 tcp:192.0.2.2:5070 udp:192.0.2.2:5080"},
		{"NAPTR by sips", Query{Host: "full.test", Secure: true}, "tls:192.0.2.1:5061 tls:[2001:db8::a]:5061"},
		{"transport skips NAPTR", Query{Host: "full.test", Transport: "tls"}, "tls:192.0.2.1:5061 tls:[2001:db8::a]:5061"},
		{"SRV alone", Query{Host: "half.test"}, "udp:192.0.2.1:5090 udp:[2001:db8::a]:5090 tcp:192.0.2.1:5091 tcp:[2001:db8::a]:5091"},
		{"SRV of a transport", Query{Host: "half.test", Transport: "tcp"}, "tcp:192.0.2.1:5091 tcp:[2001:db8::a]:5091"},
		{"addresses alone", Query{Host: "plain.test"}, "udp:192.0.2.3:5060"},
		{"addresses alone by TLS", Query{Host: "plain.test.", Transport: "tls"}, "tls:192.0.2.3:5061"},
		{"no service", Query{Host: "gone.test"}, "udp:192.0.2.4:5060"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := New(&z).Locate(t.Context(), tt.q)
			if err != nil || texts(list) != tt.want {
				t.Errorf("Locate = %s, %v; want %s", texts(list), err, tt.want)
			}
		})
	}
	if _, err := New(&z).Locate(t.Context(), Query{Host: "missing.test"}); err == nil || err.Error() != "no address for missing.test" {
		t.Errorf("Locate of a missing name = %v", err)
	}
}

// Numbers and ports ask nobody for what they say already.
func TestWhatIsNotAsked(t *testing.T) {
	for _, tt := range []struct {
		q    Query
		want []string
	}{
		{Query{Host: "192.0.2.9"}, nil},
		{Query{Host: "h.test", Port: 5060}, []string{"A h.test"}},
		{Query{Host: "h.test", Transport: "tcp"}, []string{"SRV _sip._tcp.h.test", "A h.test"}},
		{Query{Host: "h.test"}, []string{"NAPTR h.test", "SRV _sip._udp.h.test", "SRV _sip._tcp.h.test", "SRV _sips._tcp.h.test", "A h.test"}},
		{Query{Host: "h.test", Secure: true}, []string{"NAPTR h.test", "SRV _sips._tcp.h.test", "A h.test"}},
	} {
		z := zone{addrs: map[string][]netip.Addr{"h.test": addrs("192.0.2.1")}}
		if _, err := New(&z).Locate(t.Context(), tt.q); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(tt.want, z.asked); diff != "" {
			t.Errorf("questions for %+v (-want +got):\n%s", tt.q, diff)
		}
	}
}

func TestWithoutDNS(t *testing.T) {
	z := zone{addrs: map[string][]netip.Addr{"h.test": addrs("192.0.2.1")}, err: errors.New("no name server")}
	list, err := New(&z).Locate(t.Context(), Query{Host: "h.test"})
	if err != nil || texts(list) != "udp:192.0.2.1:5060" {
		t.Errorf("Locate = %s, %v; want the address of the hosts file", texts(list), err)
	}
	if len(z.asked) != 2 {
		t.Errorf("asked %q, want no more of a DNS that is not there", z.asked)
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := zone{addrs: map[string][]netip.Addr{"h.test": addrs("192.0.2.1")}, srv: map[string][]SRV{"_sip._udp.h.test": {{1, 1, 5070, "h.test"}}}}
		l := New(&z)
		want := func(text string, questions int) {
			t.Helper()
			list, err := l.Locate(t.Context(), Query{Host: "h.test", Transport: "udp"})
			if err != nil || texts(list) != text || len(z.asked) != questions {
				t.Errorf("Locate = %s, %v after %q; want %s after %d", texts(list), err, z.asked, text, questions)
			}
		}
		want("udp:192.0.2.1:5070", 2)
		time.Sleep(59 * time.Second)
		want("udp:192.0.2.1:5070", 2)
		time.Sleep(2 * time.Second)
		z.srv["_sip._udp.h.test"][0].Port = 5080
		want("udp:192.0.2.1:5080", 4)
		time.Sleep(2 * time.Minute)
		z.err = errors.New("no name server")
		want("udp:192.0.2.1:5080", 6) // what was known holds on
	})
}

// The first place within a priority is drawn by weight.
func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	const draws = 10000
	for range draws {
		list := order([]SRV{{2, 0, 1, "last"}, {1, 60, 1, "a"}, {1, 30, 1, "b"}, {1, 10, 1, "c"}, {1, 0, 1, "d"}}, random.IntN)
		if len(list) != 5 || list[4].Target != "last" {
			t.Fatalf("order = %v, want priority 2 last", list)
		}
		first[list[0].Target]++
	}
	for name, share := range map[string]float64{"a": 0.6, "b": 0.3, "c": 0.1, "d": 0.01} {
		if got := float64(first[name]) / draws; got < share-0.03 || got > share+0.03 || got == 0 {
			t.Errorf("%s is first in %.3f of all, want about %.2f", name, got, share)
		}
	}
}

// A process keeps to the order that it drew, whatever order DNS gives, so that calls don't wander.
func TestOrderHolds(t *testing.T) {
	z := zone{addrs: map[string][]netip.Addr{"h.test": addrs("192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4")},
		srv: map[string][]SRV{"_sip._udp.h.test": {{1, 1, 1, "h.test"}, {1, 1, 2, "h.test"}, {1, 1, 3, "h.test"}}}}
	l := New(&z)
	was := ""
	for range 20 {
		clear(l.srv.entries)
		clear(l.addrs.entries)
		for _, s := range z.srv {
			rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		}
		for _, a := range z.addrs {
			rand.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
		}
		list, err := l.Locate(t.Context(), Query{Host: "h.test", Transport: "udp"})
		if err != nil || was != "" && texts(list) != was {
			t.Fatalf("Locate = %s, %v; before it was %s", texts(list), err, was)
		}
		was = texts(list)
	}
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, data []byte) {
		var records []SRV
		for i := 0; i+1 < len(data) && len(records) < 50; i += 2 {
			records = append(records, SRV{uint16(data[i] % 4), uint16(data[i+1]) << 8, uint16(i), "h"})
		}
		sorted := order(records, rand.IntN)
		if len(sorted) != len(records) {
			t.Fatalf("%d of %d left", len(sorted), len(records))
		}
		for i := 1; i < len(sorted); i++ {
			if sorted[i-1].Priority > sorted[i].Priority {
				t.Fatalf("priorities out of order: %v", sorted)
			}
		}
	})
}
