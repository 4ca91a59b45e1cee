//go:build !headless && cgo && !linux

package main

// hasTray reports whether there is a tray: these systems always have one.
func hasTray() bool { return true }

// canNotify reports whether something shows notifications.
func canNotify() bool { return true }
