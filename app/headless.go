//go:build headless || !cgo

package main

import "errors"

// noWindow says why there can be no window; empty: there can.
func noWindow() string { return "This Cordboard was built without a window." }

// window is for builds that have one.
func window(console, place, bool, string) error { return errors.ErrUnsupported }

// tell is so, too.
func tell(_ console, _ place, err error) error { return err }
