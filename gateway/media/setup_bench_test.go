package media

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v3"
)

// What passes between a browser's offer and the first sound, step by step, in µs: the descriptions, ICE up to the browser's
// first connected pair, DTLS up to our keys, and the first packet. All steps but the first wait for the browser (pion) too.
func BenchmarkSetUp(b *testing.B) {
	for name, settings := range map[string][]func(*webrtc.SettingEngine){"UDP": nil, "TCP": {byTCP}} {
		b.Run(name, func(b *testing.B) {
			e, _ := startTCPEngine(b, "127.0.0.1:0", "21130-21149")
			e.log = slog.New(slog.DiscardHandler)
			p := newPhone(b)
			var steps [4]time.Duration
			for b.Loop() {
				b.StopTimer()
				browser := newBrowser(b, settings...)
				offer := browser.offer()
				var connected atomic.Int64
				browser.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
					if s == webrtc.ICEConnectionStateConnected {
						connected.CompareAndSwap(0, int64(e.now()))
					}
				})
				b.StartTimer()
				began := e.now()
				p.hear(must(b)(e.Offer(b.Context(), "call", alice, pbx, offer)))
				answer := must(b)(e.Answer(b.Context(), "call", pbx, alice, p.description("sendrecv")))
				told := e.now()
				browser.accept(answer)
				s, err := e.lock("call", false)
				if err != nil {
					b.Fatal(err)
				}
				line := s.legs["alice"].line.(*secureLine)
				s.mu.Unlock()
				<-line.up
				up := e.now()
				for {
					browser.say("first")
					if p.next(time.Millisecond) != nil {
						break
					}
				}
				heard := e.now()
				ice := time.Duration(connected.Load())
				for i, step := range []time.Duration{told - began, ice - told, up - ice, heard - up} {
					steps[i] += step
				}
				b.StopTimer()
				e.Delete("call", "")
				browser.pc.Close()
				b.StartTimer()
			}
			for i, unit := range []string{"sdp-µs", "ice-µs", "dtls-µs", "sound-µs"} {
				b.ReportMetric(float64(steps[i].Microseconds())/float64(b.N), unit)
			}
		})
	}
}

// The answer to one check, and to what only looks like one: a stranger's packets must cost less than a browser's.
func BenchmarkSTUN(b *testing.B) {
	table := newTable()
	line, own := lineOnly(table)
	line.security.settled = true
	user := stun.NewUsername(own.ufrag + ":them")
	controlling := attribute(stun.AttrICEControlling, make([]byte, 8)...)
	priority := attribute(stun.AttrPriority, make([]byte, 4)...)
	good := request(b, user, controlling, priority, stun.NewShortTermIntegrity(own.pwd), stun.Fingerprint)
	malformed := append([]byte(nil), good...)
	malformed[30] ^= 1
	for _, bb := range []struct {
		name string
		p    []byte
	}{
		{"checked", good},
		{"wrong password", request(b, user, controlling, priority, stun.NewShortTermIntegrity("wrong"), stun.Fingerprint)},
		{"unknown user", request(b, stun.NewUsername("stranger:them"), controlling, priority, stun.NewShortTermIntegrity("wrong"), stun.Fingerprint)},
		{"malformed", malformed},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a := agent{table: table}
			p := make([]byte, len(bb.p))
			b.ReportAllocs()
			for b.Loop() {
				copy(p, bb.p)
				a.answer(p, browserAddr, nil, time.Second)
			}
		})
	}
}
