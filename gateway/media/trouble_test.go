package media

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

// known is within which time everything must be known.
const known = 2 * time.Second

func TestTroublesBeginAndEnd(t *testing.T) {
	for _, tt := range []struct {
		name       string
		kind       call.TroubleKind
		side       string
		also       call.TroubleKind
		harm, mend func(w *watched)
	}{
		{"the browser sends nothing", call.TroubleSilent, "browser", call.TroubleOneWay,
			func(w *watched) { w.browser.mute = true }, func(w *watched) { w.browser.mute = false }},
		{"the PBX sends nothing", call.TroubleSilent, "pbx", call.TroubleOneWay,
			func(w *watched) { w.pbx.mute = true }, func(w *watched) { w.pbx.mute = false }},
		{"digital silence in PCMU", call.TroubleMuted, "browser", "",
			func(w *watched) { w.browser.payload = slices.Repeat([]byte{0xFF}, 160) }, func(w *watched) { w.browser.payload = []byte("a word") }},
		{"a codec that was not agreed on", call.TroubleCodec, "pbx", call.TroubleOneWay,
			func(w *watched) { w.pbx.pt = 9 }, func(w *watched) { w.pbx.pt = 0 }},
		{"ICE never connects", call.TroubleICE, "browser", call.TroubleOneWay,
			func(w *watched) { w.browser.wire.is, w.browser.mute = "ice", true }, func(w *watched) { w.browser.wire.is, w.browser.mute = "up", false }},
		{"a wrong certificate", call.TroubleDTLS, "browser", call.TroubleOneWay,
			func(w *watched) { w.browser.wire.is, w.browser.mute = "failed", true }, func(w *watched) { w.browser.wire.is, w.browser.mute = "up", false }},
		{"a quarter of the packets is lost", call.TroubleLossIn, "browser", "",
			func(w *watched) { w.browser.drop = func(seq uint16) bool { return seq%4 == 0 } }, func(w *watched) { w.browser.drop = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, 8000, "PCMU")
				w.calm(7 * time.Second)
				tt.harm(w)
				begun := w.expect(tt.kind, tt.side, false, known)
				if begun.Text == "" || begun.Cause == "" || begun.Call != "call" || begun.Began == 0 {
					t.Errorf("told %+v", begun)
				}
				if tt.also != "" {
					w.expect(tt.also, tt.side, false, known)
				}
				w.calm(20 * time.Second) // once is enough
				tt.mend(w)
				within := known
				if tt.kind == call.TroubleLossIn {
					within += sampleTime
				}
				ended := w.expect(tt.kind, tt.side, true, within)
				if ended.Began != begun.Began || ended.Ended <= ended.Began {
					t.Errorf("ended %+v, begun %+v", ended, begun)
				}
				if tt.also != "" {
					w.expect(tt.also, tt.side, true, known)
				}
				w.calm(20 * time.Second)
			})
		})
	}
}

// A handshake that stands still is known, be it that nothing comes, or the same again and again since our answer is lost. One that is merely slow is
// no trouble.
func TestStalledHandshake(t *testing.T) {
	message := func(seq uint16, start, size int) []byte {
		p := appendHeader(appendRecord(nil, recordHandshake, messageHeader+size), 1, seq, 400, start, size)
		return append(p, make([]byte, size)...)
	}
	finished := appendRecord(nil, recordChange, 0)
	for _, tt := range []struct {
		name  string
		every time.Duration
		steps [][]byte
		goes  time.Duration // on, before it stands still; less than 0: it doesn't
	}{
		{"nothing comes", 0, nil, 0},
		{"the ClientHello comes again", 500 * time.Millisecond, [][]byte{message(0, 0, 400), message(0, 0, 400), message(0, 0, 400), message(0, 0, 400)}, 0},
		{"a half of it does", 500 * time.Millisecond, [][]byte{message(0, 200, 200), message(0, 0, 200), message(0, 200, 200), message(0, 0, 200)}, 0},
		{"a flight is missing", 400 * time.Millisecond, [][]byte{message(0, 0, 400), message(1, 0, 400), message(2, 0, 400)}, 800 * time.Millisecond},
		{"a slow network", 1300 * time.Millisecond, [][]byte{message(0, 0, 400), message(1, 0, 400), finished}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, 8000, "PCMU")
				w.calm(3 * time.Second)
				l := w.browser.leg
				w.browser.wire.is, w.browser.mute = "dtls", true
				l.count.checked.Store(int64(w.engine.now()))
				var steps sync.WaitGroup
				defer steps.Wait()
				steps.Go(func() {
					s := &security{engine: w.engine, leg: l}
					for _, p := range tt.steps {
						s.follow(p)
						time.Sleep(tt.every)
					}
				})
				if tt.goes < 0 {
					w.calm(time.Duration(len(tt.steps)) * tt.every)
					return
				}
				w.calm(tt.goes)
				if x := w.expect(call.TroubleDTLS, "browser", false, known); x.Cause != "large UDP packets are lost on the way" {
					t.Errorf("told %+v", x)
				}
			})
		})
	}
}

