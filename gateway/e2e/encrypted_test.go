//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// encryptedPhones are phones that encrypt in each way, by number.
var encryptedPhones = map[string]string{"202": "srtp-mand", "203": "dtls_srtp", "204": "srtp"}

// encryptedOffice is an office with a phone in the clear, 201, and some that encrypt.
func encryptedOffice(t *testing.T, media string, numbers ...string) (*office, map[string]*phone) {
	t.Helper()
	o := &office{pbx: startPBX(t, pbxOptions{Encrypted: true})}
	phones := make(map[string]*phone)
	for _, number := range numbers {
		phones[number] = startPhone(t, o.pbx, number, phoneOptions{Encryption: encryptedPhones[number]})
	}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: pbxTable(o.pbx, "extension", "udp", fmt.Sprintf("media = %q\n", media))})
	o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
	o.pbx.wantRegistered(t, "101")
	return o, phones
}

// calls has the page call a phone, hold and go on, and end the call.
func (o *office) calls(t *testing.T, p *phone) {
	t.Helper()
	p.startOver()
	o.alice.dial(t, p.number)
	p.wantEvent(t, "CALL_INCOMING")
	p.answer(t)
	o.alice.wantState(t, "talking")
	p.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", p, toneAlice)
	wantTone(t, "the page", o.alice, tonePhone)
	o.alice.click(t, "#hold")
	o.alice.wantHold(t, "local")
	wantNoTone(t, "the page that holds", o.alice, tonePhone)
	o.alice.click(t, "#hold")
	o.alice.wantHold(t, "")
	wantTone(t, "the page after its hold", o.alice, tonePhone)
	o.alice.hangUp(t)
	p.wantEvent(t, "CALL_CLOSED")
}

// isCalled has a phone call the page, hold and go on, and end the call.
func (o *office) isCalled(t *testing.T, p *phone) {
	t.Helper()
	p.startOver()
	p.dial(t, "101")
	o.alice.wantState(t, "incoming")
	o.alice.click(t, "#answer")
	o.alice.wantState(t, "talking")
	wantTone(t, "the phone", p, toneAlice)
	wantTone(t, "the page", o.alice, tonePhone)
	p.command(t, "hold", "")
	o.alice.wantHold(t, "remote")
	wantNoTone(t, "the page on hold", o.alice, tonePhone)
	p.command(t, "resume", "")
	o.alice.wantHold(t, "")
	wantTone(t, "the page after a hold", o.alice, tonePhone)
	p.hangUp(t)
	o.alice.wantOver(t)
}

// Whatever a phone behind the PBX speaks, calls go both ways, and the page notices nothing.
func TestPhonesThatEncrypt(t *testing.T) {
	o, phones := encryptedOffice(t, "rtp", "201", "202", "203", "204")
	for number, feature := range map[string]string{"202": "Encrypted phone (SDES)", "203": "Encrypted phone (DTLS-SRTP)", "204": "Opportunistic encryption (OSRTP)"} {
		t.Run(encryptedPhones[number], func(t *testing.T) {
			proves(t, feature, page, desk)
			o.calls(t, phones[number])
			o.isCalled(t, phones[number])
		})
	}
	o.calls(t, phones["201"])
	if !strings.Contains(o.gateway.output(), "next profile") {
		t.Error("no phone refused what it was offered first")
	}
}
