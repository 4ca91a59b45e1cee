package signaling

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Time servers set clocks, also backwards.
func TestCallSurvivesAClockSetBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	w.up(alice)
	id := w.srv.Calls()[0].ID
	w.crash()
	w.live.alive = w.live.alive.Add(2 * time.Second)
	w.restart()
	eventually(t, "the call goes on", func() bool { c := w.srv.Calls(); return len(c) == 1 && c[0].ID == id })
}

// Calls that can't go on are ended at the PBX and recorded.
func TestCallDoesNotSurvive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		meddle  func(*lasting)
		silence bool // nothing can be said to the PBX
	}{
		{"down for too long", func(w *lasting) { w.live.alive = w.live.alive.Add(-lostTime) }, false},
		{"clock went back", func(w *lasting) { w.live.alive = w.live.alive.Add(time.Hour) }, false},
		{"media can't be restored", func(w *lasting) { w.media.broken = true }, false},
		{"PBX is another", func(w *lasting) { w.cfg.PBX[0].Name = "new" }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLasting(t, ModeExtension)
			alice := w.dial("alice", true)
			_, invite := w.up(alice)
			id := w.srv.Calls()[0].ID
			w.crash()
			tt.meddle(w)
			w.restart()
			if !tt.silence {
				bye := w.pbx.request(sip.BYE)
				if got := valueOf(bye, "Reason"); got != `SIP;cause=503;text="Cordboard was stopped"` || bye.CallID().Value() != invite.CallID().Value() {
					t.Errorf("Reason %s in\n%s", got, bye)
				}
				w.pbx.answer(bye, 200, "OK", "", "", "")
			}
			w.over()
			if r := w.recorded(); r.ID != id || r.Reason != call.ReasonStopped || r.By != "Cordboard" || r.Answered.IsZero() || r.From != "alice" {
				t.Errorf("recorded %+v", r)
			}
			eventually(t, "nothing kept", func() bool { states, _, _ := w.live.Kept(); return len(states) == 0 })
		})
	}
}
