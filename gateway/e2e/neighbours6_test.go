//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// lan6Net is a network of unique local addresses (RFC 4193).
const lan6Net = "fd42:c0db:a4d::"

// Two machines that have unique local addresses of IPv6 and no others find each other, are paired, and their phones call each other.
func TestNeighboursIPv6(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "only root can join namespaces by a bridge")
	}
	program(t, "nsenter")
	program(t, "pulseaudio")
	proves(t, "Neighbours with IPv6 alone: paired, called by name", thisMachine)
	if !inNamespace(t) {
		return
	}
	l := &lan{"office6", lan6Net}
	shell(t, nil, "ip link add office6 type bridge mcast_snooping 0 && ip link set office6 addrgenmode none && ip link set office6 up")
	front, workshop := l.only6(t, 1), l.only6(t, 2)
	tones := map[*machine]float64{front: toneDesk, workshop: tonePhone}
	ears := map[*machine]*tape{}
	for m, user := range map[*machine]gatewayUser{front: alice, workshop: bob} {
		p := m.withHeadset(t, tones[m])
		ears[m] = p.record("loudspeaker.monitor")
		m.board(t, fmt.Sprintf("%s\n[[user]]\nname = %q\ndisplay = %q\npassword = %q\nextension = %q\nadmin = true\n", withDesk, user.Name, user.Display, user.Password, user.Extension))
	}
	front.sees(t, 20*time.Second, workshop)
	workshop.sees(t, 20*time.Second, front)
	pairMachines(t, front, workshop, "Office 2")

	binary, err := buildGateway()
	if err != nil {
		t.Fatal(err)
	}
	caller := start(t, "cordboard call", exec.Command(binary, "call", "desk@office-2", "--data", front.data()))
	workshop.phone(t, caller, "incoming call", func(c call.DeskCall) bool { return c.Direction == "in" && c.State == call.Ringing }, "answer")
	wantTone(t, "the workshop", ears[workshop], tones[front])
	wantTone(t, "the front", ears[front], tones[workshop])
	workshop.phone(t, caller, "call that is answered", func(c call.DeskCall) bool { return c.State == call.Talking }, "hangup")
	select {
	case <-caller.done:
	case <-time.After(patience):
		t.Errorf("the caller's command goes on:\n%s", caller.output())
	}
}

// only6 is a machine of the lan that has an address of IPv6 there and none of IPv4.
func (l *lan) only6(t *testing.T, number int) *machine {
	t.Helper()
	m := l.machine(t, number)
	shell(t, nil, fmt.Sprintf("ip link add port%[1]d type veth peer name eth0 netns %[2]d && ip link set port%[1]d addrgenmode none && ip link set port%[1]d master %[3]s up", number, m.pid, l.bridge))
	shell(t, m, "ip address add "+m.addr()+"/64 dev eth0 nodad && ip link set eth0 up")
	return m
}

// phone waits until the machine's phone has a call like that, and does something to it.
func (m *machine) phone(t *testing.T, caller *process, what string, like func(call.DeskCall) bool, verb string) {
	t.Helper()
	var state struct{ Calls []call.DeskCall }
	id := ""
	if !within(patience, func() bool {
		if m.ask("desk", &state) != nil {
			return false
		}
		for _, c := range state.Calls {
			if like(c) {
				id = c.ID
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no %s at %s: %+v\n%s", what, m.name(), state, caller.output())
	}
	if code, said := m.tell(t, "desk/calls/"+id+"/"+verb, map[string]any{}); code/100 != 2 {
		t.Fatalf("%s: %d %s", verb, code, said)
	}
}

// tell posts to the API by the control socket.
func (m *machine) tell(t *testing.T, path string, what any) (code int, said string) {
	t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(m.data(), "cordboard.sock"))
	}}}
	answer, err := client.Post("http://cordboard/api/v1/"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}
