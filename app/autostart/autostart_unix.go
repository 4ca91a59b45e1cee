//go:build unix && !darwin

package autostart

import (
	"fmt"
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

// text is the whole file.
func (e Entry) text() []byte {
	return launch.DesktopEntry([]launch.Key{
		{Name: "Type", Value: "Application"},
		{Name: "Name", Value: launch.Text(e.Name)},
		{Name: "Exec", Value: e.Command.Exec()},
		{Name: "Icon", Value: launch.Text(e.ID)},
		{Name: "Terminal", Value: "false"},
	})
}

// startedBy reports whether a file has just this command start.
func (e Entry) startedBy(text []byte) bool {
	keys := launch.DesktopKeys(text)
	// GNOME switches off what the user has switched off there by a key of its own.
	off := keys["Hidden"] == "true" || keys["X-GNOME-Autostart-enabled"] == "false"
	return !off && keys["Exec"] == e.Command.Exec()
}
