//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

var pairCode = regexp.MustCompile(`(?m)^    (\d{3} \d{3})$`)

// pairing is a `cordboard pair` that waits for a word.
type pairing struct {
	*process
	say func(string)
}

// site is a machine of a lan with its Cordboard, whose only user has a page.
type site struct {
	*machine
	*gateway
	user gatewayUser
}

// site starts a Cordboard in a machine of the lan, whose page can be opened.
func (l *lan) site(t *testing.T, number int, user gatewayUser) *site {
	t.Helper()
	m := l.machine(t, number)
	m.plug(t)
	p := m.board(t, fmt.Sprintf("[log]\nlevel = \"debug\"\n[discovery]\nstrangers = true\n[[user]]\nname = %q\ndisplay = %q\npassword = %q\nextension = %q\nadmin = true\n", user.Name, user.Display, user.Password, user.Extension))
	return &site{m, &gateway{process: p, dir: m.dir, data: m.data(), https: &port{number: 8443}, host: m.addr()}, user}
}

// pair runs `cordboard pair` until it shows its code, and gives that too.
func (m *machine) pair(t *testing.T, name string) (p pairing, code string) {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	cmd := exec.Command(binary, "pair", name, "--data", m.data())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.process = start(t, "cordboard pair", cmd)
	p.say = func(word string) { fmt.Fprintln(in, word) }
	eventually(t, 10*time.Second, "code of "+name, func() bool { return pairCode.MatchString(p.output()) })
	return p, pairCode.FindStringSubmatch(p.output())[1]
}

// pairMachines pairs two by the commands of their owners; name is what the first calls the second.
func pairMachines(t *testing.T, a, b *machine, name string) {
	t.Helper()
	one, code := a.pair(t, name)
	other, same := b.pair(t, fmt.Sprint("office ", a.number))
	if code != same {
		t.Fatalf("the machines show %q and %q", code, same)
	}
	one.say("y")
	other.say("yes")
	for _, p := range []pairing{one, other} {
		eventually(t, 10*time.Second, "paired", func() bool { return strings.Contains(p.output(), "Paired.") })
	}
}

// neighbour is what the machine's Cordboard tells of another.
func (m *machine) neighbour(t *testing.T, name string) (n call.NeighbourState) {
	t.Helper()
	var got struct{ Neighbours []call.NeighbourState }
	if err := m.ask("neighbours", &got); err != nil {
		t.Fatalf("neighbours: %v", err)
	}
	for _, n = range got.Neighbours {
		if n.Name == name {
			return n
		}
	}
	return call.NeighbourState{}
}

// Two machines of a network that were paired are one office: called by name, with lamps, and nothing for who is not paired.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "only root can join namespaces by a bridge")
	}
	program(t, "nsenter")
	program(t, "avahi-publish")
	proves(t, "Neighbours: paired, called by name, lamps", page)
	if !inNamespace(t) {
		return
	}
	office := newLAN(t)
	front, workshop := office.site(t, 1, alice), office.site(t, 2, bob)
	p := openPage(t, startBrowser(t, toneAlice, front.ca()), front.gateway, alice)
	q := openPage(t, startBrowser(t, toneBob, workshop.ca()), workshop.gateway, bob)
	lamps := signIn(t, front.gateway, alice).events(t, "")
	front.sees(t, 10*time.Second, workshop.machine)

	p.dial(t, "bob@office-2") // who is not paired can't be called
	p.wantOver(t)
	if n := front.neighbour(t, "Office 2"); n.Paired || len(n.People) > 0 {
		t.Errorf("before they are paired one knows of the other %+v", n)
	}
	workshop.sees(t, 10*time.Second, front.machine)
	p.dial(t, "bob@"+front.neighbour(t, "Office 2").Host) // but rung as a stranger, which both allow
	q.wantState(t, "incoming")
	if who := q.text(t, "#call"); !strings.Contains(who, "Office 1, not paired") || strings.Contains(who, "Alice Doe") {
		t.Errorf("bob's page says of a stranger that %q calls", who)
	}
	q.click(t, "#answer")
	talk(t, p, q)
	p.hangUp(t)
	q.wantOver(t)
	pairMachines(t, front.machine, workshop.machine, "Office 2")
	lamps.wantLamp(t, "bob@office-2", "idle")

	const row = `#people-list [data-target="bob@office-2"] button`
	p.wantColleague(t, "bob@office-2", "idle")
	p.looks(t, "neighbours")
	p.click(t, row)
	q.wantState(t, "incoming")
	if who := q.text(t, "#call"); !strings.Contains(who, "Alice Doe") || !strings.Contains(who, "alice@office-1") {
		t.Errorf("bob's page says that %q calls", who)
	}
	q.looks(t, "neighbour-calls")
	lamps.wantLamp(t, "bob@office-2", "ringing")
	q.click(t, "#answer")
	talk(t, p, q)
	lamps.wantLamp(t, "bob@office-2", "busy")
	q.click(t, "#hold")
	wantNoTone(t, "alice on hold", p, toneBob)
	q.click(t, "#hold")
	talk(t, p, q)
	q.hangUp(t)
	p.wantOver(t)
	lamps.wantLamp(t, "bob@office-2", "idle")

	q.dial(t, "office-1") // rings its owner
	p.wantState(t, "incoming")
	p.click(t, "#answer")
	talk(t, p, q)
	p.hangUp(t)
	q.wantOver(t)

	// A third repeats word for word what the second announces, but has not its key.
	third := office.site(t, 3, bob)
	third.avahi(t)
	n := front.neighbour(t, "Office 2")
	start(t, "avahi-publish", third.machine.command("avahi-publish", "-s", "Office 2 ", "_cordboard._tcp", "8443",
		"version="+n.Version, "id="+n.ID, "name="+n.Name, "fingerprint="+n.Fingerprint))
	eventually(t, 20*time.Second, "the forged announcement", func() bool {
		return slices.Contains(front.neighbour(t, "Office 2").Addresses, third.addr())
	})
	workshop.kill() // without goodbye
	lamps.wantLamp(t, "bob@office-2", "unreachable")
	words := "The machine at " + third.addr() + ":8443 is not Office 2: it shows another certificate"
	front.wantLog(t, words)
	p.dial(t, "bob@office-2")
	p.wantOver(t)
	if n := front.neighbour(t, "Office 2"); !strings.HasPrefix(n.Trouble, words) || !n.Paired {
		t.Errorf("of the forged one is told: %+v", n)
	}
	if n := strings.Count(front.output(), words); n != 1 {
		t.Errorf("reported %d times, want once", n)
	}
	binary, _ := buildGateway()
	if out, err := exec.Command(binary, "pair", "--forget", "office-2", "--data", front.machine.data()).CombinedOutput(); err != nil {
		t.Errorf("forget: %v\n%s", err, out)
	}
	eventually(t, 10*time.Second, "no neighbour among the people", func() bool { return p.truth("!document.querySelector('#people-list [data-target]')") })
}
