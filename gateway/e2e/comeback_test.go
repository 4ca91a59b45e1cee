//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What SIP.js and JsSIP watch goes on down their next connection after they lost one: they are told how things are then and what changes later,
// although they do not ask again, and the PBX is not asked again either. A call goes on all the while, and can be ended afterwards.
func TestSubscriptionsComeBack(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	k := startPBX(t, pbxOptions{Presence: true})
	one := startPhone(t, k, "201", phoneOptions{})
	two := startPhone(t, k, "202", phoneOptions{Tone: tonePhone2})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k), Extra: forSite(site)})
	k.wantRegistered(t, "101", "102")
	browser := startBrowser(t, toneAlice, g.ca())
	for kind, user := range map[string]gatewayUser{"sipjs": alice, "jssip": bob} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Subscriptions go on after a lost connection", published[kind])
			w := layWire(t, g)
			c := openClient(t, browser, site, kind, fmt.Sprintf("wss://localhost:%d/ws", w.port())+credentialQuery(user.Name, time.Now().Add(time.Hour)), user.Name, "")
			k.tellVoicemail(t, user.Extension, "1/0 (0/0)")
			c.do(t, "await phone.subscribe('202', 'dialog')")
			c.wantNote(t, "dialog of 202: ", `entity="sip:202@office.example"`)
			c.do(t, "await phone.subscribe('"+user.Name+"', 'message-summary')")
			mail := "message-summary of " + user.Name + ": "
			c.wantNote(t, mail, "Voice-Message: 1/0")
			asked := strings.Count(k.output(), "SUBSCRIBE sip:")

			c.forget()
			one.startOver()
			two.startOver()
			w.set(true)
			c.wantNote(t, "disconnected")
			k.tellVoicemail(t, user.Extension, "3/1 (0/0)")
			one.dial(t, "202")
			two.wantEvent(t, "CALL_INCOMING")
			w.set(false)
			c.wantNote(t, mail, "Voice-Message: 3/1")
			c.wantNote(t, "dialog of 202: ", "<state>early</state>")
			two.answer(t)
			c.wantNote(t, "dialog of 202: ", "<state>confirmed</state>")
			k.tellVoicemail(t, user.Extension, "5/1 (0/0)")
			c.wantNote(t, mail, "Voice-Message: 5/1")
			one.hangUp(t)
			two.wantEvent(t, "CALL_CLOSED")
			eventually(t, patience, "note that the call is over", func() bool {
				lines := slices.DeleteFunc(c.lines(), func(line string) bool { return !strings.Contains(line, "dialog of 202: ") })
				return len(lines) > 0 && !strings.Contains(lines[len(lines)-1], "<state>confirmed</state>")
			})

			proves(t, "Call survives a lost connection", published[kind], desk)
			one.startOver()
			c.do(t, "await phone.call('201')")
			one.wantEvent(t, "CALL_INCOMING")
			one.answer(t)
			c.talksWith(t, one)
			c.forget()
			w.set(true)
			c.wantNote(t, "disconnected")
			wantTone(t, "the phone, with the client's line lost", one, toneAlice) // media goes another way
			w.set(false)
			c.wantNote(t, "connected again")
			wantTone(t, "the phone", one, toneAlice)
			wantTone(t, "the client", c, tonePhone)
			if kind == "sipjs" { // the end goes by the new connection, to the client or from it
				one.hangUp(t)
			} else {
				c.do(t, "await phone.hangUp()")
			}
			one.wantEvent(t, "CALL_CLOSED")
			c.wantState(t, "ended")
			if lines := c.lines(); said(lines, "subscription to") {
				t.Errorf("the client saw %q, want its subscriptions as they were", lines)
			}
			if now := strings.Count(k.output(), "SUBSCRIBE sip:"); now != asked {
				t.Errorf("the PBX got %d SUBSCRIBEs, %d of them after the connection was lost", now, now-asked)
			}
		})
	}
}
