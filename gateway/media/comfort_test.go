package media

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// comforting waits for the comfort tone and gives its first packets, those of the beep. A machine that lets the engine sleep
// makes it pass over packets, so then the sound is not judged.
func comforting(t *testing.T, to party, c sdp.Codec) []*rtp.Packet {
	t.Helper()
	ear, rate, err := codec.NewDecoder(c.Name, c.ClockRate, c.Channels)
	if err != nil {
		t.Fatal(err)
	}
	var heard []*rtp.Packet
	var sound []int16
	skipped := false
	lead := 0 // packets before the beep
	if adapts(c) {
		lead = 1 + int(comfortLead/packetTime)
	}
	for len(heard) < lead+int(comfortBeep/packetTime) {
		p := to.next(patience)
		if p == nil {
			t.Fatalf("only %d packets of the tone", len(heard))
		}
		if len(p.Payload) != packetSamples {
			heard, sound = nil, nil // the last words of the party, or an earlier tone
			continue
		}
		if p.Marker {
			heard, sound = nil, nil
		}
		if len(heard) == 0 {
			if !p.Marker {
				continue
			}
		} else if last := heard[len(heard)-1]; p.SSRC != last.SSRC || p.SequenceNumber != last.SequenceNumber+1 || (p.Timestamp-last.Timestamp)%160 != 0 {
			t.Errorf("%+v follows %+v", p.Header, last.Header)
		} else {
			skipped = skipped || p.Timestamp-last.Timestamp > 160
		}
		if p.PayloadType != c.PT || p.Extension || len(p.CSRC) > 0 {
			t.Errorf("heard %+v", p.Header)
		}
		heard = append(heard, p)
		if sound, err = ear.Decode(sound, p.Payload); err != nil {
			t.Fatal(err)
		}
	}
	if share := audio.Goertzel(sound[lead*len(sound)/len(heard):], rate, comfortFrequency); share < 0.8 && !skipped {
		t.Errorf("share of the tone: %.2f", share)
	}
	return heard
}

// quiet listens for a while and fails if the engine goes on; what a step sends that was long on its way does not count.
func quiet(t *testing.T, to party) {
	t.Helper()
	for p := to.next(time.Millisecond); p != nil; p = to.next(time.Millisecond) { // was on its way
	}
	for late := 0; ; late++ {
		p := to.next(calm + comfortGap)
		if p == nil {
			return
		}
		if late > 2*maxCatchUp {
			t.Fatalf("heard %+v", p.Header)
		}
	}
}

// chat lets a party speak for a while, and fails if anyone else does. It tells whether the words came steadily: on a machine that
// sleeps they do not, and the engine may well find the party silent.
func chat(t *testing.T, say func(string), to party, during time.Duration) (last *rtp.Packet, steady bool) {
	t.Helper()
	begun := time.Now()
	said, heard := begun, begun
	steady = true
	for time.Since(begun) < during {
		steady = steady && time.Since(said) < comfortGap/2 && time.Since(heard) < comfortGap/2
		said = time.Now()
		say("words")
		switch p := to.next(packetTime); {
		case p == nil:
		case string(p.Payload) == "words":
			heard, last = time.Now(), p
		case steady && time.Since(begun) > comfortGap/2: // before, it was on its way
			t.Errorf("heard %+v while the party speaks", p.Header)
		}
	}
	return last, steady && last != nil && time.Since(said) < comfortGap/2
}

// waiters counts goroutines that wait for a party.
func waiters() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "media.comfort(")
}

