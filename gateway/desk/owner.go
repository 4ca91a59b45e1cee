package desk

import "context"

// Reown has the phone belong to whom Owner gives now: at once, or when its calls are over.
func (p *Phone) Reown() {
	owner, display, err := p.deps.Owner(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		// Run may be about to open a line for who it was.
		if p.stale = true; err == nil {
			p.owner, p.display = owner, display
		}
		p.changed()
		return
	}
	p.stale = err != nil || owner != p.owner || display != p.display
	p.giveUp()
}

// belong finds out whose the phone is while it has no line, so that they are told what keeps it from being one.
func (p *Phone) belong(ctx context.Context) {
	if p.State().Owner != "" {
		return // or Reown tells
	}
	if owner, display, err := p.deps.Owner(ctx); err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.owner, p.display = owner, display
	}
}

// giveUp ends the line of an owner who is none any more, as soon as no call is up and the server has answered all: what it has not
// dealt with ends with the line. The caller holds p.mu.
func (p *Phone) giveUp() {
	if p.stale && p.line != nil && len(p.ongoing()) == 0 && len(p.pending) == 0 {
		_ = p.line.Close() // it is in memory, and Run notices
	}
}

func (p *Phone) isStale() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stale
}
