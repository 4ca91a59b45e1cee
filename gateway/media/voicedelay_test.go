package media

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// tapeLine is a line that keeps what is sent.
type tapeLine struct {
	payloads [][]byte
	at       []int // samples captured by then
	captured *int
}

func (w *tapeLine) send(p []byte, h rtpHeader, _ time.Duration) error {
	if w.captured != nil {
		w.payloads, w.at = append(w.payloads, append([]byte(nil), p[h.size:]...)), append(w.at, *w.captured)
	}
	return nil
}
func (*tapeLine) sendControl([]byte, time.Duration) error { return nil }
func (*tapeLine) apply(*sdp.Remote, bool)                 {}
func (*tapeLine) state(time.Duration) string              { return "up" }
func (*tapeLine) close()                                  {}

// wired is a voice whose other side is one, and asks for what else its description says.
func wired(t testing.TB, c sdp.Codec, w *tapeLine, asks string) (*Engine, *Voice) {
	t.Helper()
	e, err := New(Config{Listen: "127.0.0.1:0", Ports: "21840-21899"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	format := fmt.Sprint(c.PT)
	if _, err = e.Offer(t.Context(), "call", handset, second, voiceDescription(format, "sendrecv")); err == nil {
		_, err = e.Answer(t.Context(), "call", second, handset, append(voiceDescription(format, "sendrecv"), asks...))
	}
	if err != nil {
		t.Fatal(err)
	}
	legs := e.calls["call"].legs
	v := legs[handset.Leg].line.(*pcmLine).voice
	legs[second.Leg].line = w
	return e, v
}

// From the microphone to the wire, by clicks anywhere in a packet: from the sample that the card gave until the packet that has it is
// handed to the network. The card's own period is not in it, nor is echo cancellation, 10 and 8 ms: with these it shall be 30 (gateway/e2e).
func TestMicrophoneToWire(t *testing.T) {
	for _, tt := range []struct {
		codec       sdp.Codec
		asks        string
		limit, size time.Duration
		band        bool // is what is captured
	}{
		{pcmuCodec, "", 17 * time.Millisecond, 10 * time.Millisecond, false},
		{g722Codec, "", 17 * time.Millisecond, 10 * time.Millisecond, false},
		{opus96, "", 17 * time.Millisecond, 10 * time.Millisecond, false},
		{pcmuCodec, "a=ptime:10\r\n", 17 * time.Millisecond, 10 * time.Millisecond, false},
		{pcmuCodec, "a=ptime:20\r\n", 27 * time.Millisecond, 20 * time.Millisecond, false},
		{g722Codec, "a=ptime:30\r\n", 37 * time.Millisecond, 30 * time.Millisecond, false},
		{opus96, "a=ptime:20\r\n", 27 * time.Millisecond, 20 * time.Millisecond, false},
		{opus96, "a=ptime:30\r\n", 27 * time.Millisecond, 20 * time.Millisecond, false},
		{pcmuCodec, "", 16 * time.Millisecond, 10 * time.Millisecond, true},
		{g722Codec, "", 15 * time.Millisecond, 10 * time.Millisecond, true},
		{opus96, "", 16 * time.Millisecond, 10 * time.Millisecond, true},
		{opus96, "a=ptime:20\r\n", 26 * time.Millisecond, 20 * time.Millisecond, true},
	} {
		t.Run(fmt.Sprintf("%s %s band=%v", tt.codec.Name, strings.TrimSpace(tt.asks), tt.band), func(t *testing.T) {
			captured, c := 0, tt.codec
			w := &tapeLine{captured: &captured}
			_, v := wired(t, c, w, tt.asks)
			var clicks []int
			for frames := range 2000 {
				var frame [audio.CardFrame]int16
				if frames%101 == 50 {
					at := frames / 101 * 47 % (audio.CardFrame - 48)
					for i := range 48 { // 1 ms
						frame[at+i] = 20000
					}
					clicks = append(clicks, captured+at+24)
				}
				captured += len(frame)
				v.last = 0 // a machine that stands still for a moment is no microphone that was away
				if !tt.band {
					v.Capture(frame[:])
					continue
				}
				var band [audio.BandFrame]int16
				for i := range band {
					band[i] = frame[i*len(frame)/len(band)]
				}
				v.CaptureBand(band[:])
			}
			ear, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
			if err != nil {
				t.Fatal(err)
			}
			var sound []int16
			size := 0
			for _, payload := range w.payloads {
				had := len(sound)
				if sound, err = ear.Decode(sound, payload); err != nil {
					t.Fatal(err)
				}
				size = len(sound) - had
			}
			if d := time.Duration(size) * time.Second / time.Duration(rate); d != tt.size {
				t.Errorf("packets of %v, want %v", d, tt.size)
			}
			var most, sum time.Duration
			for _, click := range clicks {
				from := click * rate / audio.CardRate
				there := from + loudestOf(sound[from:min(from+rate/20, len(sound))])
				sent := w.at[there/size]
				d := time.Duration(sent-click) * time.Second / audio.CardRate
				most, sum = max(most, d), sum+d
			}
			t.Logf("microphone to wire: %.1f ms on average, %.1f at most", 1e3*(sum/time.Duration(len(clicks))).Seconds(), 1e3*most.Seconds())
			if most > tt.limit {
				t.Errorf("microphone to wire takes up to %v", most)
			}
		})
	}
}

// A card's sound comes as whole frames or as the band, as it happens to be. Each change leaves out what was not sent yet, and the stream's clock
// goes on with the sound's.
func TestVoiceTakesBoth(t *testing.T) {
	for _, c := range []sdp.Codec{pcmuCodec, g722Codec, opus96} {
		t.Run(c.Name, func(t *testing.T) {
			w := &tapeLine{captured: new(int)}
			_, v := wired(t, c, w, "a=ptime:20\r\n")
			card, band := audio.NewTone(1000, audio.CardRate, 8000), audio.NewTone(1000, audio.BandRate, 8000)
			var frame [audio.CardFrame]int16
			before := v.speech.stamp
			const frames = 200
			for n := range frames {
				v.last = 0       // a machine that stands still for a moment is no microphone that was away
				if n/25%2 == 0 { // an odd number, so that half a packet waits
					card.Fill(frame[:])
					v.Capture(frame[:])
				} else {
					band.Fill(frame[:audio.BandFrame])
					if !v.CaptureBand(frame[:audio.BandFrame]) {
						t.Fatal("the band was not taken")
					}
				}
			}
			if passed := v.speech.stamp - before + ticks(v.waits(), v.clock); passed != frames*c.ClockRate/100 {
				t.Errorf("%d frames took %d ticks of %d Hz", frames, passed, c.ClockRate)
			}
			ear, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
			if err != nil {
				t.Fatal(err)
			}
			var sound []int16
			for _, payload := range w.payloads {
				if sound, err = ear.Decode(sound, payload); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Duration(len(sound)) * time.Second / time.Duration(rate); got < frames*9*time.Millisecond {
				t.Errorf("%v came of %v", got, frames*10*time.Millisecond)
			}
			if share := audio.Goertzel(sound[rate/10:rate/5], rate, 1000); share < 0.95 {
				t.Errorf("%.2f of whole frames is the tone", share)
			}
			if share := audio.Goertzel(sound[rate*35/100:rate*45/100], rate, 1000); share < 0.95 {
				t.Errorf("%.2f of the band is the tone", share)
			}
		})
	}
}

func loudestOf(sound []int16) (at int) {
	most := 0
	for i, s := range sound {
		if a := max(int(s), -int(s)); a > most {
			most, at = a, i
		}
	}
	return at
}

func TestVoiceAllocatesNothing(t *testing.T) {
	for _, c := range []sdp.Codec{pcmuCodec, g722Codec, opus96} {
		_, v := wired(t, c, new(tapeLine), "")
		frame := make([]int16, audio.CardFrame)
		audio.NewTone(440, audio.CardRate, 8000).Fill(frame)
		for name, do := range map[string]func(){
			"capture": func() { v.Capture(frame) },
			"band":    func() { v.CaptureBand(frame[:audio.BandFrame]) },
			"play":    func() { v.Play(frame) },
		} {
			if n := testing.AllocsPerRun(200, do); n != 0 {
				t.Errorf("%s, %s: %v allocations per frame", c.Name, name, n)
			}
		}
	}
}

// What a frame of the card costs, and a packet on the thread that carries packets.
func BenchmarkVoice(b *testing.B) {
	for _, c := range []sdp.Codec{pcmuCodec, g722Codec, opus96} {
		b.Run("capture/"+c.Name, func(b *testing.B) {
			_, v := wired(b, c, new(tapeLine), "")
			var frame [audio.CardFrame]int16
			audio.NewTone(440, audio.CardRate, 8000).Fill(frame[:])
			for range 100 {
				v.Capture(frame[:])
			}
			b.ReportAllocs()
			for b.Loop() {
				v.Capture(frame[:])
			}
		})
		b.Run("band/"+c.Name, func(b *testing.B) {
			_, v := wired(b, c, new(tapeLine), "")
			var frame [audio.BandFrame]int16
			audio.NewTone(440, audio.BandRate, 8000).Fill(frame[:])
			for range 100 {
				v.CaptureBand(frame[:])
			}
			b.ReportAllocs()
			for b.Loop() {
				v.CaptureBand(frame[:])
			}
		})
	}
	b.Run("packet", func(b *testing.B) {
		e, v := wired(b, pcmuCodec, new(tapeLine), "")
		l, s := v.line.leg, newSpeaker()
		payload := make([]byte, packetSamples)
		now := e.now()
		b.ReportAllocs()
		for b.Loop() {
			p, h := s.say(payload, uint32(len(payload)), false)
			now += packetTime
			l.send(p, h, now)
		}
	})
}