func TestComfortTone(t *testing.T) {
	e := startEngine(t, "20700-20719")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	words := reaches(t, b.say, p, "words")

	e.Wait("call", alice.Leg, true)
	e.Wait("call", alice.Leg, true) // again is no more
	last, steady := chat(t, b.say, p, 2*comfortGap)
	var first *rtp.Packet
	if steady {
		first = comforting(t, p, pcmuCodec)[0]
		if first.SSRC != words.SSRC || first.SequenceNumber-last.SequenceNumber > maxCatchUp {
			t.Errorf("the tone begins with %+v after %+v", first.Header, last.Header)
		}
		if d := first.Timestamp - last.Timestamp; d < samples(comfortGap)/2 {
			t.Errorf("the tone begins %d samples after the last word", d)
		}
	} else {
		first = resumed(t, p)
	}

	reaches(t, b.say, p, "back")
	chat(t, b.say, p, calm)
	again := resumed(t, p)
	if again.SSRC != first.SSRC || int16(again.SequenceNumber-first.SequenceNumber) <= 0 || int32(again.Timestamp-first.Timestamp) <= 0 {
		t.Errorf("the tone goes on with %+v after %+v", again.Header, first.Header)
	}

	e.Wait("call", alice.Leg, false)
	quiet(t, p)
	waitFor(t, "no goroutine", func() bool { return waiters() == 0 })
	e.Wait("call", alice.Leg, true)
	comforting(t, p, pcmuCodec)
	e.Delete("call", alice.Leg)
	quiet(t, p)
	waitFor(t, "no goroutine", func() bool { return waiters() == 0 })
	e.Wait("call", alice.Leg, true)
	e.Wait("none", "nobody", true)
	if n := waiters(); n != 0 {
		t.Errorf("%d goroutines for legs that are not there", n)
	}
}

// resumed waits for the begin of a talk spurt.
func resumed(t *testing.T, to party) *rtp.Packet {
	t.Helper()
	for {
		switch p := to.next(patience); {
		case p == nil:
			t.Fatal("no tone")
		case p.Marker:
			return p
		}
	}
}

func TestComfortToneEndsWithTheEngine(t *testing.T) {
	before := waiters()
	t.Run("engine", func(t *testing.T) {
		e := startEngine(t, "20720-20739")
		a, b := newPhone(t), newPhone(t)
		connect(t, e, a, b)
		e.Wait("call", desk.Leg, true) // which never said a word
		comforting(t, b, pcmuCodec)
		if waiters() == 0 {
			t.Error("no goroutine plays the tone, so the test sees none")
		}
	})
	if n := waiters(); n != before {
		t.Errorf("%d goroutines left", n-before)
	}
}

// connect lets the phone a call the phone b.
func connect(t *testing.T, e *Engine, a, b *phone) {
	t.Helper()
	b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description("sendrecv"))))
	a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description("sendrecv"))))
}

func TestComfortToneEndsWithReplace(t *testing.T) {
	e := startEngine(t, "20740-20759")
	before, after, p := newBrowser(t), newBrowser(t), newPhone(t)
	dial(t, e, before, p)
	reaches(t, before.say, p, "before")
	e.Wait("call", alice.Leg, true)
	comforting(t, p, pcmuCodec)
	again := call.Party{Leg: "alice again", Profile: sdp.WebRTC, Host: alice.Host}
	after.accept(must(t)(e.Replace(t.Context(), "call", alice.Leg, again, after.offer())))
	quiet(t, p) // though the new browser says nothing yet
	waitFor(t, "no goroutine", func() bool { return waiters() == 0 })
	reaches(t, after.say, p, "after")
	e.Delete("call", alice.Leg)
	e.Wait("call", again.Leg, true)
	comforting(t, p, pcmuCodec)
}

func TestComfortToneToABrowser(t *testing.T) {
	e := startEngine(t, "20760-20779")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, p.mouth, b, "words")
	e.Wait("call", pbx.Leg, true) // not that one waits for phones
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if stats(t, e, "call", "alice").PacketsOut > 20 {
			return
		}
		time.Sleep(packetTime)
	}
	t.Error("no tone to the browser")
}

func TestComfortToneNotPlayed(t *testing.T) {
	for i, tt := range []struct{ name, offer, answer string }{
		{"held by the one who is gone", "sendonly", "recvonly"},
		{"held by the phone", "recvonly", "sendonly"},
		{"held by both", "inactive", "inactive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := 20780 + 20*i
			e := startEngine(t, fmt.Sprintf("%d-%d", first, first+19))
			a, b := newPhone(t), newPhone(t)
			b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description(tt.offer))))
			a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description(tt.answer))))
			e.Wait("call", desk.Leg, true)
			quiet(t, b)
			if s := stats(t, e, "call", pbx.Leg); s.Held > 0 {
				t.Errorf("%d packets were made for nothing", s.Held)
			}
			b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description("sendrecv"))))
			a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description("sendrecv"))))
			comforting(t, b, pcmuCodec)
		})
	}
}

