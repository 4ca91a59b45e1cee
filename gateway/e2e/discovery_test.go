//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Cordboards on one network find each other and are found by Avahi; one that loses power is gone soon.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "only root can join namespaces by a bridge")
	}
	program(t, "nsenter")
	program(t, "avahi-browse")
	if !inNamespace(t) {
		return
	}
	office := newLAN(t)
	heard := listenMDNS(t, office)
	one, two, three, four, five := office.machine(t, 1), office.machine(t, 2), office.machine(t, 3), office.machine(t, 4), office.machine(t, 5)
	for _, m := range []*machine{one, two, three, four} {
		m.plug(t)
	}
	one.board(t, "[[pbx]]\nname = \"main\"\nuri = \"sip:"+lanNet+"250\"\nmode = \"peer\"\n") // which has it open a SIP port
	second := two.board(t, "")
	heard.meet(t, time.Time{}, one, two)

	// A third comes. A fourth has discovery switched off, a fifth no network.
	third := three.board(t, "")
	four.board(t, "[discovery]\nenabled = false\n")
	fifth := five.board(t, "")
	heard.meet(t, time.Time{}, one, two, three)
	third.kill()
	killed := time.Now()

	t.Run("command", func(t *testing.T) {
		binary, _ := buildGateway()
		out, err := exec.Command(binary, "neighbours", "--data", one.data()).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "NAME") || !strings.Contains(string(out), "Office 2  "+two.addr()) {
			t.Errorf("cordboard neighbours: %v\n%s", err, out)
		}
		out, err = exec.Command(binary, "neighbours", "--data", five.data()).CombinedOutput()
		if err != nil || string(out) != "No other Cordboard is nearby.\n" {
			t.Errorf("cordboard neighbours without a network: %v\n%s", err, out)
		}
		if n := strings.Count(fifth.output(), "no network carries multicast"); n != 1 {
			t.Errorf("a Cordboard without a network said so %d times:\n%s", n, fifth.output())
		}
	})
	seer := three // whose Cordboard is dead
	avahi := seer.avahi(t)
	t.Run("avahi", func(t *testing.T) { seenByAvahi(t, seer, one) })
	t.Run("name", func(t *testing.T) {
		for _, family := range []string{"-4", "-6"} {
			var out string
			eventually(t, 10*time.Second, family+" address of box1.local", func() bool {
				text, _ := seer.command("avahi-resolve", family, "-n", "box1.local").CombinedOutput()
				out = string(text)
				return strings.HasPrefix(out, "box1.local\t")
			})
			if family == "-4" && !strings.Contains(out, one.addr()) {
				t.Errorf("box1.local is %s, want %s", out, one.addr())
			}
		}
	})
	t.Run("PBX", func(t *testing.T) { findsPBX(t, seer, one) })
	t.Run("power cut", func(t *testing.T) {
		one.sees(t, 30*time.Second, two)
		t.Logf("gone at the latest %v after the power cut", time.Since(killed).Round(time.Second))
	})
	t.Run("goodbye", func(t *testing.T) {
		watch := start(t, "avahi-browse", seer.command("avahi-browse", "-pk", "_cordboard._tcp"))
		eventually(t, 10*time.Second, "sight of box2", func() bool { return strings.Contains(watch.output(), `+;eth0;IPv4;Office\0322;`) })
		second.stop()
		// What was announced would hold for almost an hour.
		eventually(t, 10*time.Second, "goodbye", func() bool { return strings.Contains(watch.output(), `-;eth0;IPv4;Office\0322;`) })
		one.sees(t, 10*time.Second)
	})
	t.Run("cable", func(t *testing.T) {
		plugged := time.Now()
		five.plug(t)
		heard.meet(t, plugged, one, five)
		five.unplug(t)
		five.sees(t, patience)
		if n := strings.Count(fifth.output(), "no network carries multicast"); n != 2 {
			t.Errorf("a Cordboard that lost its network has said so %d times:\n%s", n, fifth.output())
		}
		plugged = time.Now()
		five.plug(t)
		heard.meet(t, plugged, one, five)
		elsewhere := &machine{lan: office, number: 50 + five.number}
		for _, move := range [][2]string{{five.addr(), elsewhere.addr()}, {elsewhere.addr(), five.addr()}} {
			shell(t, five, fmt.Sprintf("ip address del %s/24 dev eth0 && ip address add %s/24 dev eth0", move[0], move[1]))
			eventually(t, patience, "sight at "+move[1], func() bool { return one.neighbours() == fmt.Sprintf("Office 5@%s", move[1]) })
		}
	})
	t.Run("no multicast", func(t *testing.T) {
		five.unplug(t)
		five.sees(t, patience)
		five.plug(t, "multicast off")
		page := &gateway{process: fifth, data: five.data(), https: &port{number: 8443}, host: five.addr()}
		eventually(t, patience, "page by the address", page.healthy)
		pairMachines(t, one, five, five.addr()+":8443")
		for from, to := range map[*machine]string{one: "Office 5", five: "Office 1"} {
			eventually(t, patience, "lamps without multicast", func() bool { return from.neighbour(t, to).Here })
		}
		if n := strings.Count(fifth.output(), "no network carries multicast"); n != 3 {
			t.Errorf("a Cordboard whose network carries no multicast has said so %d times:\n%s", n-2, fifth.output())
		}
		shell(t, five, "ip link set eth0 multicast on")
		eventually(t, patience, "announcement", func() bool { return one.neighbour(t, "Office 5").Host == "box5.local" })
	})
	t.Run("beside Avahi", func(t *testing.T) {
		seer.board(t, "")
		one.sees(t, 15*time.Second, seer, five)
		eventually(t, 10*time.Second, "address of box3.local", func() bool {
			text, _ := seer.command("avahi-resolve", "-4", "-n", "box3.local").CombinedOutput()
			return strings.Contains(string(text), seer.addr())
		})
		if text := avahi.output(); strings.Contains(strings.ToLower(text), "conflict") {
			t.Errorf("Avahi had to take another name:\n%s", text)
		}
	})
	t.Run("two networks", func(t *testing.T) {
		lab := makeLAN(t, "lab0", labNet)
		six, seven := office.machine(t, 6), lab.machine(t, 7)
		six.plug(t)
		six.join(t, lab, "eth1")
		seven.plug(t)
		six.board(t, "")
		seven.board(t, "")
		for m, want := range map[*machine]string{ // each by the address of its own network
			one:   listOf([]*machine{five, six}),
			six:   listOf([]*machine{one, five, seven}),
			seven: "Office 6@" + six.on(lab),
		} {
			if !within(patience, func() bool { return m.neighbours() == want }) {
				t.Errorf("%s sees %q, want %q", m.name(), m.neighbours(), want)
			}
		}
	})
	heard.wantOnlyAnnounced(t, one, "Office 1", map[string]uint16{"_cordboard._tcp": 8443, "_https._tcp": 8443, "_sip._udp": 5060})
	for _, m := range []*machine{two, five} {
		heard.wantOnlyAnnounced(t, m, fmt.Sprint("Office ", m.number), map[string]uint16{"_cordboard._tcp": 8443, "_https._tcp": 8443, "_sip._udp": 5060})
	}
	if n := len(heard.of(four, time.Time{})); n > 0 {
		t.Errorf("%d messages left a Cordboard whose discovery is off", n)
	}
}

