//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// tortureDomain is the domain in which the messages of RFC 4475 mean something.
const tortureDomain = "example.com"

// stranger is an address of this machine that is not the PBX's.
const stranger = "127.0.0.2"

var tortureFrom = regexp.MustCompile(`(?im)^f(?:rom)? *:[^\n]*sip:([a-z.-]+)@` + tortureDomain)

// torture is a message of RFC 4475 and who may send it down a WebSocket without speaking as another, where anybody may.
type torture struct {
	name, user string
	data       []byte
}

func tortures(t *testing.T) (all []torture) {
	t.Helper()
	files, err := filepath.Glob("../signaling/testdata/torture/*.dat")
	if err != nil || len(files) != 49 {
		t.Fatalf("%d messages, %v; RFC 4475 has 49", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := torture{name: strings.TrimSuffix(filepath.Base(file), ".dat"), data: data}
		m.user = "t-" + m.name // who speaks as another often is banned, so each that does is somebody else
		if found := tortureFrom.FindSubmatch(data); found != nil {
			m.user = string(found[1])
		}
		all = append(all, m)
	}
	return all
}

// byPort sends a message to the SIP port from an address of this machine, with a question after it that the PBX would get an answer to, and says
// whether anything came back.
func (m torture) byPort(t *testing.T, g *gateway, network, from string) (answered bool) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	if network == "tcp" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.Dial(network, g.sip.addr())
	if err != nil {
		t.Fatalf("%s from %s: %v", network, from, err)
	}
	defer conn.Close()
	conn.Write(m.data) // a stranger's connection may be closed at once
	if network == "udp" {
		fmt.Fprintf(conn, "OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:pbx@%[1]s>;tag=1\r\nTo: <sip:%[1]s>\r\n"+
			"Call-ID: after-%[3]s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", tortureDomain, conn.LocalAddr(), m.name)
	}
	wait := 50 * time.Millisecond
	if network == "udp" && from != stranger {
		wait = 5 * time.Second
	}
	conn.SetReadDeadline(time.Now().Add(wait))
	n, _ := conn.Read(make([]byte, 1<<16))
	return n > 0
}

// downFlow sends a message by WebSocket.
func (m torture) downFlow(t *testing.T, g *gateway) {
	t.Helper()
	s := openSocket(t, g, credentialQuery(m.user, time.Now().Add(time.Hour)))
	defer s.conn.Close()
	if err := s.frame(final|opText, m.data); err != nil {
		t.Fatal(err)
	}
	s.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	s.next()
}

// The messages of RFC 4475, from the PBX's address, from a stranger's and from browsers, while JsSIP and a phone talk: nothing of the call is lost, and
// nothing of the messages stays.
func TestTortureWhileACallTalks(t *testing.T) {
	t.Parallel()
	proves(t, "Torture messages (RFC 4475) within a call", jsSIP, desk)
	all, site := tortures(t), openSite(t)
	users, known := []gatewayUser{alice}, map[string]bool{}
	for _, m := range all {
		if !known[m.user] {
			known[m.user] = true
			users = append(users, gatewayUser{Name: m.user, Password: "password-of-" + m.user})
		}
	}
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{})
	g := startGateway(t, gatewayOptions{Users: users, Domain: tortureDomain, PBX: extensionPBX(k), Extra: forSite(site)})
	k.wantRegistered(t, "101")
	api := signIn(t, g, alice)
	c := openDevice(t, startBrowser(t, toneAlice, g.ca()), site, "jssip",
		map[string]any{"ws": g.ws() + credentialQuery(alice.Name, time.Now().Add(time.Hour)), "user": alice.Name, "domain": tortureDomain})
	calls := func() {
		t.Helper()
		phone.startOver()
		c.do(t, "await phone.call('201')")
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		c.talksWith(t, phone)
	}
	calls()
	goroutines := func() float64 { return metric(g.scrape(t), "go_goroutines") }
	before, heap := goroutines(), metric(g.scrape(t), "go_memstats_heap_inuse_bytes")

	lost := func() (n uint64) { // packets that are missing, were not taken, or could not be sent
		for _, l := range api.media(t).Legs {
			n += l.Lost + l.Dropped + l.Unsent
		}
		return n
	}
	began, heard, lostBefore := time.Now(), map[string]int{}, lost() // the first may come before the call is agreed on
	for _, m := range all {
		for _, network := range []string{"udp", "tcp"} {
			for _, from := range []string{"127.0.0.1", stranger} {
				if m.byPort(t, g, network, from) {
					heard[network+" "+from]++
				}
			}
		}
		if utf8.Valid(m.data) && !bytes.ContainsRune(m.data, 0) {
			m.downFlow(t, g)
		}
	}
	if heard["udp 127.0.0.1"] != len(all) || heard["tcp 127.0.0.1"] == 0 { // many say that they come by UDP, where their answers go then
		t.Errorf("the PBX was answered so often: %v", heard)
	}
	if n := heard["udp "+stranger] + heard["tcp "+stranger]; n > 0 {
		t.Errorf("a stranger was answered %d times", n)
	}
	took := time.Since(began)
	for who, l := range map[float64]listener{toneAlice: phone, tonePhone: c} {
		if s := l.heard(t).last(took); s.steady(who) < 0.7 {
			t.Errorf("%.0f Hz is heard in %.2f of the time in which the messages came: %v", who, s.steady(who), s)
		}
	}
	if n := lost() - lostBefore; n > 0 {
		t.Errorf("%d packets are lost", n)
	}
	if n := eval[int](t, c.tab, `(async () => [...(await window.pc.getStats()).values()].find((s) => s.type === "inbound-rtp").packetsLost)()`); n > 0 {
		t.Errorf("the browser misses %d packets", n)
	}
	if n := eval[int](t, c.tab, `(async () => [...(await window.pc.getStats()).values()].find((s) => s.type === "remote-inbound-rtp").packetsLost)()`); n > 0 {
		t.Errorf("of the browser's packets %d are missing", n)
	}
	phone.hangUp(t)
	c.wantState(t, "ended")
	calls()
	const more = 10 // connections come and go
	if !within(45*time.Second, func() bool { return goroutines() <= before+more }) {
		t.Errorf("%.0f goroutines, %.0f before the messages came", goroutines(), before)
	}
	if now := metric(g.scrape(t), "go_memstats_heap_inuse_bytes"); now > heap+8<<20 {
		t.Errorf("%.0f bytes of heap, %.0f before the messages came", now, heap)
	}
	t.Logf("the messages came in %v; goroutines %.0f and %.0f", took, before, goroutines())
	phone.hangUp(t)
	c.wantState(t, "ended")
}
