//go:build !headless && cgo

package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	toml "github.com/pelletier/go-toml/v2"
)

// TestFyneApp says that what packages are made by has the keys that Fyne's packager knows, and is about this program.
func TestFyneApp(t *testing.T) {
	text, err := os.ReadFile("../FyneApp.toml")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Website string
		Details struct {
			Icon, Name, ID, Version string
			Build                   int
		}
		LinuxAndBSD struct {
			GenericName, Comment, ExecParams string
			Categories, Keywords             []string
		}
		Languages  []string
		Migrations map[string]bool
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.Details.ID != appID || m.Details.Name != "Cordboard" || m.Details.Build < 1 || !m.Migrations["fyneDo"] {
		t.Errorf("has %+v", m)
	}
	icon, err := os.Open(filepath.Join("..", m.Details.Icon))
	if err != nil {
		t.Fatal(err)
	}
	defer icon.Close()
	if c, err := png.DecodeConfig(icon); err != nil || c.Width != c.Height || c.Width < 256 {
		t.Errorf("icon is %+v, %v", c, err)
	}
}
