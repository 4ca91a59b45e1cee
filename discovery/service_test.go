package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// after lets time pass on the test's clock.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestNeighboursComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		a, b, c := e.machine("a", "Anna", lan("10.0.0.1/24")), e.machine("b", "Ben", lan("10.0.0.2/24")), e.machine("c", "Cora", lan("10.0.0.3/24", "fe80::3/64"))
		defer a.run(t)()
		stopB := b.run(t)
		stopC := c.run(t)
		changes := a.Changes(t.Context())
		after(3 * time.Second)
		for _, m := range []*machine{a, b, c} {
			want := strings.Join(strings.Fields(strings.Replace("Anna Ben Cora", m.self.Name, "", 1)), " ")
			var names []string
			for _, n := range m.Neighbours() {
				names = append(names, n.Name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s sees %q, want %q", m.self.Name, got, want)
			}
		}
		select {
		case <-changes:
		default:
			t.Error("nobody was told of the change")
		}
		cora := a.Neighbours()[1]
		want := c.self
		if cora.Announcement != want || !slices.Equal(cora.Addrs, []netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("fe80::3%eth0")}) {
			t.Errorf("Cora is seen as %+v", cora)
		}
		if found := a.PBXs(); len(found) > 0 {
			t.Errorf("neighbours taken for PBXs: %v", found)
		}
		b.SetName("Bert")
		after(3 * time.Second)
		if got := a.sees(); got != "Bert@10.0.0.2 Cora@10.0.0.3" {
			t.Errorf("after Ben took another name: %q", got)
		}
		b.SetName("Ben")
		after(10 * time.Minute)
		if got := a.sees(); got != "Ben@10.0.0.2 Cora@10.0.0.3" {
			t.Errorf("after ten minutes: %q", got)
		}
		stopB()
		after(2 * time.Second)
		if got := a.sees(); got != "Cora@10.0.0.3" {
			t.Errorf("2 s after a goodbye: %q", got)
		}
		c.dead.Store(true)
		stopC()
		after(20 * time.Second)
		if got := a.sees(); got != "" {
			t.Errorf("20 s after a power cut: %q", got)
		}
	})
}

// However many there are, each round is asked by one of them.
func TestOneAsksForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		var asked atomic.Int32
		listener := e.attach(netip.MustParseAddr("10.0.0.99"), func(p packet) {
			var m dns.Msg
			if p.query() && m.Unpack(p.data) == nil && slices.Contains(m.Question, typeQuestions()[0]) {
				asked.Add(1)
			}
		})
		defer listener.Close()
		for i, letter := range []string{"1", "2", "3", "4", "5", "6"} {
			defer e.machine(letter, "M"+letter, lan(fmt.Sprintf("10.0.0.%d/24", i+1))).run(t)()
		}
		after(time.Minute)
		asked.Store(0)
		after(100 * time.Second)
		if asked := asked.Load(); asked > 15 {
			t.Errorf("asked %d times in 100 s, want about 10", asked)
		}
	})
}

func TestFloodStaysBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.machine("a", "Anna", lan("10.0.0.1/24")), e.machine("b", "Ben", lan("10.0.0.2/24"))
		defer a.run(t)()
		defer b.run(t)()
		after(3 * time.Second)
		liar := e.attach(netip.MustParseAddr("10.0.0.66"), func(packet) {})
		sent := e.sent
		for i := range 10000 {
			name := fmt.Sprintf("fake%d.%s", i, cordboardType)
			liar.addr = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) // as from many
			liar.say(rr("%s 4500 IN PTR %s", cordboardType, name), rr("%s 4500 IN SRV 0 0 8443 h%d.local.", name, i),
				rr("%s 4500 IN TXT \"id=%032x\" \"fingerprint=%064x\" \"name=Fake\"", name, i, i), rr("h%d.local. 4500 IN A 10.0.0.7", i))
			if i%200 == 0 { // more than can wait
				after(time.Millisecond)
			}
		}
		after(time.Second)
		if n := len(a.Neighbours()); n > maxInstances {
			t.Errorf("%d neighbours, want at most %d", n, maxInstances)
		}
		if !strings.Contains(a.sees(), "Ben@10.0.0.2") {
			t.Error("the real neighbour was lost")
		}
		if more := e.sent - sent - 10000; more > 50 {
			t.Errorf("the flood made us send %d messages", more)
		}
		liar.Close()
		after(time.Minute)
		if got := a.sees(); got != "Ben@10.0.0.2" {
			t.Errorf("a minute after the flood: %d neighbours", len(a.Neighbours()))
		}
	})
}

func TestSameNameIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.machine("a", "Office", lan("10.0.0.1/24")), e.machine("b", "Office", lan("10.0.0.2/24"))
		defer a.run(t)()
		defer b.run(t)()
		after(30 * time.Second)
		if a.label != "Office" || b.label != "Office (2)" {
			t.Errorf("services are named %q and %q", a.label, b.label)
		}
		if a.sees() != "Office@10.0.0.2" || b.sees() != "Office@10.0.0.1" {
			t.Errorf("they see %q and %q", a.sees(), b.sees())
		}
	})
}

