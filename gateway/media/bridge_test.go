package media

import (
	"bytes"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// describe writes codecs as SDP.
func describe(codecs []sdp.Codec) []byte {
	var formats, maps bytes.Buffer
	for _, c := range codecs {
		formats.WriteString(" " + strconv.Itoa(int(c.PT)))
		maps.WriteString("a=rtpmap:" + strconv.Itoa(int(c.PT)) + " " + c.Name + "/" + strconv.Itoa(int(c.ClockRate)))
		if c.Channels > 1 {
			maps.WriteString("/" + strconv.Itoa(c.Channels))
		}
		maps.WriteString("\r\n")
	}
	return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP" + formats.String() + "\r\n" + maps.String())
}

// pair is two legs that hear one another; what each says comes out of the other's tape.
type pair struct {
	a, b     *leg
	atA, atB *tape
	ofA, ofB *way
	seq      uint16
	t        testing.TB
	digits   chan heardDigit
}

// newPair joins two legs. Each party said codecs and was told some.
func newPair(t testing.TB, saidA, toldA, saidB, toldB []sdp.Codec, keysB call.Keys) *pair {
	t.Helper()
	e := startEngine(t, "21300-21319")
	e.digits = make(chan heardDigit, maxTold)
	p := &pair{t: t, atA: &tape{}, atB: &tape{}, digits: e.digits}
	leg := func(name string, line line, said, told []sdp.Codec, keys call.Keys) *leg {
		l := &leg{engine: e, call: "call", name: name, line: line, party: call.Party{Leg: name, Profile: sdp.RTP, Keys: keys}, log: e.log}
		l.talk.agreed = &sdp.Remote{Direction: "sendrecv", Codecs: said}
		l.talk.sent = describe(told)
		t.Cleanup(func() {
			if k := l.keys.Load(); k != nil {
				k.stop()
			}
			l.stopOverhearing()
		})
		return l
	}
	p.a = leg("a", p.atA, saidA, toldA, call.KeysAuto)
	p.b = leg("b", p.atB, saidB, toldB, keysB)
	var set types
	for _, c := range slices.Concat(saidA, toldA, saidB, toldB) {
		set.add(c.PT)
	}
	p.ofA, p.ofB = p.a.leads(&way{peer: p.b, types: set}), p.b.leads(&way{peer: p.a, types: set})
	join(p.a, p.b, p.ofA, p.ofB)
	return p
}

// say lets a party say a packet.
func (p *pair) say(l *leg, pt uint8, stamp uint32, payload []byte) {
	p.t.Helper()
	p.seq++
	buf := make([]byte, bufferSize)
	one := buf[:copy(buf, packet(p.t, rtp.Header{PayloadType: pt, SequenceNumber: p.seq, Timestamp: stamp, SSRC: 9}, string(payload)))]
	h, _ := parseRTP(one)
	l.receive(one, h, l.engine.now())
}

// Each party is sent every codec by its own number for it (RFC 3264 §6.1), whichever number the other one uses: the one it was told,
// or the one it offered.
func TestPayloadTypes(t *testing.T) {
	number := func(c sdp.Codec, pt uint8) sdp.Codec { c.PT = pt; return c }
	for _, tt := range []struct {
		name                       string
		saidA, toldA, saidB, toldB []sdp.Codec
		from                       string
		in, out                    uint8
	}{
		{"the same", []sdp.Codec{pcmuCodec, opusCodec}, []sdp.Codec{pcmuCodec, opusCodec}, []sdp.Codec{pcmuCodec, opusCodec}, []sdp.Codec{pcmuCodec, opusCodec}, "a", 111, 111},
		{"answered by another number, as told", []sdp.Codec{opusCodec}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{opusCodec}, "a", 96, 96},
		{"answered by another number, as offered", []sdp.Codec{opusCodec}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{opusCodec}, "a", 111, 96},
		{"the answerer uses the offer's number", []sdp.Codec{opusCodec}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{opusCodec}, "b", 111, 111},
		{"the answerer uses its own", []sdp.Codec{opusCodec}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{number(opusCodec, 96)}, []sdp.Codec{opusCodec}, "b", 96, 111},
		{"events answered by another number", []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec, number(eventSlow, 96)}, []sdp.Codec{pcmuCodec, number(eventSlow, 96)}, []sdp.Codec{pcmuCodec, eventSlow}, "a", 101, 96},
		{"events from the answerer", []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec, number(eventSlow, 96)}, []sdp.Codec{pcmuCodec, number(eventSlow, 96)}, []sdp.Codec{pcmuCodec, eventSlow}, "b", 101, 101},
		{"a successor with other numbers", []sdp.Codec{number(opusCodec, 109), number(eventFast, 120)}, []sdp.Codec{opusCodec, eventFast}, []sdp.Codec{opusCodec, eventFast}, []sdp.Codec{number(opusCodec, 96), eventFast}, "b", 96, 109},
		{"events of a successor's peer", []sdp.Codec{number(opusCodec, 109), number(eventFast, 120)}, []sdp.Codec{opusCodec, eventFast}, []sdp.Codec{opusCodec, eventFast}, []sdp.Codec{number(opusCodec, 96), eventFast}, "b", 110, 120},
		{"numbers that are crossed", []sdp.Codec{number(opusCodec, 96), number(eventFast, 97)}, []sdp.Codec{number(opusCodec, 97), number(eventFast, 96)},
			[]sdp.Codec{number(opusCodec, 97), number(eventFast, 96)}, []sdp.Codec{number(opusCodec, 96), number(eventFast, 97)}, "a", 97, 97},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, tt.saidA, tt.toldA, tt.saidB, tt.toldB, call.KeysAuto)
			from, at := p.a, p.atB
			if tt.from == "b" {
				from, at = p.b, p.atA
			}
			p.say(from, tt.in, 0, []byte{5, 0, 0, 160})
			if len(at.packets) != 1 || at.packets[0].PayloadType != tt.out {
				t.Errorf("%d becomes %v, want %d", tt.in, at.packets, tt.out)
			}
		})
	}
}

