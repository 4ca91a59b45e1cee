package store

import (
	"context"
	"time"
)

// pollChanges is how often to look for changes by another process.
const pollChanges = time.Second

// Changes ticks when an account was changed: by this Store at once, by another process within a
// second. Ticks that nobody waits for become one. The channel is closed when ctx ends or the Store is closed.
func (s *Store) Changes(ctx context.Context) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	woken := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(ticks)
		return ticks
	}
	seen, err := s.revision(ctx)
	if err != nil {
		seen = -1 // unlike any, so that nothing is missed
	}
	s.watchers[woken] = struct{}{}
	s.watching.Go(func() {
		defer close(ticks)
		s.watch(ctx, seen, woken, ticks)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, woken)
	})
	return ticks
}

// watch ticks at each new revision until ctx ends or the Store is closed.
func (s *Store) watch(ctx context.Context, seen int64, woken <-chan struct{}, ticks chan<- struct{}) {
	poll := time.NewTicker(pollChanges)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-woken:
		case <-poll.C:
		}
		now, err := s.revision(ctx)
		if err != nil || now == seen { // a fault passes or shows where accounts are used
			continue
		}
		seen = now
		select {
		case ticks <- struct{}{}:
		default: // one is waiting
		}
	}
}

// revision counts the changes of accounts by all processes.
func (s *Store) revision(ctx context.Context) (number int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT number FROM revisions WHERE of = 'users'").Scan(&number)
	return number, err
}

// wake tells the watchers of a change by this Store.
func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		select {
		case w <- struct{}{}:
		default: // already told
		}
	}
}
