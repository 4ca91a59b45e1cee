//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Three machines of a network that were paired are one office: called by name, with lamps, and nothing for who is not paired.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "only root can join namespaces by a bridge")
	}
	program(t, "nsenter")
	program(t, "avahi-publish")
	program(t, "pulseaudio")
	proves(t, "Neighbours: paired, called by name, lamps", page, thisMachine)
	if !inNamespace(t) {
		return
	}
	n := newNeighbourhood(t)
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}
	run("not paired", n.notPaired)
	run("pair", n.pairAll)
	run("page to page", n.pages)
	run("rings the desk", n.desks)
	run("do not disturb", n.disturb)
	run("another name", n.rename)
	run("cable", n.cable)
	run("forged", n.forged)
	n.ear.wantOnlyAnnounced(t, n.front.machine, "Office 1", map[string]uint16{"_cordboard._tcp": 8443, "_https._tcp": 8443, "_sip._udp": 5060})
}

// notPaired shows that who is not paired learns nothing, and rings where it may.
func (n *neighbourhood) notPaired(t *testing.T) {
	p, q, front, workshop := n.p, n.q, n.front, n.workshop
	for _, s := range []*site{workshop, n.attic} {
		p.dial(t, fmt.Sprintf("%s@office-%d", s.user.Name, s.number))
		p.wantOver(t)
		if n := front.neighbour(t, fmt.Sprint("Office ", s.number)); n.Paired || len(n.People) > 0 || n.Trouble != "" {
			t.Errorf("before they are paired one knows of the other %+v", n)
		}
	}
	for _, s := range []*site{front, workshop, n.attic} {
		for _, proto := range []string{"cordboard-people/1", "sip/2"} {
			if told := s.tells(t, proto); told != "" {
				t.Errorf("%s tells an unknown machine by %s %q", s.name(), proto, told)
			}
		}
	}

	p.dial(t, "carol@"+front.neighbour(t, "Office 3").Host) // who does not let strangers ring
	p.wantOver(t)
	if calls := n.loft.calls(t); len(calls) > 0 {
		t.Errorf("a stranger rings who does not want it: %v", calls)
	}
	p.dial(t, "bob@"+front.neighbour(t, "Office 2").Host) // as a stranger, which both allow
	q.wantState(t, "incoming")
	if who := q.text(t, "#call"); !strings.Contains(who, "Office 1, not paired") || strings.Contains(who, "Alice Doe") {
		t.Errorf("bob's page says of a stranger that %q calls", who)
	}
	q.click(t, "#answer")
	talk(t, p, q)
	p.hangUp(t)
	q.wantOver(t)
}

// tells gives what the machine's Cordboard says to a machine that it does not know.
func (m *machine) tells(t *testing.T, proto string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", m.addr()+":8443", &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	told, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s keeps an unknown machine's connection", m.name())
	}
	return string(told)
}

// pages has two pages call each other, on both sides of which the third sees lamps.
func (n *neighbourhood) pages(t *testing.T) {
	p, q := n.p, n.q
	const row = `#people-list [data-target="bob@office-2"] button`
	p.wantColleague(t, "bob@office-2", "idle")
	p.looks(t, "neighbours")
	p.click(t, row)
	q.wantState(t, "incoming")
	if who := q.text(t, "#call"); !strings.Contains(who, "Alice Doe") || !strings.Contains(who, "alice@office-1") {
		t.Errorf("bob's page says that %q calls", who)
	}
	q.looks(t, "neighbour-calls")
	n.wantBob(t, "ringing")
	q.click(t, "#answer")
	talk(t, p, q)
	n.wantBob(t, "busy")
	n.lamps[n.attic].wantLamp(t, "alice@office-1", "busy")
	q.click(t, "#hold")
	wantNoTone(t, "alice on hold", p, toneBob)
	q.click(t, "#hold")
	talk(t, p, q)
	q.hangUp(t)
	p.wantOver(t)
	n.wantBob(t, "idle")

	q.dial(t, "office-1") // rings its owner
	p.wantState(t, "incoming")
	p.click(t, "#answer")
	talk(t, p, q)
	p.hangUp(t)
	q.wantOver(t)
}