// Who forges an earlier machine with each name we take can't keep us renaming.
func TestNamesAreTakenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		m := e.machine("b", "Office", lan("10.0.0.1/24"))
		told, announce := 0, m.announce
		m.announce = func(a Announcement, label string, links []link) (func(), error) {
			told++
			return announce(a, label, links)
		}
		defer m.run(t)()
		liar := e.attach(netip.MustParseAddr("10.0.0.66"), func(packet) {})
		for range 2 * 600 {
			after(500 * time.Millisecond)
			m.mu.Lock()
			name := escape(m.label) + "." + cordboardType
			m.mu.Unlock()
			liar.say(rr("%s 4500 IN PTR %s", cordboardType, name), rr("%s 4500 IN SRV 0 0 8443 liar.local.", name),
				rr("%s 4500 IN TXT \"id=%s\" \"fingerprint=%064x\" \"name=Office\"", name, id("a"), 1), rr("liar.local. 4500 IN A 10.0.0.66"))
		}
		if told < 3 || told > 10 {
			t.Errorf("announced %d times in ten minutes, by the name %q at last", told, m.label)
		}
	})
}

func TestNetworkChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.machine("a", "Anna", lan("10.0.0.1/24")), e.machine("b", "Ben")
		defer a.run(t)()
		defer b.run(t)()
		set := func(links ...link) {
			b.mu.Lock()
			b.links = links
			b.mu.Unlock()
			after(5 * time.Second)
		}
		after(30 * time.Second)
		if got := strings.Count(b.log.String(), "no network carries multicast"); got != 1 {
			t.Errorf("said %d times that there is no network: %s", got, &b.log)
		}
		for _, tt := range []struct {
			links []link
			a, b  string
		}{
			{[]link{lan("10.0.0.2/24")}, "Ben@10.0.0.2", "Anna@10.0.0.1"},
			{[]link{lan("10.0.0.22/24")}, "Ben@10.0.0.22", "Anna@10.0.0.1"}, // another address
			{nil, "", ""}, // with goodbye, while it still can
			{[]link{lan("10.0.0.22/24")}, "Ben@10.0.0.22", "Anna@10.0.0.1"},
		} {
			set(tt.links...)
			if a.sees() != tt.a || b.sees() != tt.b {
				t.Errorf("with %v: Anna sees %q, Ben %q", tt.links, a.sees(), b.sees())
			}
		}
		if n := len(a.Neighbours()); n == 1 {
			after(20 * time.Second)
			if addrs := a.Neighbours()[0].Addrs; len(addrs) != 1 {
				t.Errorf("old addresses stay: %v", addrs)
			}
		}
	})
}

// A machine that slept begins anew, whether its clocks went on or not.
func TestSleep(t *testing.T) {
	for name, jump := range map[string]time.Duration{"short": pollLinks, "long": time.Hour} {
		e := &ether{}
		m := e.machine("a", "Anna", lan("10.0.0.1/24"))
		told := 0
		m.announce = func(Announcement, string, []link) (func(), error) { told++; return func() {}, nil }
		r := m.fresh()
		now := time.Unix(1e9, 0)
		r.tick(now)
		r.tick(now.Add(jump))
		if want := map[bool]int{true: 2, false: 1}[jump > asleep]; told != want {
			t.Errorf("%s: announced %d times, want %d", name, told, want)
		}
		r.leave()
	}
}

func TestNoMulticast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		m := e.machine("a", "Anna", lan("10.0.0.1/24"))
		m.open = func([]link, chan<- packet) (network, error) { return nil, errors.New("operation not permitted") }
		stop := m.run(t)
		after(time.Minute)
		stop()
		if got := strings.Count(m.log.String(), "multicast is not possible"); got != 1 || e.sent > 0 {
			t.Errorf("said %d times that nothing can be sent, and sent %d messages: %s", got, e.sent, &m.log)
		}
	})
}

func TestFindsPBX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ether{}
		a := e.machine("a", "Anna", lan("10.0.0.1/24"))
		defer a.run(t)()
		after(time.Second)
		pbx := &station{ether: e, addr: netip.MustParseAddr("10.0.0.9")}
		var dead atomic.Bool
		host := []dns.RR{rr("pbx.local. 120 IN A 10.0.0.9")}
		service := []dns.RR{rr("_sip._tcp.local. 4500 IN PTR Main\\032PBX._sip._tcp.local.")}
		more := []dns.RR{rr("Main\\032PBX._sip._tcp.local. 120 IN SRV 0 0 5070 PBX.local.")}
		e.join(pbx, func(p packet) { // which tells only what it is asked for
			var q dns.Msg
			if !p.query() || q.Unpack(p.data) != nil || dead.Load() {
				return
			}
			for _, one := range q.Question {
				switch {
				case one.Name == "_sip._tcp.local." && one.Qtype == dns.TypePTR:
					pbx.say(service...)
				case strings.HasPrefix(one.Name, "Main") && one.Qtype == dns.TypeSRV:
					pbx.say(more...)
				case strings.EqualFold(one.Name, "pbx.local.") && one.Qtype == dns.TypeA:
					pbx.say(host...)
				}
			}
		})
		after(15 * time.Second)
		found := a.PBXs()
		if len(found) != 1 || found[0].Name != "Main PBX" || found[0].Transport != "tcp" || found[0].Host != "pbx.local" || found[0].Port != 5070 ||
			!slices.Equal(found[0].Addrs, []netip.Addr{netip.MustParseAddr("10.0.0.9")}) {
			t.Errorf("found %+v", found)
		}
		after(5 * time.Minute)
		if len(a.PBXs()) != 1 {
			t.Error("a PBX that answers was forgotten")
		}
		dead.Store(true)
		after(20 * time.Second)
		if len(a.PBXs()) > 0 {
			t.Error("a PBX that does not answer stays")
		}
	})
}

func TestMachineLinksNeverHaveLoopback(t *testing.T) {
	for _, l := range machineLinks() {
		if l.Flags&net.FlagLoopback != 0 || len(l.prefixes) == 0 {
			t.Errorf("link %v", l)
		}
	}
}
