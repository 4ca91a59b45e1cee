//go:build e2e

package e2e

import (
	"testing"
	"time"

	"cordboard/audio"
)

// toneComfort is the beep, 200 ms each 3 s, that stands in for a page that is waited for.
const toneComfort = 425.0

// beeps counts the beeps of toneComfort in a sound.
func (s sound) beeps() int {
	piece, n, last := s.rate/20, 0, -10
	for i := 0; piece > 0 && (i+1)*piece <= len(s.samples); i++ {
		samples := s.samples[i*piece : (i+1)*piece]
		if audio.RMS(samples) < 300 || audio.Goertzel(samples, s.rate, toneComfort) < 0.8 {
			continue
		}
		if i-last > 3 { // pieces of 50 ms
			n++
		}
		last = i
	}
	return n
}

// A page that is closed without hanging up is waited for; the phone hears a comfort tone and not dead silence.
func TestWaiting(t *testing.T) {
	o := &office{pbx: startPBX(t, pbxOptions{})}
	o.phone = startPhone(t, o.pbx, "201", phoneOptions{})
	o.gateway = startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(o.pbx)})
	b := startBrowser(t, toneBob, o.gateway.ca()) // alice's own tone is too near the comfort tone
	o.alice = openPage(t, b, o.gateway, alice)
	o.pbx.wantRegistered(t, "101")
	o.pageCallsPhone(t, o.alice, toneBob)
	if n := o.phone.heard(t).beeps(); n > 0 {
		t.Errorf("%d beeps while the page speaks", n)
	}

	gone := time.Now()
	o.alice.close()
	if !within(3*time.Second, func() bool { return o.phone.heard(t).beeps() > 0 }) {
		t.Fatalf("no beep within 3 s; heard %v", o.phone.heard(t).last(3*time.Second))
	}
	t.Logf("a beep %s after the page was closed", time.Since(gone))
	time.Sleep(4 * time.Second)
	if s := o.phone.heard(t); s.beeps() != 2 || s.last(3*time.Second).share(toneBob) > 0.1 {
		t.Errorf("%d beeps after 4 s more, want 2; heard %v", s.beeps(), s.last(3*time.Second))
	}
	o.phone.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
}
