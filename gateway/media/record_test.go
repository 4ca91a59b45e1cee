package media

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// talker is a phone that speaks a tone.
type talker struct {
	*phone
	tone  *audio.Tone
	heard []int16
}

func newTalker(t *testing.T, freq float64) *talker {
	return &talker{phone: newPhone(t), tone: audio.NewTone(freq, 8000, 8000)}
}

// converse lets talkers speak for so many packets at the pace of speech, and listens to what reaches them.
func converse(packets int, talkers ...*talker) {
	tick := time.NewTicker(packetTime)
	defer tick.Stop()
	pcm := make([]int16, packetSamples)
	for range packets {
		<-tick.C
		for _, a := range talkers {
			a.tone.Fill(pcm)
			a.mouth(string(codec.PCMU.Encode(nil, pcm)))
		}
		for _, a := range talkers {
			for p := a.next(time.Millisecond); p != nil; p = a.next(time.Millisecond) {
				a.heard = codec.PCMU.Decode(a.heard, p.Payload)
			}
		}
	}
}

// wantOnly fails unless a channel has enough of each tone, one after the other, and nothing of another one. Some packets
// are enough, for the machine may be slow.
func wantOnly(t *testing.T, name string, pcm []int16, not float64, tones ...float64) {
	t.Helper()
	const chunk = 160 // 20 ms
	found := 0
	heard := 0
	for i := 0; i+chunk <= len(pcm); i += chunk {
		if audio.Goertzel(pcm[i:i+chunk], 8000, not) > 0.5 && audio.RMS(pcm[i:i+chunk]) > 2000 {
			t.Fatalf("%s has %v Hz at %d ms", name, not, i/8)
		}
		if found < len(tones) && audio.Goertzel(pcm[i:i+chunk], 8000, tones[found]) > 0.4 {
			if heard++; heard == 8 {
				found, heard = found+1, 0
			}
		}
	}
	if found < len(tones) {
		t.Errorf("%s: only %d of the tones %v in %d ms", name, found, tones, len(pcm)/8)
	}
}

func joinPhones(t *testing.T, e *Engine, a, b *talker) {
	t.Helper()
	b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description("sendrecv"))))
	a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description("sendrecv"))))
}

func TestRecordOverTakeOverAndRestart(t *testing.T) {
	const ports = "21500-21519"
	e := startEngine(t, ports)
	a, b, c := newTalker(t, 440), newTalker(t, 1004), newTalker(t, 700)
	joinPhones(t, e, a, b)
	path, ended := filepath.Join(t.TempDir(), "call.wav"), make(chan error, 1)
	how := Recording{Path: path, Left: desk.Leg, Began: time.Now(), Announce: true, Ended: func(err error) { ended <- err }}
	if err := e.Record(t.Context(), "call", how); err != nil {
		t.Fatal(err)
	}
	if err := e.Record(t.Context(), "call", how); err == nil {
		t.Error("recorded twice")
	}
	converse(60, a, b)
	for _, one := range []*talker{a, b} {
		found := false
		for i := 0; i+800 <= len(one.heard); i += 400 {
			found = found || audio.Goertzel(one.heard[i:i+800], 8000, beepFrequency) > 0.1
		}
		if !found {
			t.Error("a party does not hear that it is recorded")
		}
	}
	// Somebody else takes over on the left.
	again := call.Party{Leg: "desk again", Profile: sdp.RTP, Host: desk.Host}
	c.hear(must(t)(e.Replace(t.Context(), "call", desk.Leg, again, c.description("sendrecv"))))
	converse(10, a, b, c) // the old one still speaks
	e.Delete("call", desk.Leg)
	converse(60, b, c)
	if err := e.Pause("call", true); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the recording has its name before it is finished: %v", err)
	}
	// The program starts anew, and the file goes on.
	e = restart(t, e, "call", ports)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	before, _, _ := readStereo(t, path)
	how.Left, how.Announce = again.Leg, false
	if err := e.Record(t.Context(), "call", how); err != nil {
		t.Fatal(err)
	}
	b.tone, c.tone = audio.NewTone(1300, 8000, 8000), audio.NewTone(600, 8000, 8000)
	converse(60, b, c)
	e.Delete("call", "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	left, right, _ := readStereo(t, path)
	wantOnly(t, "left", left, 1004, 440, 700, 600)
	wantOnly(t, "right", right, 440, 1004, 1300)
	if took := time.Since(how.Began); time.Duration(len(left))*time.Second/8000 > took || len(left) <= len(before) {
		t.Errorf("%d samples after %v, %d before the restart", len(left), took, len(before))
	}
	if err := e.Pause("call", false); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("pause of a call that has ended = %v", err)
	}
}

