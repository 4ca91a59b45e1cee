package signaling

import "sync"

// tasks counts goroutines that outlive the request they began with. Unlike in a sync.WaitGroup, whose methods it has, the count may
// rise from zero while somebody waits: the last requests of a call and the server's end know nothing of one another.
type tasks struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is zero; nil: nobody waits for that
}

func (t *tasks) Add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += n
	if t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

func (t *tasks) Done() { t.Add(-1) }

// Go runs f in a goroutine that counts.
func (t *tasks) Go(f func()) {
	t.Add(1)
	go func() {
		defer t.Done()
		deepen()
		f()
	}()
}

// Wait waits until the count is zero.
func (t *tasks) Wait() {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.none == nil {
		t.none = make(chan struct{})
	}
	none := t.none
	t.mu.Unlock()
	<-none
}
