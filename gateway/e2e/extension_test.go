//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

// Each user is an extension of the PBX; calls go both ways and end from both sides.
func TestExtension(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.alice.shot(t, "ready")
	files, ports := o.gateway.files(t), o.gateway.udpPorts(t)

	t.Run("page calls phone and hangs up", func(t *testing.T) {
		proves(t, "Call out", page, desk)
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
		o.alice.shot(t, "ended")
	})
	t.Run("page calls phone and phone hangs up", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.phone.hangUp(t)
		o.alice.wantOver(t)
	})
	t.Run("phone calls page and phone hangs up", func(t *testing.T) {
		proves(t, "Call in", page, desk)
		o.phoneCallsPage(t, o.alice, "101", toneAlice)
		o.phone.hangUp(t)
		o.alice.wantOver(t)
	})
	t.Run("phone calls page and page hangs up", func(t *testing.T) {
		o.phoneCallsPage(t, o.alice, "101", toneAlice)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("mute", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.click(t, "#mute")
		wantNoTone(t, "the phone", o.phone, toneAlice)
		o.alice.click(t, "#mute")
		wantTone(t, "the phone", o.phone, toneAlice)
		o.alice.hangUp(t)
	})
	t.Run("digits", func(t *testing.T) { digitsReachPhone(t, o) })
	t.Run("phone holds", func(t *testing.T) {
		proves(t, "Hold and resume by the other side", page, desk)
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.phone.command(t, "hold", "")
		wantNoTone(t, "the holding phone", o.phone, toneAlice)
		o.alice.wantState(t, "talking")
		o.phone.command(t, "resume", "")
		wantTone(t, "the page", o.alice, tonePhone) // baresip 1.0 records nothing more of a call it held
		o.alice.hangUp(t)
	})
	t.Run("wideband phone", func(t *testing.T) {
		proves(t, "Wideband (G.722)", page, desk)
		wide := startPhone(t, o.pbx, "202", phoneOptions{Codecs: []string{"g722"}, Tone: tonePhone2, Answer: true})
		o.alice.dial(t, "202")
		o.alice.wantState(t, "talking")
		wantTone(t, "the phone", wide, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone2)
		proves(t, "Trouble with the sound in words", page, desk)
		o.alice.click(t, "#mute")
		api := signIn(t, o.gateway, alice)
		api.wantTrouble(t, "browser", call.TroubleMuted, false)
		o.alice.click(t, "#mute")
		api.wantTrouble(t, "browser", call.TroubleMuted, true)
		o.alice.hangUp(t)
		wide.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("caller gives up", func(t *testing.T) {
		proves(t, "CANCEL", page, desk)
		o.phone.dial(t, "101")
		o.alice.wantState(t, "incoming")
		o.phone.hangUp(t)
		if words := o.alice.wantOver(t); !strings.Contains(strings.ToLower(words), "missed") && !strings.Contains(words, "did not answer") {
			t.Errorf("after a call that its caller gave up the page says %q, want that it was missed", words)
		}
		o.alice.shot(t, "missed")
	})
	t.Run("page declines", func(t *testing.T) {
		proves(t, "Decline", page, desk)
		o.phone.forget()
		o.phone.dial(t, "101")
		o.alice.wantState(t, "incoming")
		o.alice.click(t, "#decline")
		if e := o.phone.wantEvent(t, "CALL_CLOSED"); !strings.HasPrefix(e.Param, "603") && !strings.HasPrefix(e.Param, "486") {
			t.Errorf("a declined call ends with %q, want 603 or 486", e.Param)
		}
		o.alice.wantOver(t)
	})
	t.Run("page gives up", func(t *testing.T) {
		o.phone.forget()
		o.alice.dial(t, "201")
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.alice.wantState(t, "ringing")
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("phone refuses", func(t *testing.T) {
		o.phone.forget()
		o.alice.dial(t, "201")
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.phone.hangUp(t)
		if words := o.alice.wantOver(t); words == "" {
			t.Error("the page says nothing of a refused call")
		}
	})
	t.Run("long call", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		time.Sleep(6 * time.Second)
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.alice.hangUp(t)
	})
	t.Run("words", func(t *testing.T) { refusalsInWords(t, o) })
	t.Run("nothing is left", func(t *testing.T) {
		s := signIn(t, o.gateway, alice)
		eventually(t, 10*time.Second, "status without calls", func() bool {
			_, status := s.get(t, "/api/v1/status")
			return status["calls"] == 0.0
		})
		if !within(10*time.Second, func() bool { return o.gateway.udpPorts(t) == ports }) {
			t.Errorf("after all calls %d UDP ports are open, before it were %d", o.gateway.udpPorts(t), ports)
		}
		// What may have come and stays: a connection of this session, and one or two of the database's pool, two files each.
		if !within(10*time.Second, func() bool { return o.gateway.files(t) <= files+5 }) {
			t.Errorf("after all calls %d files and sockets are open, before it were %d", o.gateway.files(t), files)
		}
	})
}

// digitsReachPhone presses keys in the page; the phone gets telephone-events (RFC 4733).
func digitsReachPhone(t *testing.T, o *office) {
	proves(t, "DTMF (RFC 4733)", page, desk)
	const digits = "159*0#"
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.press(t, digits)
	o.phone.wantKeys(t, digits)
	wantTone(t, "the phone", o.phone, toneAlice)
	o.alice.hangUp(t)
}

// refusalsInWords calls numbers that the PBX refuses. Each way has words of its
// own, and no status code among them.
func refusalsInWords(t *testing.T, o *office) {
	startPhone(t, o.pbx, "290", phoneOptions{}) // rings and rings: 9408
	said := map[string]string{}
	for _, tt := range []struct {
		number, code string
		words        []string // one of them is in what the page says, in lower case
	}{
		{"9486", "486", []string{"busy", "another call", "on the phone"}},
		{"9603", "603", []string{"declined", "refused", "doesn't want", "turned"}},
		{"9404", "404", []string{"no such", "doesn't know", "not known", "isn't known", "unknown", "nobody", "not found", "check the number", "isn't a number"}},
		{"9408", "408", []string{"answer", "picked up"}},
		{"9480", "480", []string{"reach", "available", "not there", "not signed in", "answer"}},
		{"9488", "488", []string{"can't take", "kind of call", "can't"}},
		{"9503", "503", []string{"pbx", "overloaded", "try again", "can't"}},
	} {
		o.alice.dial(t, tt.number)
		words := strings.ToLower(strings.ReplaceAll(o.alice.wantOver(t), tt.number, "it"))
		t.Logf("%s: %q", tt.code, words)
		known := false
		for _, w := range tt.words {
			known = known || strings.Contains(words, w)
		}
		if !known {
			t.Errorf("after %s the page says %q, want one of %q", tt.code, words, tt.words)
		}
		if strings.Contains(words, tt.code) {
			t.Errorf("after %s the page shows the code: %q", tt.code, words)
		}
		if other := said[words]; other != "" {
			t.Errorf("the page says the same after %s and %s: %q", tt.code, other, words)
		}
		said[words] = tt.code
		o.alice.shot(t, "refused-"+tt.code)
	}
}
