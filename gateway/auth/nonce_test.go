package auth

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNonce(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		what  string
		nonce func(n *nonces) string
		at    time.Duration
		want  bool
	}{
		{"fresh", func(n *nonces) string { return n.issue(now) }, 0, true},
		{"at the last moment", func(n *nonces) string { return n.issue(now) }, nonceLifetime - 1, true},
		{"too old", func(n *nonces) string { return n.issue(now) }, nonceLifetime, false},
		{"the clock went back a little", func(n *nonces) string { return n.issue(now) }, -time.Second, true},
		{"the clock went back a day", func(n *nonces) string { return n.issue(now) }, -24 * time.Hour, false},
		{"empty", func(*nonces) string { return "" }, 0, false},
		{"rubbish", func(*nonces) string { return strings.Repeat("A", 48) }, 0, false},
		{"no base64", func(*nonces) string { return strings.Repeat("=", 48) }, 0, false},
		{"short", func(n *nonces) string { return n.issue(now)[:44] }, 0, false},
		{"of another run", func(*nonces) string { return newNonces([]byte(secret)).issue(now) }, 0, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			n := newNonces([]byte(secret))
			if got := n.use(tt.nonce(n), 1, now.Add(tt.at)); got != tt.want {
				t.Errorf("use = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNonceCount(t *testing.T) {
	now := time.Unix(1e9, 0)
	n := newNonces([]byte(secret))
	nonce := n.issue(now)
	for i, step := range []struct {
		count uint32
		want  bool
	}{
		{1, true}, {1, false}, {3, true}, {2, true}, {2, false}, {3, false}, {66, true}, {3, false},
		{1, false}, {4, true}, {200, true}, {136, false}, {137, true}, {137, false}, {1<<32 - 1, true}, {1<<32 - 1, false}, {200, false},
	} {
		if got := n.use(nonce, step.count, now); got != step.want {
			t.Errorf("step %d: count %d = %v, want %v", i, step.count, got, step.want)
		}
	}
}

// However many nonces are used, memory is bounded and no count is good twice.
func TestNonceMemory(t *testing.T) {
	now := time.Unix(1e9, 0)
	n := newNonces([]byte(secret))
	n.max = 100
	var nonces []string
	for i := range 1000 {
		nonces = append(nonces, n.issue(now.Add(time.Duration(i))))
	}
	for i, nonce := range nonces {
		if !n.use(nonce, 1, now.Add(time.Second)) {
			t.Fatalf("nonce %d refused", i)
		}
	}
	for i, nonce := range nonces {
		if n.use(nonce, 1, now.Add(time.Second)) {
			t.Fatalf("nonce %d good twice", i)
		}
	}
	if len(n.used) != 100 || n.order.Len() != 100 {
		t.Errorf("%d nonces kept, want 100", len(n.used))
	}
	if !n.use(n.issue(now.Add(time.Hour)), 1, now.Add(time.Hour)) || len(n.used) != 1 {
		t.Errorf("%d nonces kept, want the expired ones forgotten", len(n.used))
	}
}

func TestNonceConcurrently(t *testing.T) {
	now := time.Unix(1e9, 0)
	n := newNonces([]byte(secret))
	nonce := n.issue(now)
	var wg sync.WaitGroup
	var good atomic.Int32
	for range 8 {
		wg.Go(func() {
			for count := range uint32(countWindow) {
				if n.use(nonce, count+1, now) {
					good.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if good.Load() != countWindow {
		t.Errorf("%d uses of %d counts were good, want each once", good.Load(), countWindow)
	}
}
