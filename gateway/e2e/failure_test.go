//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Who starts Cordboard by a double click, with a fault in its settings file, is told so by a window, which escape closes.
func TestWindowSaysWhyNot(t *testing.T) {
	binary, err := buildWindow()
	if err != nil {
		t.Fatalf("build the window: %v", err)
	}
	screen := startScreen(t)
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "cordboard.toml"), []byte("name = \"Office\"\n[log]\nlevel = \"loud\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--data", data)
	cmd.Env = append(os.Environ(), "DISPLAY="+screen.name)
	p := start(t, "cordboard", cmd)
	screen.size("Cordboard", 600, 400)
	screen.shows(t, "Cordboard can't start")
	screen.shows(t, "Open the settings file")
	if out := p.output(); !strings.Contains(out, "cordboard.toml:3: [log] level: ") {
		t.Errorf("the console has\n%s", out)
	}
	screen.keep(t)
	screen.key("Escape")
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 || fyneFault(p.output()) {
		t.Errorf("it ended with %d and said\n%s", code, p.output())
	}
}
