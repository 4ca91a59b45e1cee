//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"cordboard/audio"
)

// presses has the machine's phone and one at the PBX press keys for each other.
func (d *deskPhone) presses(t *testing.T, phone *phone, id string) {
	t.Helper()
	const ours, theirs = "7*0#", "58"
	d.does(t, id, "digits", map[string]any{"digits": ours})
	phone.wantKeys(t, ours)
	for i := range theirs {
		phone.command(t, "sndcode", theirs[i:i+1])
		eventually(t, patience, fmt.Sprintf("keys %s in %v", theirs[:i+1], d.calls(t)), func() bool {
			calls := d.calls(t)
			return len(calls) == 1 && calls[0]["digits"] == theirs[:i+1]
		})
	}
}

// wantKeys waits until the phone has got just these keys since the last forget.
func (p *phone) wantKeys(t *testing.T, digits string) {
	t.Helper()
	var got string
	if !within(8*time.Second, func() bool {
		got = ""
		for _, e := range p.recent() {
			if e.Type == "CALL_DTMF_START" {
				got += e.Param
			}
		}
		return got == digits
	}) {
		t.Errorf("the phone got the digits %q, want %q", got, digits)
	}
}

// wantBeat waits until the loudspeaker has sounded, and been silent, or the other way round, for that long: the beat of a tone of the telephone network.
func (d *deskPhone) wantBeat(t *testing.T, length time.Duration) {
	t.Helper()
	const slot, slack = 10 * time.Millisecond, 40 * time.Millisecond
	eventually(t, patience, fmt.Sprintf("beats of %v on the loudspeaker", length), func() bool {
		s := d.heard(t).last(4 * time.Second)
		size := s.rate / 100
		loud, run, fit := false, time.Duration(0), 0
		for at := 0; at+size <= len(s.samples); at += size {
			if now := audio.RMS(s.samples[at:at+size]) > 300; now != loud {
				if fit++; (run - length).Abs() > slack {
					fit = 0
				}
				loud, run = now, 0
			}
			if run += slot; fit >= 2 {
				return true
			}
		}
		return false
	})
}
