package discovery

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/miekg/dns"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Front office", "Front office"},
		{"  two \t\n spaces ", "two spaces"},
		{"bell\a and \x1b[31mred", "bell and [31mred"},
		{"left\u202eright\u200bnothing", "leftrightnothing"},
		{"K\xfcche", "K\ufffdche"},
		{"Büro №1 ☎", "Büro №1 ☎"},
		{strings.Repeat("ä", 70), strings.Repeat("ä", 64)},
		{strings.Repeat("a", 63) + " b", strings.Repeat("a", 63)},
		{"\x00\x01", ""},
	} {
		if got := Printable(tt.in, maxShown); got != tt.want {
			t.Errorf("Printable(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestLabel(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number int
		want   string
	}{
		{"Front office", 1, "Front office"},
		{"Front office", 12, "Front office (12)"},
		{strings.Repeat("ä", 64), 1, strings.Repeat("ä", 31)},
		{strings.Repeat("ä", 64), 2, strings.Repeat("ä", 29) + " (2)"},
		{"Dots Inc.", 1, "Dots Inc"},
		{"...", 1, "Cordboard"},
		{"", 3, "Cordboard (3)"},
	} {
		if got := label(tt.name, tt.number); got != tt.want {
			t.Errorf("label(%q, %d) = %q, want %q", tt.name, tt.number, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	good := Announcement{ID: id("a"), Name: `Büro "1" \ back`, Version: "1.2", Fingerprint: strings.Repeat("0", sumDigits)}
	got, ok := readText(good.text())
	if !ok || got != good {
		t.Errorf("read %+v, %v", got, ok)
	}
	long := good
	long.Name = strings.Repeat("\U0001f4de", 64)
	for _, one := range long.text() {
		if len(one) > 255 || !utf8.ValidString(one) {
			t.Errorf("%d bytes: %q", len(one), one)
		}
	}
	for name, text := range map[string][]string{
		"none":                 nil,
		"no fingerprint":       {"id=" + id("a")},
		"upper-case ID":        {"id=" + id("A"), "fingerprint=" + good.Fingerprint},
		"short ID":             {"id=a", "fingerprint=" + good.Fingerprint},
		"fingerprint of other": {"id=" + id("a"), "fingerprint=" + strings.Repeat("g", sumDigits)},
		"second ID is good":    {"id=x", "id=" + id("a"), "fingerprint=" + good.Fingerprint},
	} {
		if a, ok := readText(text); ok {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// FuzzPackets has a service hear anything: what it keeps stays within bounds, what it shows can be shown, and names come back as
// they were written.
func FuzzPackets(f *testing.F) {
	a := Announcement{ID: id("a"), Name: "Front \"office\"", Version: "1", Fingerprint: strings.Repeat("b", sumDigits), Host: "box", HTTPS: 8443}
	name := escape(label(a.Name, 1)) + "." + cordboardType
	full := dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true, Answer: []dns.RR{
		rr("%s 120 IN PTR %s", cordboardType, name), rr("%s 120 IN SRV 0 0 8443 box.local.", name),
		&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET | cacheFlush, Ttl: 120}, Txt: a.text()},
		rr("box.local. 120 IN A 10.0.0.2"), rr("box.local. 120 IN AAAA fe80::2"), rr("own.local. 120 IN A 10.0.0.3"),
		rr("PBX._sip._udp.local. 0 IN SRV 0 0 5060 pbx.local."),
	}}
	query := dns.Msg{Question: append(typeQuestions(), dns.Question{Name: "own.local.", Qtype: dns.TypeANY, Qclass: dns.ClassINET}),
		Ns: []dns.RR{rr("own.local. 120 IN A 10.0.0.2")}}
	for _, m := range []dns.Msg{full, query} {
		text, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "Front \"office\"\\.", uint16(port))
	}
	f.Fuzz(func(t *testing.T, data []byte, text string, source uint16) {
		e := &ether{}
		m := e.machine("c", text, lan("10.0.0.1/24", "fd00::1/64"))
		m.self.Host = "own"
		r := m.fresh()
		now := time.Unix(1e9, 0)
		m.open = func([]link, chan<- packet) (network, error) {
			return e.attach(netip.MustParseAddr("10.0.0.1"), func(packet) {}), nil
		}
		r.tick(now)
		for i := range 4 {
			r.take(packet{data, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), source), 1}, now)
			now = now.Add(time.Duration(i) * time.Second)
			r.tick(now)
		}
		if len(r.cache.instances) > maxPerSource {
			t.Errorf("%d services of one source", len(r.cache.instances))
		}
		services := 0
		for name, h := range r.cache.hosts {
			if services += h.services; h.services < 1 || len(h.addrs) > maxAddrs {
				t.Errorf("host %q has %d services and %d addresses", name, h.services, len(h.addrs))
			}
		}
		if services > len(r.cache.instances) || r.cache.sources[netip.MustParseAddr("10.0.0.2")] != len(r.cache.instances) {
			t.Errorf("%d services on hosts, %v by source, of %d", services, r.cache.sources, len(r.cache.instances))
		}
		for _, n := range m.Neighbours() {
			shown(t, n.Name, n.Host, n.Version)
			if !isHex(n.ID, idDigits) || !isHex(n.Fingerprint, sumDigits) || n.HTTPS == 0 || !reachable(n.Addrs) {
				t.Errorf("neighbour %+v", n)
			}
		}
		for _, p := range m.PBXs() {
			shown(t, p.Name, p.Host, p.Transport)
			if p.Port == 0 || !reachable(p.Addrs) {
				t.Errorf("PBX %+v", p)
			}
		}
		one := label(text, 1+int(source)%20)
		if len(one) > maxLabel || unescape(escape(one)) != one || unescape(escape(text)) != text {
			t.Errorf("label %q is written %q", one, escape(one))
		}
		wire := make([]byte, 300)
		end, err := dns.PackDomainName(escape(one)+"."+cordboardType, wire, 0, nil, false)
		if err != nil {
			t.Fatalf("label %q: %v", one, err)
		}
		if back, _, err := dns.UnpackDomainName(wire[:end], 0); err != nil || back != escape(one)+"."+cordboardType {
			t.Errorf("label %q comes back as %q, %v", one, back, err)
		}
	})
}

// shown wants texts that can be shown.
func shown(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > 4*maxShown+6 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("shown: %q", s)
		}
	}
}

// reachable reports whether there are addresses, all of them of other machines.
func reachable(addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !usable(a) })
}