// event is the payloads of a key that is held for five packets at a clock, the last one sent three times.
func pressed(code uint8, step uint16) (list [][]byte) {
	for i := range 5 {
		list = append(list, appendEvent(nil, code, false, uint16(i+1)*step))
	}
	for range endPackets {
		list = append(list, appendEvent(nil, code, true, 6*step))
	}
	return list
}

// wantDigit waits for what is told of a key.
func (p *pair) wantDigit(digit rune, length time.Duration, passed bool) {
	p.t.Helper()
	select {
	case d := <-p.digits:
		if d.digit != digit || d.length != length || d.passed != passed {
			p.t.Errorf("told of %c for %v, passed %v; want %c, %v, %v", d.digit, d.length, d.passed, digit, length, passed)
		}
	case <-time.After(patience):
		p.t.Error("nobody is told of the key")
	}
	select {
	case d := <-p.digits:
		p.t.Errorf("told of a second key: %c", d.digit)
	default:
	}
}

func TestEventsPass(t *testing.T) {
	both := []sdp.Codec{pcmuCodec, eventSlow}
	p := newPair(t, both, both, both, both, call.KeysInfo)
	for _, payload := range pressed(7, 160) {
		p.say(p.a, 101, 1000, payload)
	}
	p.say(p.a, 101, 9000, []byte{16, 0, 0, 160}) // flash hook: not a key, and not ours to stop
	if n := len(p.atB.packets); n != 9 || p.atB.packets[7].Timestamp != p.atB.packets[0].Timestamp {
		t.Errorf("%d packets of events", n)
	}
	p.wantDigit('7', 120*time.Millisecond, true)
}

