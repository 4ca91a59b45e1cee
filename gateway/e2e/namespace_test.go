//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// The address and the network of a namespace: private ones, for which the local CA may speak.
const (
	spaceAddr = "10.213.0.2"
	spaceNet  = "10.213.0.2/24"
	spaceGate = "10.213.0.1"
)

// spaceVariable says to a test binary that it runs in a namespace, by the name of the test.
const spaceVariable = "CORDBOARD_E2E_NAMESPACE"

// spaceScript makes the network of a namespace and runs a command in it. Nothing leaves it: the default route leads to the
// other end of a cable that nobody answers at.
const spaceScript = `set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip link add cable type veth peer name end
ip address add ` + spaceNet + ` dev cable
ip link set cable up
ip link set end up
ip route add default via ` + spaceGate + `
exec "$@"`

// inNamespace runs a test in a network namespace of its own, where the machine has the address spaceAddr beside loopback,
// and a default route; what it mounts nobody else sees. It says true there; outside it waits for the test to end there, and says false.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(spaceVariable) == t.Name() {
		return true
	}
	wantPageBuilt(t)
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("find the test's own binary: %v", err)
	}
	program(t, "ip")
	args := []string{"--net", "--mount", "sh", "-c", spaceScript, "sh", self, "-test.run", "^" + t.Name() + "$", "-test.v", "-test.count=1", "-test.timeout=5m"}
	if os.Geteuid() != 0 {
		args = append([]string{"--map-root-user"}, args...)
	}
	cmd := exec.Command(program(t, "unshare"), args...)
	cmd.Env = append(os.Environ(), spaceVariable+"="+t.Name(), "CORDBOARD_E2E_BINARY="+binary, "CORDBOARD_FEATURES=")
	p := start(t, "namespace", cmd)
	<-p.done
	if p.err != nil {
		t.Errorf("in a namespace: %v\n%s", p.err, p.output())
	} else if testing.Verbose() {
		t.Logf("in a namespace:\n%s", p.output())
	}
	return false
}
