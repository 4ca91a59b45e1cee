package media

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

var (
	handset = call.Party{Leg: "handset", Profile: sdp.PCM}
	second  = call.Party{Leg: "second", Profile: sdp.PCM}
	opus96  = sdp.Codec{PT: 96, Name: "opus", ClockRate: 48000, Channels: 2} // as voices offer it
)

// headset is a party with a voice: a microphone that hears a tone, and an ear that keeps what it hears, both moved by a clock of 10 ms.
type headset struct {
	t     *testing.T
	voice *Voice
	tone  *audio.Tone
	stop  chan struct{}
	done  sync.WaitGroup

	mu    sync.Mutex
	heard []int16 // the last second
	keys  []rune
}

// wear takes the voice that a description tells of.
func wear(t *testing.T, e *Engine, description []byte, freq float64) *headset {
	t.Helper()
	h := &headset{t: t, tone: audio.NewTone(freq, audio.CardRate, 8000), stop: make(chan struct{})}
	label := regexp.MustCompile(`a=label:(\S+)\r\n`).FindSubmatch(description)
	if label == nil {
		t.Fatalf("no label in\n%s", description)
	}
	var err error
	if h.voice, err = e.Voice(string(label[1]), h.press); err != nil {
		t.Fatal(err)
	}
	h.done.Go(h.run)
	t.Cleanup(func() {
		close(h.stop)
		h.done.Wait()
	})
	return h
}

func (h *headset) press(digit rune) {
	h.mu.Lock()
	h.keys = append(h.keys, digit)
	h.mu.Unlock()
}

// run is the card's thread.
func (h *headset) run() {
	const frameTime = 10 * time.Millisecond
	var frame [audio.CardFrame]int16
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	for begun, frames := time.Now(), 0; ; frames++ {
		for time.Since(begun) < time.Duration(frames)*frameTime {
			select {
			case <-ticker.C:
			case <-h.stop:
				return
			}
		}
		h.tone.Fill(frame[:])
		h.voice.Capture(frame[:])
		h.voice.Play(frame[:])
		h.mu.Lock()
		h.heard = append(h.heard, frame[:]...)
		if over := len(h.heard) - audio.CardRate; over > 0 {
			h.heard = append(h.heard[:0], h.heard[over:]...)
		}
		h.mu.Unlock()
		select {
		case <-h.stop:
			return
		default:
		}
	}
}

// last is what was heard of late.
func (h *headset) last(d time.Duration) []int16 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(int(d*audio.CardRate/time.Second), len(h.heard))
	return append([]int16(nil), h.heard[len(h.heard)-n:]...)
}

// hears waits until a tone is heard, from now on.
func (h *headset) hears(freq float64) {
	h.t.Helper()
	h.mu.Lock()
	h.heard = h.heard[:0]
	h.mu.Unlock()
	waitFor(h.t, fmt.Sprintf("%.0f Hz", freq), func() bool { return has(h.last(time.Second), audio.CardRate, freq) })
}

// has says whether there are 60 ms of a tone somewhere in a sound: a machine that is busy makes gaps.
func has(sound []int16, rate int, freq float64) bool {
	step := rate / 50
	for ; len(sound) >= 3*step; sound = sound[step:] {
		if w := sound[:3*step]; audio.RMS(w) > 1000 && audio.Goertzel(w, rate, freq) > 0.9 {
			return true
		}
	}
	return false
}

// silent waits until nothing is heard.
func (h *headset) silent() {
	h.t.Helper()
	waitFor(h.t, "silence", func() bool { return audio.RMS(h.last(100*time.Millisecond)) < 100 })
}

// voiceDescription is what a party with a voice says of itself.
func voiceDescription(formats, direction string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP %s\r\n"+
		"a=rtpmap:96 opus/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"+
		"a=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000\r\na=%s\r\n", formats, direction)
}

const allFormats = "96 9 8 0 101 102"

// Two parties of this process hear one another.
func TestVoices(t *testing.T) {
	e := startEngine(t, "21800-21803")
	told := must(t)(e.Offer(t.Context(), "call", handset, second, voiceDescription(allFormats, "sendrecv")))
	back := must(t)(e.Answer(t.Context(), "call", second, handset, voiceDescription("9 101", "sendrecv")))
	a, b := wear(t, e, back, 440), wear(t, e, told, 1000)
	a.hears(1000)
	b.hears(440)
}

// speaking is a phone or a browser that speaks and hears a codec.
type speaking struct {
	write func(*rtp.Packet)
	hear  party
	codec sdp.Codec
}

