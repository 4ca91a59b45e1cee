package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// How a Limiter brakes: some tries are free, then each failure doubles the delay from firstDelay
// to maxDelay. Failures are forgotten after as much time without one as forgetAfter.
const (
	freeTries   = 5
	firstDelay  = time.Second
	maxDelay    = 15 * time.Minute
	forgetAfter = time.Hour
	maxKeys     = 8192 // whose failures are remembered, about 2 MiB when full
)

// Limiter slows down the guessing of passwords: ask Allow before a check, tell it by Fail or
// Success after. It is safe for concurrent use.
type Limiter struct {
	// Free is how many failures have no consequence; NewLimiter sets 5. A key that stands for
	// several people, as an address alone does, deserves more. Set it before the first use.
	Free int

	mu     sync.Mutex
	failed map[string]*list.Element
	order  *list.List // of *failures, longest without failure first
	max    int
}

// failures are those of one key.
type failures struct {
	key   string
	count int
	last  time.Time
}

// NewLimiter makes a Limiter without any failure in it.
func NewLimiter() *Limiter {
	return &Limiter{Free: freeTries, failed: map[string]*list.Element{}, order: list.New(), max: maxKeys}
}

// LimitKey names who tries: an address, and for which user. With a user one badly set up phone
// does not lock out its whole office, and no stranger elsewhere locks out the user; user may
// be empty. Of an IPv6 address only the /64 counts, because one host may use all of it.
func LimitKey(addr netip.Addr, user string) string {
	if addr = addr.Unmap(); addr.Is6() {
		addr = netip.PrefixFrom(addr.WithZone(""), 64).Masked().Addr()
	}
	if len(user) > maxName { // of no account
		user = user[:maxName]
	}
	return addr.String() + " " + user
}

// Allow tells whether key may try now, or after how long.
func (l *Limiter) Allow(key string, now time.Time) (retryAfter time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.failed[key]
	if e == nil {
		return 0, true
	}
	f := e.Value.(*failures)
	d := delay(f.count - l.Free)
	wait := min(f.last.Add(d).Sub(now), d) // no longer, even if the clock was set back
	return max(wait, 0), wait <= 0
}

// Fail counts a wrong password.
func (l *Limiter) Fail(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.order.Front(); e != nil; e = l.order.Front() {
		if f := e.Value.(*failures); now.Sub(f.last) < forgetAfter {
			break
		}
		l.remove(e)
	}
	e := l.failed[key]
	if e == nil {
		if l.order.Len() >= l.max {
			l.remove(l.order.Front())
		}
		e = l.order.PushBack(&failures{key: key})
		l.failed[key] = e
	}
	f := e.Value.(*failures)
	f.count, f.last = f.count+1, now
	l.order.MoveToBack(e)
}

// Success forgets the failures of key.
func (l *Limiter) Success(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.failed[key]; e != nil {
		l.remove(e)
	}
}

func (l *Limiter) remove(e *list.Element) {
	l.order.Remove(e)
	delete(l.failed, e.Value.(*failures).key)
}

// delay is how long to wait after the nth failure that was not free.
func delay(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	return min(firstDelay<<min(n-1, 20), maxDelay)
}
