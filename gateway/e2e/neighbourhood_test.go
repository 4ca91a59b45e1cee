//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
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

// site starts a Cordboard in a machine of the lan, whose page can be opened, with more of a configuration.
func (l *lan) site(t *testing.T, number int, user gatewayUser, config string) *site {
	t.Helper()
	m := l.machine(t, number)
	m.plug(t)
	return m.site(t, user, config)
}

// site is the machine with a Cordboard.
func (m *machine) site(t *testing.T, user gatewayUser, config string) *site {
	t.Helper()
	p := m.board(t, fmt.Sprintf("[log]\nlevel = \"debug\"\n%s\n[[user]]\nname = %q\ndisplay = %q\npassword = %q\nextension = %q\nadmin = true\n", config, user.Name, user.Display, user.Password, user.Extension))
	return &site{m, &gateway{process: p, dir: m.dir, data: m.data(), https: &port{number: 8443}, host: m.addr()}, user}
}

// withHeadset gives the machine a sound system whose microphone hears a tone.
func (m *machine) withHeadset(t *testing.T, tone float64) *pulse {
	t.Helper()
	p := startPulse(t)
	m.env = p.env()
	p.sink("bell")
	p.plug()
	p.voice.stop()
	p.voice = p.play("microphone_feed", tone)
	return p
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

// strangersMay has machines that are not paired ring each other.
const strangersMay = "[discovery]\nstrangers = true\n"

// The user of the third machine, which has no page open.
var carol = gatewayUser{"carol", "Carol Coe", "carol-in-the-attic", "103", ""}

// neighbourhood are three Cordboards on a network, with a page at the first, page and headset at the second, and a headset at the third.
type neighbourhood struct {
	lan                    *lan
	ear                    *ear
	front, workshop, attic *site
	p, q                   *tab       // of front and workshop
	shop, loft             *deskPhone // of workshop and attic
	lamps                  map[*site]*stream
}

// newNeighbourhood makes one, of which nobody is paired. Only the first two let strangers ring.
func newNeighbourhood(t *testing.T) *neighbourhood {
	t.Helper()
	n := &neighbourhood{lan: newLAN(t)}
	n.ear = listenMDNS(t, n.lan)
	second, third := n.lan.machine(t, 2), n.lan.machine(t, 3)
	second.plug(t)
	third.plug(t)
	below, above := second.withHeadset(t, toneDesk), third.withHeadset(t, tonePhone)
	n.front = n.lan.site(t, 1, alice, strangersMay)
	n.workshop, n.attic = second.site(t, bob, strangersMay+withDesk), third.site(t, carol, withDesk)
	n.ear.meet(t, time.Time{}, n.front.machine, second, third)
	n.p = openPage(t, startBrowser(t, toneAlice, n.front.ca()), n.front.gateway, alice)
	n.q = openPage(t, startBrowser(t, toneBob, n.workshop.ca()), n.workshop.gateway, bob)
	n.shop, n.loft = openDesk(t, below, n.workshop.gateway, bob), openDesk(t, above, n.attic.gateway, carol)
	n.lamps = map[*site]*stream{n.workshop: n.shop.events(t, "bob"), n.attic: n.loft.events(t, ""), n.front: signIn(t, n.front.gateway, alice).events(t, "")}
	return n
}

// pairAll makes one office of all three.
func (n *neighbourhood) pairAll(t *testing.T) {
	t.Helper()
	for _, two := range [][2]*site{{n.front, n.workshop}, {n.workshop, n.attic}, {n.front, n.attic}} {
		pairMachines(t, two[0].machine, two[1].machine, fmt.Sprint("Office ", two[1].number))
	}
	for s, lamps := range n.lamps {
		for _, other := range []*site{n.front, n.workshop, n.attic} {
			if other != s {
				lamps.wantLamp(t, fmt.Sprintf("%s@office-%d", other.user.Name, other.number), "idle")
			}
		}
	}
}

// wantBob waits until bob's lamp has gone through a state at all three.
func (n *neighbourhood) wantBob(t *testing.T, state string) {
	t.Helper()
	n.lamps[n.workshop].wantLamp(t, "bob", state)
	n.lamps[n.front].wantLamp(t, "bob@office-2", state)
	n.lamps[n.attic].wantLamp(t, "bob@office-2", state)
}
