//go:build e2e

package e2e

import (
	"fmt"
	"testing"
)

// Two PBXs, each with a phone: the number says where a call goes, and the second takes over what both have.
func TestRoutes(t *testing.T) {
	t.Parallel()
	proves(t, "Several PBXs by prefix", page, desk)
	one, two := startPBX(t, pbxOptions{}), startPBX(t, pbxOptions{})
	first := startPhone(t, one, "201", phoneOptions{})
	second := startPhone(t, two, "202", phoneOptions{Tone: tonePhone2})
	user := alice
	user.Extension, user.PBXPassword = "501", ""
	table := func(name string, k *pbx, more string) string {
		return fmt.Sprintf("[[pbx]]\nname = %q\nuri = \"sip:%s\"\nmode = \"trunk\"\nusername = \"trunk\"\npassword = %q\n%s\n",
			name, k.listen.addr(), pbxPassword("trunk"), more)
	}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{user},
		PBX: table("one", one, "prefixes = [\"7\"]\nstrip = true") + table("two", two, "prefixes = [\"0\", \"7\"]\nstrip = true")})
	one.wantRegistered(t, "trunk")
	two.wantRegistered(t, "trunk")
	page := openPage(t, startBrowser(t, toneAlice, g.ca()), g, user)

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
