package media

import (
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// A packet has two frames only where frames have come in twos for a second, but for rare bursts, which are sent one by one.
func TestBursts(t *testing.T) {
	const together, apart = 200 * time.Microsecond, 20 * time.Millisecond
	repeat := func(times int, gaps ...time.Duration) (all []time.Duration) {
		for range times {
			all = append(all, gaps...)
		}
		return all
	}
	for _, tt := range []struct {
		name string
		gaps []time.Duration
		want time.Duration
	}{
		{"one by one", repeat(500, 10*time.Millisecond), voiceTime},
		{"two at a time", repeat(60, apart, together), 2 * voiceTime},
		{"two at a time, not for long", repeat(40, apart, together), voiceTime},
		{"three at a time", repeat(60, apart, together, together), voiceTime},
		{"all at once", repeat(500, 0), voiceTime},
		{"one was alone", append(repeat(60, apart, together), apart, apart), voiceTime},
		{"one was too many", append(repeat(60, apart, together), apart, together, together), voiceTime},
		{"two again at once", append(repeat(100, apart, together), apart, apart, together, apart, together), 2 * voiceTime},
		{"after one too many too", append(repeat(100, apart, together), apart, together, together, apart, together), 2 * voiceTime},
		{"one alone each half second", repeat(20, append(repeat(24, apart, together), apart)...), voiceTime},
		{"and two again", append(append(repeat(60, apart, together), apart), repeat(60, apart, together)...), 2 * voiceTime},
	} {
		var b bursts
		var got time.Duration
		for _, gap := range tt.gaps {
			got = b.frame(gap)
		}
		if got != tt.want {
			t.Errorf("%s: %v at a time, want %v", tt.name, got, tt.want)
		}
	}
}

// Of a card that gives two frames at a time no sound waits longer in a packet of both than in two: none is left behind when the next come.
func TestBurstsLeaveNothing(t *testing.T) {
	w := &tapeLine{captured: new(int)}
	_, v := wired(t, pcmuCodec, w, "")
	v.bursts = bursts{run: 2, two: burstsAlike}
	v.last = v.line.engine.now() - 20*time.Millisecond
	var frame [audio.CardFrame]int16
	for n := range 2 {
		v.Capture(frame[:])
		if want := n; len(w.payloads) != want {
			t.Fatalf("%d packets after frame %d, want %d", len(w.payloads), n+1, want)
		}
	}
	if n := len(w.payloads[0]); n != 2*codec.G711Rate/100 {
		t.Errorf("a packet of %d samples", n)
	}
	v.Capture(frame[:]) // a third one: by itself
	if len(w.payloads) != 2 || len(v.sound) != 0 {
		t.Errorf("%d packets, %d samples left", len(w.payloads), len(v.sound))
	}
	v.last -= 20 * time.Millisecond // and one that the next burst begins with
	v.bursts = bursts{run: 2, two: 2 * burstsAlike}
	v.Capture(frame[:])
	v.last -= 20 * time.Millisecond
	v.Capture(frame[:])
	v.Capture(frame[:])
	if len(w.payloads) != 5 || len(v.sound) != 0 {
		t.Errorf("%d packets, %d samples left", len(w.payloads), len(v.sound))
	}
}
