//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/store"
)

// hasTalked puts calls to numbers outside into a gateway's history, which have ended just now. The gateway must not run.
func (g *gateway) hasTalked(t *testing.T, talked map[string]time.Duration) {
	t.Helper()
	s, err := store.Open(filepath.Join(g.data, "cordboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	for user, d := range talked {
		if err := s.Add(t.Context(), call.Record{ID: "earlier-" + user, From: user, To: "200", Users: []string{user}, Direction: call.Out, Began: now.Add(-d), Answered: now.Add(-d), Ended: now,
			Status: 200}); err != nil {
			t.Fatal(err)
		}
	}
}

// The rules of [guard] as JsSIP hears them, for users and for all of them together: which numbers, how many calls at a time, and how long in a day. The
// PBX never sees a call that may not be.
func TestTollOfCalls(t *testing.T) {
	t.Parallel()
	proves(t, "Toll guard", jsSIP, sipTest)
	if now := time.Now(); now.Hour() == 0 && now.Minute() < 10 {
		t.Skip("NOT TESTED: the day is too young for anybody to have talked minutes in it")
	}
	site, pbx := openSite(t), freePort(t)
	log := startScenario(t, "phone.xml", pbx)
	carol := gatewayUser{Name: "carol", Display: "Carol Poe", Password: "carol-on-the-roof", Extension: "103"}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob},
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", pbx.addr()),
		Extra: forSite(site) + "[guard]\nallow = [\"0\", \"2\", \"3\"]\ndeny = [\"00\", \"0900\"]\ncalls = 1\nsite_deny = [\"0190\"]\nsite_calls = 2\nsite_minutes = 11\n" +
			fmt.Sprintf("[[user]]\nname = %q\npassword = %q\nextension = %q\nminutes = 2\n", carol.Name, carol.Password, carol.Extension)})
	g.stop()
	g.hasTalked(t, map[string]time.Duration{carol.Name: 114 * time.Second, "dave": 7 * time.Minute})
	g.start(t)
	browser := startBrowser(t, toneAlice, g.ca())
	open := func(user gatewayUser) *plainClient {
		return openClient(t, browser, site, "jssip", g.ws()+credentialQuery(user.Name, time.Now().Add(time.Hour)), user.Name, "")
	}
	a, b, c := open(alice), open(bob), open(carol)
	refused := func(c *plainClient, number, why string) {
		t.Helper()
		c.forget()
		c.do(t, "await phone.call('"+number+"')")
		c.wantNote(t, fmt.Sprintf("refusal Warning: 399 cordboard %q", why))
		c.wantNote(t, "rejected 403")
	}
	talks := func(c *plainClient, number string) {
		t.Helper()
		c.do(t, "await phone.call('"+number+"')")
		c.wantState(t, "talking")
		wantTone(t, "the client", c, toneAlice)
	}
	refused(a, "09001", "Calls to 0900… are not allowed for you")
	refused(a, "+49-1", "Calls to 00… are not allowed for you")
	refused(a, "4001", "Calls to 4001 are not allowed for you")
	refused(b, "01901", "Calls to 0190… are not allowed")
	talks(b, "200")
	talks(a, "300")
	a.do(t, "phone.keep()")
	refused(a, "201", "Only one call at a time is allowed for you")
	a.do(t, "phone.swap()")
	refused(c, "202", "All of the 2 calls that are allowed at a time are in use")
	b.do(t, "await phone.hangUp()")
	b.wantState(t, "ended")
	wantSaid(t, log, "200 is over")

	talks(c, "203")
	const usedUp = "The daily limit of 2 minutes is used up"
	c.wantNote(t, fmt.Sprintf("end Reason: SIP;cause=403;text=%q", usedUp))
	refused(c, "204", usedUp)
	wantTone(t, "the client whose minutes are not limited", a, toneAlice)

	text, err := os.ReadFile(g.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.config(), []byte(strings.Replace(string(text), "site_minutes = 11", "site_minutes = 9", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.signal(syscall.SIGHUP)
	const allUsedUp = "The daily limit of 9 minutes for all users is used up"
	a.wantNote(t, fmt.Sprintf("end Reason: SIP;cause=403;text=%q", allUsedUp)) // in its call
	refused(b, "205", allUsedUp)

	want := []string{"200 is over", "200 talks", "203 is over", "203 talks", "300 is over", "300 talks"}
	eventually(t, patience, "end of all calls", func() bool { return len(log()) >= len(want) })
	if got := slices.Sorted(slices.Values(log())); !slices.Equal(got, want) {
		t.Errorf("the PBX saw %q, want %q", got, want)
	}
}
