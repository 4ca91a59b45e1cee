package media

import (
	"encoding/binary"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// wire is a line without a network.
type wire struct{ is string }

func (w *wire) send([]byte, rtpHeader, time.Duration) error { return nil }
func (w *wire) sendControl([]byte, time.Duration) error     { return nil }
func (w *wire) apply(*sdp.Remote, bool)                     {}
func (w *wire) state(time.Duration) string                  { return w.is }
func (w *wire) close()                                      {}

// watched is a call of a browser with a PBX whose packets the test makes.
type watched struct {
	t        *testing.T
	engine   *Engine
	session  *session
	browser  *mouth
	pbx      *mouth
	troubles []call.Trouble
	samples  map[string][]call.Sample
	steps    map[string]call.Steps
}

func (w *watched) Trouble(x call.Trouble)                   { w.troubles = append(w.troubles, x) }
func (w *watched) Sample(side string, s call.Sample)        { w.samples[side] = append(w.samples[side], s) }
func (w *watched) Steps(side string, s call.Steps, _ int64) { w.steps[side] = s }

// mouth is one party, with the stream it sends.
type mouth struct {
	*leg
	wire    *wire
	mute    bool // sends nothing
	payload []byte
	pt      uint8
	seq     uint16
	stamp   uint32
	drop    func(seq uint16) bool
	late    func(seq uint16) time.Duration // how much later than its time a packet comes
}

// newWatched makes the call, up and answered, in a bubble of synctest.
func newWatched(t *testing.T, clock uint32, codec string) *watched {
	w := &watched{t: t, samples: map[string][]call.Sample{}, steps: map[string]call.Steps{}}
	e := &Engine{log: slog.New(slog.DiscardHandler), start: time.Now(), calls: map[string]*session{}, table: newTable(), port: 8443}
	w.engine, e.observer = e, w
	time.Sleep(time.Second)
	w.session = &session{engine: e, id: "call", log: e.log, legs: map[string]*leg{}}
	e.calls["call"] = w.session
	codecs := []sdp.Codec{{PT: 0, Name: codec, ClockRate: clock, Channels: 1}, {PT: 13, Name: "CN", ClockRate: 8000}, {PT: 101, Name: "telephone-event", ClockRate: 8000}}
	var agreed types
	for _, c := range codecs {
		agreed.add(c.PT)
	}
	party := func(p call.Party) *mouth {
		x := &mouth{wire: &wire{"up"}, payload: []byte("some sound, that is to say no silence")}
		x.leg = &leg{engine: e, name: p.Leg, party: p, log: e.log, line: x.wire, made: e.now()}
		x.talk.agreed = &sdp.Remote{Direction: "sendrecv", Codecs: codecs, Audio: netip.MustParseAddrPort("192.0.2.9:4000")}
		x.streams.begin(e.now())
		w.session.legs[p.Leg] = x.leg
		return x
	}
	w.browser, w.pbx = party(alice), party(pbx)
	w.session.link(w.browser.leg, w.pbx.leg, agreed)
	e.Answered("call")
	return w
}

// say makes the next packet and hands it to the leg.
func (x *mouth) say(now time.Duration) {
	x.seq++
	clock := x.talk.agreed.Codecs[0].ClockRate
	x.stamp += clock / 50
	if x.mute || x.drop != nil && x.drop(x.seq) {
		return
	}
	if x.late != nil {
		now += x.late(x.seq)
	}
	p := make([]byte, rtpHeaderSize, bufferSize)
	p[0], p[1] = 2<<6, x.pt
	binary.BigEndian.PutUint16(p[2:], x.seq)
	binary.BigEndian.PutUint32(p[4:], x.stamp)
	binary.BigEndian.PutUint32(p[8:], 7)
	p = append(p, x.payload...)
	h, _ := parseRTP(p)
	x.leg.receive(p, h, now)
}

// run lets both send for a while, and the engine look.
func (w *watched) run(d time.Duration) {
	for end := w.engine.now() + d; w.engine.now() < end; {
		now := w.engine.now()
		w.browser.say(now)
		w.pbx.say(now)
		time.Sleep(packetTime)
		if now/lookTime != w.engine.now()/lookTime {
			w.engine.look(w.engine.now())
		}
	}
}

// expect runs until a trouble begins or ends, no longer than within.
func (w *watched) expect(kind call.TroubleKind, side string, ends bool, within time.Duration) call.Trouble {
	w.t.Helper()
	is := func(x call.Trouble) bool { return x.Kind == kind && x.Side == side && (x.Ended > 0) == ends }
	for end := w.engine.now() + within; w.engine.now() < end && !slices.ContainsFunc(w.troubles, is); {
		w.run(lookTime)
	}
	i := slices.IndexFunc(w.troubles, is)
	if i < 0 {
		w.t.Fatalf("no %s of the %s (ended: %v) within %v, but %+v", kind, side, ends, within, w.troubles)
	}
	found := w.troubles[i]
	w.troubles = slices.Delete(w.troubles, i, i+1)
	return found
}

// calm fails when anything is told meanwhile.
func (w *watched) calm(d time.Duration) {
	w.t.Helper()
	w.run(d)
	if len(w.troubles) > 0 {
		w.t.Fatalf("in a call without fault: %+v", w.troubles)
	}
}

func TestSamplesCountWhatWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.browser.drop = func(seq uint16) bool { return seq%25 == 24 }                                      // 4 %
		w.pbx.late = func(seq uint16) time.Duration { return time.Duration(seq%2) * 10 * time.Millisecond } // every other packet 10 ms late
		w.run(31 * time.Second)
		if n := len(w.samples["browser"]); n != 6 {
			t.Errorf("%d samples in 31 s", n)
		}
		for _, s := range w.samples["browser"] {
			if math.Abs(s.In.Loss-0.04) > 0.005 || s.In.Packets < 235 || s.In.Packets > 245 || s.In.Jitter > 0.1 {
				t.Errorf("4 %% lost of 250, no jitter: %+v", s.In)
			}
			if want := opinion(rating("PCMU", s.In.Loss, ownDelay)); math.Abs(s.In.MOS-want) > 0.006 {
				t.Errorf("MOS %v, want %.2f", s.In.MOS, want)
			}
		}
		last := w.samples["pbx"][5] // |D| is 10 ms for each packet, so J goes to 10 ms (RFC 3550 §6.4.1)
		if last.In.Loss != 0 || math.Abs(last.In.Jitter-10) > 0.5 {
			t.Errorf("every other packet 10 ms late: %+v", last.In)
		}
		q := w.engine.Verdict("call")
		if len(q.Legs) != 2 || q.Legs[0].Leg != "alice" || math.Abs(q.Legs[0].In.Loss-0.04) > 0.005 || q.Legs[0].In.MOS < 3 || q.Legs[0].In.Worst > q.Legs[0].In.MOS ||
			math.Abs(q.Legs[1].In.Jitter-10) > 2 || q.Worst != "" {
			t.Errorf("verdict %+v", q)
		}
		m, ok := w.engine.Media("call")
		if !ok || len(m.Legs) != 2 || len(m.Legs[0].Samples) != 6 || m.Answered == 0 {
			t.Errorf("media %+v", m)
		}
		if s := w.steps["browser"]; s.FirstIn == 0 || s.FirstOut == 0 || s.Began == 0 {
			t.Errorf("steps %+v", s)
		}
	})
}

func TestOldSamplesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.run(6 * time.Minute)
		m, _ := w.engine.Media("call")
		all := m.Legs[0].Samples
		if len(all) != maxSamples || !slices.IsSortedFunc(all, func(a, b call.Sample) int { return int(a.At - b.At) }) {
			t.Errorf("%d samples are kept", len(all))
		}
	})
}

func TestSilenceIsTheWorst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.pbx.mute = true
		w.run(12 * time.Second)
		q := w.engine.Verdict("call")
		if q.Worst != "Nothing comes from the PBX: a firewall between, or a wrong address in its SDP" || q.Legs[1].In.MOS != 1 {
			t.Errorf("verdict %+v", q)
		}
	})
}

func TestTotalsOutliveTheirLegs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.browser.drop = func(seq uint16) bool { return seq%10 == 5 }
		w.run(10 * time.Second)
		w.engine.Delete("call", "")
		browsers, others := w.engine.Totals()
		if browsers.PacketsIn != 450 || browsers.Lost != 50 || others.PacketsIn != 500 || others.PacketsOut != 450 || browsers.BytesOut != others.BytesIn {
			t.Errorf("totals %+v, %+v", browsers, others)
		}
		if n := w.engine.Legs(); len(n) != 0 {
			t.Errorf("legs %v", n)
		}
	})
}

func TestCountingAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.run(2 * time.Second)
		now := w.engine.now()
		if n := testing.AllocsPerRun(100, func() { w.browser.say(now) }); n > 1 { // the packet itself
			t.Errorf("counting a packet allocates %v times", n-1)
		}
	})
}

// What counting costs each packet: jitter, loss, silence.
func BenchmarkHeard(b *testing.B) {
	var c counters
	w := &way{formats: formats([]sdp.Codec{{PT: 101, Name: "telephone-event"}, {PT: 0, Name: "PCMU"}})}
	p := make([]byte, rtpHeaderSize+160)
	p[0] = 2 << 6
	h, _ := parseRTP(p)
	var now time.Duration
	b.ReportAllocs()
	for b.Loop() {
		h.seq++
		now += packetTime
		c.heard(p, h, w, now)
	}
}
