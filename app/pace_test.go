//go:build !headless && cgo

package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// In the background Fyne's loop is asked to rest most of the time, in front never; and the end of the program waits for no rest.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rests atomic.Int32
		var over atomic.Bool // Fyne's loop is
		p := newPace(func(f func()) {
			rests.Add(1)
			if !over.Load() {
				go f()
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.run(ctx)
		}()
		time.Sleep(time.Minute)
		if got, want := rests.Load(), int32(time.Minute/(rest+turn)); got < want-1 || got > want+1 {
			t.Errorf("%d rests in a minute in the background, want %d", got, want)
		}
		p.set(true)
		synctest.Wait()
		time.Sleep(time.Second)
		before := rests.Load()
		time.Sleep(time.Minute)
		if now := rests.Load(); now != before {
			t.Errorf("%d rests in front, want none", now-before)
		}
		p.set(false)
		time.Sleep(time.Second)
		if rests.Load() == before {
			t.Error("no rest in the background again")
		}
		over.Store(true)
		time.Sleep(time.Second)
		stop()
		<-ended
	})
}
