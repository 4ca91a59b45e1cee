//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// toneDesk is what the machine's microphone hears.
const toneDesk = 360.0

// deskPhone is the phone that the gateway's machine is, on a PulseAudio of the test's own. It belongs to the first user.
type deskPhone struct {
	*session
	*tape  // of the loudspeaker
	ringer *tape
}

// withDesk is the [audio] table of such a gateway. Whoever talks here is a tone, which is no speech to clean.
const withDesk = "[audio]\nenabled = true\nringer = \"bell\"\necho = false\nnoise = false\ngain = false\n\n"

// deskSound makes the machine's devices, before the gateway starts.
func deskSound(t *testing.T) *pulse {
	t.Helper()
	p := startPulse(t)
	p.use()
	p.sink("bell")
	p.plug()
	return p
}

// plug plugs in a loudspeaker and a microphone, which become the default and where toneDesk sounds.
func (p *pulse) plug() {
	p.t.Helper()
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.pactl("set-default-sink", "loudspeaker")
	p.pactl("set-default-source", "microphone")
	p.voice = p.play("microphone_feed", toneDesk)
}

// openDesk waits until the machine's phone, owner's, is ready.
func openDesk(t *testing.T, p *pulse, g *gateway, owner gatewayUser) *deskPhone {
	t.Helper()
	d := &deskPhone{session: signIn(t, g, owner), tape: p.record("loudspeaker.monitor"), ringer: p.record("bell.monitor")}
	eventually(t, patience, "phone of the machine", func() bool {
		_, state := d.get(t, "/api/v1/desk")
		return state["ready"] == true
	})
	return d
}

// calls are those of the phone that have not ended.
func (d *deskPhone) calls(t *testing.T) (list []map[string]any) {
	t.Helper()
	code, state := d.get(t, "/api/v1/desk")
	if code != 200 {
		t.Fatalf("state of the desk: %d %v", code, state)
	}
	for _, c := range state["calls"].([]any) {
		if c := c.(map[string]any); c["state"] != "ended" {
			list = append(list, c)
		}
	}
	return list
}

// with waits for a call with peer in that state and gives its ID.
func (d *deskPhone) with(t *testing.T, peer, state string) (id string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("call of the desk with %s that is %s", peer, state), func() bool {
		for _, c := range d.calls(t) {
			if c["peer"] == peer && c["state"] == state {
				id = c["id"].(string)
			}
		}
		return id != ""
	})
	return id
}

// does something with a call.
func (d *deskPhone) does(t *testing.T, id, verb string, body map[string]any) {
	t.Helper()
	if body == nil {
		body = map[string]any{}
	}
	if code, answer := d.post(t, "/api/v1/desk/calls/"+id+"/"+verb, body); code != 200 {
		t.Fatalf("%s: %d %v", verb, code, answer)
	}
}

// wantFree waits until the desk has no call.
func (d *deskPhone) wantFree(t *testing.T) {
	t.Helper()
	if !within(patience, func() bool { return len(d.calls(t)) == 0 }) {
		t.Fatalf("the desk still has calls: %v", d.calls(t))
	}
}

// tellIfFailed shows, when the test has failed, how the desk and its sound are doing.
func (d *deskPhone) tellIfFailed(t *testing.T) {
	if !t.Failed() {
		return
	}
	t.Log(d.calls(t))
	_, list := d.get(t, "/api/v1/calls")
	calls, _ := list["calls"].([]any)
	for _, c := range calls {
		_, media := d.get(t, fmt.Sprint("/api/v1/calls/", c.(map[string]any)["id"], "/media"))
		t.Log(media)
	}
}

// wantBoth waits until two tones are heard together.
func wantBoth(t *testing.T, who string, l listener, one, other float64) {
	t.Helper()
	var last sound
	if !within(12*time.Second, func() bool {
		last = l.heard(t).last(1500 * time.Millisecond)
		return last.share(one) > 0.1 && last.share(other) > 0.1
	}) {
		t.Fatalf("%s doesn't hear %.0f and %.0f Hz but: %v", who, one, other, last)
	}
}