func TestPacketsThatNobodyTakes(t *testing.T) {
	for kind, arrive := range map[call.TroubleKind]func(l *leg){
		call.TroubleKeys:    func(l *leg) { l.count.unopened.Add(1) },
		call.TroubleAddress: func(l *leg) { l.foreign(netip.MustParseAddrPort("198.51.100.7:999")) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t, 8000, "PCMU")
			w.calm(5 * time.Second)
			w.pbx.mute = true
			tick := func() { arrive(w.pbx.leg) }
			for range 4 { // two seconds
				tick()
				w.run(lookTime)
			}
			w.expect(kind, "pbx", false, lookTime)
			w.pbx.mute = false
			w.expect(kind, "pbx", true, known)
		})
	}
}

// What the party reports counts less what was lost on its way to us already.
func TestLossOnTheWayToAParty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		report := func(share float64) {
			w.pbx.streams.mu.Lock()
			defer w.pbx.streams.mu.Unlock()
			w.pbx.streams.far = RemoteReport{At: time.Now(), Share: share, Jitter: 8 * time.Millisecond, RoundTrip: 40 * time.Millisecond}
		}
		report(0.01)
		w.calm(6 * time.Second)
		report(0.2)
		if x := w.expect(call.TroubleLossOut, "pbx", false, known); x.Text != "Heavy loss to the PBX: 20 % of the packets" {
			t.Errorf("told %q", x.Text)
		}
		w.run(5 * time.Second)
		last := w.samples["pbx"][len(w.samples["pbx"])-1]
		if last.Out.Loss != 0.2 || last.Out.Jitter != 8 || last.Delay != 40 || last.Out.Packets == 0 || last.Out.MOS >= last.In.MOS {
			t.Errorf("sample %+v", last)
		}
		report(0)
		w.expect(call.TroubleLossOut, "pbx", true, known)
		report(0.2)
		time.Sleep(reportAge) // nothing of the moment
		w.calm(3 * time.Second)

		w.browser.drop = func(seq uint16) bool { return seq%5 == 0 }
		w.expect(call.TroubleLossIn, "browser", false, sampleTime)
		w.run(sampleTime)
		report(0.2) // of which the browser's network has lost all
		w.calm(8 * time.Second)
	})
}

func TestNoTroubleWhereSilenceIsDue(t *testing.T) {
	for name, set := range map[string]func(w *watched){
		"not answered yet": func(w *watched) { w.session.answered = 0 },
		"on hold by the browser": func(w *watched) {
			w.browser.talk.agreed.Direction = "sendonly"
			w.session.link(w.browser.leg, w.pbx.leg, w.browser.way.Load().types)
		},
		"both inactive": func(w *watched) {
			w.browser.talk.agreed.Direction, w.pbx.talk.agreed.Direction = "inactive", "inactive"
			w.session.link(w.browser.leg, w.pbx.leg, w.browser.way.Load().types)
		},
		"comfort noise was the last": func(w *watched) {
			w.pbx.pt, w.pbx.payload = 13, []byte{70}
			w.run(packetTime)
		},
		"waited for": func(w *watched) { w.pbx.comfort = func() {} },
		"the party is gone": func(w *watched) {
			w.session.mu.Lock()
			defer w.session.mu.Unlock()
			w.session.remove("alice")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, 8000, "PCMU")
				w.calm(3 * time.Second)
				set(w)
				w.pbx.mute = true
				w.calm(10 * time.Second)
			})
		})
	}
}

func TestSessionRefreshEndsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		w.pbx.mute = true
		w.expect(call.TroubleSilent, "pbx", false, known)
		w.expect(call.TroubleOneWay, "pbx", false, known)
		w.session.link(w.browser.leg, w.pbx.leg, w.browser.way.Load().types)
		w.calm(10 * time.Second)
	})
}

// A phone that sends nothing while nobody speaks, and no comfort noise, loses no packet by it. After two pauses it is known.
func TestPhoneThatPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 8000, "PCMU")
		pause := func(d time.Duration) {
			seq := w.pbx.seq
			w.pbx.mute = true
			w.run(d)
			w.pbx.mute, w.pbx.seq = false, seq
			w.run(3 * time.Second)
		}
		for range pausesKnown {
			pause(3 * time.Second)
			w.expect(call.TroubleSilent, "pbx", true, known)
			w.expect(call.TroubleOneWay, "pbx", true, known)
		}
		w.troubles = nil
		for range 3 {
			pause(8 * time.Second)
		}
		w.calm(time.Second)
		w.pbx.mute = true
		w.expect(call.TroubleSilent, "pbx", false, pauseTime+known)
	})
}

// That a user muted the own microphone for a while is no verdict on the call; one that never gave a sound is.
func TestMutedOnPurposeIsNotTheWorst(t *testing.T) {
	for _, tt := range []struct {
		spoke bool
		want  string
	}{{true, ""}, {false, "The browser sends only silence: its microphone is muted or blocked"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t, 8000, "PCMU")
			if tt.spoke {
				w.run(2 * time.Second)
			}
			w.browser.payload = slices.Repeat([]byte{zeroMuLaw}, 160)
			w.expect(call.TroubleMuted, "browser", false, known)
			if q := w.engine.Verdict("call"); q.Worst != tt.want {
				t.Errorf("spoke %v: worst %q", tt.spoke, q.Worst)
			}
		})
	}
}
