//go:build !headless && cgo

package main

import (
	"context"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"
)

// Fyne's loop looks for input 60 times a second, also where there is none: with what that wakes in Go's scheduler it is ten times what
// the gateway costs while nobody calls. So the loop waits for input instead, which it deals with as soon as it comes, and goes at its own
// speed only while there is something to do.
const (
	rest  = 250 * time.Millisecond // at most: so late comes what Fyne itself gives its loop, as a choice from the tray's menu
	turn  = 4 * time.Millisecond   // between two rests, in which the loop takes one turn of its own
	after = time.Second            // without rests after input: something may move
	brief = 100 * time.Millisecond // the same after what the gateway told, which is drawn once
	early = 20 * time.Millisecond  // a rest without input may end so much too soon, as Windows counts time
)

// pace slows Fyne's loop down while nobody uses the window.
type pace struct {
	do   func(func())          // fyne.Do
	wait func(seconds float64) // deals with the input that comes; ends after some, when post is called, or after so long
	post func()

	asking sync.Mutex // held while the loop is asked to rest

	mu      sync.Mutex
	waiting bool
	told    bool // since the last rest the loop was given something to do
}

func newPace() *pace {
	return &pace{do: fyne.Do, wait: glfw.WaitEventsTimeout, post: glfw.PostEmptyEvent}
}

// later has Fyne's loop do something, at once. Any goroutine may ask.
func (p *pace) later(do func()) {
	p.do(do)
	p.wake()
}

// wake ends a rest: the loop was given something to do.
func (p *pace) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = true
	if p.waiting { // so the loop goes on, and GLFW is there
		p.post()
	}
}

// run slows the loop down until ctx ends.
func (p *pace) run(ctx context.Context) {
	pause := after
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		rested := make(chan time.Duration, 1)
		p.asking.Lock()
		p.do(func() {
			pause := turn
			if p.asking.TryLock() { // else the loop is over: fyne.Do does it here and now, and GLFW is gone
				p.asking.Unlock()
				pause = p.rest()
			}
			rested <- pause
		})
		p.asking.Unlock()
		select {
		case pause = <-rested:
		case <-ctx.Done(): // the loop may be over, and the rest never come
			return
		}
	}
}

// rest waits for input, and gives for how long there shall be no rest then.
func (p *pace) rest() (pause time.Duration) {
	began := time.Now()
	p.mu.Lock()
	if !p.told {
		p.waiting = true
		p.mu.Unlock()
		p.wait(rest.Seconds())
		p.mu.Lock()
		p.waiting = false
	}
	defer p.mu.Unlock()
	switch {
	case p.told:
		p.told = false
		return brief
	case time.Since(began) < rest-early:
		return after
	}
	return turn
}
