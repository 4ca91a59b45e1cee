//go:build !headless && cgo

package main

import (
	"context"
	"runtime"
	"time"

	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/systray"

	"cordboard/app/ui"
)

// trayWait is how long a hidden start waits for a tray: at the beginning of a session it often comes later.
const trayWait = 20 * time.Second

// awaitTray finds out whether there is a tray, or may come one that a hidden start waits for. The icon has to be there before the app
// runs.
func (s *shell) awaitTray(hidden bool) {
	s.trayReady = hasTray() || hidden && mayHaveTray()
	if s.trayReady && runtime.GOOS != "darwin" { // where a press opens the menu
		systray.SetOnTapped(func() { s.pace.later(s.raise) })
	}
}

// fillTray makes icon and menu in the language in use.
func (s *shell) fillTray() {
	d, ok := s.app.(desktop.App)
	if !ok || !s.trayReady {
		return
	}
	if s.tray != nil {
		s.tray.Close()
	}
	s.tray = ui.NewTray(s.model, s.phone, d, s.raise, s.quit, func(err error) { s.views.Tell(err) })
}

// canHide reports whether the window would be found again.
func (s *shell) canHide() bool { return s.trayReady && hasTray() }

// showWithoutTray shows the window of a hidden start when no tray comes. It ends with ctx.
func (s *shell) showWithoutTray(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, trayWait)
	defer cancel()
	if !awaitTray(wait) && ctx.Err() == nil {
		s.pace.later(s.raise)
	}
}
