package media

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// studio is a recorder without a call: a test says what its two ears hear, and what time it is.
type studio struct {
	t    *testing.T
	r    *recorder
	path string
	ears [2]*ear
	told []error
}

var studioCodecs = []sdp.Codec{{PT: 0, Name: "PCMU", ClockRate: 8000}, {PT: 8, Name: "PCMA", ClockRate: 8000}, {PT: 101, Name: "telephone-event", ClockRate: 8000}}

func newStudio(t *testing.T) *studio {
	d := &studio{t: t, path: filepath.Join(t.TempDir(), "call.wav")}
	out, err := openSink(d.path, 8000)
	if err != nil {
		t.Fatal(err)
	}
	d.r = &recorder{log: slog.New(slog.DiscardHandler), out: out, path: d.path, told: func(err error) { d.told = append(d.told, err) },
		over: make(chan struct{}), done: make(chan struct{})}
	for side := range d.r.tracks {
		d.r.tracks[side] = track{rate: 8000}
		d.ears[side] = &ear{right: side == 1, paused: &d.r.paused}
		d.ears[side].codecs.Store(&studioCodecs)
		d.r.add(d.ears[side])
	}
	return d
}

// tongue numbers the packets of one who speaks.
type tongue struct {
	header rtpHeader
	stamp  uint32 // of the next packet
}

func newTongue() *tongue {
	return &tongue{header: rtpHeader{size: rtpHeaderSize, seq: uint16(random32()), ssrc: random32()}, stamp: random32()}
}

// next gives a packet of payload, a sample an octet, in memory of its own.
func (m *tongue) next(payload []byte) ([]byte, rtpHeader) {
	h := m.header
	p := binary.BigEndian.AppendUint16([]byte{2 << 6, h.pt}, h.seq)
	p = binary.BigEndian.AppendUint32(p, m.stamp)
	p = binary.BigEndian.AppendUint32(p, h.ssrc)
	m.header.seq++
	m.stamp += uint32(len(payload))
	return append(p, payload...), h
}

// caller is one who speaks a tone to an ear.
type caller struct {
	ear   *ear
	tone  *audio.Tone
	voice *tongue
	pt    uint8
}

func (d *studio) caller(side int, freq float64) *caller {
	c := &caller{ear: d.ears[side], tone: audio.NewTone(freq, 8000, 8000), voice: newTongue()}
	c.voice.stamp, c.voice.header.seq = math.MaxUint32-1000, math.MaxUint16-3 // both wrap soon
	return c
}

// packet is the next one of the caller, in its own memory.
func (c *caller) packet() ([]byte, rtpHeader) {
	pcm := make([]int16, packetSamples)
	c.tone.Fill(pcm)
	c.voice.header.pt = c.pt
	law := codec.PCMU
	if c.pt == 8 {
		law = codec.PCMA
	}
	return c.voice.next(law.Encode(nil, pcm))
}

func (c *caller) speak(now time.Duration) {
	p, h := c.packet()
	c.ear.hear(p, h, now)
}

