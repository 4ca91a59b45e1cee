//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

var pairCode = regexp.MustCompile(`(?m)^    (\d{3} \d{3})$`)

// pairing is a `cordboard pair` that waits for a word.
type pairing struct {
	*process
	say func(string)
}

// pairing runs `cordboard pair` until it shows its code, and gives that too.
func (g *gateway) pairing(t *testing.T, name string) (p pairing, code string) {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	cmd := exec.Command(binary, "pair", name, "--data", g.data)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.process = start(t, "cordboard pair", cmd)
	p.say = func(word string) { fmt.Fprintln(in, word) }
	eventually(t, 10*time.Second, "code of "+name, func() bool { return pairCode.MatchString(p.output()) })
	return p, pairCode.FindStringSubmatch(p.output())[1]
}

// pairGateways pairs two by the commands of their owners.
func pairGateways(t *testing.T, a, b *gateway, nameOfA string) {
	t.Helper()
	one, code := a.pairing(t, b.https.addr())
	other, same := b.pairing(t, nameOfA)
	if code != same {
		t.Fatalf("the machines show %q and %q", code, same)
	}
	one.say("y")
	other.say("yes")
	for _, p := range []pairing{one, other} {
		eventually(t, 10*time.Second, "paired", func() bool { return strings.Contains(p.output(), "Paired.") })
	}
}

// neighbourOf is what the API tells a user of the only neighbour.
func (s *session) neighbourOf(t *testing.T) map[string]any {
	t.Helper()
	code, body := s.get(t, "/api/v1/neighbours")
	list, _ := body["neighbours"].([]any)
	if code != http.StatusOK || len(list) == 0 {
		return nil
	}
	return list[0].(map[string]any)
}

// Two machines that were paired are one office: called by name, with lamps, and nothing for who is not paired.
func TestNeighbours(t *testing.T) {
	proves(t, "Neighbours: paired, called by name, lamps", page)
	front := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}})
	workshop := startGateway(t, gatewayOptions{Name: "Workshop", Users: []gatewayUser{bob}})
	p := openPage(t, startBrowser(t, toneAlice, front.ca()), front, alice)
	q := openPage(t, startBrowser(t, toneBob, workshop.ca()), workshop, bob)
	watcher := signIn(t, front, alice)
	lamps := watcher.events(t, "")

	p.dial(t, "bob@workshop") // who is not paired can't be called
	if words := p.wantOver(t); words == "" {
		t.Error("a call to who is not paired ends without a word")
	}
	pairGateways(t, front, workshop, "Front office")
	lamps.wantLamp(t, "bob@workshop", "idle")

	const row = `#people-list [data-target="bob@workshop"] button`
	p.wantColleague(t, "bob@workshop", "idle")
	p.click(t, row)
	q.wantState(t, "incoming")
	if peer := q.text(t, "#call-peer"); !strings.Contains(peer, "Alice Doe (Front office)") {
		t.Errorf("bob's page says that %q calls", peer)
	}
	lamps.wantLamp(t, "bob@workshop", "ringing")
	q.click(t, "#answer")
	talk(t, p, q)
	lamps.wantLamp(t, "bob@workshop", "busy")
	q.click(t, "#hold")
	wantNoTone(t, "alice on hold", p, toneBob)
	q.click(t, "#hold")
	talk(t, p, q)
	q.hangUp(t)
	p.wantOver(t)
	lamps.wantLamp(t, "bob@workshop", "idle")

	for _, target := range []string{"alice@front-office", "front-office", "101@front-office"} {
		q.dial(t, target)
		p.wantState(t, "incoming")
		p.click(t, "#answer")
		talk(t, p, q)
		p.hangUp(t)
		q.wantOver(t)
	}
	p.dial(t, "echo@workshop")
	p.wantState(t, "talking")
	wantTone(t, "alice", p, toneAlice)
	p.hangUp(t)

	workshop.kill() // without goodbye
	lamps.wantLamp(t, "bob@workshop", "unreachable")
	p.dial(t, "bob@workshop")
	if words := p.wantOver(t); !strings.Contains(words, "can't be reached") {
		t.Errorf("a call to a neighbour that is gone ends with %q", words)
	}
	// Another machine takes its place, with its name and address but not its key.
	startGateway(t, gatewayOptions{Name: "Workshop", Users: []gatewayUser{bob}, HTTPS: workshop.https})
	const words = "is not Workshop: it shows another certificate"
	front.wantLog(t, words)
	p.dial(t, "bob@workshop")
	p.wantOver(t)
	if n := strings.Count(front.output(), words); n != 1 {
		t.Errorf("reported %d times, want once", n)
	}
	if n := watcher.neighbourOf(t); n["here"] != false {
		t.Errorf("afterwards the neighbour is %v", n)
	}
	front.command(t, "pair", "--forget", "workshop")
	if n := watcher.neighbourOf(t); n != nil {
		t.Errorf("forgotten, it is still there: %v", n)
	}
}
