//go:build unix && !darwin

package autostart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cordboard/app/launch"
)

var entry = Entry{ID: "org.example.App", Name: "App", Command: launch.Command{Path: "/opt/my app/app", Args: []string{"--hidden"}}}

func TestEnableAndDisable(t *testing.T) {
	home := filepath.Join(t.TempDir(), "config") // which is made
	t.Setenv("XDG_CONFIG_HOME", home)
	enabled := func(want bool) {
		t.Helper()
		if got, err := entry.Enabled(); got != want || err != nil {
			t.Fatalf("Enabled = %v, %v, want %v", got, err, want)
		}
	}
	enabled(false)
	if err := entry.Disable(); err != nil {
		t.Fatalf("Disable of what never was = %v", err)
	}
	for range 2 {
		if err := entry.Enable(); err != nil {
			t.Fatal(err)
		}
		enabled(true)
	}
	files, err := os.ReadDir(filepath.Join(home, "autostart"))
	if err != nil || len(files) != 1 || files[0].Name() != "org.example.App.desktop" {
		t.Errorf("folder has %v, %v", files, err)
	}
	if err := entry.Disable(); err != nil {
		t.Fatal(err)
	}
	enabled(false)
}

func TestEnabled(t *testing.T) {
	const start = "[Desktop Entry]\nType=Application\nName=App\n"
	const run = "Exec=\"/opt/my app/app\" --hidden\n"
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"as it was made", start + run, true},
		{"with more keys, spaces and CR", "# mine\n[Desktop Entry]\r\nExec = \"/opt/my app/app\" --hidden\r\nX-Delay=3\n", true},
		{"hidden", start + run + "Hidden=true\n", false},
		{"switched off in GNOME", start + run + "X-GNOME-Autostart-enabled=false\n", false},
		{"switched off in another group", start + run + "[Desktop Action x]\nHidden=true\n", true},
		{"another program", start + "Exec=/old/app --hidden\n", false},
		{"other arguments", start + "Exec=\"/opt/my app/app\"\n", false},
		{"without Exec", start, false},
		{"in another group", "[Other]\n" + run, false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("XDG_CONFIG_HOME", home)
			if err := launch.Write(filepath.Join(home, "autostart", "org.example.App.desktop"), []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			if got, err := entry.Enabled(); got != tt.want || err != nil {
				t.Errorf("Enabled = %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestFolderThatCantBeWritten(t *testing.T) {
	home := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(home, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", home)
	if err := entry.Enable(); err == nil || !strings.HasPrefix(err.Error(), "start with the computer: ") {
		t.Errorf("Enable = %v", err)
	}
}