// Events go on by the clock of the peer's voice: a key that lasts as long, in the peer's ticks.
func TestEventsOfAnotherClock(t *testing.T) {
	wide, narrow := []sdp.Codec{opusCodec, eventFast}, []sdp.Codec{pcmuCodec, eventSlow}
	for name, tt := range map[string]struct {
		said, peer []sdp.Codec
		step, want uint16 // ticks of 20 ms
	}{"48 to 8 kHz": {wide, narrow, 960, 160}, "8 to 48 kHz": {narrow, wide, 160, 960}} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, tt.said, tt.said, tt.peer, tt.peer, call.KeysAuto)
			for _, payload := range pressed(9, tt.step)[5:] { // the others are lost
				p.say(p.a, tt.said[1].PT, 1000, payload)
			}
			p.wantDigit('9', 120*time.Millisecond, true)
			const n = 6 + endPackets - 1
			waitFor(t, "all packets of the key", func() bool { return len(p.atB.all()) == n })
			for i, one := range p.atB.all() {
				want := appendEvent(nil, 9, i >= 5, uint16(min(i+1, 6))*tt.want)
				if one.PayloadType != tt.peer[1].PT || !bytes.Equal(one.Payload, want) || one.Marker != (i == 0) || one.Timestamp != p.atB.all()[0].Timestamp {
					t.Errorf("packet %d: %+v %x, want %x", i, one.Header, one.Payload, want)
				}
			}
		})
	}
}

func TestEventsToInfo(t *testing.T) {
	for _, keys := range []call.Keys{call.KeysInfo, call.KeysInfoOnly} {
		p := newPair(t, []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec}, []sdp.Codec{pcmuCodec, eventSlow}, keys)
		for _, payload := range pressed(11, 160) {
			p.say(p.a, 101, 1000, payload)
		}
		p.wantDigit('#', 120*time.Millisecond, false)
		if len(p.atB.packets) > 0 || p.b.keys.Load() != nil {
			t.Error("the party is played something")
		}
	}
	p := newPair(t, []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec, eventSlow}, []sdp.Codec{pcmuCodec}, []sdp.Codec{pcmuCodec}, call.KeysInfo)
	p.say(p.a, 101, 1000, appendEvent(nil, 1, false, 160)) // its ends are lost
	p.say(p.a, 0, 2000, make([]byte, 160))
	p.wantDigit('1', 20*time.Millisecond, false)
	if len(p.atB.packets) != 1 {
		t.Error("the voice after a key is not heard")
	}
	p.say(p.a, 101, 3000, appendEvent(nil, 2, false, 320))
	p.say(p.a, 101, 5000, appendEvent(nil, 3, false, 160))
	p.wantDigit('2', 40*time.Millisecond, false)
}

func TestNoisePassesOrTurns(t *testing.T) {
	quiet := []sdp.Codec{pcmuCodec, noiseCodec}
	p := newPair(t, quiet, quiet, quiet, quiet, call.KeysAuto)
	p.say(p.a, 13, 1000, []byte{60})
	if len(p.atB.packets) != 1 || p.atB.packets[0].PayloadType != 13 {
		t.Errorf("both know comfort noise; heard %v", p.atB.packets)
	}
	p = newPair(t, quiet, quiet, []sdp.Codec{pcmuCodec}, []sdp.Codec{pcmuCodec}, call.KeysAuto)
	p.say(p.a, 13, 1000, []byte{60})
	p.say(p.a, 13, 2000, nil)
	if k := p.b.keys.Load(); k == nil || k.noise.Load() != 61 {
		t.Error("comfort noise makes no noise for a party that doesn't know it")
	}
	p = newPair(t, quiet, quiet, []sdp.Codec{opusCodec, noiseCodec}, []sdp.Codec{opusCodec, noiseCodec}, call.KeysAuto)
	p.say(p.a, 13, 1000, []byte{60})
	if k := p.b.keys.Load(); k == nil || k.noise.Load() != 61 || slices.ContainsFunc(p.atB.all(), func(one *rtp.Packet) bool { return one.PayloadType == 13 }) {
		t.Error("comfort noise of 8 kHz goes into a stream of Opus")
	}
}

func BenchmarkGate(b *testing.B) {
	both := []sdp.Codec{pcmuCodec, eventSlow}
	p := newPair(b, both, both, both, both, call.KeysAuto)
	p.b.line = deaf{}
	one := packet(b, rtp.Header{SSRC: 5}, string(make([]byte, 160)))
	h, _ := parseRTP(one)
	b.ReportAllocs()
	for b.Loop() {
		p.ofA.via.pass(one, h, 0, p.b)
	}
}
