package links

import "errors"

// Possible says that links can come to a program of one's choice. Here they can't, see errBundle.
const Possible = false

// errBundle says why: macOS asks an application's bundle (CFBundleURLTypes) and hands it links as events, which the window's toolkit does
// not take.
var errBundle = errors.New("links can't be opened in Cordboard on a Mac; copy the number into the call field instead")

// Opens reports whether the links come to just this command.
func (h Handler) Opens() (bool, error) { return false, nil }

// Open has the links come to the command.
func (h Handler) Open() error { return errBundle }

// Close ends that; when it never was so nothing happens.
func (h Handler) Close() error { return nil }
