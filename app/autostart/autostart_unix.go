//go:build unix && !darwin

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cordboard/app/launch"
)

// file is the entry's, in the user's autostart folder (Desktop Application Autostart Specification 0.5).
func (e Entry) file() (string, error) {
	folder, err := os.UserConfigDir() // XDG_CONFIG_HOME, or its default
	if err != nil {
		return "", fmt.Errorf("find the folder of what starts with the computer: %w", err)
	}
	return filepath.Join(folder, "autostart", e.ID+".desktop"), nil
}

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
	keys := launch.DesktopKeys(text)
	// GNOME switches off what the user has switched off there by a key of its own.
	off := keys["Hidden"] == "true" || keys["X-GNOME-Autostart-enabled"] == "false"
	return !off && keys["Exec"] == e.Command.Exec(), nil
}

// Enable has the command start from now on.
func (e Entry) Enable() error {
	path, err := e.file()
	if err != nil {
		return err
	}
	text := launch.DesktopEntry([]launch.Key{
		{Name: "Type", Value: "Application"},
		{Name: "Name", Value: launch.Text(e.Name)},
		{Name: "Exec", Value: e.Command.Exec()},
		{Name: "Icon", Value: launch.Text(e.ID)},
		{Name: "Terminal", Value: "false"},
	})
	if err := launch.Write(path, text); err != nil {
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
