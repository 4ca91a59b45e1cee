//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// lan is a bridge in the test's own namespace, to which machines are joined.
type lan struct{ bridge, net string }

// lanNet is the network of a lan; its machines have the numbers from 1. labNet is that of another.
const (
	lanNet = "10.214.0."
	labNet = "10.215.0."
)

// newLAN makes a bridge; run it in a namespace of the test.
func newLAN(t *testing.T) *lan { return makeLAN(t, "office0", lanNet) }

func makeLAN(t *testing.T, bridge, net string) *lan {
	t.Helper()
	l := &lan{bridge, net}
	// Snooping would keep multicast from ports until a querier that nobody has made asks for members.
	// Addresses that come by themselves would have Chromium, which runs here, break off what it loads.
	shell(t, nil, "ip link add "+l.bridge+" type bridge mcast_snooping 0 && ip link set "+l.bridge+" addrgenmode none && ip address add "+l.net+"254/24 dev "+l.bridge+" && ip link set "+l.bridge+" up")
	return l
}

// shell runs a command line, in a machine or, without one, in the test's namespace.
func shell(t *testing.T, m *machine, line string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; "+line)
	if m != nil {
		cmd = m.command("sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; "+line)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// machine is a namespace with a network, a name and a /run of its own.
type machine struct {
	lan    *lan
	number int
	pid    int
	dir    string
	env    []string // more of its programs' environment
}

// machine makes one with only loopback; plug joins it to the lan.
func (l *lan) machine(t *testing.T, number int) *machine {
	t.Helper()
	m := &machine{lan: l, number: number, dir: t.TempDir()}
	ready := filepath.Join(m.dir, "ready")
	script := "PATH=$PATH:/usr/sbin:/sbin; hostname " + m.name() + " && ip link set lo up && mount -t tmpfs none /run && touch " + ready + " && exec sleep 600"
	p := start(t, m.name(), exec.Command(program(t, "unshare"), "--net", "--uts", "--mount", "sh", "-c", script))
	m.pid = p.cmd.Process.Pid
	eventually(t, 10*time.Second, "namespaces of "+m.name(), func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	return m
}

func (m *machine) name() string { return fmt.Sprintf("box%d", m.number) }
func (m *machine) addr() string { return m.on(m.lan) }

// on is the machine's address on a lan.
func (m *machine) on(l *lan) string { return fmt.Sprint(l.net, m.number) }

// cardMark begins the address of each machine's network card, and its number ends it.
var cardMark = [5]byte{2}

// plug joins the machine to the lan, as often as it was unplugged, always with the same card. It may be set up otherwise, as with "multicast off".
func (m *machine) plug(t *testing.T, set ...string) {
	t.Helper()
	m.join(t, m.lan, "eth0", set...)
}

// join plugs a card of the machine into a lan.
func (m *machine) join(t *testing.T, l *lan, card string, set ...string) {
	t.Helper()
	port := fmt.Sprintf("port%d", m.number)
	if l != m.lan {
		port = l.bridge + "-" + port
	}
	shell(t, nil, fmt.Sprintf("ip link add %[1]s type veth peer name %[2]s address %02[3]x:00:00:00:00:%02[4]x netns %[5]d && ip link set %[1]s addrgenmode none && ip link set %[1]s master %[6]s up",
		port, card, cardMark[0], m.number, m.pid, l.bridge))
	shell(t, m, "ip address add "+m.on(l)+"/24 dev "+card+" && ip link set "+card+" "+strings.Join(append(set, "up"), " "))
}

// unplug takes the machine's interface away.
func (m *machine) unplug(t *testing.T) {
	t.Helper()
	shell(t, nil, fmt.Sprintf("ip link del port%d", m.number))
}

// command is one that runs in the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(m.pid), "-n", "-u", "-m", "--"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+m.dir, "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+m.bus())
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

// board starts a Cordboard in the machine, with more of a configuration. It is there when its control socket answers.
func (m *machine) board(t *testing.T, config string) *process {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	data := m.data()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("name = \"Office %d\"\n%s", m.number, config)
	if err := os.WriteFile(filepath.Join(data, "cordboard.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "cordboard-"+m.name(), m.command(binary, "serve", "--data", data))
	t.Cleanup(func() { wantCleanLog(t, p.output()) })
	eventually(t, 20*time.Second, "answer of the Cordboard of "+m.name(), func() bool {
		return p.running() && m.ask("status", nil) == nil
	})
	return p
}

func (m *machine) data() string { return filepath.Join(m.dir, "data") }

// ask gets an answer of the API by the control socket.
func (m *machine) ask(path string, out any) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(m.data(), "cordboard.sock"))
	}}}
	answer, err := client.Get("http://cordboard/api/v1/" + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// neighbours lists the names and first addresses of the Cordboards that the machine's Cordboard sees.
func (m *machine) neighbours() string { return m.heard(time.Time{}) }

// heard is neighbours without those that were heard of last before a time.
func (m *machine) heard(since time.Time) string {
	var got struct{ Neighbours []call.NeighbourState }
	if err := m.ask("neighbours", &got); err != nil {
		return err.Error()
	}
	var all []string
	for _, n := range got.Neighbours {
		if since.IsZero() || n.Seen >= since.UnixMilli() {
			all = append(all, n.Name+"@"+n.Addresses[0])
		}
	}
	return strings.Join(all, ", ")
}

// listOf is what neighbours gives where these are seen.
func listOf(machines []*machine) string {
	var all []string
	for _, m := range machines {
		all = append(all, fmt.Sprintf("Office %d@%s", m.number, m.addr()))
	}
	return strings.Join(all, ", ")
}

// sees waits until the machine's Cordboard sees these machines and no other.
func (m *machine) sees(t *testing.T, limit time.Duration, others ...*machine) {
	t.Helper()
	want, begun := listOf(others), time.Now()
	if !within(limit, func() bool { return m.neighbours() == want }) {
		t.Fatalf("%s sees %q, want %q", m.name(), m.neighbours(), want)
	}
	t.Logf("%s sees %q after %v", m.name(), want, time.Since(begun).Round(10*time.Millisecond))
}

// bus is the address of the machine's own D-Bus.
func (m *machine) bus() string { return filepath.Join(m.dir, "bus") }

// avahi starts Avahi in the machine, on a D-Bus of its own.
func (m *machine) avahi(t *testing.T) *process {
	t.Helper()
	start(t, "dbus-"+m.name(), m.command(program(t, "dbus-daemon"), "--session", "--nofork", "--nopidfile", "--address=unix:path="+m.bus()))
	eventually(t, 10*time.Second, "D-Bus", func() bool {
		c, err := net.Dial("unix", m.bus())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	config := filepath.Join(m.dir, "avahi.conf")
	if err := os.WriteFile(config, []byte("[server]\nhost-name="+m.name()+"\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=eth0\n[publish]\npublish-workstation=no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := program(t, "avahi-daemon", "/usr/sbin/avahi-daemon")
	p := start(t, "avahi-"+m.name(), m.command(daemon, "--no-drop-root", "--no-chroot", "--no-rlimits", "--debug", "-f", config))
	eventually(t, 10*time.Second, "start of Avahi", func() bool { return strings.Contains(p.output(), "Server startup complete") })
	return p
}
