package media

import (
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

var (
	handset = call.Party{Leg: "handset", Profile: sdp.PCM}
	second  = call.Party{Leg: "second", Profile: sdp.PCM}
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

// hears waits until a tone is heard.
func (h *headset) hears(freq float64) {
	h.t.Helper()
	waitFor(h.t, fmt.Sprintf("%.0f Hz", freq), func() bool {
		sound := h.last(100 * time.Millisecond)
		return audio.RMS(sound) > 1000 && audio.Goertzel(sound, audio.CardRate, freq) > 0.9
	})
}

// silent waits until nothing is heard.
func (h *headset) silent() {
	h.t.Helper()
	waitFor(h.t, "silence", func() bool { return audio.RMS(h.last(100*time.Millisecond)) < 100 })
}

// description is what a party with a voice says of itself.
func (h *headset) description(formats, direction string) []byte { return voiceDescription(formats, direction) }

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
