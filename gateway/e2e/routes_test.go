//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Two PBXs, each with a phone: the number or the domain says where a call goes, and the second takes over what both have. The first one
// is to be called by a way that its registrar names, and refuses who comes by another.
func TestRoutes(t *testing.T) {
	t.Parallel()
	proves(t, "Several PBXs by prefix", page, jsSIP, sipJS, desk)
	proves(t, "Several PBXs by domain", jsSIP, sipJS, desk)
	proves(t, "Service-Route (RFC 3608)", page, jsSIP, sipJS, desk)
	one, two := startPBX(t, pbxOptions{ServiceRoute: true}), startPBX(t, pbxOptions{})
	first := startPhone(t, one, "201", phoneOptions{})
	second := startPhone(t, two, "202", phoneOptions{Tone: tonePhone2})
	user := alice
	user.Extension, user.PBXPassword = "501", ""
	table := func(name string, k *pbx, more string) string {
		return fmt.Sprintf("[[pbx]]\nname = %q\nuri = \"sip:%s\"\nmode = \"trunk\"\nusername = \"trunk\"\npassword = %q\n%s\n",
			name, k.listen.addr(), pbxPassword("trunk"), more)
	}
	site := openSite(t)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{user}, Extra: forSite(site),
		PBX: table("one", one, "prefixes = [\"7\"]\nstrip = true\ndomains = [\"city.example\"]") +
			table("two", two, "prefixes = [\"0\", \"7\"]\nstrip = true\ndomains = [\"sales.example\"]")})
	one.wantRegistered(t, "trunk")
	two.wantRegistered(t, "trunk")
	browser := startBrowser(t, toneAlice, g.ca())
	for _, kind := range []string{"jssip", "sipjs"} {
		c := openClient(t, browser, site, kind, g.ws()+credentialQuery(user.Name, time.Now().Add(time.Hour)), user.Name, "")
		for _, tt := range []struct {
			target string
			phone  *phone
			tone   float64
		}{
			{"sip:201@city.example", first, tonePhone}, {"sip:202@sales.example", second, tonePhone2},
			{"7201", first, tonePhone}, {"0202", second, tonePhone2},
		} {
			tt.phone.startOver()
			c.do(t, fmt.Sprintf("await phone.call(%q)", tt.target))
			tt.phone.wantEvent(t, "CALL_INCOMING")
			tt.phone.answer(t)
			c.wantState(t, "talking")
			wantTone(t, "the phone", tt.phone, toneAlice)
			wantTone(t, kind, c, tt.tone)
			c.do(t, "await phone.hangUp()")
			tt.phone.wantEvent(t, "CALL_CLOSED")
			c.wantState(t, "ended")
		}
		c.forget()
		c.do(t, "phone.call('sip:201@elsewhere.example')")
		c.wantNote(t, "rejected 4")
		c.do(t, "await phone.stop()")
	}
	if strings.Contains(one.output()+two.output(), "elsewhere.example") {
		t.Error("a PBX got a call to a domain that is not its own")
	}
	page := openPage(t, browser, g, user)

	calls := func(number string, p *phone, tone float64) {
		t.Helper()
		p.startOver()
		page.dial(t, number)
		p.wantEvent(t, "CALL_INCOMING")
		p.answer(t)
		page.wantState(t, "talking")
		wantTone(t, "the phone", p, toneAlice)
		wantTone(t, "the page", page, tone)
		page.hangUp(t)
		p.wantEvent(t, "CALL_CLOSED")
	}
	calls("201", first, tonePhone)
	calls("7201", first, tonePhone)
	calls("0202", second, tonePhone2)
	for p, tone := range map[*phone]float64{first: tonePhone, second: tonePhone2} {
		p.startOver()
		p.dial(t, "501")
		page.wantState(t, "incoming")
		page.click(t, "#answer")
		page.wantState(t, "talking")
		wantTone(t, "the phone", p, toneAlice)
		wantTone(t, "the page", page, tone)
		p.hangUp(t)
		page.wantOver(t)
	}

	one.kill()
	calls("7202", second, tonePhone2)
}
