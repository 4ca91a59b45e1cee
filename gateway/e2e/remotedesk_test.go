//go:build e2e

package e2e

import "testing"

// dial makes a call.
func (d *deskPhone) dial(t *testing.T, target string) {
	t.Helper()
	if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": target}); code != 201 {
		t.Fatalf("call of %s: %d %v", target, code, answer)
	}
}

// deskAndPhone has the machine's phone call the desk phone at the PBX, and the desk phone call extension, where the machine rings.
func (o *office) deskAndPhone(t *testing.T, d *deskPhone, extension string) {
	t.Helper()
	o.phone.startOver()
	d.dial(t, "201")
	o.phone.wantEvent(t, "CALL_INCOMING")
	o.phone.answer(t)
	id := d.with(t, "201", "talking")
	wantTone(t, "the phone", o.phone, toneDesk)
	wantTone(t, "the loudspeaker", d, tonePhone)
	d.does(t, id, "hangup", nil)
	o.phone.wantEvent(t, "CALL_CLOSED")
	d.wantFree(t)

	o.phone.startOver()
	o.phone.dial(t, extension)
	id = d.with(t, "201", "ringing")
	eventually(t, patience, "ringing", func() bool { return rings(d.ringer.heard(t)) })
	d.does(t, id, "answer", nil)
	o.phone.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "the phone", o.phone, toneDesk)
	wantTone(t, "the loudspeaker", d, tonePhone)
	o.phone.hangUp(t)
	d.wantFree(t)
}
