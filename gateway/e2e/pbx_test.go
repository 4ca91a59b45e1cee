//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

func TestPBXAnswers(t *testing.T) {
	k := startPBX(t, pbxOptions{})
	if k.registered("201") {
		t.Error("201 is registered before any phone is there")
	}
}

// The peers alone prove the harness: what a phone hears is told rightly.
func TestPhonesHearEachOther(t *testing.T) {
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	one := startPhone(t, k, "201", phoneOptions{})
	two := startPhone(t, k, "202", phoneOptions{Tone: tonePhone2, Answer: true})
	one.dial(t, "202")
	one.wantEvent(t, "CALL_ESTABLISHED")
	two.wantEvent(t, "CALL_ESTABLISHED")
	wantTone(t, "201", one, tonePhone2)
	wantTone(t, "202", two, tonePhone)
	wantNoTone(t, "202", two, tonePhone2)
	one.command(t, "sndcode", "5")
	if e := two.wantEvent(t, "CALL_DTMF_START"); e.Param != "5" {
		t.Errorf("202 got digit %q, want 5", e.Param)
	}
	one.hangUp(t)
	two.wantEvent(t, "CALL_CLOSED")
}

// The PBX of the tests can refuse in every way that a gateway has to tell of.
func TestPBXRefuses(t *testing.T) {
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	one := startPhone(t, k, "201", phoneOptions{})
	startPhone(t, k, "290", phoneOptions{})
	for _, tt := range []struct{ number, reason string }{
		{"9404", "404 "}, {"9486", "486 "}, {"9603", "603 "}, {"9480", "480 "}, {"9408", "408 "}, {"299", "404 "},
	} {
		one.forget()
		one.dial(t, tt.number)
		if e := one.wantEvent(t, "CALL_CLOSED"); !strings.HasPrefix(e.Param, tt.reason) {
			t.Errorf("call of %s ended with %q, want %s", tt.number, e.Param, tt.reason)
		}
	}
}
