package media

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// voiceCall is a call of a voice, at 440 Hz, to a phone.
func voiceCall(t *testing.T, e *Engine, p *phone) (*headset, speaking) {
	t.Helper()
	p.hear(must(t)(e.Offer(t.Context(), "call", handset, pbx, voiceDescription(allFormats, "sendrecv"))))
	h := wear(t, e, must(t)(e.Answer(t.Context(), "call", pbx, handset, p.only("sendrecv", pcmuCodec, eventSlow))), 440)
	return h, speaking{p.write, p, pcmuCodec}
}

// While one side holds nothing is sent and nothing is played, and after it all is as it was.
func TestVoiceHold(t *testing.T) {
	e, p := startEngine(t, "21820-21821"), newPhone(t)
	h, there := voiceCall(t, e, p)
	between(t, h, 440, there, 1000)
	exchange := func(ofVoice, ofPhone string) {
		t.Helper()
		must(t)(e.Offer(t.Context(), "call", handset, pbx, voiceDescription(allFormats, ofVoice)))
		must(t)(e.Answer(t.Context(), "call", pbx, handset, p.only(ofPhone, pcmuCodec, eventSlow)))
	}
	for _, held := range []struct{ ofVoice, ofPhone string }{{"sendonly", "recvonly"}, {"inactive", "inactive"}} {
		exchange(held.ofVoice, held.ofPhone)
		for range 20 {
			p.mouth(strings.Repeat("\x40", 160))
		}
		waitFor(t, "silence", func() bool { return audio.RMS(h.last(100*time.Millisecond)) == 0 })
		exchange("sendrecv", "sendrecv")
		between(t, h, 440, there, 1000)
	}
	exchange("recvonly", "sendonly") // the phone holds
	for p.next(50*time.Millisecond) != nil {
	}
	if late := p.next(calm); late != nil {
		t.Errorf("sent to who holds: %+v", late.Header)
	}
	if w := h.voice.line.leg.way.Load(); w.talks || !w.hears {
		t.Errorf("way %+v", w)
	}
}

// A browser takes a voice's place and gives it back; the phone is told nothing.
func TestVoiceReplaced(t *testing.T) {
	e, p := startEngine(t, "21822-21823"), newPhone(t)
	h, there := voiceCall(t, e, p)
	between(t, h, 440, there, 1000)
	b := newBrowser(t)
	b.accept(must(t)(e.Replace(t.Context(), "call", handset.Leg, alice, b.offer())))
	reaches(t, b.say, p, "taken over")
	reaches(t, p.mouth, b, "taken over")
	h.silent()
	e.Delete("call", handset.Leg)
	h.silent()
	back := wear(t, e, must(t)(e.Replace(t.Context(), "call", alice.Leg, second, voiceDescription(allFormats, "sendrecv"))), 620)
	e.Delete("call", alice.Leg)
	between(t, back, 620, there, 1300)
	if _, err := e.Voice(h.voice.line.label, nil); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("the voice of a leg that is gone: %v", err)
	}
	if e.Stats("call") == nil {
		t.Error("no call")
	}
	e.Delete("call", "")
	waitFor(t, "no voices", func() bool { return len(e.voices.lines) == 0 })
}

