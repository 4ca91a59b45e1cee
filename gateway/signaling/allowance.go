package signaling

import (
	"sync"

	"golang.org/x/time/rate"
)

// allowances are the requests that users may make: one limit for each, in all flows together. The zero allowances is ready.
type allowances struct {
	mu sync.Mutex
	of map[string]*allowance
}

type allowance struct {
	*rate.Limiter
	flows int
}

// take gives what a user may do, to one flow more.
func (a *allowances) take(user string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = make(map[string]*allowance)
	}
	if a.of[user] == nil {
		a.of[user] = &allowance{Limiter: rate.NewLimiter(flowFriendRate, 2*flowFriendRate)}
	}
	a.of[user].flows++
	return a.of[user].Limiter
}

// leave takes back what a flow that is gone was given.
func (a *allowances) leave(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[user].flows--; a.of[user].flows == 0 {
		delete(a.of, user)
	}
}
