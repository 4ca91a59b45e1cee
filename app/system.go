//go:build !headless && cgo

package main

import (
	"fmt"
	"path/filepath"

	"cordboard/app/autostart"
	"cordboard/app/launch"
	"cordboard/app/links"
	"cordboard/app/ui"
)

// system implements ui.System. It is the user interface's.
type system struct {
	set   *settings
	place place
}

// command is how other programs start this Cordboard: with the folder and the file that it was started with.
func (s *system) command(args ...string) (launch.Command, error) {
	for _, flag := range []struct{ name, path string }{{"--data", s.place.data}, {"--config", s.place.config}} {
		if flag.path == "" {
			continue
		}
		path, err := filepath.Abs(flag.path) // others start it elsewhere
		if err != nil {
			return launch.Command{}, fmt.Errorf("find %s: %w", flag.path, err)
		}
		args = append([]string{flag.name, path}, args...)
	}
	return launch.Self(args...)
}

func (s *system) entry() (autostart.Entry, error) {
	command, err := s.command("--hidden")
	return autostart.Entry{ID: appID, Name: "Cordboard", Command: command}, err
}

// StartsWithComputer implements ui.System.
func (s *system) StartsWithComputer() (bool, error) {
	e, err := s.entry()
	if err != nil {
		return false, err
	}
	return e.Enabled()
}

// StartWithComputer implements ui.System.
func (s *system) StartWithComputer(on bool) error {
	e, err := s.entry()
	if err != nil {
		return err
	}
	if on {
		return e.Enable()
	}
	return e.Disable()
}

// handlerIcon is how large the icon is that other programs show, in pixels.
const handlerIcon = 256

func (s *system) handler() (links.Handler, error) {
	command, err := s.command("--", launch.URL)
	return links.Handler{ID: appID, Name: "Cordboard", What: "Softphone", Icon: ui.IconPNG(handlerIcon), Command: command}, err
}

// TakesLinks implements ui.System.
func (s *system) TakesLinks() bool { return links.Possible }

// OpensLinks implements ui.System.
func (s *system) OpensLinks() (bool, error) {
	h, err := s.handler()
	if err != nil {
		return false, err
	}
	return h.Opens()
}

// OpenLinks implements ui.System.
func (s *system) OpenLinks(on bool) error {
	h, err := s.handler()
	if err != nil {
		return err
	}
	if on {
		return h.Open()
	}
	return h.Close()
}

// CallsLinks implements ui.System.
func (s *system) CallsLinks() bool { return s.set.left.CallsLinks }

// CallLinks implements ui.System.
func (s *system) CallLinks(atOnce bool) {
	s.set.left.CallsLinks = atOnce
	s.set.keep()
}
