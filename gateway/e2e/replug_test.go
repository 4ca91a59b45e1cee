//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// reopenLimit is within what a change of devices is followed. It is one second, and CORDBOARD_REOPEN, as "1s", judges that, which takes a quiet machine.
func reopenLimit() time.Duration {
	if limit, err := time.ParseDuration(os.Getenv("CORDBOARD_REOPEN")); err == nil {
		return limit
	}
	return 10 * time.Second
}

// timed is a listener that knows when it heard what.
type timed interface {
	// toneSince is when a tone was heard first after a time; the zero time: it was not.
	toneSince(since time.Time, freq float64) time.Time
}

// wantReopened waits until a tone is heard after devices were changed, and says how long it took.
func wantReopened(t *testing.T, what string, changed time.Time, l timed, freq float64) {
	t.Helper()
	var heard time.Time
	limit := reopenLimit()
	if !within(max(limit, patience), func() bool {
		heard = l.toneSince(changed, freq)
		return !heard.IsZero()
	}) {
		t.Fatalf("%s: no %.0f Hz", what, freq)
	}
	took := heard.Sub(changed)
	t.Logf("%s: %.0f Hz after %v", what, freq, took.Round(time.Millisecond))
	if took > limit {
		t.Errorf("%s took %v, want %v at most", what, took, limit)
	}
}

// toneAt is the end of the first 20 ms in which a tone is, in samples; negative: there is none.
func toneAt(samples []int16, rate int, freq float64) int {
	for size, end := rate/50, rate/50; end <= len(samples); end += size / 2 {
		if piece := samples[end-size : end]; audio.RMS(piece) > 1000 && audio.Goertzel(piece, rate, freq) > 0.5 {
			return end
		}
	}
	return -1
}

func (m *meter) toneSince(since time.Time, freq float64) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, c := range m.pieces {
		if !c.at.After(since) {
			continue
		}
		end := toneAt(m.pcm[c.first:], meterRate, freq)
		for _, c := range m.pieces[i:] {
			if end >= 0 && c.end >= m.pieces[i].first+end {
				return c.at
			}
		}
		break
	}
	return time.Time{}
}

func (d *talker) toneSince(since time.Time, freq float64) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	frames := d.frames[len(d.frames)-len(d.loud)/audio.CardFrame:] // those of what was not forgotten
	for i, at := range frames {
		if !at.After(since) {
			continue
		}
		if end := toneAt(d.loud[i*audio.CardFrame:], audio.CardRate, freq); end >= 0 {
			return frames[i+(end-1)/audio.CardFrame]
		}
		break
	}
	return time.Time{}
}

// measureAtWork is measure, and waits for what a device gives without sound too.
func (p *pulse) measureAtWork(source string) *meter {
	p.t.Helper()
	m := p.measure(source)
	eventually(p.t, patience, "record of "+source, m.began)
	return m
}

// requests are those of calls that the PBX saw.
func (k *pbx) requests() (list []string) {
	for line := range strings.Lines(k.output()) {
		for _, method := range []string{"INVITE", "ACK", "UPDATE", "INFO", "REFER", "CANCEL", "BYE"} {
			if strings.Contains(line, ": "+method+" sip:") {
				list = append(list, line)
			}
		}
	}
	return list
}

// replug makes other devices the default, and then pulls all out and plugs some in again, in a call with the phone, of which the PBX hears nothing.
func (o *office) replug(t *testing.T, p *pulse, d *deskPhone) {
	t.Helper()
	before := len(o.pbx.requests())
	p.sink("other")
	p.microphone("headset")
	headset := p.play("headset_feed", toneBob)
	other := p.measureAtWork("other.monitor")
	changed := time.Now()
	p.pactl("set-default-sink", "other")
	p.pactl("set-default-source", "headset")
	wantReopened(t, "another default loudspeaker", changed, other, tonePhone)
	wantTone(t, "the phone, by another default", o.phone, toneBob)

	headset.stop() // PulseAudio would move it
	for _, sink := range []string{"loudspeaker", "microphone_feed", "other", "headset_feed"} {
		p.pull(sink)
	}
	o.gateway.wantLog(t, "This machine has no microphone.")
	wantNoTone(t, "the phone", o.phone, toneBob)
	p.voice.stop()
	changed = time.Now()
	p.plug()
	speaker := p.measure("loudspeaker.monitor")
	wantReopened(t, "a loudspeaker plugged in again", changed, speaker, tonePhone)
	wantTone(t, "the phone", o.phone, toneDesk)
	if calls := d.calls(t); len(calls) != 1 || calls[0]["state"] != "talking" {
		t.Errorf("with microphone and loudspeaker again the calls are %v", calls)
	}
	if after := o.pbx.requests(); len(after) != before {
		t.Errorf("meanwhile the PBX was told %q", after[before:])
	}
}
