//go:build !headless && cgo

package main

import (
	"os"

	"github.com/godbus/dbus/v5"
)

// hasTray reports whether something shows icons in a tray (StatusNotifierItem). A window must not hide into nothing.
func hasTray() bool { return onBus("org.kde.StatusNotifierWatcher") }

// canNotify reports whether something shows notifications.
func canNotify() bool { return onBus("org.freedesktop.Notifications") }

// onBus reports whether a name is taken on the session's bus; where there is no bus none is, and none is started for it.
func onBus(name string) bool {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		return false
	}
	bus, err := dbus.SessionBus() // shared, not ours to close
	if err != nil {
		return false
	}
	var taken bool
	return bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&taken) == nil && taken
}