// desks has the machines' own phones called, together with their owner's page and alone, and call.
func (n *neighbourhood) desks(t *testing.T) {
	p, q := n.p, n.q
	p.dial(t, "office-2")
	q.wantState(t, "incoming")
	n.shop.answers(t, p, toneDesk)
	q.wantOver(t)
	p.hangUp(t)
	n.shop.wantFree(t)

	p.dial(t, "desk@office-2")
	n.shop.answers(t, p, toneDesk)
	if state := q.state(t); state != "idle" && state != "ended" {
		t.Errorf("bob's page is %s while the machine's phone is called", state)
	}
	p.hangUp(t)
	n.shop.wantFree(t)

	binary, _ := buildGateway()
	call := start(t, "call", exec.Command(binary, "call", "bob@office-2", "--data", n.attic.machine.data()))
	q.wantState(t, "incoming")
	q.click(t, "#answer")
	q.wantState(t, "talking")
	wantTone(t, "bob's page", q, tonePhone)
	wantTone(t, "the attic's loudspeaker", n.loft, toneBob)
	q.hangUp(t)
	<-call.done
	if !strings.Contains(call.output(), "Talking with bob@office-2.") {
		t.Errorf("cordboard call says %q", call.output())
	}
}

// answers takes the call of alice's page, and both hear each other.
func (d *deskPhone) answers(t *testing.T, p *tab, tone float64) {
	t.Helper()
	d.does(t, d.with(t, "alice@office-1", "ringing"), "answer", nil)
	p.wantState(t, "talking")
	wantTone(t, "alice's page", p, tone)
	wantTone(t, "the loudspeaker", d, toneAlice)
}

// disturb has all see that somebody asks for quiet.
func (n *neighbourhood) disturb(t *testing.T) {
	for _, on := range []bool{true, false} {
		if code, answer := n.shop.post(t, "/api/v1/desk", map[string]bool{"busy": on}); code != 200 {
			t.Fatalf("do not disturb: %d %v", code, answer)
		}
		n.wantBob(t, map[bool]string{true: "dnd", false: "idle"}[on])
		if on {
			n.p.wantColleague(t, "bob@office-2", "dnd")
			if list := n.attic.lists(t); !strings.Contains(list, "bob@office-2 do not disturb") {
				t.Errorf("cordboard neighbours says\n%s", list)
			}
		}
	}
}

// lists is what cordboard neighbours says.
func (m *machine) lists(t *testing.T) string {
	t.Helper()
	binary, _ := buildGateway()
	out, err := exec.Command(binary, "neighbours", "--data", m.data()).CombinedOutput()
	if err != nil {
		t.Errorf("cordboard neighbours: %v\n%s", err, out)
	}
	return string(out)
}

// rename gives the third machine another name, by which the others see it, though not by another address.
func (n *neighbourhood) rename(t *testing.T) {
	var kept struct{ Version string }
	n.attic.owner(t, "GET", "/api/v1/settings", nil, &kept)
	var done struct{ Message string }
	if status := n.attic.owner(t, "PATCH", "/api/v1/settings", map[string]any{"version": kept.Version, "changes": []any{map[string]any{"set": "name", "to": "Attic"}}}, &done); status != 200 {
		t.Fatalf("PATCH: %d %+v", status, done)
	}
	for _, s := range []*site{n.front, n.workshop} {
		eventually(t, patience, "the new name", func() bool { return s.neighbour(t, "Attic").Address == "office-3" })
		if n := s.neighbour(t, "Office 3"); n.ID != "" {
			t.Errorf("the old name stays: %+v", n)
		}
	}
	eventually(t, patience, "the new name in the page", func() bool {
		return n.p.truth(`document.querySelector('#people-list [data-target="carol@office-3"]')?.textContent.includes("Attic")`)
	})
	if list := n.front.lists(t); !strings.Contains(list, "Attic") || strings.Contains(list, "Office 3") {
		t.Errorf("cordboard neighbours says\n%s", list)
	}
}

