//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// window is the client of the table of features that is worked by mouse and keyboard.
const window = "the window"

// doorBell is a comment of the configuration file, which settings keep.
const doorBell = "# the bell is at the door\n"

// operator is somebody at the window: alice, at a machine with a loudspeaker and a microphone, with two phones at the PBX.
type operator struct {
	*screen
	*deskPhone
	gateway  *gateway
	one, two *phone // 201 and 202
}

// sitDown opens a window as o says. Whoever is at 202 has a name.
func sitDown(t *testing.T, screen *screen, o gatewayOptions) *operator {
	t.Helper()
	p := deskSound(t)
	k := startPBX(t, pbxOptions{})
	at := &operator{screen: screen, one: startPhone(t, k, "201", phoneOptions{}),
		two: startPhone(t, k, "202", phoneOptions{Tone: tonePhone2, Name: "Carol Reed"})}
	o.Users, o.PBX, o.Extra, o.On = []gatewayUser{alice, bob}, extensionPBX(k), doorBell+withDesk, screen
	at.gateway = startGateway(t, o)
	k.wantRegistered(t, "101", "102")
	at.deskPhone = openDesk(t, p, at.gateway, alice)
	return at
}

// talksTo calls a phone by its number.
func (o *operator) talksTo(t *testing.T, p *phone) {
	t.Helper()
	p.startOver()
	o.writes(p.number)
	o.key("Return")
	p.wantEvent(t, "CALL_INCOMING")
	p.answer(t)
	o.with(t, p.number, "talking")
	o.shows(t, "In a call")
}

// asks calls the first phone, lets it wait, and talks with the second.
func (o *operator) asks(t *testing.T) {
	t.Helper()
	o.talksTo(t, o.one)
	o.two.startOver()
	o.key("t")
	o.shows(t, "Transfer 201 to")
	o.writes("202")
	o.click(t, "Ask first")
	o.two.wantEvent(t, "CALL_INCOMING")
	o.two.answer(t)
	o.with(t, "202", "talking")
}

// wantQuit ends the program, and looks through what it said.
func (o *operator) wantQuit(t *testing.T) {
	t.Helper()
	o.gateway.stop()
	if out := o.gateway.output(); fyneFault(out) || o.gateway.err != nil {
		t.Errorf("the window ended with %v and said:\n%s", o.gateway.err, out)
	}
}

// parts runs the parts of a test until one has failed: a call that is left would fail all that follow.
func (s *screen) parts(t *testing.T) func(name string, f func(*testing.T)) {
	return func(name string, f func(*testing.T)) {
		if t.Failed() {
			return
		}
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					s.keep(t)
				}
			})
			f(t)
		})
	}
}

