package media

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// told is what Digits was told.
type told struct {
	id, leg string
	digit   rune
	length  time.Duration
	passed  bool
}

// dialing is a call of one phone to another.
type dialing struct {
	e        *Engine
	from, to *phone // the legs desk and pbx
	told     chan told
}

func newDialing(t *testing.T, ofDesk, ofPBX []sdp.Codec, keys call.Keys) dialing {
	t.Helper()
	d := dialing{from: newPhone(t), to: newPhone(t), told: make(chan told, maxTold)}
	var err error
	d.e, err = New(Config{Listen: "127.0.0.1:0", Ports: "21320-21359", Digits: func(id, leg string, digit rune, length time.Duration, passed bool) {
		d.told <- told{id, leg, digit, length, passed}
	}}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, errClosed) {
			t.Errorf("Run = %v", err)
		}
	})
	callee := pbx
	callee.Keys = keys
	d.to.hear(must(t)(d.e.Offer(t.Context(), "call", desk, callee, d.from.only("sendrecv", ofDesk...))))
	d.from.hear(must(t)(d.e.Answer(t.Context(), "call", callee, desk, d.to.only("sendrecv", ofPBX...))))
	return d
}

// keysHeard hears what a phone hears until it has heard so many keys, as tones and as events.
func keysHeard(t *testing.T, p *phone, n int) (tones, events string) {
	t.Helper()
	ears := audio.NewKeyDetector(codec.G711Rate)
	var r eventReader
	for end := time.Now().Add(patience); len(tones)+len(events) < n && time.Now().Before(end); {
		one := p.next(patience)
		switch {
		case one == nil:
		case one.PayloadType == 0:
			ears.Hear(codec.PCMU.Decode(nil, one.Payload), func(k audio.KeyPress) {
				if !k.Up {
					tones += string(k.Key)
				}
			})
		default:
			if k, ok := r.read(one.Payload, one.SSRC, one.Timestamp, 8000); ok && k.begins {
				events += string(keyNames[k.code])
			}
		}
	}
	return tones, events
}

func TestDigit(t *testing.T) {
	with, without := []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec}
	const digits = "1590#"
	for _, tt := range []struct {
		name  string
		codec []sdp.Codec
		keys  call.Keys
		want  string // "events", "tones" or "INFO"
	}{
		{"events", with, call.KeysAuto, "events"},
		{"no events", without, call.KeysAuto, "tones"},
		{"events before INFO", with, call.KeysInfo, "events"},
		{"no events but INFO", without, call.KeysInfo, "INFO"},
		{"INFO alone", with, call.KeysInfoOnly, "INFO"},
		{"tones alone", with, call.KeysTones, "tones"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialing(t, with, tt.codec, tt.keys)
			for _, digit := range digits {
				err := d.e.Digit(t.Context(), "call", "desk", digit, 100*time.Millisecond)
				if errors.Is(err, ErrKeysByInfo) != (tt.want == "INFO") || err != nil && tt.want != "INFO" {
					t.Fatalf("Digit = %v", err)
				}
			}
			if tt.want == "INFO" {
				return
			}
			tones, events := keysHeard(t, d.to, len(digits))
			want := map[string]string{"tones": tones, "events": events}[tt.want]
			if want != digits || len(tones)+len(events) != len(digits) {
				t.Errorf("heard tones %q and events %q, want %s %q", tones, events, tt.want, digits)
			}
		})
	}
	d := newDialing(t, with, with, call.KeysAuto)
	ended, end := context.WithCancel(t.Context())
	end()
	for name, err := range map[string]error{
		"unknown call":  d.e.Digit(t.Context(), "none", "desk", '1', 0),
		"unknown leg":   d.e.Digit(t.Context(), "call", "nobody", '1', 0),
		"no key":        d.e.Digit(t.Context(), "call", "desk", 'x', 0),
		"context ended": d.e.Digit(ended, "call", "desk", '1', 0),
	} {
		if err == nil {
			t.Errorf("%s: played", name)
		}
	}
}

// What a phone presses as events reaches one that has none as tones, or is told of for INFO; what it presses as tones reaches one that wants
// events as events.
func TestKeysAreTurned(t *testing.T) {
	with, without := []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec}
	const digits = "30*D"
	press := func(d dialing) {
		stamp := uint32(0)
		for _, digit := range digits {
			code, _ := keyCode(digit)
			stamp += 8000
			for _, payload := range pressed(code, 160) {
				d.from.event(payload, stamp)
				time.Sleep(packetTime) // as a phone does
			}
		}
	}
	t.Run("events to tones", func(t *testing.T) {
		d := newDialing(t, with, without, call.KeysAuto)
		go press(d)
		if tones, events := keysHeard(t, d.to, len(digits)); tones != digits || events != "" {
			t.Errorf("heard tones %q, want %q, and events %q", tones, digits, events)
		}
		d.wantTold(t, digits, true)
	})
	t.Run("events to INFO", func(t *testing.T) {
		d := newDialing(t, with, without, call.KeysInfo)
		press(d)
		d.wantTold(t, digits, false)
	})
	t.Run("tones to events", func(t *testing.T) {
		d := newDialing(t, without, with, call.KeysAuto)
		go d.from.sing(digits)
		if tones, events := keysHeard(t, d.to, len(digits)); tones != "" || events != digits {
			t.Errorf("heard events %q, want %q, and tones %q", events, digits, tones)
		}
		d.wantTold(t, digits, true)
	})
	t.Run("tones to INFO", func(t *testing.T) {
		d := newDialing(t, without, without, call.KeysInfo)
		d.from.sing(digits)
		d.wantTold(t, digits, false)
	})
}

// wantTold waits until keys were told of.
func (d dialing) wantTold(t *testing.T, digits string, passed bool) {
	t.Helper()
	for _, digit := range digits {
		select {
		case got := <-d.told:
			if got.digit != digit || got.passed != passed || got.id != "call" || got.leg != "desk" {
				t.Errorf("told of %+v, want %c, passed %v", got, digit, passed)
			}
		case <-time.After(patience):
			t.Fatalf("nobody is told of %c", digit)
		}
	}
}

// event sends a packet of an event.
func (p *phone) event(payload []byte, stamp uint32) {
	p.seq++
	p.media.WriteToUDPAddrPort(packet(p.t, rtp.Header{PayloadType: 101, SequenceNumber: p.seq, Timestamp: stamp, SSRC: p.ssrc}, string(payload)), p.remote.Audio)
}

// sing presses keys as tones of 100 ms.
func (p *phone) sing(digits string) {
	pcm := make([]int16, packetSamples)
	for _, digit := range digits {
		tone, _ := audio.NewKeyTone(digit, codec.G711Rate, 7000, 7000)
		for i := range 10 {
			if clear(pcm); i < 5 {
				tone.Fill(pcm)
			}
			p.mouth(string(codec.PCMU.Encode(nil, pcm)))
			time.Sleep(packetTime)
		}
	}
}
