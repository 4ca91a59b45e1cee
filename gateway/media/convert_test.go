package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// The codecs as a browser or a phone numbers them.
var (
	opusCodec  = sdp.Codec{PT: 111, Name: "opus", ClockRate: 48000, Channels: 2}
	g722Codec  = sdp.Codec{PT: 9, Name: "G722", ClockRate: 8000, Channels: 1}
	pcmaCodec  = sdp.Codec{PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}
	pcmuCodec  = sdp.Codec{PT: 0, Name: "PCMU", ClockRate: 8000, Channels: 1}
	eventFast  = sdp.Codec{PT: 110, Name: "telephone-event", ClockRate: 48000, Channels: 1}
	eventSlow  = sdp.Codec{PT: 101, Name: "telephone-event", ClockRate: 8000, Channels: 1}
	toneVolume = 8000.0
)

// sent is a packet that a converter gave.
type sent struct {
	rtpHeader
	stamp  uint32
	marked bool
	data   []byte
}

// converterBench drives a converter by hand.
type converterBench struct {
	t       testing.TB
	c       *converter
	out     []sent
	unfreed int
}

func newConverterBench(t testing.TB, from, to sdp.Codec) *converterBench {
	t.Helper()
	b := &converterBench{t: t}
	p := plan{from: []sdp.Codec{from}, to: to, frame: packetTime}
	var err error
	b.c, err = newConverter(p, func(p []byte, h rtpHeader) {
		b.out = append(b.out, sent{h, binary.BigEndian.Uint32(p[4:]), p[1]&0x80 != 0, slices.Clone(p[h.size:])})
	}, func(*heldPacket) { b.unfreed-- })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// take gives it a packet.
func (b *converterBench) take(pt uint8, seq uint16, stamp uint32, at time.Duration, data []byte) {
	b.unfreed++
	b.c.take(&heldPacket{rtpHeader: rtpHeader{size: rtpHeaderSize, pt: pt, seq: seq, ssrc: 7}, stamp: stamp, at: at, data: data})
}

// wakeUntil lets time pass.
func (b *converterBench) wakeUntil(now time.Duration) {
	for range 1000 {
		due := b.c.due()
		if due == 0 || due > now {
			return
		}
		b.c.wake(due)
	}
	b.t.Fatal("it wants to be woken for ever")
}

// coder encodes a tone in packets of a codec.
type coder struct {
	sdp.Codec
	encoder codec.Encoder
	tone    *audio.Tone
	pcm     []int16
	ticks   uint32
}

func newCoder(t testing.TB, c sdp.Codec, freq float64, length time.Duration) *coder {
	t.Helper()
	e, rate, err := codec.NewEncoder(c.Name, c.ClockRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	if opus, ok := e.(*codec.OpusEncoder); ok {
		opus.ExpectLoss(10)
	}
	return &coder{c, e, audio.NewTone(freq, rate, toneVolume), make([]int16, int(length)*rate/int(time.Second)), uint32(int(length) * int(c.ClockRate) / int(time.Second))}
}

func (c *coder) next(t testing.TB) []byte {
	t.Helper()
	c.tone.Fill(c.pcm)
	p, err := c.encoder.Encode(nil, c.pcm)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// heard decodes what came out.
func (b *converterBench) heard(to sdp.Codec) (pcm []int16, rate int) {
	b.t.Helper()
	d, rate, err := codec.NewDecoder(to.Name, to.ClockRate, 1)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range b.out {
		if pcm, err = d.Decode(pcm, p.data); err != nil {
			b.t.Fatal(err)
		}
	}
	return pcm, rate
}

// steady checks that what came out is a stream without a gap.
func (b *converterBench) steady(to sdp.Codec) {
	b.t.Helper()
	step := to.ClockRate / 50
	for i, p := range b.out {
		if p.pt != to.PT || p.ssrc != b.out[0].ssrc || p.seq != b.out[0].seq+uint16(i) || p.stamp != b.out[0].stamp+uint32(i)*step || p.marked != (i == 0) {
			b.t.Fatalf("packet %d of %d is %+v %d %t after %+v %d", i, len(b.out), p.rtpHeader, p.stamp, p.marked, b.out[0].rtpHeader, b.out[0].stamp)
		}
	}
	if b.unfreed != len(b.c.waiting) {
		b.t.Errorf("%d packets were not given back", b.unfreed)
	}
}

type conversion struct {
	from, to   sdp.Codec
	clean, bad float64 // SNR in dB, at least; bad with 5 % of the packets lost
}

var pairs = []conversion{
	{opusCodec, pcmaCodec, 20, 3}, {opusCodec, pcmuCodec, 20, 3}, {opusCodec, g722Codec, 20, 3}, {pcmaCodec, opusCodec, 18, 3}, {pcmuCodec, opusCodec, 18, 3},
	{g722Codec, opusCodec, 20, 3}, {g722Codec, pcmaCodec, 30, 8}, {pcmuCodec, g722Codec, 30, 8}, {pcmuCodec, pcmaCodec, 30, 8},
}

// The tone that goes in comes out: its frequency, its level within 1 dB, and how much cleaner than the rest.
func TestConvertTone(t *testing.T) {
	const packets = 100
	for _, tt := range pairs {
		for _, loss := range []float64{0, 0.05} {
			t.Run(fmt.Sprintf("%s to %s, %.0f%% lost", tt.from.Name, tt.to.Name, 100*loss), func(t *testing.T) {
				for _, freq := range []float64{440, 1004} {
					b, from := newConverterBench(t, tt.from, tt.to), newCoder(t, tt.from, freq, packetTime)
					r := rand.New(rand.NewPCG(8, 9))
					for i := range packets {
						now := time.Duration(i) * packetTime
						b.wakeUntil(now)
						p := from.next(t)
						if i > 10 && i < packets-5 && r.Float64() < loss {
							continue
						}
						b.take(tt.from.PT, uint16(65500+i), uint32(i)*from.ticks-1000, now, p)
					}
					b.steady(tt.to)
					if len(b.out) < packets-1 {
						t.Errorf("%d packets became %d", packets, len(b.out))
					}
					pcm, rate := b.heard(tt.to)
					pcm = pcm[rate/5:]
					share := audio.Goertzel(pcm, rate, freq)
					level := 20 * math.Log10(audio.RMS(pcm)*math.Sqrt2/toneVolume)
					snr := 10 * math.Log10(share/(1-share))
					least := tt.clean
					if loss > 0 {
						least = tt.bad
					}
					t.Logf("%.0f Hz: %.2f dB, SNR %.1f dB", freq, level, snr)
					if math.Abs(level) > 1 || snr < least {
						t.Errorf("%.0f Hz: level %.2f dB, SNR %.1f dB; want within 1 dB, at least %.0f dB", freq, level, snr, least)
					}
				}
			})
		}
	}
}

// Packets of any length become packets of 20 ms.
func TestConvertLength(t *testing.T) {
	for _, tt := range []struct {
		from, to sdp.Codec
		length   time.Duration
	}{
		{opusCodec, pcmaCodec, 10 * time.Millisecond}, {opusCodec, pcmaCodec, 60 * time.Millisecond}, {pcmaCodec, opusCodec, 10 * time.Millisecond},
		{pcmaCodec, opusCodec, 30 * time.Millisecond}, {g722Codec, opusCodec, 40 * time.Millisecond}, {pcmuCodec, opusCodec, 5 * time.Millisecond},
	} {
		b, from := newConverterBench(t, tt.from, tt.to), newCoder(t, tt.from, 440, tt.length)
		for i := range 60 {
			b.take(tt.from.PT, uint16(i), uint32(i)*from.ticks, time.Duration(i)*tt.length, from.next(t))
		}
		b.steady(tt.to)
		if want := int(60 * tt.length / packetTime); len(b.out) != want {
			t.Errorf("%s of %v: %d packets, want %d", tt.from.Name, tt.length, len(b.out), want)
		}
	}
}

// Packets that overtake one another come out as if they had not; those that come twice or too late are dropped.
func TestConvertOrder(t *testing.T) {
	order := []int{0, 1, 2, 4, 3, 5, 5, 8, 7, 6, 9, 1, 10, 11}
	ordered, mixed := newConverterBench(t, opusCodec, pcmaCodec), newConverterBench(t, opusCodec, pcmaCodec)
	from := newCoder(t, opusCodec, 440, packetTime)
	var packets [][]byte
	for i := range 12 {
		packets = append(packets, from.next(t))
		ordered.take(111, uint16(i), uint32(i)*960, 0, packets[i])
	}
	for i, n := range order {
		now := time.Duration(i) * time.Millisecond
		mixed.wakeUntil(now)
		mixed.take(111, uint16(n), uint32(n)*960, now, packets[n])
	}
	mixed.steady(pcmaCodec)
	if len(mixed.out) != len(ordered.out) {
		t.Fatalf("%d packets, want %d", len(mixed.out), len(ordered.out))
	}
	for i := range ordered.out {
		if !slices.Equal(mixed.out[i].data, ordered.out[i].data) {
			t.Errorf("packet %d is another one", i)
		}
	}
}

// A pause stays as long as it was, and what follows it begins a talk spurt. A source that begins anew is taken up.
func TestConvertPause(t *testing.T) {
	b, from := newConverterBench(t, pcmaCodec, opusCodec), newCoder(t, pcmaCodec, 440, packetTime)
	b.take(8, 1, 0, 0, from.next(t))
	b.take(8, 2, 160+8000, time.Second, from.next(t)) // silence was left out
	b.take(8, 12, 160+8000+80*160, 3*time.Second, from.next(t))
	b.wakeUntil(4 * time.Second)
	if len(b.out) < 3 || b.out[1].stamp-b.out[0].stamp != 960+48000 || !b.out[1].marked {
		t.Fatalf("a pause of 1 s: %+v", b.out)
	}
	if last := b.out[len(b.out)-1]; last.stamp-b.out[1].stamp != 80*960 {
		t.Errorf("a pause with a loss in it lasts %d", last.stamp-b.out[1].stamp)
	}
	n := len(b.out)
	b.take(8, 40000, 123456789, 5*time.Second, from.next(t)) // a jump
	if len(b.out) != n+1 || b.out[n].seq != b.out[n-1].seq+1 || !b.out[n].marked || b.out[n].stamp-b.out[n-1].stamp > 3*48000 {
		t.Errorf("a new beginning: %+v after %+v", b.out[n:], b.out[n-1])
	}
}

// A browser that leaves out silence (Opus DTX) is heard as silence without a gap.
func TestConvertDTX(t *testing.T) {
	b, from := newConverterBench(t, opusCodec, pcmaCodec), newCoder(t, opusCodec, 440, packetTime)
	seq, stamp := uint16(0), uint32(0)
	now := time.Duration(0)
	send := func(p []byte, later int) {
		b.wakeUntil(now)
		b.take(111, seq, stamp, now, p)
		seq++
		stamp += 960 * uint32(later)
		now += time.Duration(later) * packetTime
	}
	for range 5 {
		send(from.next(t), 1)
	}
	toc := from.next(t)[:1]
	for range 3 {
		send(toc, 20) // nothing for 400 ms
	}
	for range 5 {
		send(from.next(t), 1)
	}
	b.steady(pcmaCodec)
	if want := 5 + 3*20 + 5; len(b.out) != want {
		t.Errorf("%d packets, want %d", len(b.out), want)
	}
	send(toc, 1)
	b.wakeUntil(time.Hour)
	if n := len(b.out); n > 75+26 {
		t.Errorf("after the last packet silence goes on for %d packets", n-75)
	}
}

// Silence isn't sent to who asks for that (usedtx), but for a packet every 400 ms: numbers go on without a gap, timestamps with the time, and what is
// spoken after it is marked. Who doesn't ask is sent all of it.
func TestConvertOmitsSilence(t *testing.T) {
	for _, tt := range []struct {
		fmtp  string
		omits bool
	}{{"minptime=10;usedtx=1", true}, {"usedtx=0", false}, {"", false}} {
		for _, from := range []sdp.Codec{pcmaCodec, g722Codec} {
			to := opusCodec
			to.Fmtp = tt.fmtp
			b, mouth := newConverterBench(t, from, to), newCoder(t, from, 440, packetTime)
			seq := uint16(0)
			say := func(packets int, loud bool) {
				for range packets {
					if mouth.tone = audio.NewTone(440, 50*len(mouth.pcm), toneVolume); !loud {
						mouth.tone = audio.NewTone(440, 50*len(mouth.pcm), 0)
					}
					b.take(from.PT, seq, uint32(seq)*mouth.ticks, time.Duration(seq)*packetTime, mouth.next(t))
					seq++
				}
			}
			say(50, true)
			say(200, false)
			pause := len(b.out)
			say(50, true)
			n, marks := len(b.out), 0
			for i, p := range b.out[1:] {
				step := p.stamp - b.out[i].stamp
				if p.seq != b.out[i].seq+1 || step%960 != 0 || step > 20*960 {
					t.Fatalf("packet %d: %d after the one before, %d later", i+1, p.seq-b.out[i].seq, step)
				}
				if p.marked {
					if marks++; i+1 < pause || i+1 > pause+2 {
						t.Errorf("packet %d is marked; speech begins with %d", i+1, pause)
					}
				}
			}
			if whole := b.out[n-1].stamp - b.out[0].stamp; whole != 299*960 {
				t.Errorf("%d ticks, want %d", whole, 299*960)
			}
			if tt.omits && (n < 110 || n > 140 || marks != 1) || !tt.omits && (n != 300 || marks != 0) {
				t.Errorf("%s, %q: 300 packets, 200 of them silent, are %d, %d of them marked", from.Name, tt.fmtp, n, marks)
			}
		}
	}
}

// In steady state nothing is allocated.
func TestConvertAllocates(t *testing.T) {
	omitting := opusCodec
	omitting.Fmtp = "usedtx=1"
	for _, tt := range append(pairs[:len(pairs):len(pairs)], conversion{from: pcmaCodec, to: omitting}) {
		b, from := newConverterBench(t, tt.from, tt.to), newCoder(t, tt.from, 440, packetTime)
		packets := make([][]byte, 50)
		for i := range packets {
			if packets[i] = from.next(t); tt.to == omitting {
				packets[i] = bytes.Repeat([]byte{zeroALaw}, 160)
			}
		}
		b.c.emit, b.c.release = func([]byte, rtpHeader) {}, func(*heldPacket) {}
		var k heldPacket
		i := 0
		say := func() {
			k = heldPacket{rtpHeader: rtpHeader{pt: tt.from.PT, seq: uint16(i), ssrc: 7}, stamp: uint32(i) * from.ticks, data: packets[i%50]}
			b.c.take(&k)
			i++
		}
		for range 200 {
			say()
		}
		if n := testing.AllocsPerRun(200, say); n > 0 {
			t.Errorf("%s to %s: %.0f allocations a packet", tt.from.Name, tt.to.Name, n)
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte{111, 0, 0, 4, 1, 2, 3, 4, 111, 1, 6, 0, 110, 2, 1, 4, 1, 2, 3, 4, 111, 9, 1, 1, 8}, true)
	f.Add([]byte{8, 0, 0, 4, 1, 2, 3, 4, 8, 1, 6, 0, 101, 2, 1, 4, 1, 2, 3, 4, 8, 9, 1, 1, 8}, false)
	f.Fuzz(func(t *testing.T, script []byte, down bool) {
		from, to := pcmaCodec, opusCodec
		if down {
			from, to = opusCodec, pcmaCodec
		}
		b := newConverterBench(t, from, to)
		seq, stamp, now := uint16(0), uint32(0), time.Duration(0)
		for steps := 0; len(script) >= 4 && steps < 50; steps++ {
			pt, by, later, size := script[0], int8(script[1]), script[2], min(int(script[3]), len(script)-4)
			data := script[4 : 4+size]
			script = script[4+size:]
			seq += uint16(by)
			stamp += uint32(int32(by)) * 480 << (later & 15)
			now += time.Duration(later) * time.Millisecond
			before := len(b.out)
			b.wakeUntil(now)
			b.take(pt, seq, stamp, now, data)
			// 120 ms a packet, of which reorderMost and one may come at once, with as many made up before them, and half a second of silence.
			if n := len(b.out) - before; n > 6*(reorderMost+1)+6*concealMost+26*6 {
				t.Fatalf("one packet became %d", n)
			}
		}
		b.wakeUntil(now + time.Hour)
		if b.unfreed != 0 {
			t.Fatalf("%d packets were not given back", b.unfreed)
		}
		for i, p := range b.out {
			if p.seq != b.out[0].seq+uint16(i) || p.ssrc != b.out[0].ssrc || len(p.data) == 0 {
				t.Fatalf("packet %d is %+v", i, p)
			}
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	for _, tt := range pairs {
		b.Run(tt.from.Name+" to "+tt.to.Name, func(b *testing.B) {
			on, from := newConverterBench(b, tt.from, tt.to), newCoder(b, tt.from, 440, packetTime)
			packets := make([][]byte, 50)
			for i := range packets {
				packets[i] = from.next(b)
			}
			on.c.emit, on.c.release = func([]byte, rtpHeader) {}, func(*heldPacket) {}
			var k heldPacket
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k = heldPacket{rtpHeader: rtpHeader{pt: tt.from.PT, seq: uint16(i), ssrc: 7}, stamp: uint32(i) * from.ticks, data: packets[i%50]}
				on.c.take(&k)
			}
		})
	}
}
