package media

import (
	"bytes"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// tape is a line that keeps what it is given.
type tape struct {
	line
	mu      sync.Mutex
	packets []*rtp.Packet
	at      []time.Duration
}

func (l *tape) send(p []byte, _ rtpHeader, now time.Duration) error {
	var one rtp.Packet
	if err := one.Unmarshal(bytes.Clone(p)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets, l.at = append(l.packets, &one), append(l.at, now)
	return nil
}

var noiseCodec = sdp.Codec{PT: 13, Name: "CN", ClockRate: 8000, Channels: 1}

// all are the packets so far, while others may come.
func (l *tape) all() []*rtp.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.packets)
}

// listener is a leg that agreed on codecs, whose line is a tape, and a player for it.
func listener(h hearing) (*tape, *keypad, *player) {
	far := &tape{}
	l := &leg{line: far}
	if h.frame == 0 {
		h.frame = packetTime
	}
	l.way.Store(&way{hears: true, hearing: h})
	k := &keypad{leg: l, timer: time.AfterFunc(time.Hour, func() {})}
	l.keys.Store(k)
	return far, k, &player{pad: k}
}

// run steps a player through some time, calling during with the time before each step.
func run(p *player, from, d time.Duration, during func(now time.Duration)) {
	for now := from; now < from+d; now += packetTime / 2 {
		if during != nil {
			during(now)
		}
		p.step(now)
	}
}

func TestKeysAsEvents(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hears hearing
		press time.Duration
		ticks []uint16 // of the packets
		pt    uint8
	}{
		{"usual", hearing{voices: []sdp.Codec{pcmuCodec}, events: []sdp.Codec{eventSlow}}, 100 * time.Millisecond, []uint16{160, 320, 480, 640, 800, 800, 800}, 101},
		{"short", hearing{voices: []sdp.Codec{pcmuCodec}, events: []sdp.Codec{eventSlow}}, time.Millisecond, []uint16{160, 320, 480, 640, 640, 640}, 101},
		{"at 48 kHz", hearing{voices: []sdp.Codec{opusCodec}, events: []sdp.Codec{eventSlow, eventFast}}, 90 * time.Millisecond, []uint16{960, 1920, 2880, 3840, 4800, 4800, 4800}, 110},
		{"of another clock than the voice", hearing{voices: []sdp.Codec{opusCodec}, events: []sdp.Codec{eventSlow}}, 80 * time.Millisecond, []uint16{160, 320, 480, 640, 640, 640}, 101},
		{"packets of 30 ms", hearing{voices: []sdp.Codec{pcmuCodec}, events: []sdp.Codec{eventSlow}, frame: 30 * time.Millisecond}, 80 * time.Millisecond, []uint16{240, 480, 720, 720, 720}, 101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			far, k, p := listener(tt.hears)
			for _, code := range []uint8{5, 11} {
				k.begin(press{code: code, up: true, length: tt.press})
			}
			run(p, time.Minute, time.Second, nil)
			n := len(tt.ticks)
			if len(far.packets) != 2*n {
				t.Fatalf("%d packets, want twice %d", len(far.packets), n)
			}
			for i, got := range far.packets {
				ends := i%n >= n-endPackets
				want := appendEvent(nil, []uint8{5, 11}[i/n], ends, tt.ticks[i%n])
				first := far.packets[i/n*n]
				if !bytes.Equal(got.Payload, want) || got.PayloadType != tt.pt || got.Marker != (i%n == 0) || got.Timestamp != first.Timestamp ||
					got.SequenceNumber != far.packets[0].SequenceNumber+uint16(i) {
					t.Errorf("packet %d: %+v %x, want %x", i, got.Header, got.Payload, want)
				}
			}
			if pause := far.at[n] - far.at[n-endPackets]; pause < pressGap {
				t.Errorf("%v between the keys", pause)
			}
			if by, want := far.packets[n].Timestamp-far.packets[0].Timestamp, ticks(far.at[n]-far.at[0], p.codec.ClockRate); by != want {
				t.Errorf("the second key is %d ticks later, want %d", by, want)
			}
			if k.busy.Load() {
				t.Error("the voice is kept back after the keys")
			}
		})
	}
}

// A key that is held for long goes on in segments (RFC 4733 §2.5.1.3), and is read so.
func TestLongKey(t *testing.T) {
	far, k, p := listener(hearing{voices: []sdp.Codec{opusCodec}, events: []sdp.Codec{eventFast}})
	k.begin(press{code: 3, up: true, length: 3 * time.Second})
	run(p, time.Minute, 4*time.Second, nil)
	var r eventReader
	var last key
	begun := 0
	for _, one := range far.packets {
		got, ok := r.read(one.Payload, one.SSRC, one.Timestamp, 48000)
		if !ok {
			continue
		}
		if last = got; got.begins {
			begun++
		}
	}
	if begun != 1 || !last.ends || last.length != 3*time.Second {
		t.Errorf("%d keys, the last %+v", begun, last)
	}
}