// seenByAvahi wants Avahi's tools to list and resolve a machine's Cordboard: what they tell of it, and nothing else.
func seenByAvahi(t *testing.T, seer, other *machine) {
	for kind, port := range map[string]int{"_cordboard._tcp": 8443, "_https._tcp": 8443, "_sip._udp": 5060} {
		var line string
		if !within(10*time.Second, func() bool {
			out, _ := seer.command("avahi-browse", "-rtpk", kind).CombinedOutput()
			for one := range strings.Lines(string(out)) {
				if strings.HasPrefix(one, "=;eth0;IPv4;Office\\0321;"+kind+";local;") {
					line = strings.TrimSpace(one)
				}
			}
			return line != ""
		}) {
			t.Errorf("Avahi does not resolve %s of %s", kind, other.name())
			continue
		}
		fields := strings.SplitN(line, ";", 10)
		if len(fields) < 9 || fields[6] != other.name()+".local" || fields[8] != fmt.Sprint(port) {
			t.Errorf("%s: %s", kind, line)
			continue
		}
		if addr, err := netip.ParseAddr(fields[7]); err != nil || addr.Is4() && addr.String() != other.addr() {
			t.Errorf("%s is at %s", kind, fields[7])
		}
		text := ""
		if len(fields) == 10 {
			text = fields[9]
		}
		keys := 0
		for _, key := range []string{"version=", "id=", "name=Office 1", "fingerprint="} {
			keys += strings.Count(text, `"`+key)
		}
		if want := map[bool]int{true: 4}[kind == "_cordboard._tcp"]; keys != want || strings.Count(text, "=") != want {
			t.Errorf("%s tells %s", kind, text)
		}
	}
}

// findsPBX has Avahi announce a PBX.
func findsPBX(t *testing.T, avahi, board *machine) {
	var got struct {
		PBX []struct {
			Name, Transport, Host, URI string
			Port                       int
		}
	}
	names := func() string {
		if err := board.ask("found", &got); err != nil {
			return err.Error()
		}
		var all []string
		for _, p := range got.PBX {
			all = append(all, fmt.Sprint(p.Name, " ", p.Host, " ", p.URI))
		}
		return strings.Join(all, ", ")
	}
	if s := names(); s != "" {
		t.Errorf("found before there is a PBX: %s", s)
	}
	var published []*process
	for service, port := range map[string]string{"_sip._udp": "5060", "_sip._tcp": "5070", "_sips._tcp": "5061"} {
		published = append(published, start(t, "avahi-publish "+service, avahi.command("avahi-publish", "-s", "Main PBX", service, port)))
	}
	at := "Main PBX box3.local sip:" + avahi.addr()
	want := at + ":5070;transport=tcp, " + at + ":5061;transport=tls, " + at + ":5060;transport=udp"
	if !within(15*time.Second, func() bool { return names() == want }) {
		t.Errorf("found %q, want %q", names(), want)
	}
	for _, p := range published {
		p.stop()
	}
	if !within(15*time.Second, func() bool { return names() == "" }) {
		t.Errorf("still found: %s", names())
	}
}
