//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// obey is a word of scenarios.
func obey(first int) string {
	answer := func(direction string) string {
		return sendText("SIP/2.0 200 OK\n" + fmt.Sprintf(lastHeaders, "") + ourContact + described(direction))
	}
	direction := `<action>
    <ereg regexp="a=(send|inact)[a-z]*" search_in="body" assign_to="direction"/>
    <strcmp assign_to="differs" variable="direction" value="a=sendonly"/>
    <test assign_to="held" variable="differs" compare="equal" value="0"/>
    <strcmp assign_to="differs" variable="direction" value="a=inactive"/>
    <test assign_to="silent" variable="differs" compare="equal" value="0"/>
    <log message="[$number] %s [$direction]"/>
  </action>`
	change := func(label int, then string) string {
		return fmt.Sprintf(`  <label id="%d"/>
  <nop next="%[2]d" test="held"/>
  <nop next="%[2]d" test="silent"/>
%[3]s
  %[4]s
  <label id="%[2]d"/>
%[5]s
  %[4]s
`, label, label+1, answer("sendrecv"), then, answer("inactive"))
	}
	return fmt.Sprintf(`  <label id="%d"/>
  <recv request="INVITE" optional="true" next="%d">%s</recv>
  <recv request="UPDATE" optional="true" next="%d">%s</recv>
  <recv request="INFO" optional="true" next="%d"/>
  <recv request="BYE"/>
%s
  <nop next="90"><action><log message="[$number] is over"/></action></nop>
`, first, first+2, fmt.Sprintf(direction, "INVITE"), first+4, fmt.Sprintf(direction, "UPDATE"), first+6, answer("")) +
		change(first+2, fmt.Sprintf(`<recv request="ACK" next="%d"/>`, first)) + change(first+4, fmt.Sprintf(`<nop next="%d"/>`, first)) +
		fmt.Sprintf(`  <label id="%d"/>
`, first+6) + answer("")
}

// All ways to change a call, from both sides: holds of three kinds, offers that are asked for, UPDATE; whoever holds ends it again, and both are heard.
func TestChangesBothWays(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"6": "changes"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for number, kind := range map[string]string{"601": "sipjs", "602": "jssip"} {
		t.Run(kind, func(t *testing.T) {
			client := published[kind]
			for _, feature := range []string{"Hold of old (0.0.0.0)", "Hold and resume by the other side", "Offer asked for within a call"} {
				proves(t, feature, client, sipTest)
			}
			c := openClient(t, b, site, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			call := map[string]string{"sipjs": "await phone.call('601', [], false, { inviteWithoutSdp: true })", "jssip": "await phone.call('602')"}[kind]
			if kind == "sipjs" {
				proves(t, "Calling without an offer", client, sipTest)
			} else {
				proves(t, "UPDATE with an offer", client, sipTest)
			}
			c.do(t, call)
			c.wantState(t, "talking")
			hears := func() { t.Helper(); wantTone(t, "the client", c, toneAlice) }
			silent := func() { t.Helper(); wantNoTone(t, "the client", c, toneAlice) }
			changes := 0
			told := func() {
				t.Helper()
				changes++
				c.do(t, "await phone.tell('next')")
				wantSaid(t, at["6"].log, fmt.Sprint(number, " change ", changes))
			}
			hears()
			for _, held := range []string{"inactive", "recvonly"} { // by inactive, and by zeros
				told()
				silent()
				if !c.truth(fmt.Sprintf("window.pc.getTransceivers()[0].currentDirection === %q", held)) {
					t.Errorf("the client that is held sends, want %s", held)
				}
				told()
				hears()
			}
			told() // the browser is asked for an offer
			hears()
			told() // by UPDATE, which SIP.js does not take, so that it gets INVITE
			silent()
			told()
			hears()
			if n := c.count("UPDATE"); kind == "jssip" && n != 2 {
				t.Errorf("JsSIP got %d UPDATEs, want 2", n)
			}
			holds := func(how string) {
				t.Helper()
				c.do(t, "await phone.hold(true, "+how+")")
				silent()
				c.do(t, "await phone.hold(false, "+how+")")
				hears()
			}
			holds("undefined")
			if kind == "sipjs" {
				holds("'inactive'")
				wantSaid(t, at["6"].log, "601 INVITE a=inactive")
				c.do(t, "await phone.ask()")
				hears()
			} else {
				holds("true")
				wantSaid(t, at["6"].log, "602 UPDATE a=sendonly")
				wantSaid(t, at["6"].log, "602 UPDATE a=sendrecv")
			}
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, at["6"].log, number+" is over")
			c.do(t, "await phone.stop()")
		})
	}
}

// count is how many of the client's notes begin with a word.
func (c *plainClient) count(word string) (n int) {
	for _, line := range c.lines() {
		if strings.Contains(line, ": "+word) {
			n++
		}
	}
	return n
}

// The browser and the phone hold each other, and whoever resumes first is still held by the other one. A phone that takes its hold back by asking for an
// offer is heard and hears too.
func TestBothHold(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	at, tables := startPhones(t, map[string]string{"6": "holds"})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: tables, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for number, kind := range map[string]string{"601": "sipjs", "602": "jssip"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Both hold", published[kind], sipTest)
			proves(t, "Hold that ends by asking for an offer", published[kind], sipTest)
			c := openClient(t, b, site, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			c.do(t, "await phone.call('"+number+"')")
			c.wantState(t, "talking")
			changes := 0
			told := func() {
				t.Helper()
				changes++
				c.do(t, "await phone.tell('next')")
				wantSaid(t, at["6"].log, fmt.Sprint(number, " change ", changes))
			}
			holds := func(on bool) { t.Helper(); c.do(t, fmt.Sprintf("await phone.hold(%v)", on)) }
			hears := func() { t.Helper(); wantTone(t, "the client", c, toneAlice) }
			silent := func(why string) { t.Helper(); wantNoTone(t, "the client, while "+why, c, toneAlice) }
			hears()
			holds(true)
			told()
			silent("both hold")
			holds(false)
			silent("the phone holds")
			told()
			hears()
			told()
			holds(true)
			silent("both hold")
			told()
			silent("it holds")
			if !c.truth("window.pc.getTransceivers()[0].currentDirection === 'sendonly'") { // what the phone says would be heard, else
				t.Error("who holds would hear what the phone says")
			}
			holds(false)
			hears()
			holds(true)
			told()
			holds(false)
			silent("the phone holds")
			told() // by asking for an offer
			hears()
			told()
			silent("the phone holds")
			told() // by asking for an offer
			hears()
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			wantSaid(t, at["6"].log, number+" is over")
			c.do(t, "await phone.stop()")
		})
	}
}