func TestComfortToneSpeaksTheCodec(t *testing.T) {
	e := startEngine(t, "20840-20859")
	for _, tt := range []struct {
		answer string
		codec  sdp.Codec
	}{{"8", pcmaCodec}, {"0 9", pcmuCodec}, {"9", g722Codec}} {
		a, b := newPhone(t), newPhone(t)
		speak := func(p *phone, formats string) []byte {
			text := strings.Replace(string(p.description("sendrecv")), "RTP/AVP 0 8 101", "RTP/AVP "+formats, 1)
			return []byte(text + "a=rtpmap:9 G722/8000\r\n")
		}
		b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, speak(a, "0 8 9"))))
		a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, speak(b, tt.answer))))
		e.Wait("call", desk.Leg, true)
		comforting(t, b, tt.codec)
		e.Delete("call", "")
	}
}

func TestComfortCycle(t *testing.T) {
	for _, c := range convertible {
		law := c.Name
		d, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
		if err != nil {
			t.Fatal(err)
		}
		var sound []int16
		for range 2 { // the second time around
			sound = sound[:0]
			for _, payload := range comfortCycles[strings.ToLower(c.Name)]() {
				if sound, err = d.Decode(sound, payload); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(sound) != 3*rate {
			t.Fatalf("%s: %d samples, want 3 s", law, len(sound))
		}
		late := func(ms int) int { return ms * rate / 1000 }
		loud, faint := audio.RMS(sound[late(50):late(150)]), audio.RMS(sound[late(240):])
		// 0 dBm0 has an RMS of 5664·4/√2 = 16020 of 16 bits: -24 dBm0 is 1011, -60 dBm0 is 16.
		if loud < 940 || loud > 1060 {
			t.Errorf("%s: RMS of the beep %.0f, want 1011", law, loud)
		}
		if faint < 4 || faint > 22 { // Opus makes noise so faint fainter yet
			t.Errorf("%s: RMS between the beeps %.1f, want 16", law, faint)
		}
		if edge := max(audio.RMS(sound[:late(2)]), audio.RMS(sound[late(210):late(220)])); edge > 60 {
			t.Errorf("%s: the beep begins or ends with RMS %.0f", law, edge)
		}
	}
}

func TestComfortGoesOn(t *testing.T) { // without a network, on a clock of its own
	l, far := &leg{}, &leg{line: deaf{}}
	list := hearing{voices: []sdp.Codec{pcmuCodec, pcmaCodec}}
	l.way.Store(&way{peer: far, talks: true, hears: true, hearing: list})
	far.way.Store(&way{peer: l, talks: true, hears: true, hearing: list})
	c := comforter{leg: l, voice: newSpeaker()}
	at := time.Minute
	run := func(d time.Duration) (sent int) {
		before := far.count.packetsOut.Load()
		for end := at + d; at < end; {
			at += c.step(at)
		}
		return int(far.count.packetsOut.Load() - before)
	}
	l.count.last.Store(int64(at - comfortGap/2)) // its last word
	if n := run(comfortGap / 2); n != 0 {
		t.Errorf("%d packets %s after the party spoke", n, comfortGap/2)
	}
	c.step(at)
	at += packetTime
	if n := run(time.Second); n != 50 {
		t.Errorf("%d packets in a second", n)
	}
	l.count.last.Store(int64(at)) // one packet, and silence again
	if n := run(comfortGap); n != 0 {
		t.Errorf("%d packets right after the party spoke", n)
	}
	c.step(at)
	if c.place != time.Second+comfortGap+2*packetTime {
		t.Errorf("after a pause at %s of the cycle", c.place)
	}
	seq, stamp := c.voice.header.seq, c.voice.stamp
	at += 10 * time.Second // the machine slept
	c.step(at)
	if got := c.voice.header.seq - seq; got > 2*maxCatchUp {
		t.Errorf("%d packets at once", got)
	}
	if got := c.voice.stamp - stamp; got < samples(10*time.Second)-160 || got > samples(10*time.Second)+160 {
		t.Errorf("the timestamp went on by %d samples in 10 s", got)
	}
	far.streams.out.kind = 8 // the party spoke PCMA
	if c.step(at + packetTime); c.codec != pcmaCodec {
		t.Errorf("goes on in %s", c.codec.Name)
	}
}

// deaf is a line that takes everything.
type deaf struct{ line }

func (deaf) send([]byte, rtpHeader, time.Duration) error { return nil }

// samples is how many samples of G.711 sound for d, as timestamps count them.
func samples(d time.Duration) uint32 { return ticks(d, codec.G711Rate) }
