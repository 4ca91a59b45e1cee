//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// walledAddr is an address of this machine that no UDP comes from or gets to.
const walledAddr = "127.0.0.9"

// wall makes walledAddr, in a namespace. What leaves it is refused, as a firewall would.
func wall(t *testing.T) {
	t.Helper()
	for _, args := range []string{
		"address add " + walledAddr + "/32 dev lo",
		"rule add pref 100 lookup local",
		"rule del pref 0",
		"rule add pref 50 from " + walledAddr + " ipproto udp prohibit",
		"rule add pref 50 to " + walledAddr + " ipproto udp prohibit",
	} {
		if out, err := exec.Command(program(t, "ip"), strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
}

// startTURN runs coturn, which is reached by TCP alone, and gives it with what stands in a PBX's ice setting.
func startTURN(t *testing.T) (server *process, setting string) {
	t.Helper()
	listen := freePort(t)
	first, last := freeRange(t, 20)
	listen.release()
	server = start(t, "turnserver", exec.Command(program(t, "turnserver"), "-n", "--no-cli", "--no-udp", "--no-tls", "--no-dtls", "--verbose", "--log-file=stdout",
		"--pidfile="+t.TempDir()+"/pid", "--userdb="+t.TempDir()+"/db", "--realm=turn.example", "--lt-cred-mech", "--user=walled:over-the-top",
		"--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", fmt.Sprintf("--listening-port=%d", listen.number),
		fmt.Sprintf("--min-port=%d", first), fmt.Sprintf("--max-port=%d", last)))
	eventually(t, patience, "coturn's word that it listens", func() bool { return strings.Contains(server.output(), "TCP listener opened on : "+listen.addr()) })
	return server, "turn:walled:over-the-top@" + listen.addr() + "?transport=tcp"
}

// Where no UDP gets out, the media toward a PBX reached by WebSocket goes through a TURN server reached by TCP: in calls to it and from it.
func TestMediaByTURN(t *testing.T) {
	proves(t, "PBX by WebSocket, media by TURN (coturn)", desk, thisMachine)
	if !inNamespace(t) {
		return
	}
	wall(t)
	sound := deskSound(t)
	server, setting := startTURN(t)
	ca, engine, secure := newAuthority(t), startRTPEngine(t), freePort(t)
	cert, key := ca.leaf(t, "kamailio")
	secure.release()
	k := startPBX(t, pbxOptions{TLS: &pbxTLS{Addr: secure.addr(), Cert: cert, Key: key}, RTPEngine: engine.conn.RemoteAddr().String()})
	o := &office{pbx: k, phone: startPhone(t, k, "201", phoneOptions{})}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: withDesk, Media: walledAddr,
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s;transport=wss\"\npath = \"/sip\"\nca = %q\nice = [%q]\n", secure.addr(), ca.file, setting)})
	k.wantRegistered(t, "101", "201")
	o.deskAndPhone(t, openDesk(t, sound, o.gateway, alice), "101")
	if n := strings.Count(server.output(), "ALLOCATE processed, success"); n < 2 {
		t.Errorf("coturn relayed for %d calls, want 2:\n%s", n, server.output())
	}
}
