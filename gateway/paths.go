package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ConfigName is the name of the configuration file.
const ConfigName = "cordboard.toml"

// DataDir is where the gateway keeps its store and certificates when nothing else is said.
func DataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/cordboard", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) { // others are to be ignored (XDG Base Directory Specification)
		return filepath.Join(dir, "cordboard"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find data folder: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "cordboard"), nil
}

// FindConfig gives the configuration file to use when none is named: that in the data folder, else
// that of the system; empty when there is neither.
func FindConfig(dir string) (string, error) {
	for _, path := range []string{filepath.Join(dir, ConfigName), filepath.Join("/etc/cordboard", ConfigName)} {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find configuration: %w", err)
		}
	}
	return "", nil
}

// hostName is the first part of the machine's name, in lower case.
func hostName() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	if !isHostName(name) {
		name = ""
	}
	return cmp.Or(name, "cordboard")
}
