package locate

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What an answer says is believed for an hour at most, is of the kind that was asked for, and does not grow without bounds; where it leads is
// somewhere.
func FuzzAnswer(f *testing.F) {
	for _, lines := range [][]string{
		{`pbx.test. 300 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.pbx.test.`, `pbx.test. 4294967295 IN NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:x@y!" .`},
		{`_sip._udp.pbx.test. 60 IN SRV 1 0 5060 a.pbx.test.`, `_sip._udp.pbx.test. 0 IN SRV 0 65535 0 .`},
		{`pbx.test. 9 IN CNAME a.pbx.test.`, `a.pbx.test. 30 IN A 192.0.2.1`, `a.pbx.test. 20 IN AAAA ::ffff:192.0.2.1`},
		{`a.test. 9 IN A 0.0.0.0`, `a.test. 9 IN A 224.0.1.75`, `_sip._udp.pbx.test. 60 IN SRV 1 0 0 a.test.`},
		{`test. 4294967295 IN SOA ns.test. root.test. 1 1 1 1 4294967295`},
	} {
		res := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("pbx.test.", dns.TypeSRV))
		for _, line := range lines {
			rr, err := dns.NewRR(line)
			if err != nil {
				f.Fatal(err)
			}
			if rr.Header().Rrtype == dns.TypeSOA {
				res.Ns = append(res.Ns, rr)
			} else {
				res.Answer = append(res.Answer, rr)
			}
		}
		text, err := res.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		res := new(dns.Msg)
		if res.Unpack(text) != nil {
			return
		}
		for what, read := range map[string]func(*dns.Msg) (int, time.Duration){
			"NAPTR": func(m *dns.Msg) (int, time.Duration) { list, ttl := naptrs(m); return len(list), ttl },
			"SRV":   func(m *dns.Msg) (int, time.Duration) { list, ttl := srvs(m); return len(list), ttl },
			"A":     func(m *dns.Msg) (int, time.Duration) { list, ttl := addresses(m); return len(list), ttl },
		} {
			if n, ttl := read(res); n > maxDNSNames || ttl < 0 || ttl > maxTTL {
				t.Errorf("%d records %s for %v", n, what, ttl)
			}
		}
		for _, q := range []Query{{Host: "pbx.test"}, {Host: "pbx.test", Port: 5070}, {Host: "pbx.test", Secure: true}} {
			list, err := New(always{res}).Locate(t.Context(), q)
			if (err == nil) != (len(list) > 0) || len(list) > maxTargets {
				t.Errorf("%+v: %d servers, %v", q, len(list), err)
			}
			for i, s := range list {
				if !s.Addr.IsValid() || s.Addr.Port() == 0 || s.Addr.Addr().IsUnspecified() || s.Addr.Addr().IsMulticast() || s.Addr.Addr().Is4In6() || slices.Contains(list[:i], s) ||
					q.Secure && s.Transport != TLS || q.Port > 0 && int(s.Addr.Port()) != q.Port {
					t.Errorf("%+v leads to %s", q, s)
				}
			}
		}
	})
}

// always gives the same answer to all questions.
type always struct{ res *dns.Msg }

func (a always) NAPTR(context.Context, string) ([]NAPTR, time.Duration, error) {
	list, ttl := naptrs(a.res)
	return list, ttl, nil
}

func (a always) SRV(context.Context, string) ([]SRV, time.Duration, error) {
	list, ttl := srvs(a.res)
	return list, ttl, nil
}

func (a always) Addrs(context.Context, string) ([]netip.Addr, time.Duration, error) {
	list, ttl := addresses(a.res)
	return list, ttl, nil
}
