// Package locale gives the process a locale that Fyne can read. Fyne looks at it when its packages start, so this one must start
// before them: it imports no more than os, and Go starts packages that are ready in the order of their paths.
package locale

import "os"

func init() {
	name := os.Getenv("LC_ALL")
	for _, key := range []string{"LC_MESSAGES", "LANG"} {
		if name == "" {
			name = os.Getenv(key)
		}
	}
	if fixed := usable(name); fixed != name {
		_ = os.Setenv("LC_ALL", fixed) // it fails for no such name
	}
}

// usable gives a locale that says a language: "C" and "POSIX" (POSIX.1-2024 §7.2) say none.
func usable(name string) string {
	base := name
	for i, c := range name {
		if c == '.' || c == '@' {
			base = name[:i]
			break
		}
	}
	switch base {
	case "", "C", "POSIX":
		return "en_US.UTF-8"
	}
	return name
}