// run lets time pass from one moment to another, packet by packet; the recorder writes as often as it would.
func (d *studio) run(from, to time.Duration, each func(now time.Duration)) {
	d.t.Helper()
	for now := from; now < to; now += packetTime {
		each(now)
		if now%writeEvery == 0 {
			if err := d.r.step(now, holdBack); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// end ends the recording and gives its channels.
func (d *studio) end(at time.Duration) (left, right []int16) {
	d.t.Helper()
	close(d.r.over)
	d.r.run(func() time.Duration { return at })
	if len(d.told) != 1 || d.told[0] != nil {
		d.t.Fatalf("told of the end: %v, want once, without a fault", d.told)
	}
	if _, err := os.Stat(d.path + partial); !errors.Is(err, fs.ErrNotExist) {
		d.t.Errorf("the partial file is still there: %v", err)
	}
	left, right, rate := readStereo(d.t, d.path)
	if rate != 8000 || samplesIn(at, rate) != int64(len(left)) {
		d.t.Errorf("%d samples at %d Hz, want %v", len(left), rate, at)
	}
	return left, right
}

func readStereo(t *testing.T, path string) (left, right []int16, rate int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcm, rate, channels, err := audio.ReadWAV(f)
	if err != nil || channels != 2 {
		t.Fatalf("read %s: %d channels, %v", path, channels, err)
	}
	for i := 0; i < len(pcm); i += 2 {
		left, right = append(left, pcm[i]), append(right, pcm[i+1])
	}
	return left, right, rate
}

// wantSound checks a channel second by second: want is the tone's frequency, 0 for silence, one a second.
func wantSound(t *testing.T, name string, pcm []int16, want ...float64) {
	t.Helper()
	for i, freq := range want {
		from := i*8000 + 800 // what happens at the very border counts to neither
		if from+6400 > len(pcm) {
			t.Fatalf("%s ends after %d samples, want %d s", name, len(pcm), len(want))
		}
		switch second := pcm[from : from+6400]; {
		case freq == 0 && audio.RMS(second) > 0:
			t.Errorf("%s, second %d: RMS %.0f, want silence", name, i, audio.RMS(second))
		case freq > 0 && audio.Goertzel(second, 8000, freq) < 0.99:
			t.Errorf("%s, second %d: share at %v Hz = %.3f, want 1", name, i, freq, audio.Goertzel(second, 8000, freq))
		}
	}
}

func TestRecorderKeepsSidesApart(t *testing.T) {
	d := newStudio(t)
	a, b := d.caller(0, 440), d.caller(1, 1004)
	b.pt = 8
	d.run(0, 5*time.Second, func(now time.Duration) {
		if second := now / time.Second; second != 2 { // holds, and its timestamps go on
			a.speak(now)
		} else {
			a.voice.stamp += uint32(packetSamples)
		}
		if now >= time.Second && now/time.Second != 3 { // comes later, and holds without its timestamps going on
			b.speak(now)
		}
		d.r.paused.Store(now+packetTime >= 4*time.Second)
	})
	left, right := d.end(5 * time.Second)
	wantSound(t, "left", left, 440, 440, 0, 440, 0)
	wantSound(t, "right", right, 0, 1004, 1004, 0, 0)
}

// Packets that are lost leave a gap where they were; those that change places, or are late, do not.
func TestRecorderLossAndOrder(t *testing.T) {
	d := newStudio(t)
	a, b := d.caller(0, 440), d.caller(1, 1004)
	random := rand.New(rand.NewPCG(3, 4))
	type late struct {
		p  []byte
		h  rtpHeader
		at time.Duration
	}
	var wire []late
	n := 0
	d.run(0, 10*time.Second, func(now time.Duration) {
		p, h := a.packet()
		wire = append(wire, late{p, h, now + time.Duration(random.Int64N(int64(120*time.Millisecond)))})
		for i := 0; i < len(wire); i++ {
			if wire[i].at <= now {
				a.ear.hear(wire[i].p, wire[i].h, now)
				wire = append(wire[:i], wire[i+1:]...)
				i--
			}
		}
		p, h = b.packet()
		if n++; n%10 != 0 {
			b.ear.hear(p, h, now)
		}
	})
	left, right := d.end(10 * time.Second)
	if share := audio.Goertzel(left[16000:72000], 8000, 440); share < 0.999 {
		t.Errorf("share at 440 Hz of a stream out of order = %.4f, want 1", share)
	}
	silent := 0
	for i := 8000; i+160 <= 72000; i += 160 {
		if audio.RMS(right[i:i+160]) == 0 {
			silent++
		}
	}
	if silent != 40 {
		t.Errorf("%d packets are silent of 400, want the 40 that were lost", silent)
	}
}

// Two hours with clocks that run 200 ppm too fast and too slow: the channels stay together.
func TestRecorderDrift(t *testing.T) {
	const hours = 2 * time.Hour
	var places [2]placing
	random := rand.New(rand.NewPCG(5, 6))
	for side, ppm := range []float64{200, -200} {
		stamp, worst := uint32(12345), time.Duration(0)
		for sent := time.Duration(0); sent < hours; sent += packetTime {
			real := time.Duration(float64(sent) * (1 - ppm/1e6))
			jitter := time.Duration(random.ExpFloat64() * float64(2*time.Millisecond))
			at := places[side].place(7, stamp, 8000, real+min(jitter, 40*time.Millisecond))
			if off := (at - real).Abs(); sent > 2*time.Second {
				worst = max(worst, off)
			}
			stamp += uint32(uint32(packetSamples))
		}
		if worst > 10*time.Millisecond {
			t.Errorf("with a clock off by %v ppm sound is up to %v from its time, want 10 ms at most", ppm, worst)
		}
	}
}

// Steps that follow a sender's clock leave no gap and no click.
func TestRecorderDriftIsNotHeard(t *testing.T) {
	d := newStudio(t)
	a := d.caller(0, 440)
	sent := time.Duration(0)
	d.run(0, 60*time.Second, func(now time.Duration) {
		for ; time.Duration(float64(sent)*(1-500e-6)) <= now; sent += packetTime {
			a.speak(time.Duration(float64(sent) * (1 - 500e-6)))
		}
	})
	left, _ := d.end(60 * time.Second)
	for i := 8000; i+1600 <= 58*8000; i += 1600 {
		if share := audio.Goertzel(left[i:i+1600], 8000, 440); share < 0.9 {
			t.Fatalf("share at 440 Hz at %d ms = %.3f, want 1", i/8, share)
		}
	}
}

func TestRecorderStreamBeginsAnew(t *testing.T) {
	d := newStudio(t)
	a, other := d.caller(0, 440), d.caller(0, 1004)
	d.run(0, 4*time.Second, func(now time.Duration) {
		if now == time.Second { // the same source, with other timestamps
			a.voice.stamp += 1 << 30
		}
		if now < 2*time.Second {
			a.speak(now)
		} else {
			other.speak(now)
		}
	})
	left, _ := d.end(4 * time.Second)
	wantSound(t, "left", left, 440, 440, 1004, 1004)
}

// What comes faster than it is taken is a gap, not more memory.
func TestEarOverflow(t *testing.T) {
	d := newStudio(t)
	a := d.caller(0, 440)
	for now := time.Duration(0); now < time.Minute; now += packetTime {
		a.speak(now)
	}
	e := d.ears[0]
	var h heard
	n := 0
	for e.take(&h) {
		n++
	}
	if missed := int(e.missed.Load()); n+missed != 3000 || n != earSize/(earHead+packetSamples) {
		t.Errorf("%d packets kept and %d missed, want %d and the rest of 3000", n, missed, earSize/(earHead+packetSamples))
	}
	a.speak(time.Minute)
	if !e.take(&h) || h.came != time.Minute {
		t.Error("what came when there was room again is not there")
	}
}

func TestEarIsWrittenAndReadAtOnce(t *testing.T) {
	d := newStudio(t)
	e := d.ears[0]
	const packets = 20_000
	go func() {
		p := make([]byte, rtpHeaderSize+300)
		for i := range packets {
			n := rtpHeaderSize + 1 + i%300
			p[rtpHeaderSize] = byte(i)
			h := rtpHeader{size: rtpHeaderSize, pt: 0}
			for before := e.missed.Load(); ; before = e.missed.Load() {
				e.hear(p[:n], h, time.Duration(i))
				if e.missed.Load() == before {
					break
				}
			}
		}
	}()
	var h heard
	for i := range packets {
		for !e.take(&h) {
			time.Sleep(time.Microsecond)
		}
		if h.came != time.Duration(i) || len(h.payload) != 1+i%300 || h.payload[0] != byte(i) {
			t.Fatalf("packet %d came out as %v, %d octets, first %d", i, h.came, len(h.payload), h.payload[0])
		}
	}
}

// full is a file on a disk that takes so many bytes.
type full struct {
	*os.File
	left int
}

var errFull = errors.New("no space left on device")

func (f *full) WriteAt(p []byte, at int64) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if int(at)+len(p) > f.left && int(at)+len(p) > int(info.Size()) {
		return 0, errFull
	}
	return f.File.WriteAt(p, at)
}

func TestRecorderDiskFull(t *testing.T) {
	d := newStudio(t)
	if err := d.r.out.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(d.path+partial, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.r.out, err = newSink(d.path, &full{f, 44 + 2*32000}, 44, 8000); err != nil {
		t.Fatal(err)
	}
	a := d.caller(0, 440)
	for now := time.Duration(0); now < 3*time.Second && err == nil; now += packetTime {
		a.speak(now)
		if now%writeEvery == 0 {
			err = d.r.step(now, 0)
		}
	}
	if !errors.Is(err, errFull) {
		t.Fatalf("step on a full disk = %v, want %v", err, errFull)
	}
	at := 3 * time.Second
	d.r.run(func() time.Duration { at += writeEvery; return at })
	if len(d.told) != 1 || !errors.Is(d.told[0], errFull) || !d.r.ended() {
		t.Errorf("told %v, want %v", d.told, errFull)
	}
	if !d.r.paused.Load() {
		t.Error("the ears still listen")
	}
	left, _, _ := readStereo(t, d.path)
	wantSound(t, "left", left, 440)
}

func BenchmarkEar(b *testing.B) {
	r := &recorder{}
	e := &ear{paused: &r.paused}
	p, h := newTongue().next(make([]byte, packetSamples))
	var out heard
	b.ReportAllocs()
	for b.Loop() {
		e.hear(p, h, 1)
		e.take(&out)
	}
}
