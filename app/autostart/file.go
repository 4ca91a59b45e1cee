//go:build unix

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cordboard/app/launch"
)

// Enabled reports whether just this command starts when the user signs in.
func (e Entry) Enabled() (bool, error) {
	path, err := e.file()
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what starts with the computer: %w", err)
	}
	return e.startedBy(text), nil
}

// Enable has the command start from now on.
func (e Entry) Enable() error {
	path, err := e.file()
	if err != nil {
		return err
	}
	if err := launch.Write(path, e.text()); err != nil {
		return fmt.Errorf("start with the computer: %w", err)
	}
	return nil
}

// Disable ends that; when it never was so nothing happens.
func (e Entry) Disable() error {
	path, err := e.file()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start no more with the computer: %w", err)
	}
	return nil
}
