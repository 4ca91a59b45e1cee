//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// encryptedPhones are phones that encrypt in each way, by number.
var encryptedPhones = map[string]string{"202": "srtp-mand", "203": "dtls_srtp", "204": "srtp"}

// encryptedOffice is an office with phones of which some encrypt, and these keys of its PBX.
func encryptedOffice(t *testing.T, media string, numbers ...string) (*office, map[string]*phone) {
	t.Helper()
	o := &office{pbx: startPBX(t, pbxOptions{Encrypted: true})}
	phones := make(map[string]*phone)
	for _, number := range numbers {
		phones[number] = startPhone(t, o.pbx, number, phoneOptions{Encryption: encryptedPhones[number]})
	}
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: pbxTable(o.pbx, "extension", "udp", media)})
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
	o.alice.wantHold(t, "remote") // baresip 1.0 may go on speaking, since its keys are put in force anew
	p.command(t, "resume", "")
	o.alice.wantHold(t, "")
	wantTone(t, "the page after a hold", o.alice, tonePhone)
	p.hangUp(t)
	o.alice.wantOver(t)
}

// Whatever a phone behind the PBX speaks, calls go both ways, and the page notices nothing.
func TestPhonesThatEncrypt(t *testing.T) {
	t.Parallel()
	o, phones := encryptedOffice(t, "", "201", "202", "203", "204")
	for _, tt := range [][2]string{{"202", "Encrypted phone (SDES)"}, {"203", "Encrypted phone (DTLS-SRTP)"}, {"204", "Opportunistic encryption (OSRTP)"}} {
		t.Run(encryptedPhones[tt[0]], func(t *testing.T) {
			proves(t, tt[1], page, desk)
			o.calls(t, phones[tt[0]])
			o.isCalled(t, phones[tt[0]])
		})
	}
	o.calls(t, phones["201"])
	if !strings.Contains(o.gateway.output(), "next profile") {
		t.Error("no phone refused what it was offered first")
	}
}

// What the configuration wants of a PBX is kept to: nothing weaker than the minimum is called, and keys that need not be used are used
// where they can be.
func TestMediaOfPBX(t *testing.T) {
	t.Parallel()
	proves(t, "Least encryption of a PBX", page, desk)
	o := &office{pbx: startPBX(t, pbxOptions{Encrypted: true})}
	phones := make(map[string]*phone)
	for _, number := range []string{"201", "202", "203", "204"} {
		phones[number] = startPhone(t, o.pbx, number, phoneOptions{Encryption: encryptedPhones[number]})
	}
	for _, tt := range []struct {
		media, minimum string
		calls, refused []string
	}{
		{"sdes", "", []string{"202"}, []string{"201"}},
		{"dtls", "sdes", []string{"203", "202"}, []string{"201"}},
		{"osrtp", "", []string{"204", "201"}, nil},
	} {
		t.Run(tt.media, func(t *testing.T) {
			more := fmt.Sprintf("media = %q\n", tt.media)
			if tt.minimum != "" {
				more += fmt.Sprintf("media_minimum = %q\n", tt.minimum)
			}
			o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: pbxTable(o.pbx, "extension", "udp", more)})
			o.alice = openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
			for _, number := range tt.calls {
				o.calls(t, phones[number])
			}
			for _, number := range tt.refused {
				o.alice.dial(t, number)
				o.alice.wantOver(t)
				phones[number].forget()
				phones[number].dial(t, "101")
				if e := phones[number].wantEvent(t, "CALL_CLOSED"); !strings.HasPrefix(e.Param, "488") {
					t.Errorf("a call in the clear ends with %q, want 488", e.Param)
				}
			}
		})
	}
	for _, number := range []string{"202", "204"} {
		if !strings.Contains(phones[number].output(), "SRTP is Enabled") {
			t.Errorf("%s has never encrypted", number)
		}
	}
}

// An encrypted call goes on after a crash of the gateway, with new keys on both sides.
func TestEncryptedCallSurvivesACrash(t *testing.T) {
	t.Parallel()
	proves(t, "Encrypted call survives a crash", page, desk)
	o, phones := encryptedOffice(t, "media = \"sdes\"\n", "202")
	p := phones["202"]
	o.alice.dial(t, "202")
	p.wantEvent(t, "CALL_INCOMING")
	p.answer(t)
	o.alice.wantState(t, "talking")
	wantTone(t, "the phone", p, toneAlice)
	wantTone(t, "the page", o.alice, tonePhone)
	o.gateway.wantNotOnDisk(t, o.alice.passwords(t), "m=audio")
	o.gateway.kill()
	o.alice.wantConnection(t, "lost")
	eventually(t, patience, "silence", func() bool { return !o.alice.heard(t).speaks(tonePhone) })
	o.gateway.start(t)
	o.alice.wantReady(t)
	wantTone(t, "the page after the crash", o.alice, tonePhone)
	o.alice.hangUp(t)
	p.wantEvent(t, "CALL_CLOSED")
}
