//go:build !headless && cgo

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

// Names on the session's bus: of what shows icons in a tray (StatusNotifierItem), and of what shows notifications.
const (
	trayName   = "org.kde.StatusNotifierWatcher"
	noticeName = "org.freedesktop.Notifications"
)

// hasTray reports whether something shows icons in a tray. A window must not hide into nothing.
func hasTray() bool { return onBus(trayName) }

// mayHaveTray reports whether a tray could come.
func mayHaveTray() bool { return sessionBus() != nil }

// canNotify reports whether something shows notifications.
func canNotify() bool { return onBus(noticeName) }

// sessionBus is that of the user's session, shared and not ours to close; nil: there is none, and none is started.
func sessionBus() *dbus.Conn {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		if _, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")); err != nil {
			return nil
		}
	}
	bus, err := dbus.SessionBus()
	if err != nil {
		return nil
	}
	return bus
}

// onBus reports whether a name is taken on the session's bus.
func onBus(name string) bool {
	bus := sessionBus()
	if bus == nil {
		return false
	}
	var taken bool
	return bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&taken) == nil && taken
}

// awaitTray waits for a tray until ctx ends, and reports whether there is one.
func awaitTray(ctx context.Context) bool {
	bus := sessionBus()
	if bus == nil {
		return false
	}
	match := []dbus.MatchOption{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, trayName)}
	if err := bus.AddMatchSignalContext(ctx, match...); err != nil {
		return false
	}
	defer func() { _ = bus.RemoveMatchSignal(match...) }() // the bus may be gone
	signals := make(chan *dbus.Signal, 16)
	bus.Signal(signals)
	defer bus.RemoveSignal(signals)
	for !hasTray() {
		select {
		case <-ctx.Done():
			return false
		case _, open := <-signals:
			if !open {
				return false
			}
		}
	}
	return true
}