// Keys pass in both directions, by the side's own clock.
func TestVoiceKeys(t *testing.T) {
	t.Run("phone", func(t *testing.T) {
		e, p := startEngine(t, "21824-21825"), newPhone(t)
		h, there := voiceCall(t, e, p)
		between(t, h, 440, there, 1000)
		for _, key := range "5#" {
			if err := h.voice.Digit(key, 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.voice.Digit('x', time.Second); err == nil {
			t.Error("an x was pressed")
		}
		if tones, events := keysHeard(t, p, 2); tones+events != "5#" {
			t.Errorf("the phone hears %q and events %q", tones, events)
		}
		for _, key := range "42" {
			if err := e.Digit(t.Context(), "call", pbx.Leg, key, 80*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		h.presses("42")
	})
	t.Run("browser", func(t *testing.T) {
		e, b := startEngine(t, "21826-21827"), newBrowserOf(t, []sdp.Codec{opusCodec, eventFast})
		answer := b.answer(must(t)(e.Offer(t.Context(), "call", handset, alice, voiceDescription(allFormats, "sendrecv"))))
		h := wear(t, e, must(t)(e.Answer(t.Context(), "call", alice, handset, answer)), 440)
		between(t, h, 440, speaking{b.write, b, opus96}, 1000)
		if err := h.voice.Digit('7', 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		var r eventReader
		waitFor(t, "the key at the browser", func() bool {
			for one := b.next(time.Millisecond); one != nil; one = b.next(time.Millisecond) {
				if one.PayloadType == 102 {
					if k, ok := r.read(one.Payload, one.SSRC, one.Timestamp, 48000); ok {
						return keyNames[k.code] == '7'
					}
				}
			}
			return false
		})
		if err := e.Digit(t.Context(), "call", alice.Leg, '9', 80*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		h.presses("9")
	})
	t.Run("by INFO", func(t *testing.T) {
		d := newDialing(t, []sdp.Codec{pcmuCodec}, []sdp.Codec{pcmuCodec}, call.KeysInfo)
		p, info := newPhone(t), pbx
		info.Keys = call.KeysInfo
		p.hear(must(t)(d.e.Offer(t.Context(), "other", handset, info, voiceDescription(allFormats, "sendrecv"))))
		h := wear(t, d.e, must(t)(d.e.Answer(t.Context(), "other", info, handset, p.only("sendrecv", pcmuCodec))), 440)
		if err := h.voice.Digit('3', 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if got := <-d.told; got != (told{"other", handset.Leg, '3', 100 * time.Millisecond, false}) {
			t.Errorf("told of %+v", got)
		}
	})
}

// presses waits until the voice's owner was told of keys.
func (h *headset) presses(keys string) {
	h.t.Helper()
	waitFor(h.t, "keys "+keys, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return string(h.keys) == keys
	})
}

// A phone's call rings at a voice and a browser; the voice has early media and loses, or wins.
func TestVoiceForks(t *testing.T) {
	e, p, b := startEngine(t, "21828-21829"), newPhone(t), newBrowser(t)
	offer := p.only("sendrecv", pcmuCodec)
	told := must(t)(e.Offer(t.Context(), "call", pbx, handset, offer))
	toBrowser := must(t)(e.Offer(t.Context(), "call", pbx, alice, offer))
	p.hear(must(t)(e.Answer(t.Context(), "call", handset, pbx, told))) // early
	h := wear(t, e, told, 440)
	between(t, h, 440, speaking{p.write, p, pcmuCodec}, 1000)
	p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, b.answer(toBrowser))))
	e.Delete("call", handset.Leg)
	reaches(t, b.say, p, "final")
	reaches(t, p.mouth, b, "final")
	h.silent()
}

// Built-in callees talk to a voice too, and a recording hears it.
func TestVoiceCallsBuiltIn(t *testing.T) {
	e := startEngine(t, "21830-21831")
	h := wear(t, e, must(t)(e.Local(t.Context(), "one", handset, Tone, voiceDescription(allFormats, "sendrecv"))), 440)
	h.hears(1004)
	h = wear(t, e, must(t)(e.Local(t.Context(), "two", handset, Echo, voiceDescription(allFormats, "sendrecv"))), 440)
	h.hears(440)
}

// A call of a voice is recorded as others are.
func TestVoiceRecorded(t *testing.T) {
	e, p := startEngine(t, "21834-21835"), newPhone(t)
	h, there := voiceCall(t, e, p)
	path, ended := filepath.Join(t.TempDir(), "call.wav"), make(chan error, 1)
	if err := e.Record(t.Context(), "call", Recording{Path: path, Left: handset.Leg, Began: time.Now(), Ended: func(err error) { ended <- err }}); err != nil {
		t.Fatal(err)
	}
	for stats(t, e, "call", pbx.Leg).PacketsIn < 50 || stats(t, e, "call", handset.Leg).PacketsIn < 50 {
		between(t, h, 440, there, 1000)
	}
	e.Delete("call", "")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	left, right, _ := readStereo(t, path)
	wantOnly(t, "left", left, 1000, 440)
	wantOnly(t, "right", right, 440, 1000)
}

// After a crash the party is offered a new voice, and the phone is told nothing.
func TestVoiceRestored(t *testing.T) {
	const ports = "21880-21883"
	e, p := startEngine(t, ports), newPhone(t)
	h, there := voiceCall(t, e, p)
	between(t, h, 440, there, 1000)
	before := h.voice.line.label
	e = restart(t, e, "call", ports)
	e.Wait("call", handset.Leg, true)
	offer := must(t)(e.Reoffer(t.Context(), "call", handset.Leg))
	if strings.Contains(string(offer), before) {
		t.Errorf("offered by the label of before:\n%s", offer)
	}
	after := wear(t, e, offer, 620)
	if err := e.Reanswer(t.Context(), "call", handset.Leg, voiceDescription("0 101", "sendrecv")); err != nil {
		t.Fatal(err)
	}
	e.Wait("call", handset.Leg, false)
	between(t, after, 620, there, 1300)
	if nothing, err := e.Reoffer(t.Context(), "call", handset.Leg); len(nothing) > 0 || err != nil {
		t.Errorf("offered once more: %s, %v", nothing, err)
	}
}
