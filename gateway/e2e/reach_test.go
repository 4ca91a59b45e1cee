//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A router's public address, by which those outside reach the first machine of a lan, and the address of somebody outside.
const (
	publicAddr  = "203.0.113.7"
	outsideAddr = "198.51.100.2"
)

// Private addresses of IPv6 (RFC 4193): of the first machine of a lan, and of the test's own namespace.
const (
	privateAddr6 = "fd00:cb::1"
	spaceAddr6   = "fd00:cb::254"
)

// translate has publicAddr lead to a machine and back, one to one, as a router does that the machine knows nothing of. The test's namespace is the
// router, and outside.
func translate(t *testing.T, m *machine) {
	t.Helper()
	program(t, "iptables", "/usr/sbin/iptables")
	shell(t, nil, "ip address add "+outsideAddr+"/32 dev cable && ip route add "+publicAddr+" via "+spaceGate+" dev cable src "+outsideAddr+
		" && iptables -t nat -A OUTPUT -d "+publicAddr+" -j DNAT --to-destination "+m.addr()+
		" && iptables -t nat -A INPUT -s "+m.addr()+" -d "+outsideAddr+" -j SNAT --to-source "+publicAddr)
	shell(t, m, "ip route add default via "+m.lan.net+"254")
	names := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(names, []byte("127.0.0.1 localhost\n"+publicAddr+" "+m.name()+".local\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", names, "/etc/hosts").CombinedOutput(); err != nil { // in the namespace alone
		t.Fatalf("mount /etc/hosts: %v: %s", err, out)
	}
}

// echoes calls the echo from a new page at a host, knowing only those of the gateway's addresses that a pattern finds, and hears itself by a way.
func (s *site) echoes(t *testing.T, b *browser, host, pattern, way string) {
	t.Helper()
	at := *s.gateway
	at.host = host
	p := openPage(t, b, &at, s.user)
	eval[bool](t, p, onlyBy(pattern))
	p.dial(t, "echo")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	p.wantPath(t, way)
	p.hangUp(t)
}

// A browser reaches a gateway that has several addresses: by that of a router which translates it, by the one of two interfaces that is not dead,
// and by IPv6.
func TestReach(t *testing.T) {
	t.Parallel()
	proves(t, "1:1 NAT", page)
	proves(t, "Several interfaces, one of them dead", page)
	proves(t, "Media by IPv6", page)
	if !inNamespace(t) {
		return
	}
	l := newLAN(t)
	lab := makeLAN(t, "lab0", labNet)
	m := l.machine(t, 1)
	m.plug(t)
	m.join(t, lab, "eth1")
	translate(t, m)
	_, err := os.Stat("/proc/net/if_inet6")
	six := err == nil
	if six {
		shell(t, nil, "ip address add "+spaceAddr6+"/64 dev "+l.bridge+" nodad")
		shell(t, m, "ip address add "+privateAddr6+"/64 dev eth0 nodad")
	}
	s := m.site(t, alice, "[listen]\nadvertise = [\""+publicAddr+"\"]\n[audio]\nenabled = false\n")
	b := startBrowser(t, toneAlice, s.ca())

	t.Run("from outside of a router", func(t *testing.T) {
		s.echoes(t, b, m.name()+".local", "udp|tcp", "udp "+publicAddr)
	})
	t.Run("by IPv6", func(t *testing.T) {
		if !six {
			t.Skip("NOT TESTED: this kernel has no IPv6")
		}
		const host = "[" + privateAddr6 + "]"
		s.echoes(t, b, host, " udp .* fd00:", "udp "+privateAddr6)
		s.echoes(t, b, host, " tcp .* fd00:", "tcp "+privateAddr6)
	})
	t.Run("with a dead interface", func(t *testing.T) {
		shell(t, nil, "iptables -A OUTPUT -p udp -o "+l.bridge+" -j DROP && iptables -A INPUT -p udp -i "+l.bridge+" -j DROP")
		s.echoes(t, b, m.addr(), ` 10\.`, "udp "+m.on(lab))
	})
}