// between lets a voice and another party hear one another: a tone each way.
func between(t *testing.T, h *headset, freq float64, other speaking, theirs float64) {
	t.Helper()
	stop := make(chan struct{})
	var done sync.WaitGroup
	mouth := newCoder(t, other.codec, theirs, packetTime)
	done.Go(func() {
		ticker := time.NewTicker(packetTime)
		defer ticker.Stop()
		ssrc, begun := random32(), time.Now()
		for seq := uint16(0); ; seq++ {
			for time.Since(begun) < time.Duration(seq)*packetTime { // else it is behind
				select {
				case <-ticker.C:
				case <-stop:
					return
				}
			}
			other.write(&rtp.Packet{
				Header:  rtp.Header{Version: 2, PayloadType: other.codec.PT, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * mouth.ticks},
				Payload: mouth.next(t),
			})
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer done.Wait()
	defer close(stop)
	ear, rate, err := codec.NewDecoder(other.codec.Name, other.codec.ClockRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	waitFor(t, fmt.Sprintf("%.0f Hz of the voice at the other side", freq), func() bool {
		for p := other.hear.next(time.Millisecond); p != nil; p = other.hear.next(time.Millisecond) {
			if p.PayloadType == other.codec.PT {
				if pcm, err = ear.Decode(pcm, p.Payload); err != nil {
					t.Fatal(err)
				}
			}
		}
		return has(pcm[max(0, len(pcm)-rate):], rate, freq)
	})
	h.hears(theirs)
}

// A voice and a phone or a browser, whoever calls: what the other side has passes as it is.
func TestVoiceTalks(t *testing.T) {
	for i, theirs := range []sdp.Codec{pcmuCodec, pcmaCodec, g722Codec} {
		t.Run("phone "+theirs.Name, func(t *testing.T) {
			e, p := startEngine(t, fmt.Sprintf("%d-%d", 21804+2*i, 21805+2*i)), newPhone(t)
			p.hear(must(t)(e.Offer(t.Context(), "call", handset, pbx, voiceDescription(allFormats, "sendrecv"))))
			h := wear(t, e, must(t)(e.Answer(t.Context(), "call", pbx, handset, p.only("sendrecv", theirs))), 440)
			between(t, h, 440, speaking{p.write, p, theirs}, 1000)
			if s := stats(t, e, "call", handset.Leg); s.Profile != "PCM" || s.State != "up" || s.PacketsIn == 0 || s.PacketsOut == 0 {
				t.Errorf("%+v", s)
			}
			if m, ok := e.Media("call"); !ok || len(m.Legs) != 2 {
				t.Errorf("picture of the media: %+v", m)
			}
		})
	}
	t.Run("phone calls", func(t *testing.T) {
		e, p := startEngine(t, "21810-21811"), newPhone(t)
		told := must(t)(e.Offer(t.Context(), "call", pbx, handset, p.only("sendrecv", g722Codec, pcmaCodec, eventSlow)))
		h := wear(t, e, told, 440)
		p.hear(must(t)(e.Answer(t.Context(), "call", handset, pbx, voiceDescription("9 101", "sendrecv"))))
		between(t, h, 440, speaking{p.write, p, g722Codec}, 1000)
	})
	t.Run("browser", func(t *testing.T) {
		e, b := startEngine(t, "21812-21813"), newBrowserOf(t, []sdp.Codec{opusCodec, eventFast})
		told := must(t)(e.Offer(t.Context(), "call", alice, handset, b.offer()))
		if !strings.Contains(string(told), " opus/48000/2\r\n") || !strings.Contains(string(told), "m=audio 9 RTP/AVP 111 ") {
			t.Errorf("the voice is offered\n%s", told)
		}
		b.accept(must(t)(e.Answer(t.Context(), "call", handset, alice, told)))
		between(t, wear(t, e, told, 440), 440, speaking{b.write, b, opusCodec}, 1000)
	})
	t.Run("calls browser", func(t *testing.T) {
		e, b := startEngine(t, "21814-21815"), newBrowserOf(t, []sdp.Codec{opusCodec, eventFast})
		answer := b.answer(must(t)(e.Offer(t.Context(), "call", handset, alice, voiceDescription(allFormats, "sendrecv"))))
		h := wear(t, e, must(t)(e.Answer(t.Context(), "call", alice, handset, answer)), 440)
		between(t, h, 440, speaking{b.write, b, opus96}, 1000)
	})
}
