package auth

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := NewLimiter()
	now := time.Unix(1e9, 0)
	for i, want := range []time.Duration{0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		want *= time.Second
		retry, ok := l.Allow("k", now)
		if retry != want || ok != (want == 0) {
			t.Fatalf("after %d failures Allow = %v, %v, want to wait %v", i, retry, ok, want)
		}
		now = now.Add(want)
		if _, ok := l.Allow("k", now); !ok {
			t.Fatalf("after %d failures and %v still not allowed", i, want)
		}
		l.Fail("k", now)
	}
	if _, ok := l.Allow("other", now); !ok {
		t.Error("another key is braked")
	}
	if retry, _ := l.Allow("k", now.Add(-24*time.Hour)); retry > maxDelay {
		t.Errorf("after the clock was set back: wait %v", retry)
	}
	l.Success("k")
	if _, ok := l.Allow("k", now); !ok {
		t.Error("braked after a success")
	}
	for range freeTries + 1 {
		l.Fail("k", now)
	}
	l.Fail("other", now.Add(forgetAfter)) // sweeps
	if len(l.failed) != 1 || l.order.Len() != 1 {
		t.Errorf("%d keys kept, want k forgotten", len(l.failed))
	}
}

func TestLimiterMemory(t *testing.T) {
	l := NewLimiter()
	l.max = 100
	now := time.Unix(1e9, 0)
	for i := range 10000 {
		for range freeTries + 1 {
			l.Fail("steady", now)
		}
		l.Fail(strconv.Itoa(i), now)
	}
	if len(l.failed) != 100 || l.order.Len() != 100 {
		t.Errorf("%d keys kept, want 100", len(l.failed))
	}
	if _, ok := l.Allow("steady", now); ok {
		t.Error("the one that fails all the time was forgotten")
	}
}

func TestLimitKey(t *testing.T) {
	key := func(addr, user string) string { return LimitKey(netip.MustParseAddr(addr), user) }
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{key("192.0.2.1", "a"), key("192.0.2.1", "a"), true},
		{key("192.0.2.1", "a"), key("::ffff:192.0.2.1", "a"), true},
		{key("192.0.2.1", "a"), key("192.0.2.2", "a"), false},
		{key("192.0.2.1", "a"), key("192.0.2.1", "b"), false},
		{key("2001:db8::1", "a"), key("2001:db8::ffff:2", "a"), true},
		{key("2001:db8::1", "a"), key("2001:db8:0:1::1", "a"), false},
		{key("fe80::1%eth0", ""), key("fe80::1%eth1", ""), true},
		{key("192.0.2.1", strings.Repeat("a", 65)), key("192.0.2.1", strings.Repeat("a", 1000)), true},
	} {
		if (tt.a == tt.b) != tt.same {
			t.Errorf("%q and %q: same should be %v", tt.a, tt.b, tt.same)
		}
	}
}
