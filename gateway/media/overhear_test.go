package media

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// tonesCall is a call of a browser and a phone that has these codecs, whichever calls; told gets the keys that are heard.
func tonesCall(t *testing.T, phoneCalls bool, codecs ...sdp.Codec) (e *Engine, b *browser, p *phone, heard chan told) {
	t.Helper()
	heard = make(chan told, maxTold)
	e, err := New(Config{Listen: "127.0.0.1:0", Ports: "23180-23189", Digits: func(id, leg string, digit rune, length time.Duration, passed bool) {
		heard <- told{id, leg, digit, length, passed}
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	b, p = newBrowser(t), newPhone(t)
	if phoneCalls {
		answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.only("sendrecv", codecs...))))
		p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
	} else {
		p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
		b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("sendrecv", codecs...))))
	}
	reaches(t, p.mouth, b, "voice")
	reaches(t, b.say, p, "voice")
	return e, b, p, heard
}

// listens says whether anybody listens for keys in what a leg says.
func listens(t *testing.T, e *Engine, name string) bool {
	t.Helper()
	s, err := e.lock("call", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.mu.Unlock()
	return s.legs[name].overhearing != nil
}

// What a phone without events presses as tones reaches a browser as events, and whoever is told of keys. Where the phone has events nobody
// listens.
func TestTonesTowardABrowser(t *testing.T) {
	const digits = "1#C"
	for _, phoneCalls := range []bool{true, false} {
		e, b, p, heard := tonesCall(t, phoneCalls, pcmuCodec)
		if !listens(t, e, pbx.Leg) || listens(t, e, alice.Leg) {
			t.Fatal("nobody listens, or to the browser too")
		}
		go p.sing(digits)
		var reader eventReader
		got, sounds := "", 0
		for end := time.Now().Add(patience); len(got) < len(digits) && time.Now().Before(end); {
			packet := b.next(patience)
			switch {
			case packet == nil:
			case packet.PayloadType != eventSlow.PT:
				if got == "" && len(packet.Payload) == packetSamples {
					sounds++
				}
			default:
				if k, ok := reader.read(packet.Payload, packet.SSRC, packet.Timestamp, eventSlow.ClockRate); ok && k.ends {
					got += string(keyNames[k.code])
				}
			}
		}
		if got != digits || sounds == 0 {
			t.Errorf("phone calls %v: the browser gets events %q, want %q, after %d packets of sound", phoneCalls, got, digits, sounds)
		}
		for _, digit := range digits {
			select {
			case one := <-heard:
				if one.digit != digit || !one.passed || one.leg != pbx.Leg {
					t.Errorf("told of %+v, want %c", one, digit)
				}
			case <-time.After(patience):
				t.Fatalf("nobody is told of %c", digit)
			}
		}
		e.Close()
	}
	e, _, _, _ := tonesCall(t, true, pcmuCodec, eventSlow)
	if listens(t, e, pbx.Leg) {
		t.Error("tones are looked for where there are events")
	}
}

// What sounds like a key and is none is heard by people as it is.
func TestNoToneIsKeptFromABrowser(t *testing.T) {
	_, b, p, _ := tonesCall(t, true, pcmuCodec)
	pcm := make([]int16, packetSamples)
	tone, _ := audio.NewKeyTone('5', codec.G711Rate, 7000, 7000)
	for range 20 {
		tone.Fill(pcm)
		short := string(codec.PCMU.Encode(nil, pcm))
		p.mouth(short) // too short for a key
		for got := b.next(patience); ; got = b.next(patience) {
			if got == nil {
				t.Fatal("a short tone is kept back")
			}
			if string(got.Payload) == short {
				break
			}
		}
		clear(pcm)
		for range 6 {
			p.mouth(string(codec.PCMU.Encode(nil, pcm)))
		}
	}
}