// The window is worked by mouse and keyboard, while phones at the PBX and the machine's devices tell what is heard.
func TestWindow(t *testing.T) {
	o := sitDown(t, startScreen(t), gatewayOptions{})
	o.fill("Front office")
	part := o.parts(t)
	part("calls by keyboard", func(t *testing.T) {
		proves(t, "Call out", window)
		proves(t, "DTMF (RFC 4733)", window)
		proves(t, "Hold and resume", window)
		o.talksTo(t, o.one)
		wantTone(t, "the phone", o.one, toneDesk)
		wantTone(t, "the loudspeaker", o, tonePhone)
		o.key("m")
		o.shows(t, "You are muted")
		wantNoTone(t, "the phone", o.one, toneDesk)
		o.key("m")
		wantTone(t, "the phone", o.one, toneDesk)
		o.key("7")
		o.one.wantEvent(t, "CALL_DTMF_START")
		o.key("h")
		wantNoTone(t, "the loudspeaker", o, tonePhone)
		o.shows(t, "On hold")
		o.key("h")
		wantTone(t, "the loudspeaker", o, tonePhone)
		o.click(t, "Hang up")
		o.one.wantEvent(t, "CALL_CLOSED")
		o.wantFree(t)
	})
	part("answers by space", func(t *testing.T) {
		proves(t, "Call in", window)
		o.one.startOver()
		o.one.dial(t, "101")
		o.with(t, "201", "ringing")
		o.shows(t, "Incoming call")
		o.key("space")
		o.one.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "the phone", o.one, toneDesk)
		o.one.hangUp(t)
		o.wantFree(t)
	})
	part("declines by escape", func(t *testing.T) {
		proves(t, "Decline", window)
		o.one.startOver()
		o.one.dial(t, "101")
		o.shows(t, "Incoming call")
		o.key("Escape")
		o.one.wantEvent(t, "CALL_CLOSED")
		o.wantFree(t)
	})
	part("calls back who was missed", func(t *testing.T) {
		o.two.startOver()
		o.two.dial(t, "101")
		o.shows(t, "Incoming call")
		o.two.hangUp(t)
		o.wantFree(t)
		o.click(t, "just now · missed")
		o.two.wantEvent(t, "CALL_INCOMING")
		o.two.answer(t)
		wantTone(t, "the phone", o.two, toneDesk)
		o.two.hangUp(t)
		o.wantFree(t)
	})
	part("blind transfer", func(t *testing.T) {
		proves(t, "Blind transfer", window)
		o.talksTo(t, o.one)
		o.two.startOver()
		o.key("t")
		o.shows(t, "Transfer 201 to")
		o.writes("202")
		o.key("Return")
		o.two.wantEvent(t, "CALL_INCOMING")
		o.two.answer(t)
		o.wantFree(t)
		wantTone(t, "the first phone", o.one, tonePhone2)
		wantTone(t, "the second phone", o.two, tonePhone)
		o.two.hangUp(t)
		o.one.wantEvent(t, "CALL_CLOSED")
	})
	part("swap", func(t *testing.T) {
		o.asks(t)
		wantTone(t, "the loudspeaker", o, tonePhone2)
		wantNoTone(t, "the loudspeaker", o, tonePhone)
		o.click(t, "Swap")
		wantTone(t, "the loudspeaker", o, tonePhone)
		wantNoTone(t, "the loudspeaker", o, tonePhone2)
		o.one.hangUp(t)
		o.two.hangUp(t)
		o.wantFree(t)
	})
	part("conference", func(t *testing.T) {
		proves(t, "Conference of three", window)
		o.asks(t)
		o.click(t, "Join")
		wantBoth(t, "the loudspeaker", o, tonePhone, tonePhone2)
		wantBoth(t, "the second phone", o.two, toneDesk, tonePhone)
		o.one.hangUp(t)
		o.two.hangUp(t)
		o.wantFree(t)
	})
	part("attended transfer", func(t *testing.T) {
		proves(t, "Attended transfer", window)
		proves(t, "Colleagues' lamps", window)
		o.shows(t, "not there · 102")
		page := openPage(t, startBrowser(t, toneBob, o.gateway.ca()), o.gateway, bob)
		o.shows(t, "free · 102")
		page.dial(t, "desk")
		o.shows(t, "Incoming call")
		o.key("space")
		page.wantState(t, "talking")
		o.shows(t, "in a call · 102")
		o.two.startOver()
		o.key("t")
		o.shows(t, "Transfer Bob Roe to")
		o.writes("202")
		o.click(t, "Ask first")
		o.two.wantEvent(t, "CALL_INCOMING")
		o.two.answer(t)
		wantTone(t, "the phone", o.two, toneDesk)
		o.click(t, "Connect")
		o.wantFree(t)
		wantTone(t, "bob's page", page, tonePhone2)
		wantNoTone(t, "bob's page", page, toneDesk)
		o.two.hangUp(t)
		page.wantOver(t)
	})
	part("moves to a browser, and is taken back", func(t *testing.T) {
		proves(t, "Call moves to another device", window, page)
		alices := openPage(t, startBrowser(t, toneAlice, o.gateway.ca()), o.gateway, alice)
		o.talksTo(t, o.one)
		wantTone(t, "the phone", o.one, toneDesk)
		wantTone(t, "the loudspeaker", o, tonePhone)
		o.click(t, "More")
		o.click(t, "Move to another device")
		alices.wantState(t, "incoming")
		alices.click(t, "#answer")
		o.wantFree(t)
		wantTone(t, "the phone", o.one, toneAlice)
		wantTone(t, "alice's page", alices, tonePhone)
		wantNoTone(t, "the loudspeaker", o, tonePhone)
		o.click(t, "Take it here")
		alices.wantOver(t)
		wantTone(t, "the phone", o.one, toneDesk)
		wantTone(t, "the loudspeaker", o, tonePhone)
		o.click(t, "Hang up")
		o.one.wantEvent(t, "CALL_CLOSED")
		o.wantFree(t)
	})
	if text, err := os.ReadFile(filepath.Join(o.gateway.data, "window.json")); err == nil {
		t.Errorf("the window kept settings that nobody changed: %s", text)
	}
	part("settings written and read back", func(t *testing.T) {
		o.click(t, asIcon+"settings")
		o.click(t, "Recording")
		o.click(t, "Never")
		o.click(t, "When somebody asks for it")
		o.shows(t, "Saved.")
		text, err := os.ReadFile(o.gateway.config())
		if err != nil || !strings.Contains(string(text), `"ask"`) || !strings.Contains(string(text), doorBell) {
			t.Errorf("the configuration file is, %v:\n%s", err, text)
		}
		o.wantQuit(t)
		o.gateway.start(t)
		o.fill("Front office")
		o.click(t, asIcon+"settings")
		o.click(t, "Recording")
		o.shows(t, "When somebody asks for it")
	})
	o.wantQuit(t)
}
