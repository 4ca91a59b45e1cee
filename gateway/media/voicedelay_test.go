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
	}{
		{pcmuCodec, "", 17 * time.Millisecond, 10 * time.Millisecond},
		{g722Codec, "", 17 * time.Millisecond, 10 * time.Millisecond},
		{opus96, "", 17 * time.Millisecond, 10 * time.Millisecond},
		{pcmuCodec, "a=ptime:10\r\n", 17 * time.Millisecond, 10 * time.Millisecond},
		{pcmuCodec, "a=ptime:20\r\n", 27 * time.Millisecond, 20 * time.Millisecond},
		{g722Codec, "a=ptime:30\r\n", 37 * time.Millisecond, 30 * time.Millisecond},
		{opus96, "a=ptime:20\r\n", 27 * time.Millisecond, 20 * time.Millisecond},
		{opus96, "a=ptime:30\r\n", 27 * time.Millisecond, 20 * time.Millisecond},
	} {
		t.Run(tt.codec.Name+" "+strings.TrimSpace(tt.asks), func(t *testing.T) {
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
				v.Capture(frame[:])
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

func loudestOf(sound []int16) (at int) {
	most := 0
	for i, s := range sound {
		if a := max(int(s), -int(s)); a > most {
			most, at = a, i
		}
	}
	return at
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
