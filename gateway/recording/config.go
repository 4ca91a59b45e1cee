package recording

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Modes: when a call is recorded.
const (
	Never  = "never"
	Always = "always"
	Ask    = "ask" // when one of its users asks for it
)

// Modes are all of them.
var Modes = []string{Never, Always, Ask}

// Formats of the files, by the ends of their names.
const (
	WAV  = "wav"
	Opus = "opus"
)

// Config is the [recording] table of the configuration file.
type Config struct {
	Enabled  string `toml:"enabled"`  // never | always | ask; for users and PBXs that don't say it themselves; empty: never
	Folder   string `toml:"folder"`   // empty: "recordings" in the data folder
	Format   string `toml:"format"`   // wav | opus; empty: wav
	Announce bool   `toml:"announce"` // both sides hear a tone; true unless the file says otherwise
	Keep     Age    `toml:"keep"`     // how long recordings are kept; empty: DefaultKeep
}

// DefaultKeep is how long recordings are kept unless the file says otherwise.
const DefaultKeep = Age(90 * 24 * time.Hour)

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Enabled != "" && !slices.Contains(Modes, c.Enabled) {
		faults = append(faults, fmt.Errorf("enabled: %q is not one of %s", c.Enabled, strings.Join(Modes, ", ")))
	}
	if c.Format != "" && c.Format != WAV && c.Format != Opus {
		faults = append(faults, fmt.Errorf("format: %q is not one of wav, opus", c.Format))
	}
	return errors.Join(faults...)
}

// dir is the folder of the files.
func (c Config) dir(data string) string {
	switch {
	case c.Folder == "":
		return filepath.Join(data, "recordings")
	case filepath.IsAbs(c.Folder):
		return c.Folder
	}
	return filepath.Join(data, c.Folder)
}

// Age is a time.Duration that may be written in days, "90d".
type Age time.Duration

// MarshalText writes whole days as "90d"; nothing for none.
func (a Age) MarshalText() ([]byte, error) {
	const day = 24 * time.Hour
	switch d := time.Duration(a); {
	case d == 0:
		return nil, nil
	case d%day == 0:
		return fmt.Appendf(nil, "%dd", d/day), nil
	default:
		return []byte(d.String()), nil
	}
}

// UnmarshalText reads days, or what time.ParseDuration does.
func (a *Age) UnmarshalText(text []byte) error {
	var d time.Duration
	days, isDays := strings.CutSuffix(string(text), "d")
	n, err := strconv.ParseUint(days, 10, 16)
	if isDays && err == nil {
		d = time.Duration(n) * 24 * time.Hour
	} else if d, err = time.ParseDuration(string(text)); err != nil {
		return fmt.Errorf("read age: %q is not like \"90d\" or \"12h\"", text[:min(len(text), 32)])
	}
	if d <= 0 {
		return fmt.Errorf("read age: %q, want more than 0", text[:min(len(text), 32)])
	}
	*a = Age(d)
	return nil
}
