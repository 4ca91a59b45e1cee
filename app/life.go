//go:build !headless && cgo

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// life is one run of the gateway under the window, and the loop that feeds the views from it.
type life struct {
	stop  context.CancelFunc
	i     *instance
	ended chan error    // what the gateway ended with
	fed   chan struct{} // closed when the feed has ended
}

// begin makes the views of a gateway and runs it.
func (s *shell) begin(i *instance) {
	s.rename(i.cfg.Name)
	s.phone = noPhone{}
	if desk, _ := i.gateway.Desk(); desk != nil {
		s.phone = desk
	}
	s.calls = &calls{i.gateway, i.log}
	s.set.card, s.setup.gateway = i.host.Card, i.gateway
	s.build()
	s.fillTray()

	// Fyne takes the signals to end, and the gateway ends after it: after its loop fyne.Do runs what it is given at once, on windows that
	// are gone.
	signal.Stop(i.signals)
	signal.Notify(i.signals, syscall.SIGHUP)
	ctx, stop := context.WithCancel(context.Background())
	l := &life{stop: stop, i: i, ended: make(chan error, 1), fed: make(chan struct{})}
	s.life = l
	go func() { // the gateway's life; when it ends first the window says why, and there is nothing else to show
		err := i.run(ctx)
		l.ended <- err
		switch {
		case ctx.Err() != nil: // asked for
		case err == nil:
			s.pace.later(s.app.Quit)
		default:
			s.pace.later(func() { s.fail(err) })
		}
	}()
	feed := &feed{gateway: i.gateway, model: s.model, set: s.set, log: i.log, hidden: s.away.Load, wake: s.pace.wake,
		name: i.cfg.Name, rename: func(name string) { s.pace.later(func() { s.rename(name) }) },
		herald: &herald{raise: func() { s.pace.later(s.raise) }, notify: s.errands.notify, pop: i.gateway.Pop, open: s.errands.open, log: i.log}}
	go func() {
		defer close(l.fed)
		feed.run(ctx)
	}()
}

// rename has the window show a name of this Cordboard.
func (s *shell) rename(name string) {
	must(s.model.Name.Set(name))
	s.window.SetTitle(name + " – Cordboard")
}

// end stops the gateway and waits for it.
func (l *life) end() error {
	signal.Notify(l.i.signals, os.Interrupt, syscall.SIGTERM) // a second one ends it at once
	l.stop()
	<-l.fed
	return <-l.ended
}

// startAgain starts the gateway anew, with what was changed in its configuration. Calls end.
func (s *shell) startAgain() {
	old := s.life
	if old == nil {
		return // it is being done
	}
	s.life = nil
	s.work.Go(func() {
		err := old.end()
		var i *instance
		if err == nil {
			i, err = start(s.console, s.place, s.asked)
		}
		s.next <- again{i, err}
		s.pace.later(s.goOn)
	})
}

// again is a gateway that was started anew, or why there is none.
type again struct {
	i   *instance
	err error
}

// goOn shows the gateway that was started anew.
func (s *shell) goOn() {
	select {
	case n := <-s.next:
		if n.err != nil {
			s.fail(n.err)
			return
		}
		s.begin(n.i)
	default: // the window has ended before
	}
}

// finish ends what goes on when the window has ended.
func (s *shell) finish() error {
	s.work.Wait()
	select {
	case n := <-s.next: // started, but never shown
		if n.err != nil {
			return n.err
		}
		ended, stop := context.WithCancel(context.Background())
		stop()
		return n.i.run(ended)
	default:
	}
	if s.life == nil {
		return s.failed
	}
	if err := s.life.end(); s.failed == nil {
		return err
	}
	return s.failed
}