// The machine's microphone and loudspeaker call, and are called by, a browser and a phone at the PBX.
func TestDesk(t *testing.T) {
	p := deskSound(t)
	peer := freePort(t) // of sipp
	o := openOfficeAt(t, startPBX(t, pbxOptions{PeerPort: peer.number}), withDesk+"country = \"us\"\n\n")
	o.withBob(t)
	d, office := openDesk(t, p, o.gateway, alice), t
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}
	must := func(v string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	run("a browser calls it", func(t *testing.T) {
		proves(t, "Call in", thisMachine)
		proves(t, "Hold and resume", thisMachine)
		o.bob.dial(t, "desk")
		id := d.with(t, "bob", "ringing")
		eventually(t, patience, "ringing", func() bool { return rings(d.ringer.heard(t)) })
		d.does(t, id, "answer", nil)
		o.bob.wantState(t, "talking")
		wantTone(t, "bob's page", o.bob, toneDesk)
		wantTone(t, "the loudspeaker", d, toneBob)
		d.does(t, id, "hold", nil)
		wantNoTone(t, "bob's page", o.bob, toneDesk)
		d.does(t, id, "resume", nil)
		wantTone(t, "bob's page", o.bob, toneDesk)
		o.bob.hangUp(t)
		d.wantFree(t)
	})
	run("by command", func(t *testing.T) {
		proves(t, "Call out", thisMachine)
		proves(t, "DTMF (RFC 4733)", thisMachine)
		proves(t, "DTMF from the other side", thisMachine)
		proves(t, "Call-progress tones by country", thisMachine)
		o.phone.startOver()
		cmd := exec.Command(must(buildGateway()), "call", "201", "--data", o.gateway.data)
		said := start(t, "call", cmd)
		o.phone.wantEvent(t, "CALL_INCOMING")
		wantBoth(t, "the loudspeaker while it rings", d, 440, 480)
		o.phone.answer(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		d.presses(t, o.phone, d.with(t, "201", "talking"))
		said.signal(syscall.SIGINT)
		o.phone.wantEvent(t, "CALL_CLOSED")
		<-said.done
		for _, line := range []string{"Calling 201.", "It rings at 201.", "Talking with 201. Ctrl-C hangs up.", "The call has ended."} {
			if !strings.Contains(said.output(), line+"\n") {
				t.Errorf("cordboard call says %q, want %q in it", said.output(), line)
			}
		}
		if said.err != nil {
			t.Errorf("cordboard call: %v after a call that was answered", said.err)
		}
		out, err := exec.Command(must(buildGateway()), "call", "nobody", "--data", o.gateway.data).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "No call with nobody: No such name or number.") {
			t.Errorf("cordboard call nobody: %v, says %q", err, out)
		}
		d.wantBeat(t, 250*time.Millisecond) // congestion
		d.dial(t, "9486")
		wantBoth(t, "the loudspeaker of who calls somebody busy", d, 480, 620)
		d.wantBeat(t, 500*time.Millisecond)
	})
	run("conference", func(t *testing.T) {
		defer d.tellIfFailed(t)
		proves(t, "Call waiting", thisMachine)
		proves(t, "Conference of three", thisMachine)
		proves(t, "Attended transfer", thisMachine)
		o.bob.dial(t, "desk")
		bob := d.with(t, "bob", "ringing")
		d.does(t, bob, "answer", nil)
		o.bob.wantState(t, "talking")
		wantTone(t, "the loudspeaker", d, toneBob)
		o.phone.startOver()
		o.phone.dial(t, "101") // rings the browser too
		o.alice.wantState(t, "incoming")
		phone := d.with(t, "201", "ringing")
		d.does(t, phone, "answer", nil)
		o.phone.wantEvent(t, "CALL_ESTABLISHED")
		o.alice.wantOver(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		wantNoTone(t, "the loudspeaker", d, toneBob)
		wantNoTone(t, "bob's page", o.bob, toneDesk)
		if code, answer := d.post(t, "/api/v1/desk/join", map[string]any{}); code != 200 {
			t.Fatalf("join: %d %v", code, answer)
		}
		wantBoth(t, "the loudspeaker", d, tonePhone, toneBob)
		wantBoth(t, "bob's page", o.bob, toneDesk, tonePhone)
		wantBoth(t, "the phone", o.phone, toneDesk, toneBob)
		d.does(t, bob, "hold", nil)
		wantTone(t, "the loudspeaker", d, tonePhone)
		wantNoTone(t, "the loudspeaker", d, toneBob)
		d.does(t, bob, "resume", nil) // swap
		wantTone(t, "the loudspeaker", d, toneBob)
		d.does(t, bob, "transfer", map[string]any{"target": phone})
		d.wantFree(t)
		wantTone(t, "bob's page", o.bob, tonePhone)
		wantNoTone(t, "bob's page", o.bob, toneDesk)
		o.bob.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	run("transferred to it, and moved", func(t *testing.T) {
		proves(t, "Being transferred", thisMachine)
		proves(t, "Call moves to another device", thisMachine, page)
		o.pageCallsPhone(t, o.alice, toneAlice)
		var calls []any
		eventually(t, patience, "one call", func() bool {
			_, list := d.get(t, "/api/v1/calls")
			calls, _ = list["calls"].([]any)
			return len(calls) == 1
		})
		code, taken := d.post(t, "/api/v1/desk/calls", map[string]any{"take": calls[0].(map[string]any)["id"]})
		if code != 201 {
			t.Fatalf("take: %d %v", code, taken)
		}
		o.alice.wantOver(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		t.Log(d.calls(t))
		d.does(t, taken["id"].(string), "move", nil) // and back
		o.alice.wantState(t, "incoming")
		o.alice.click(t, "#answer")
		d.wantFree(t)
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "alice's page", o.alice, tonePhone)
		wantNoTone(t, "the loudspeaker", d, tonePhone)
		o.phone.hangUp(t)
		o.alice.wantOver(t)

		o.bob.dial(t, "desk")
		d.does(t, d.with(t, "bob", "ringing"), "answer", nil)
		o.bob.wantState(t, "talking")
		o.phone.startOver()
		o.bob.askFirst(t, "201")
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.phone.answer(t)
		o.bob.wantState(t, "talking")
		o.bob.does(t, "connect")
		o.bob.wantOver(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		wantNoTone(t, "the loudspeaker", d, toneBob)
		o.phone.hangUp(t)
		d.wantFree(t)
	})
	run("a phone that asked it first passes another phone on", func(t *testing.T) {
		proves(t, "Attended transfer, as who is asked first", thisMachine, sipTest)
		o.phone.startOver()
		o.phone.dial(t, "101")
		d.does(t, d.with(t, "201", "ringing"), "answer", nil)
		o.phone.wantEvent(t, "CALL_ESTABLISHED")
		o.alice.wantOver(t)
		wantTone(t, "the loudspeaker", d, tonePhone)
		startReplaces(t, o.pbx, peer, "101", o.pbx.talk(t, "201", "101"))
		o.phone.wantEvent(t, "CALL_CLOSED")
		wantTone(t, "the loudspeaker", d, toneDesk) // sipp sends back what it hears
		wantNoTone(t, "the loudspeaker", d, tonePhone)
		d.does(t, d.with(t, "600", "talking"), "hangup", nil)
		d.wantFree(t)
	})
	run("the gateway crashes", func(t *testing.T) {
		proves(t, "Call survives a crash of the gateway", thisMachine)
		o.phone.startOver()
		if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": "201"}); code != 201 {
			t.Fatalf("call: %d %v", code, answer)
		}
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.phone.answer(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		id := d.with(t, "201", "talking")
		o.phone.forget()
		atPhone, atDesk := o.gateway.crash(office, func() {}, toneDesk, o.phone, d)
		t.Logf("after the start the phone hears the desk in %s, the desk the phone in %s", atPhone, atDesk)
		d.does(t, id, "mute", map[string]any{"on": true})
		wantNoTone(t, "the phone", o.phone, toneDesk)
		o.gateway.kill()
		wantNoTone(t, "the loudspeaker", d, tonePhone)
		o.gateway.start(office)
		wantTone(t, "the loudspeaker", d, tonePhone)
		wantNoTone(t, "the phone", o.phone, toneDesk)
		d.does(t, id, "hangup", nil)
		o.phone.wantEvent(t, "CALL_CLOSED")
		d.wantFree(t)
		o.alice.wantReady(t) // the pages find the new gateway at their own pace
		o.bob.wantReady(t)
	})
	run("microphone and loudspeaker pulled out", func(t *testing.T) {
		proves(t, "Device pulled out and plugged in within a call", thisMachine)
		o.phone.startOver()
		d.dial(t, "201")
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.phone.answer(t)
		wantTone(t, "the phone", o.phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		o.replug(t, p, d)
		o.phone.hangUp(t)
		d.wantFree(t)
	})
}

// rings says whether there is any sound.
func rings(s sound) bool {
	for _, x := range s.last(time.Second).samples {
		if x > 1000 {
			return true
		}
	}
	return false
}