// cable takes the third machine off the network in the middle of a call and puts it on again.
func (n *neighbourhood) cable(t *testing.T) {
	n.p.dial(t, "carol@office-3")
	n.loft.answers(t, n.p, tonePhone)
	n.attic.unplug(t)
	eventually(t, patience, "absence of everybody", func() bool { return n.attic.heard(time.Unix(1, 0)) == "" })
	plugged := time.Now()
	n.attic.plug(t)
	eventually(t, patience, "return", func() bool {
		return n.front.neighbour(t, "Attic").Seen > plugged.UnixMilli() && n.attic.neighbour(t, "Office 1").Seen > plugged.UnixMilli()
	})
	wantTone(t, "alice's page", n.p, tonePhone) // of the call that went on
	wantTone(t, "the attic's loudspeaker", n.loft, toneAlice)
	n.p.hangUp(t)
	n.loft.wantFree(t)
	n.p.dial(t, "carol@office-3")
	n.loft.answers(t, n.p, tonePhone)
	n.p.hangUp(t)
	n.loft.wantFree(t)
}

// forged has a fourth machine pretend to be the second: it repeats word for word what that announces, but has not its key, and it announces
// the second's name and ID with a key of its own. Then the second loses power.
func (n *neighbourhood) forged(t *testing.T) {
	front, workshop := n.front, n.workshop
	fourth := n.lan.site(t, 4, carol, strangersMay)
	fourth.avahi(t)
	eventually(t, patience, "the fourth", func() bool { return front.neighbour(t, "Office 4").Here })
	real, own := front.neighbour(t, "Office 2"), front.neighbour(t, "Office 4").Fingerprint
	var lies []*process
	for label, fingerprint := range map[string]string{"replayed": real.Fingerprint, "forged": own} {
		lies = append(lies, start(t, "avahi-publish", fourth.machine.command("avahi-publish", "-s", label, "_cordboard._tcp", "8443",
			"version="+real.Version, "id="+real.ID, "name="+real.Name, "fingerprint="+fingerprint)))
	}
	other := "The machine at " + fourth.addr() + " announces itself as Office 2 with another certificate, and is ignored"
	eventually(t, patience, "the forged announcements", func() bool {
		n := front.neighbour(t, "Office 2")
		return slices.Contains(n.Addresses, fourth.addr()) && strings.HasPrefix(n.Trouble, other)
	})
	n.p.dial(t, "bob@office-2") // who is reached all the same
	n.q.wantState(t, "incoming")
	n.p.hangUp(t)
	n.q.wantOver(t)

	workshop.kill() // without goodbye
	n.lamps[front].wantLamp(t, "bob@office-2", "unreachable")
	n.lamps[n.attic].wantLamp(t, "bob@office-2", "unreachable")
	words := "The machine at " + fourth.addr() + ":8443 is not Office 2: it shows another certificate"
	front.wantLog(t, words)
	n.attic.wantLog(t, words)
	n.p.dial(t, "bob@office-2")
	n.p.wantOver(t)
	if n := front.neighbour(t, "Office 2"); !strings.HasPrefix(n.Trouble, words) || !n.Paired {
		t.Errorf("of the forged one is told: %+v", n)
	}
	for _, words := range []string{words, other} {
		if n := strings.Count(front.output(), words); n != 1 {
			t.Errorf("%q is reported %d times, want once", words, n)
		}
	}
	for _, name := range []string{"Office 1", "Attic"} {
		if n := fourth.neighbour(t, name); !n.Here || n.Paired || len(n.People) > 0 {
			t.Errorf("the fourth knows of %s %+v", name, n)
		}
	}
	for _, lie := range lies {
		lie.stop()
	}
	for _, s := range []*site{front, n.attic} {
		eventually(t, 30*time.Second, "absence of who lost power", func() bool { return !s.neighbour(t, "Office 2").Here })
	}
	binary, _ := buildGateway()
	if out, err := exec.Command(binary, "pair", "--forget", "office-2", "--data", front.machine.data()).CombinedOutput(); err != nil {
		t.Errorf("forget: %v\n%s", err, out)
	}
	eventually(t, 10*time.Second, "no forgotten neighbour among the people", func() bool { return n.p.truth(`!document.querySelector('#people-list [data-target="bob@office-2"]')`) })
}
