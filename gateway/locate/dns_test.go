package locate

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// serve answers on loopback, by UDP and TCP, and gives the DNS that asks there, after servers that do not answer rightly.
func serve(t *testing.T, handle dns.HandlerFunc) *DNS {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Skipf("TCP port of the same number: %v", err)
	}
	var serving sync.WaitGroup
	servers := []*dns.Server{{PacketConn: udp, Handler: handle}, {Listener: tcp, Handler: handle}}
	for _, s := range servers {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		serving.Go(func() { _ = s.ActivateAndServe() })
		<-ready
	}
	t.Cleanup(func() {
		for _, s := range servers {
			_ = s.Shutdown()
		}
		serving.Wait()
	})
	d := System()
	d.conf = filepath.Join(t.TempDir(), "resolv.conf")
	_, d.port, _ = net.SplitHostPort(udp.LocalAddr().String())
	if err := os.WriteFile(d.conf, []byte("nameserver 127.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// fromZone answers by the lines of a zone file.
func fromZone(t *testing.T, lines ...string) dns.HandlerFunc {
	t.Helper()
	var all []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, question *dns.Msg) {
		res := new(dns.Msg).SetReply(question)
		q := question.Question[0]
		for _, rr := range all {
			h := rr.Header()
			if !strings.EqualFold(h.Name, q.Name) {
				continue
			}
			if h.Rrtype == q.Qtype {
				res.Answer = append(res.Answer, rr)
			}
		}
		if len(res.Answer) == 0 {
			res.Rcode = dns.RcodeNameError
			soa, _ := dns.NewRR("test. 900 IN SOA ns.test. root.test. 1 1 1 1 70")
			res.Ns = append(res.Ns, soa)
		}
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && res.Len() > datagram {
			res.Truncated, res.Answer = true, nil
		}
		_ = w.WriteMsg(res)
	}
}

func TestDNS(t *testing.T) {
	zone := []string{
		`pbx.test. 300 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.pbx.test.`,
		`pbx.test. 300 IN NAPTR 10 10 "S" "sips+d2t" "" _sips._tcp.pbx.test.`,
		`pbx.test. 300 IN NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:x@y!" .`,
		`_sips._tcp.pbx.test. 60 IN SRV 1 1 5061 a.pbx.test.`,
		`_sip._udp.pbx.test. 60 IN SRV 1 1 5060 a.pbx.test.`,
		`a.pbx.test. 30 IN A 192.0.2.1`,
		`a.pbx.test. 20 IN AAAA 2001:db8::1`,
	}
	for i := range 30 { // more than a datagram holds
		zone = append(zone, fmt.Sprintf("_sip._tcp.many-servers.test. 60 IN SRV %d 1 5060 a-server-with-a-long-name-number-%d.pbx.test.", i, i))
	}
	d := serve(t, fromZone(t, zone...))
	list, err := New(d).Locate(t.Context(), Query{Host: "pbx.test"})
	want := "tls:192.0.2.1:5061 tls:[2001:db8::1]:5061 udp:192.0.2.1:5060 udp:[2001:db8::1]:5060"
	if err != nil || texts(list) != want {
		t.Errorf("Locate = %s, %v; want %s", texts(list), err, want)
	}
	if _, ttl, err := d.Addrs(t.Context(), "a.pbx.test"); err != nil || ttl != 20*time.Second {
		t.Errorf("addresses hold %v, %v; want 20 s", ttl, err)
	}
	if none, ttl, err := d.SRV(t.Context(), "_sip._udp.none.test"); err != nil || len(none) != 0 || ttl != 70*time.Second {
		t.Errorf("SRV of a missing name = %v, %v, %v; want none for 70 s", none, ttl, err)
	}
	if many, _, err := d.SRV(t.Context(), "_sip._tcp.many-servers.test"); err != nil || len(many) != maxDNSNames {
		t.Errorf("%d records by TCP, %v; want %d", len(many), err, maxDNSNames)
	}
}

// The hosts file needs no DNS, and names of the local network are not asked for there.
func TestNamesWithoutDNS(t *testing.T) {
	var asked atomic.Int32
	d := serve(t, func(w dns.ResponseWriter, question *dns.Msg) {
		asked.Add(1)
		fromZone(t)(w, question)
	})
	if list, _, err := d.Addrs(t.Context(), "localhost"); err != nil || !slices.ContainsFunc(list, func(a netip.Addr) bool { return a.IsLoopback() }) {
		t.Errorf("localhost = %v, %v", list, err)
	}
	for _, name := range []string{"pbx", "pbx.local"} {
		if list, _, err := d.SRV(t.Context(), "_sip._udp."+name); name == "pbx.local" && (err != nil || len(list) > 0) {
			t.Errorf("SRV of %s = %v, %v", name, list, err)
		}
		if list, _, err := d.NAPTR(t.Context(), name); err != nil || len(list) > 0 {
			t.Errorf("NAPTR of %s = %v, %v", name, list, err)
		}
	}
	if n := asked.Load(); n != 1 { // _sip._udp.pbx
		t.Errorf("DNS was asked %d times", n)
	}
}

// Small routers know addresses and SRV, but not NAPTR.
func TestDNSWithoutNAPTR(t *testing.T) {
	zone := fromZone(t, `_sip._tcp.pbx.test. 60 IN SRV 1 1 5070 a.pbx.test.`, `a.pbx.test. 30 IN A 192.0.2.1`)
	for _, code := range []int{dns.RcodeNotImplemented, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeRefused} {
		d := serve(t, func(w dns.ResponseWriter, question *dns.Msg) {
			if question.Question[0].Qtype == dns.TypeNAPTR {
				_ = w.WriteMsg(new(dns.Msg).SetRcode(question, code))
				return
			}
			zone(w, question)
		})
		list, err := New(d).Locate(t.Context(), Query{Host: "pbx.test"})
		if err != nil || texts(list) != "tcp:192.0.2.1:5070" {
			t.Errorf("%s for NAPTR: Locate = %s, %v", dns.RcodeToString[code], texts(list), err)
		}
	}
}

func TestDNSThatFails(t *testing.T) {
	d := serve(t, func(w dns.ResponseWriter, question *dns.Msg) {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(question, dns.RcodeServerFailure))
	})
	if _, _, err := d.SRV(t.Context(), "_sip._udp.pbx.test"); err == nil || err.Error() != "ask name server 127.0.0.1: servfail" {
		t.Errorf("SRV = %v, want that the server failed", err)
	}
	d.conf = filepath.Join(t.TempDir(), "missing")
	if _, _, err := d.SRV(t.Context(), "_sip._udp.pbx.test"); err == nil {
		t.Error("SRV without resolv.conf gave no error")
	}
	list, err := New(d).Locate(t.Context(), Query{Host: "localhost"})
	if err != nil || len(list) == 0 || list[0].Transport != UDP {
		t.Errorf("Locate without DNS = %v, %v; want the hosts file's", list, err)
	}
}