func TestKeysAsTones(t *testing.T) {
	for _, c := range []sdp.Codec{pcmuCodec, {PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}, g722Codec, opusCodec} {
		t.Run(c.Name, func(t *testing.T) {
			far, k, p := listener(hearing{voices: []sdp.Codec{c}})
			for code := range keyNames {
				k.begin(press{code: uint8(code), up: true, length: 100 * time.Millisecond})
			}
			run(p, time.Minute, 4*time.Second, nil)
			if k.busy.Load() {
				t.Error("the voice is kept back after the keys")
			}
			decode, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
			if err != nil {
				t.Fatal(err)
			}
			var pcm []int16
			for i, one := range far.packets {
				if by := one.Timestamp - far.packets[0].Timestamp; one.PayloadType != c.PT || by != uint32(i)*c.ClockRate/50 || one.Marker != (i == 0) {
					t.Fatalf("packet %d: %+v", i, one.Header)
				}
				if pcm, err = decode.Decode(pcm, one.Payload); err != nil {
					t.Fatal(err)
				}
			}
			var heard string
			audio.NewKeyDetector(rate).Hear(pcm, func(p audio.KeyPress) {
				if !p.Up {
					heard += string(p.Key)
				}
			})
			if heard != keyNames {
				t.Errorf("heard %q, want %q", heard, keyNames)
			}
			if c == pcmuCodec {
				first := pcm[160:640]
				for freq, level := range map[float64]float64{941: rowLevel, 1336: columnLevel} {
					power := audio.Goertzel(first, rate, freq) * math.Pow(audio.RMS(first), 2)
					if db := 10 * math.Log10(power/math.Pow(amplitude(codec.PCMU, 0), 2)*2); math.Abs(db-level) > 0.3 {
						t.Errorf("%.0f Hz at %.1f dBm0, want %.1f", freq, db, level)
					}
				}
			}
		})
	}
}

// A key is played for as long as it is held, and not for ever when nothing more is heard of it.
func TestKeyHeld(t *testing.T) {
	const begin = time.Minute
	for name, tt := range map[string]struct{ held, want time.Duration }{
		"held":     {400 * time.Millisecond, 400 * time.Millisecond},
		"let slip": {time.Hour, 2*packetTime + lostPress}, // no word after the first one
	} {
		far, k, p := listener(hearing{voices: []sdp.Codec{pcmuCodec}, events: []sdp.Codec{eventSlow}})
		number, _ := k.begin(press{code: 1, length: packetTime, heard: begin})
		run(p, begin, 2*time.Second, func(now time.Duration) {
			if d := now - begin; tt.held < time.Hour && d%packetTime == 0 && d > 0 {
				k.hold(number, d, d >= tt.held, now)
			}
		})
		last := far.packets[len(far.packets)-1]
		var r eventReader
		got, _ := r.read(last.Payload, 1, 1, 8000)
		if !got.ends || got.length < tt.want-2*packetTime || got.length > tt.want+2*packetTime {
			t.Errorf("%s: %+v, want %v", name, got, tt.want)
		}
	}
}

func TestKeysWait(t *testing.T) {
	far, k, p := listener(hearing{voices: []sdp.Codec{pcmuCodec}, events: []sdp.Codec{eventSlow}})
	for range maxPresses {
		if _, ok := k.begin(press{code: 1, up: true}); !ok {
			t.Fatal("refused")
		}
	}
	if _, ok := k.begin(press{code: 1, up: true}); ok {
		t.Error("one more is taken")
	}
	if k.voice() {
		t.Error("the voice is heard beside the keys")
	}
	run(p, time.Minute, 10*time.Second, nil)
	if n := len(far.packets); n != 6*maxPresses || !k.voice() {
		t.Errorf("%d packets", n)
	}
	k.hold(3, time.Second, true, 0) // long gone
	k.begin(press{code: 1, up: true})
	k.leg.way.Store(&way{hears: true, hearing: hearing{frame: packetTime}}) // the party can be played nothing any more
	if wait, more := p.step(2 * time.Minute); more || k.busy.Load() {
		t.Errorf("waits %v to play nothing", wait)
	}
}

func TestNoise(t *testing.T) {
	far, k, p := listener(hearing{voices: []sdp.Codec{pcmuCodec}})
	if _, more := p.step(time.Minute); more {
		t.Error("something to do before anything came")
	}
	k.hush(40)
	run(p, time.Minute, time.Second, nil)
	var pcm []int16
	for i, one := range far.packets {
		if one.Timestamp != far.packets[0].Timestamp+160*uint32(i) || one.Marker != (i == 0) {
			t.Fatalf("packet %d: %+v", i, one.Header)
		}
		pcm = codec.PCMU.Decode(pcm, one.Payload)
	}
	if rms := audio.RMS(pcm); len(far.packets) != 50 || rms < 300 || rms > 355 {
		t.Errorf("%d packets of RMS %.0f, want 50 of 328: 40 dB under 32768", len(far.packets), rms)
	}
	k.begin(press{code: 5, up: true}) // keys go before noise
	run(p, 61*time.Second, 80*time.Millisecond, nil)
	if share := audio.Goertzel(codec.PCMU.Decode(nil, far.packets[len(far.packets)-1].Payload), 8000, 770); share < 0.2 {
		t.Errorf("share of 770 Hz in a key: %.2f", share)
	}
	run(p, 61*time.Second+80*time.Millisecond, time.Second, nil)
	n := len(far.packets)
	if !k.voice() {
		t.Error("the voice is kept back by noise")
	}
	if run(p, 63*time.Second, time.Second, nil); len(far.packets) > n+1 {
		t.Errorf("%d packets of noise while the party speaks", len(far.packets)-n)
	}
}

func TestPlayerSleeps(t *testing.T) {
	far, k, p := listener(hearing{voices: []sdp.Codec{pcmuCodec}})
	k.hush(40)
	p.step(time.Minute)
	p.step(2 * time.Minute)
	if n := len(far.packets); n > 2*maxCatchUp || far.packets[n-1].Timestamp-far.packets[0].Timestamp < ticks(59*time.Second, 8000) {
		t.Errorf("%d packets at once, up to %+v", n, far.packets[n-1].Header)
	}
}

func BenchmarkPlayer(b *testing.B) {
	_, k, p := listener(hearing{voices: []sdp.Codec{pcmuCodec}})
	k.leg.line = deaf{}
	k.hush(40)
	now := time.Minute
	b.ReportAllocs()
	for b.Loop() {
		p.step(now)
		now += packetTime
	}
}
