//go:build !headless && cgo && !linux

package main

import "context"

// hasTray reports whether there is a tray: these systems always have one.
func hasTray() bool { return true }

// mayHaveTray reports whether a tray could come.
func mayHaveTray() bool { return true }

// awaitTray waits for a tray.
func awaitTray(context.Context) bool { return true }

// canNotify reports whether something shows notifications.
func canNotify() bool { return true }
