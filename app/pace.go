//go:build !headless && cgo

package main

import (
	"context"
	"sync/atomic"
	"time"
)

// Fyne's loop looks for input 60 times a second, also where there is none: with what that wakes in Go's scheduler it is ten times what
// the gateway costs while nobody calls. While another program has the keyboard, or the window is hidden, it stands still for rest at a
// time, with a turn between: the first press on a window that was behind another waits so long, and no sound does.
const (
	rest = 200 * time.Millisecond
	turn = time.Second / 60 // of Fyne's loop
)

// pace slows Fyne's loop down in the background.
type pace struct {
	do    func(func())  // fyne.Do
	front atomic.Bool   // the window has the keyboard
	moved chan struct{} // front has changed
}

func newPace(do func(func())) *pace { return &pace{do: do, moved: make(chan struct{}, 1)} }

// set tells whether the window has the keyboard. Any goroutine may.
func (p *pace) set(front bool) {
	p.front.Store(front)
	select {
	case p.moved <- struct{}{}:
	default: // told already
	}
}

// run slows the loop down until ctx ends.
func (p *pace) run(ctx context.Context) {
	for {
		if p.front.Load() {
			select {
			case <-p.moved:
			case <-ctx.Done():
				return
			}
			continue
		}
		rested := make(chan struct{})
		p.do(func() {
			defer close(rested)
			if !p.front.Load() {
				time.Sleep(rest)
			}
		})
		select {
		case <-rested:
		case <-ctx.Done(): // the loop may be over, and the rest never come
			return
		}
		select {
		case <-time.After(turn):
		case <-ctx.Done():
			return
		}
	}
}
