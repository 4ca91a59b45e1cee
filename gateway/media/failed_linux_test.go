//go:build !portable

package media

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// Calls that fail, or end before they are up, leave nothing behind, whichever step they fail at: no descriptor, no goroutine, no call.
func TestFailedCallsLeaveNothing(t *testing.T) {
	e := startEngine(t, "23150-23157") // four pairs: two for sound and two for pictures, once
	browser := newBrowser(t).offer()
	a := newPhone(t)
	seer := newScreen(newPhone(t))
	keyed := newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	dtls := newDTLSPhone(t)
	party := func(p call.Party, profile sdp.Profile) call.Party {
		p.Profile = profile
		return p
	}
	plain := a.description("sendrecv")
	keyless := bytes.Replace(plain, []byte("RTP/AVP"), []byte("RTP/SAVP"), 1)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	done := func(_ []byte, err error) error { return err }
	for _, tt := range []struct {
		name string
		call func(ctx context.Context, id string) error
		ok   bool // it does not fail but ends too soon
	}{
		{"malformed offer", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, desk, pbx, []byte("v=1"))) }, false},
		{"no ICE", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, alice, pbx, plain)) }, false},
		{"no keys", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, desk, pbx, keyless)) }, false},
		{"over before it began", func(_ context.Context, id string) error { return done(e.Offer(over, id, desk, pbx, plain)) }, false},
		{"offered, never answered", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, desk, pbx, plain)) }, true},
		{"offered to a browser", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, desk, alice, plain)) }, true},
		{"offered to a server", func(ctx context.Context, id string) error { return done(e.Offer(ctx, id, desk, server(), plain)) }, true},
		{"answered with nonsense", func(ctx context.Context, id string) error {
			if err := done(e.Offer(ctx, id, desk, party(pbx, sdp.SDES), plain)); err != nil {
				t.Error(err)
			}
			return done(e.Answer(ctx, id, party(pbx, sdp.SDES), desk, []byte("v=0")))
		}, false},
		{"answered without keys", func(ctx context.Context, id string) error {
			if err := done(e.Offer(ctx, id, desk, party(pbx, sdp.SDES), plain)); err != nil {
				t.Error(err)
			}
			return done(e.Answer(ctx, id, party(pbx, sdp.SDES), desk, keyless))
		}, false},
		{"offered in one way after another", func(ctx context.Context, id string) error {
			for _, profile := range []sdp.Profile{sdp.DTLS, sdp.SDES, sdp.OSRTP, sdp.RTP} {
				if err := done(e.Offer(ctx, id, alice, party(pbx, profile), browser)); err != nil {
					t.Error(err)
				}
			}
			return done(e.Answer(ctx, id, pbx, alice, keyless))
		}, false},
		{"hung up in the handshake of a browser", func(ctx context.Context, id string) error {
			if err := done(e.Offer(ctx, id, alice, pbx, browser)); err != nil {
				t.Error(err)
			}
			return done(e.Answer(ctx, id, pbx, alice, plain))
		}, true},
		{"hung up in the handshake of a phone", func(ctx context.Context, id string) error {
			return done(e.Local(ctx, id, party(pbx, sdp.DTLS), Tone, dtls.description("passive")))
		}, true},
		{"encrypted, and hung up at once", func(ctx context.Context, id string) error {
			return done(e.Local(ctx, id, pbx, Tone, keyed.description("sendrecv")))
		}, true},
		{"no ports left", func(ctx context.Context, id string) error {
			defer e.Delete(id+" first", "")
			if err := done(e.Offer(ctx, id+" first", desk, pbx, seer.description("sendrecv"))); err != nil {
				t.Error(err)
			}
			return done(e.Offer(ctx, id, desk, pbx, plain))
		}, false},
		{"no codec", func(ctx context.Context, id string) error {
			return done(e.Local(ctx, id, pbx, Echo, bytes.ReplaceAll(plain, []byte(" 0 8 101"), []byte(" 101"))))
		}, false},
		{"a state that is none", func(_ context.Context, id string) error { return e.Restore(id, []byte("{}")) }, false},
		{"a state without its ports", func(_ context.Context, id string) error {
			return e.Restore(id, fmt.Appendf(nil, `[{"Name":"a","Profile":%d,"Port":23150,"Said":%q},{"Name":"b","Profile":%[1]d,"Port":23150,"Said":%[2]q}]`, sdp.RTP, plain))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := func(n int) {
				for i := range n {
					id := fmt.Sprint(tt.name, i)
					err := tt.call(t.Context(), id)
					if e.Delete(id, ""); (err == nil) != tt.ok {
						t.Fatalf("call %d: %v", i, err)
					}
				}
			}
			run(2)
			settle := func() (descriptors, goroutines int) {
				list, err := os.ReadDir("/proc/self/fd")
				if err != nil {
					t.Fatal(err)
				}
				return len(list), runtime.NumGoroutine()
			}
			settled(t)
			before, running := settle()
			run(60)
			var after, still int
			for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
				if after, still = settle(); after <= before+2 && still <= running+2 || time.Now().After(end) { // what others leave may end just now
					break
				}
			}
			if after > before+2 || still > running+2 {
				t.Errorf("%d descriptors and %d goroutines before, %d and %d after", before, running, after, still)
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if len(e.calls) > 0 {
				t.Errorf("%d calls are left", len(e.calls))
			}
		})
	}
}

// settled waits until no goroutine of the engine's calls runs any more.
func settled(t *testing.T) {
	t.Helper()
	waitFor(t, "the end of the calls' goroutines", func() bool {
		for _, stack := range running() {
			for _, of := range []string{"(*association)", "(*path)", "playTone", "comfort"} {
				if strings.Contains(stack, of) {
					return false
				}
			}
		}
		return true
	})
}
