//go:build e2e

package e2e

import (
	"os"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
)

// A call of the machine's phone with one at the PBX has no glitch for as long as CORDBOARD_LONG_CALL says, as "10m", which takes a quiet
// machine. Every pulse of the tone has its length, and nothing else is in it.
func TestLongCall(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("CORDBOARD_LONG_CALL"))
	if err != nil {
		t.Skip("CORDBOARD_LONG_CALL does not say how long to call, as 10m")
	}
	p := deskSound(t)
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{Talks: length + time.Minute})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k), Extra: withDesk})
	k.wantRegistered(t, "101")
	d := openDesk(t, p, g, alice)
	if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": "201"}); code/100 != 2 {
		t.Fatalf("call: %d %v", code, answer)
	}
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	id := d.with(t, "201", "talking")
	wantTone(t, "the loudspeaker", d, tonePhone)
	stood := standstills()
	defer stood()
	for began := time.Now(); time.Since(began) < length; time.Sleep(time.Second) {
		if len(d.calls(t)) != 1 {
			t.Fatalf("the call has ended after %v", time.Since(began))
		}
	}
	stills := stood()
	for _, who := range []struct {
		name  string
		heard sound
		tone  float64
	}{{"the loudspeaker", d.heard(t), tonePhone}, {"the phone", phone.heard(t), toneDesk}} {
		s := who.heard.last(length - 2*time.Second)
		glitches, pulses := s.glitches(who.tone)
		t.Logf("%s: %d glitches in %d pulses", who.name, len(glitches), pulses)
		for _, x := range stills {
			t.Logf("%s: at %v the machine stood still for %v", who.name, x.at.Sub(time.Now().Add(-s.duration())).Round(10*time.Millisecond), x.length)
		}
		for _, at := range glitches[:min(len(glitches), 20)] {
			t.Errorf("%s: glitch at %v", who.name, at)
		}
		if want := int(s.duration()/(500*time.Millisecond)) - 2; pulses < want {
			t.Errorf("%s: %d pulses, want %d", who.name, pulses, want)
		}
	}
	d.does(t, id, "hangup", nil)
	d.wantFree(t)
}

// standstill is a time in which the machine let the test not run, and so maybe nobody.
type standstill struct {
	at     time.Time
	length time.Duration
}

// standstills watches for those that are longer than a loudspeaker's buffer may bear, until the returned function is called.
func standstills() (stop func() []standstill) {
	const look, long = 5 * time.Millisecond, 25 * time.Millisecond
	var list []standstill
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(look)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			now := time.Now()
			if d := now.Sub(last); d > long {
				list = append(list, standstill{last, d})
			}
			last = now
		}
	}()
	return sync.OnceValue(func() []standstill {
		close(done)
		<-over
		return list
	})
}

// glitches looks at pulses of a tone, of 400 ms with pauses of 100 ms: where one is shorter or longer, or has something else in it.
func (s sound) glitches(freq float64) (at []time.Duration, pulses int) {
	const (
		slot  = 10 * time.Millisecond
		quiet = 1000.0 // RMS
		on    = 40     // slots
		off   = 10
		slack = 2 // its ends fall anywhere in a slot
	)
	size := s.rate / 100
	run, loud, first := 0, false, true
	ends := func(slots int, i int) {
		want := off
		if loud {
			want = on
			pulses++
		}
		if !first && (slots < want-slack || slots > want+slack) {
			at = append(at, time.Duration(i)*slot)
		}
		first = false
	}
	for i := 0; (i+3)*size <= len(s.samples); i++ {
		piece := s.samples[i*size : (i+1)*size]
		now := audio.RMS(piece) > quiet
		if now != loud && i > 0 {
			ends(run, i)
			run = 0
		}
		loud = now
		run++
		two, after := s.samples[i*size:(i+2)*size], s.samples[(i+2)*size:(i+3)*size] // the last slot of a pulse has its end in it
		if loud && run > 2 && audio.RMS(after) > quiet && audio.Goertzel(two, s.rate, freq) < 0.8 {
			if n := len(at); n == 0 || at[n-1] < time.Duration(i-4)*slot {
				at = append(at, time.Duration(i)*slot)
			}
		}
	}
	return at, pulses
}
