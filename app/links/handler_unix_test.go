//go:build unix && !darwin

package links

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cordboard/app/launch"
)

var handler = Handler{ID: "org.example.App", Name: "App", What: "Softphone", Icon: []byte("PNG"), Command: launch.Command{Path: "/opt/my app/app", Args: []string{"--", launch.URL}}}

func TestOpenAndClose(t *testing.T) {
	const others = "[Added Associations]\nx-scheme-handler/tel=a.desktop;\n"
	for _, tt := range []struct{ name, before, opened, closed string }{
		{
			"no list", "",
			"[Default Applications]\nx-scheme-handler/tel=org.example.App.desktop;\nx-scheme-handler/sip=org.example.App.desktop;\n" +
				"x-scheme-handler/sips=org.example.App.desktop;\nx-scheme-handler/callto=org.example.App.desktop;\n",
			"[Default Applications]\n",
		},
		{
			"another program, other types and groups",
			"# mine\n[Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/tel=old.desktop\n\n" + others,
			"# mine\n[Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/tel=org.example.App.desktop;old.desktop;\n" +
				"x-scheme-handler/sip=org.example.App.desktop;\nx-scheme-handler/sips=org.example.App.desktop;\nx-scheme-handler/callto=org.example.App.desktop;\n\n" + others,
			"# mine\n[Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/tel=old.desktop;\n\n" + others,
		},
		{
			"no group of defaults, no line end", strings.TrimSuffix(others, "\n"),
			others + "\n[Default Applications]\nx-scheme-handler/tel=org.example.App.desktop;\nx-scheme-handler/sip=org.example.App.desktop;\n" +
				"x-scheme-handler/sips=org.example.App.desktop;\nx-scheme-handler/callto=org.example.App.desktop;\n",
			others + "\n[Default Applications]\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config, data := t.TempDir(), t.TempDir()
			t.Setenv("XDG_CONFIG_HOME", config)
			t.Setenv("XDG_DATA_HOME", data)
			list := filepath.Join(config, "mimeapps.list")
			if tt.before != "" {
				if err := os.WriteFile(list, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			opens := func(want bool) {
				t.Helper()
				if got, err := handler.Opens(); got != want || err != nil {
					t.Fatalf("Opens = %v, %v, want %v", got, err, want)
				}
			}
			holds := func(want string) {
				t.Helper()
				if got, err := os.ReadFile(list); string(got) != want || err != nil {
					t.Fatalf("list is %v\n%s\nwant\n%s", err, got, want)
				}
			}
			opens(false)
			for range 2 {
				if err := handler.Open(); err != nil {
					t.Fatal(err)
				}
				opens(true)
				holds(tt.opened)
			}
			moved := handler
			moved.Command.Path = "/elsewhere/app"
			if got, err := moved.Opens(); got || err != nil {
				t.Errorf("Opens of a program that has moved = %v, %v", got, err)
			}
			for range 2 {
				if err := handler.Close(); err != nil {
					t.Fatal(err)
				}
				opens(false)
				holds(tt.closed)
			}
			left, _ := filepath.Glob(filepath.Join(data, "applications", "*"))
			icons, _ := filepath.Glob(filepath.Join(data, "icons", "*", "*", "*", "*"))
			if left = append(left, icons...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestCloseOfWhatNeverWas(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	if err := handler.Close(); err != nil {
		t.Fatal(err)
	}
	if made, _ := os.ReadDir(config); len(made) > 0 {
		t.Errorf("made: %v", made)
	}
}

func TestDesktopEntry(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", data)
	if err := handler.Open(); err != nil {
		t.Fatal(err)
	}
	if icon, err := os.ReadFile(filepath.Join(data, "icons/hicolor/256x256/apps/org.example.App.png")); string(icon) != "PNG" || err != nil {
		t.Errorf("icon is %q, %v", icon, err)
	}
	text, err := os.ReadFile(filepath.Join(data, "applications", "org.example.App.desktop"))
	if err != nil {
		t.Fatal(err)
	}
	keys := launch.DesktopKeys(text)
	for name, want := range map[string]string{
		"Type": "Application", "Name": "App", "Exec": `"/opt/my app/app" -- %u`,
		"MimeType": "x-scheme-handler/tel;x-scheme-handler/sip;x-scheme-handler/sips;x-scheme-handler/callto;",
	} {
		if keys[name] != want {
			t.Errorf("%s = %q, want %q", name, keys[name], want)
		}
	}
}

// FuzzChoose states that a list keeps every line that is not about our links, whatever stands in it, and says afterwards what was chosen.
func FuzzChoose(f *testing.F) {
	f.Add("[Default Applications]\ntext/html=a.desktop\nx-scheme-handler/tel=b.desktop;\n\n[Removed Associations]\n", "c.desktop")
	f.Add("x-scheme-handler/tel=b.desktop", "c.desktop")
	f.Add("[Default Applications]\r\n[Default Applications]\n#=\n", "")
	f.Fuzz(func(t *testing.T, text, app string) {
		if app == "" || strings.ContainsAny(app, ";\n\r") || strings.TrimSpace(app) != app {
			return
		}
		apps := map[string][]string{}
		for _, s := range Schemes {
			apps["x-scheme-handler/"+s] = []string{app}
		}
		made := choose([]byte(text), apps)
		got := chosen(made)
		for kind := range apps {
			if len(got[kind]) != 1 || got[kind][0] != app {
				t.Errorf("%s = %q in\n%s", kind, got[kind], made)
			}
		}
		for kind, was := range chosen([]byte(text)) {
			if _, ours := apps[kind]; !ours && strings.Join(got[kind], ";") != strings.Join(was, ";") {
				t.Errorf("%s = %q, was %q", kind, got[kind], was)
			}
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); !strings.Contains(line, "x-scheme-handler/") && !strings.Contains(string(made), line) {
				t.Errorf("%q is lost in\n%s", line, made)
			}
		}
	})
}
