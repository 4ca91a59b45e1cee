package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestHeadlessHasNoWindow keeps Fyne and OpenGL out of builds for machines without a screen, and the app's driver out of views.
func TestHeadlessHasNoWindow(t *testing.T) {
	for _, tt := range []struct {
		what string
		args []string
		not  []string
	}{
		{"the headless program", []string{"-tags", "headless", "."}, []string{"fyne.io/", "github.com/go-gl/", "cordboard/app/ui"}},
		{"the views", []string{"./ui"}, []string{"fyne.io/fyne/v2/app", "github.com/go-gl/"}},
	} {
		out, err := exec.Command("go", append([]string{"list", "-deps"}, tt.args...)...).Output()
		if err != nil {
			t.Fatalf("list what %s links: %v", tt.what, err)
		}
		for dep := range strings.Lines(string(out)) {
			for _, no := range tt.not {
				if dep = strings.TrimSpace(dep); dep == no || strings.HasPrefix(dep, no) && strings.HasSuffix(no, "/") {
					t.Errorf("%s links %s", tt.what, dep)
				}
			}
		}
	}
}

// TestNoDisplay says what to do where there is none, instead of opening a window.
func TestNoDisplay(t *testing.T) {
	if noWindow() == "" {
		t.Setenv("DISPLAY", "")
	}
	if noWindow() == "" {
		t.Skip("this system always has a display")
	}
	for _, args := range [][]string{nil, {"--data", t.TempDir()}} {
		code, out, errOut := perform(t, "", args...)
		if code != exitFault || out != "" || !strings.Contains(errOut, "cordboard serve") {
			t.Errorf("cordboard %q without a display = %d\nout: %s\nerr: %s", args, code, out, errOut)
		}
	}
}
