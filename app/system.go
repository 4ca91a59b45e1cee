//go:build !headless && cgo

package main

// system implements ui.System. It is the user interface's.
type system struct{ set *settings }

func (s *system) StartsWithComputer() (bool, error) { return false, nil }
func (s *system) StartWithComputer(bool) error      { return nil }
func (s *system) OpensLinks() (bool, error)         { return false, nil }
func (s *system) OpenLinks(bool) error              { return nil }

// CallsLinks implements ui.System.
func (s *system) CallsLinks() bool { return s.set.left.CallsLinks }

// CallLinks implements ui.System.
func (s *system) CallLinks(atOnce bool) {
	s.set.left.CallsLinks = atOnce
	s.set.keep()
}
