package signaling

import (
	"sync"
	"time"
)

// grantTime is how long a user may follow a REFER that names a dialog, and maxGrants how many of these we keep: what comes
// beyond is refused.
const (
	grantTime = ringTime
	maxGrants = 4096
)

// grants are the dialogs that users were asked to replace. The zero grants is empty and ready.
type grants struct {
	mu    sync.Mutex
	until map[grant]time.Time
}

type grant struct {
	user   string
	dialog dialogID
}

func (g *grants) add(user string, d dialogID, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, until := range g.until {
		if now.After(until) {
			delete(g.until, k)
		}
	}
	if g.until == nil {
		g.until = make(map[grant]time.Time)
	}
	if len(g.until) < maxGrants {
		g.until[grant{user, d}] = now.Add(grantTime)
	}
}

func (g *grants) has(user string, d dialogID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	until, ok := g.until[grant{user, d}]
	return ok && !now.After(until)
}
