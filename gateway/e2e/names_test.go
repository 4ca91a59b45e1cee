//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// startNames answers questions of this namespace by the lines of a zone.
func startNames(t *testing.T, zone ...string) {
	t.Helper()
	var records []dns.RR
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rr)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatalf("serve names: %v", err)
	}
	ready := make(chan struct{})
	server := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		q := question.Question[0]
		for _, rr := range records {
			if h := rr.Header(); strings.EqualFold(h.Name, q.Name) && h.Rrtype == q.Qtype {
				answer.Answer = append(answer.Answer, rr)
			}
		}
		w.WriteMsg(answer)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		server.Shutdown()
		<-done
	})
	<-ready
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const system = "/etc/resolv.conf"
	if _, err := os.Stat(system); err != nil {
		missing(t, "a resolv.conf: "+err.Error())
	}
	if out, err := exec.Command("mount", "--bind", conf, system).CombinedOutput(); err != nil { // in the namespace alone
		t.Fatalf("mount %s: %v: %s", system, err, out)
	}
}

// A PBX that is known by a name alone: DNS says that it takes TCP rather than UDP, at which ports, and which server to ask when the first is not there;
// that one has an IPv6 address alone, where there is IPv6. A second PBX sees the gateway by another address than the gateway does (RFC 3581).
func TestServersByDNS(t *testing.T) {
	t.Parallel()
	proves(t, "Servers by DNS (NAPTR, SRV)", page, desk)
	proves(t, "PBX beyond a router (received, rport)", page, desk)
	_, err := os.Stat("/proc/net/if_inet6")
	six := err == nil
	if six {
		proves(t, "Servers by DNS (AAAA)", page, desk)
	}
	if !inNamespace(t) {
		return
	}
	host, ours, address := "127.0.0.1", "0.0.0.0", "A 127.0.0.1"
	if six {
		host, ours, address = "[::1]", "[::]", "AAAA ::1"
		shell(t, nil, "ip address add "+spaceAddr6+"/64 dev cable nodad") // baresip speaks no IPv6 where there is but loopback
	}
	k := startPBX(t, pbxOptions{Host: host})
	nobody := freePort(t)
	nobody.release()
	startNames(t,
		`pbx.example. 300 IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.pbx.example.`,
		`pbx.example. 300 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.pbx.example.`,
		fmt.Sprintf(`_sip._tcp.pbx.example. 300 IN SRV 1 1 %d one.pbx.example.`, nobody.number),
		fmt.Sprintf(`_sip._tcp.pbx.example. 300 IN SRV 2 1 %d two.pbx.example.`, k.listen.number),
		fmt.Sprintf(`_sip._udp.pbx.example. 300 IN SRV 1 1 %d one.pbx.example.`, nobody.number),
		`one.pbx.example. 300 IN A 127.0.0.1`,
		`two.pbx.example. 300 IN `+address)
	o, far := &office{pbx: k}, startPBX(t, pbxOptions{Host: spaceAddr})
	sip := freePort(t)
	mapPort(t, sip.number, far)
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Host: ours, SIP: sip, At: spaceAddr, Finds: true,
		PBX: "[[pbx]]\nname = \"office\"\nuri = \"sip:pbx.example\"\nmode = \"extension\"\n" +
			fmt.Sprintf("[[pbx]]\nname = \"far\"\nuri = \"sip:%s:%d;transport=udp\"\nmode = \"trunk\"\nusername = \"trunk\"\npassword = %q\nprefixes = [\"8\"]\nstrip = true\n",
				farAddr, far.listen.number, pbxPassword("trunk"))})
	k.wantRegistered(t, "101")
	bothWays(t, o, alice, "101")
	if !said(strings.Split(k.output(), "\n"), "INVITE sip:201@", "by tcp") {
		t.Error("the PBX got no call by TCP")
	}

	t.Run("PBX beyond a router", func(t *testing.T) {
		eventually(t, patience, "registration by the router's address", func() bool { return strings.Contains(far.location("trunk"), "@"+routerAddr+":4") })
		phone := startPhone(t, far, "202", phoneOptions{Tone: tonePhone2})
		o.alice.dial(t, "8202")
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		talks := func() {
			t.Helper()
			o.alice.wantState(t, "talking")
			phone.wantEvent(t, "CALL_ESTABLISHED")
			wantTone(t, "the phone", phone, toneAlice)
			wantTone(t, "the page", o.alice, tonePhone2)
		}
		talks()
		phone.hangUp(t)
		o.alice.wantOver(t)
		phone.startOver()
		phone.dial(t, "trunk")
		o.alice.wantState(t, "incoming")
		o.alice.click(t, "#answer")
		talks()
		o.alice.hangUp(t)
		phone.wantEvent(t, "CALL_CLOSED")
	})
}

// A PBX that is not on the namespace's network, and the address by which a router lets it see the namespace.
const (
	farAddr    = "198.51.100.7"
	routerAddr = "203.0.113.9"
)

// mapPort has farAddr lead to the PBX, as through a router that gives a port of this machine its own address and another number.
func mapPort(t *testing.T, number int, k *pbx) {
	t.Helper()
	program(t, "iptables", "/usr/sbin/iptables")
	shell(t, nil, fmt.Sprintf("iptables -t nat -A OUTPUT -d %s -j DNAT --to-destination %s && iptables -t nat -A POSTROUTING -p udp --sport %d --dport %d -j SNAT --to-source %s:40000-40100",
		farAddr, spaceAddr, number, k.listen.number, routerAddr))
}
