//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usesServer says whether the PBX's server in use, as the log has it, is at addr.
func (g *gateway) usesServer(addr string) (uses bool) {
	for line := range strings.Lines(g.output()) {
		if strings.Contains(line, "PBX reachable") || strings.Contains(line, "PBX server changed") {
			uses = strings.Contains(line, " server=udp:"+addr)
		}
	}
	return uses
}

// A call goes on at the PBX's second server, and the browser sees one call, when the first says that it is out of service, when it says nothing, and when
// it dies with the call in its hands. When the first is well again calls go there.
func TestServersThatFail(t *testing.T) {
	t.Parallel()
	proves(t, "Next server of a PBX", jsSIP, sipJS, desk, sipTest)
	site, ours, second := openSite(t), freePort(t), freePort(t)
	first := startPBX(t, pbxOptions{PeerPort: ours.number})
	phone := startPhone(t, first, "201", phoneOptions{})
	log := startScenario(t, "phone.xml", second)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, SIP: ours, PBX: pbxTable(first, "peer", "udp", fmt.Sprintf("backup = [%q]\n", second.addr())), Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	open := func(kind string) *plainClient {
		return openClient(t, b, site, kind, g.ws()+credentialQuery(alice.Name, time.Now().Add(time.Hour)), alice.Name, "")
	}
	c, other := open("jssip"), open("sipjs")
	firstInUse := func() {
		t.Helper()
		eventually(t, 20*time.Second, "return to the first server", func() bool { return g.usesServer(first.addr()) })
	}
	atFirst := func() {
		t.Helper()
		firstInUse()
		c.do(t, "await phone.call('201')")
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		c.talksWith(t, phone)
		phone.hangUp(t)
		c.wantState(t, "ended")
	}
	atFirst()
	// calls has the second server, which sends back what it hears, take the call to a number; meanwhile happens after the call has begun.
	calls := func(c *plainClient, number string, meanwhile func()) {
		t.Helper()
		c.forget()
		before := len(log())
		c.do(t, "await phone.call('"+number+"')")
		meanwhile()
		eventually(t, 30*time.Second, "call at the second server", func() bool { return c.truth(`window.state === "talking"`) })
		wantTone(t, "the client", c, toneAlice)
		c.do(t, "await phone.hangUp()")
		wantSaid(t, func() []string { return log()[before:] }, number+" is over")
		if got := log()[before:]; !slices.Equal(got, []string{number + " talks", number + " is over"}) {
			t.Errorf("the second server says %q, want one call to %s", got, number)
		}
		c.wantState(t, "ended")
		if lines := c.lines(); said(lines, "rejected") || strings.Count(strings.Join(lines, "\n"), "call talking") != 1 {
			t.Errorf("the client saw %q, want one call", lines)
		}
	}

	calls(c, "9503", func() {})
	firstInUse()

	phone.startOver()
	syscall.Kill(-first.cmd.Process.Pid, syscall.SIGSTOP)
	calls(other, "201", func() {})
	syscall.Kill(-first.cmd.Process.Pid, syscall.SIGCONT)
	phone.wantEvent(t, "CALL_CLOSED") // the call that came late was taken back
	firstInUse()

	phone.kill() // nobody answers for it, so the first server knows no more than that it tries
	before := len(first.output())
	calls(c, "201", func() {
		eventually(t, patience, "call at the first server", func() bool { return strings.Contains(first.output()[before:], "INVITE sip:201@") })
		first.kill()
	})
	first.start(t)
	phone = startPhone(t, first, "201", phoneOptions{})
	atFirst()
}
