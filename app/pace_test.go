//go:build !headless && cgo

package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// loop is Fyne's, as far as pace knows it.
type loop struct {
	queue chan func()
	input chan struct{} // somebody presses something, or the loop is woken
	over  atomic.Bool
	rests atomic.Int32
	t     *testing.T
}

func (l *loop) do(f func()) {
	if l.over.Load() {
		f()
		return
	}
	l.queue <- f
}

func (l *loop) wait(seconds float64) {
	if l.over.Load() {
		l.t.Error("waits for input after the end")
	}
	l.rests.Add(1)
	select {
	case <-l.input:
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	}
}

func (l *loop) post() {
	select {
	case l.input <- struct{}{}:
	default:
		l.t.Error("woken while it did not rest")
	}
}

// During a minute without input the loop rests most of the time; input ends a rest at once, and there is none for a while; what others
// give it waits for no rest, and neither does the end.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loop{queue: make(chan func(), 16), input: make(chan struct{}), t: t}
		p := &pace{do: l.do, wait: l.wait, post: l.post}
		ctx, stop := context.WithCancel(t.Context())
		turning, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(turning)
			for f := range l.queue {
				f()
			}
		}()
		go func() {
			defer close(ended)
			p.run(ctx)
		}()
		rested := func(during time.Duration) int {
			before := l.rests.Load()
			time.Sleep(during)
			synctest.Wait()
			return int(l.rests.Load() - before)
		}
		if n := rested(after / 2); n != 0 {
			t.Errorf("%d rests as it begins, want none", n)
		}
		time.Sleep(after)
		if got, want := rested(time.Minute), int(time.Minute/(rest+turn)); got < want-1 || got > want+1 {
			t.Errorf("%d rests in a minute, want %d", got, want)
		}

		l.input <- struct{}{}
		synctest.Wait()
		if n := rested(after - turn); n != 0 {
			t.Errorf("%d rests after input, want none", n)
		}
		time.Sleep(rest)

		began := time.Now()
		for range 10 { // in a rest or between two
			var waited time.Duration
			asked := time.Now()
			p.later(func() { waited = time.Since(asked) })
			synctest.Wait()
			if waited != 0 || time.Since(asked) != 0 {
				t.Errorf("what the loop was given waited %v", waited)
			}
			time.Sleep(77 * time.Millisecond)
		}
		if n := rested(brief + rest + turn); n == 0 {
			t.Errorf("no rest %v after the last was done", time.Since(began))
		}

		synctest.Wait()
		l.over.Store(true)
		time.Sleep(rest + after)
		stop()
		<-ended
		close(l.queue)
		<-turning
	})
}
