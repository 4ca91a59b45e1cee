package autostart

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// Keys of the user's part of the registry: what starts when the user signs in, and what of it the user has switched off in the task
// manager. There the first byte of a value is odd for a program that is off.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
)

// Enabled reports whether just this command starts when the user signs in.
func (e Entry) Enabled() (bool, error) {
	run, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what starts with the computer: %w", err)
	}
	defer run.Close()
	line, _, err := run.GetStringValue(e.Name)
	if errors.Is(err, registry.ErrNotExist) || err == nil && line != e.Command.Line() {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what starts with the computer: %w", err)
	}
	approved, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil { // nothing was ever switched off
		return true, nil
	}
	defer approved.Close()
	state, _, err := approved.GetBinaryValue(e.Name)
	return err != nil || len(state) == 0 || state[0]&1 == 0, nil
}

// Enable has the command start from now on.
func (e Entry) Enable() error {
	run, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("start with the computer: %w", err)
	}
	defer run.Close()
	if err := run.SetStringValue(e.Name, e.Command.Line()); err != nil {
		return fmt.Errorf("start with the computer: %w", err)
	}
	if err := forget(approvedKey, e.Name); err != nil {
		return fmt.Errorf("start with the computer: %w", err)
	}
	return nil
}

// Disable ends that; when it never was so nothing happens.
func (e Entry) Disable() error {
	if err := errors.Join(forget(runKey, e.Name), forget(approvedKey, e.Name)); err != nil {
		return fmt.Errorf("start no more with the computer: %w", err)
	}
	return nil
}

// forget removes a value that need not be there.
func forget(key, name string) error {
	k, err := registry.OpenKey(registry.CURRENT_USER, key, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.DeleteValue(name); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	return nil
}
