//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ear reads every message of multicast DNS that crosses a lan's bridge, whoever it is for. The sender is known by its machine's card.
type ear struct {
	mu   sync.Mutex
	said map[int][]announced // by the machine's number
}

// announced is one message of a machine.
type announced struct {
	at   time.Time
	from netip.Addr
	text []byte
}

// listenMDNS listens until the test ends.
func listenMDNS(t *testing.T, l *lan) *ear {
	t.Helper()
	shell(t, nil, "ip link set "+l.bridge+" promisc on")
	on, err := net.InterfaceByName(l.bridge)
	if err != nil {
		t.Fatal(err)
	}
	all := binary.NativeEndian.Uint16([]byte{0, 3}) // ETH_P_ALL, in the network's order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatalf("listen on the bridge: %v", err)
	}
	f := os.NewFile(uintptr(fd), l.bridge)
	if err := syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: on.Index}); err != nil {
		t.Fatalf("listen on the bridge: %v", err)
	}
	e := &ear{said: map[int][]announced{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 1<<16); ; {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			e.take(buf[:n], time.Now())
		}
	}()
	t.Cleanup(func() {
		f.Close()
		<-done
	})
	return e
}

// take reads a frame of Ethernet.
func (e *ear) take(frame []byte, now time.Time) {
	if len(frame) < 14+20+8 || [5]byte(frame[6:]) != cardMark {
		return
	}
	number, packet := int(frame[11]), frame[14:]
	var from netip.Addr
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		head := 4 * int(packet[0]&15)
		if packet[9] != 17 || len(packet) < head+8 {
			return
		}
		from, packet = netip.AddrFrom4([4]byte(packet[12:16])), packet[head:]
	case 0x86dd:
		if len(packet) < 40+8 || packet[6] != 17 {
			return
		}
		from, packet = netip.AddrFrom16([16]byte(packet[8:24])), packet[40:]
	default:
		return
	}
	const mdns = 5353
	length := int(binary.BigEndian.Uint16(packet[4:]))
	if binary.BigEndian.Uint16(packet) != mdns && binary.BigEndian.Uint16(packet[2:]) != mdns || length < 8 || length > len(packet) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[number] = append(e.said[number], announced{now, from, slices.Clone(packet[8:length])})
}

// of gives what a machine has said since a time.
func (e *ear) of(m *machine, since time.Time) (all []announced) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.said[m.number] {
		if !s.at.Before(since) {
			all = append(all, s)
		}
	}
	return all
}

// soon is how long two Cordboards need to see each other at most, from the moment when both can be heard.
const soon = 3 * time.Second

// meet waits until all these machines' Cordboards, that speak anew since a time, see each other and no other, and wants it to happen soon.
func (e *ear) meet(t *testing.T, since time.Time, machines ...*machine) {
	t.Helper()
	begun, all := time.Now(), sync.WaitGroup{}
	seen := make([]time.Time, len(machines))
	for i, m := range machines {
		others := slices.DeleteFunc(slices.Clone(machines), func(o *machine) bool { return o == m })
		all.Go(func() {
			if within(patience, func() bool { return m.heard(since) == listOf(others) }) {
				seen[i] = time.Now()
			}
		})
	}
	all.Wait()
	heard := begun // all answer already
	for _, m := range machines {
		if words := e.of(m, since); len(words) == 0 {
			t.Fatalf("%s says nothing", m.name())
		} else if words[0].at.After(heard) {
			heard = words[0].at
		}
	}
	for i, m := range machines {
		switch took := seen[i].Sub(heard); {
		case seen[i].IsZero():
			t.Fatalf("%s sees %q", m.name(), m.heard(since))
		case took > soon:
			t.Errorf("%s sees the others after %v, want %v", m.name(), took, soon)
		default:
			t.Logf("%s sees the others after %v", m.name(), took.Round(time.Millisecond))
		}
	}
}

// What a Cordboard announces of itself, in full.
var announcedText = []string{`version=[!-~]{1,32}`, `id=[0-9a-f]{32}`, `name=%s`, `fingerprint=[0-9a-f]{64}`}

// wantOnlyAnnounced looks through all that a machine with a Cordboard has said: nothing may be in it but what is announced, and
// questions about what others announce.
func (e *ear) wantOnlyAnnounced(t *testing.T, m *machine, name string, ports map[string]uint16) {
	t.Helper()
	all := e.of(m, time.Time{})
	if len(all) == 0 {
		t.Errorf("nothing was heard of %s", m.name())
	}
	for _, s := range all {
		var text dns.Msg
		if err := text.Unpack(s.text); err != nil {
			t.Errorf("%s sends what is no message: %v", m.name(), err)
			continue
		}
		for _, q := range text.Question {
			if !asked.MatchString(q.Name) {
				t.Errorf("%s asks for %s", m.name(), q.Name)
			}
		}
		for _, r := range slices.Concat(text.Answer, text.Ns, text.Extra) {
			if fault := m.announces(r, name, ports); fault != "" {
				t.Errorf("%s says %v: %s", m.name(), r, fault)
			}
		}
	}
}

// asked is what a Cordboard may ask for: services, those who have told of them, and their hosts.
var asked = regexp.MustCompile(`^(?:.+\.)?(?:_cordboard\._tcp|_sip\._udp|_sip\._tcp|_sips\._tcp|_https\._tcp)\.local\.$|^box\d\.local\.$`)

// announces says what is wrong with a record; empty: nothing.
func (m *machine) announces(r dns.RR, name string, ports map[string]uint16) string {
	host, kind := m.name()+".local.", ""
	for k := range ports {
		if r.Header().Name == strings.ReplaceAll(name, " ", `\ `)+"."+k+".local." {
			kind = k
		}
	}
	switch r := r.(type) {
	case *dns.PTR:
		for k := range ports {
			service := k + ".local."
			if r.Hdr.Name == service && r.Ptr == strings.ReplaceAll(name, " ", `\ `)+"."+service || r.Hdr.Name == "_services._dns-sd._udp.local." && r.Ptr == service {
				return ""
			}
		}
	case *dns.SRV:
		if kind != "" && r.Target == host && r.Port == ports[kind] {
			return ""
		}
	case *dns.TXT:
		if kind != "_cordboard._tcp" {
			if kind != "" && strings.Join(r.Txt, "") == "" {
				return ""
			}
			break
		}
		if len(r.Txt) != len(announcedText) {
			return fmt.Sprintf("%d texts", len(r.Txt))
		}
		for i, want := range announcedText {
			if want = strings.Replace(want, "%s", regexp.QuoteMeta(name), 1); !regexp.MustCompile("^" + want + "$").MatchString(r.Txt[i]) {
				return "want " + want
			}
		}
		return ""
	case *dns.A:
		if r.Hdr.Name == host && strings.HasPrefix(r.A.String(), lanNet) {
			return ""
		}
	case *dns.AAAA:
		if r.Hdr.Name == host && r.AAAA.IsLinkLocalUnicast() {
			return ""
		}
	case *dns.NSEC:
		if r.Hdr.Name == host && r.NextDomain == host {
			return ""
		}
	}
	return "nobody announced that"
}
