package locate

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxEntries bounds a cache: a PBX may name other hosts in every call.
const maxEntries = 1000

// maxTTL is how long an answer is believed at most.
const maxTTL = time.Hour

// cache remembers the answers to one kind of question. When nobody can be asked any more the last answer holds on (RFC 8767).
type cache[T any] struct {
	ask func(ctx context.Context, name string) ([]T, time.Duration, error)

	mu      *sync.Mutex
	entries map[string]entry[T]
}

type entry[T any] struct {
	records []T
	until   time.Time
}

func newCache[T any](ask func(context.Context, string) ([]T, time.Duration, error)) cache[T] {
	return cache[T]{ask: ask, mu: new(sync.Mutex), entries: make(map[string]entry[T])}
}

func (c *cache[T]) get(ctx context.Context, name string) ([]T, error) {
	c.mu.Lock()
	e, known := c.entries[name]
	c.mu.Unlock()
	if known && time.Now().Before(e.until) {
		return slices.Clone(e.records), nil
	}
	records, ttl, err := c.ask(ctx, name)
	if err != nil {
		if known {
			return slices.Clone(e.records), nil
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxEntries {
		clear(c.entries)
	}
	c.entries[name] = entry[T]{records, time.Now().Add(min(ttl, maxTTL))}
	return slices.Clone(records), nil
}
