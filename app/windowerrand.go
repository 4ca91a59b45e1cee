//go:build !headless && cgo

package main

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
)

// maxErrands is how many errands may wait. When there are more the system hangs, and they are left out.
const maxErrands = 4

// errandTime is how long the end of the program waits for one that is under way.
const errandTime = time.Second

// errands are what the operating system is asked for when somebody calls. It may be slow to answer, or hang, so that they have a
// goroutine of their own.
type errands struct {
	app  fyne.App
	log  *slog.Logger
	wait chan func()
	over chan struct{}
}

func newErrands(app fyne.App, log *slog.Logger) *errands {
	return &errands{app, log, make(chan func(), maxErrands), make(chan struct{})}
}

// run does them until ctx ends.
func (e *errands) run(ctx context.Context) {
	defer close(e.over)
	for {
		select {
		case <-ctx.Done():
			return
		case do := <-e.wait:
			do()
		}
	}
}

// leave waits for the end of run, but not for a system that hangs: the end of the program ends that.
func (e *errands) leave() {
	select {
	case <-e.over:
	case <-time.After(errandTime):
	}
}

func (e *errands) add(do func()) {
	select {
	case e.wait <- do:
	default:
		e.log.Warn("the system is too slow to be told of calls")
	}
}

// notify has the system tell of something. It never blocks.
func (e *errands) notify(title, text string) {
	e.add(func() {
		if canNotify() {
			e.app.SendNotification(fyne.NewNotification(title, plainText(text)))
		}
	})
}

// open shows an address in the browser. It never blocks.
func (e *errands) open(address string) {
	e.add(func() {
		if err := browse(e.app, address); err != nil {
			e.log.Warn("page about the caller not opened", "error", err)
		}
	})
}

// maxNotice is how much of a caller's name a notification shows, in characters.
const maxNotice = 80

// plainText is a caller's name or number without what a service of notifications might obey: some read markup, and Fyne's way on Windows
// puts the text between quotes of a script, in which a $ would run what follows it.
func plainText(text string) string {
	n := 0
	return strings.Map(func(c rune) rune {
		if !unicode.In(c, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(" +-_.,@:()/*#'", c) || n >= maxNotice {
			return -1
		}
		n++
		return c
	}, text)
}
