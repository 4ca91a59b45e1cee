//go:build e2e

package e2e

import "strings"

// fyneFault says whether Fyne complains of something in a program's output. That it can't read its preferences is no fault: as the program
// ends Fyne writes the file, which Cordboard has no use for, and its own watcher may read it while it is still empty.
func fyneFault(out string) bool {
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Fyne error") && !strings.Contains(line, "Preferences load error") {
			return true
		}
	}
	return false
}