func TestRecordRefuses(t *testing.T) {
	e := startEngine(t, "21520-21539")
	a, b := newTalker(t, 440), newTalker(t, 1004)
	joinPhones(t, e, a, b)
	folder := t.TempDir()
	for _, tt := range []struct {
		name, id string
		how      Recording
	}{
		{"unknown call", "other", Recording{Path: filepath.Join(folder, "a.wav"), Left: desk.Leg}},
		{"unknown leg", "call", Recording{Path: filepath.Join(folder, "a.wav"), Left: "nobody"}},
		{"no such format", "call", Recording{Path: filepath.Join(folder, "a.mp3"), Left: desk.Leg}},
		{"no such folder", "call", Recording{Path: filepath.Join(folder, "none", "a.wav"), Left: desk.Leg}},
	} {
		if err := e.Record(t.Context(), tt.id, tt.how); err == nil {
			t.Errorf("%s: recorded", tt.name)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(folder, "*.wav*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if err := e.Pause("call", true); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("pause without a recording = %v", err)
	}
}

// The tone is mixed into what is said, at its times, and never grows a packet.
func TestBeeper(t *testing.T) {
	var r recorder
	b := &beeper{paused: &r.paused}
	b.learn(studioCodecs)
	voice := newTongue()
	beeps := func(from, to time.Duration, pt uint8) (n int) {
		for now := from; now < to; now += packetTime {
			voice.header.pt = pt
			silence := codec.PCMU.Encode(nil, make([]int16, packetSamples))
			p, h := voice.next(silence)
			got := b.over(p, h, now)
			if len(got) != len(p) {
				t.Fatalf("a packet of %d octets became %d", len(p), len(got))
			}
			if audio.Goertzel(codec.PCMU.Decode(nil, got[h.size:]), 8000, beepFrequency) > 0.5 {
				n++
			}
		}
		return n
	}
	if n := beeps(0, 15*time.Second, 0); n != beepFrames {
		t.Errorf("%d packets with the tone at the beginning, want %d", n, beepFrames)
	}
	if n := beeps(15*time.Second, 30*time.Second, 101); n != 0 {
		t.Errorf("%d keys with the tone", n)
	}
	if n := beeps(30*time.Second, 31*time.Second, 0); n != beepFrames {
		t.Errorf("%d packets with the tone when it is due, want %d", n, beepFrames)
	}
	r.paused.Store(true)
	if n := beeps(60*time.Second, 61*time.Second, 0); n != 0 {
		t.Errorf("%d packets with the tone in a pause", n)
	}
	r.paused.Store(false)
	if n := beeps(61*time.Second, 62*time.Second, 0); n != beepFrames {
		t.Errorf("%d packets with the tone after a pause, want %d", n, beepFrames)
	}
}

func FuzzBeeper(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03sound"))
	f.Add([]byte("\xa0\x08\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03sound\x02"))
	f.Add([]byte("\x80o0000000000x0")) // Opus, whose frames of the tone differ in size
	f.Fuzz(func(t *testing.T, packet []byte) {
		h, ok := parseRTP(packet)
		if !ok || !h.padded(packet) || len(packet) > bufferSize {
			return
		}
		var r recorder
		b, e := &beeper{paused: &r.paused}, &ear{paused: &r.paused}
		b.learn([]sdp.Codec{{PT: 0, Name: "PCMU", ClockRate: 8000}, {PT: 8, Name: "PCMA", ClockRate: 8000},
			{PT: 9, Name: "G722", ClockRate: 8000}, {PT: 111, Name: "opus", ClockRate: 48000, Channels: 2}})
		p := append(make([]byte, 0, bufferSize), packet...)
		p = h.strip(p)
		var first []byte // payload that the ear gets first
		for i := range 3 {
			now := time.Duration(i) * packetTime
			p = b.over(p, h, now)
			if !h.padded(p) || p[1] != packet[1] || p[2] != packet[2] {
				t.Fatalf("%x became %x", packet, p)
			}
			if e.hear(p, h, now); i == 0 {
				first = bytes.Clone(h.content(p))
			}
		}
		var out heard
		if e.take(&out) && !bytes.Equal(first, out.payload) {
			t.Errorf("the ear gets %x of %x", out.payload, first)
		}
	})
}

func BenchmarkBeeper(b *testing.B) {
	var r recorder
	beep := &beeper{paused: &r.paused}
	beep.learn(studioCodecs)
	p, h := newTongue().next(make([]byte, packetSamples))
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		beep.over(p, h, now)
		now += packetTime
	}
}
