//go:build !headless && cgo && linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystem agrees with a made-up home and takes it back: what starts and what opens links names this program and its data folder.
func TestSystem(t *testing.T) {
	config, data := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_DATA_HOME", data)
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := &system{&settings{}, place{data: "my data"}}
	for _, tt := range []struct {
		name string
		is   func() (bool, error)
		set  func(bool) error
		file string
		exec string
	}{
		{"start", s.StartsWithComputer, s.StartWithComputer, filepath.Join(config, "autostart", appID+".desktop"), ` --data "` + here + `/my data" --hidden`},
		{"links", s.OpensLinks, s.OpenLinks, filepath.Join(data, "applications", appID+".desktop"), ` --data "` + here + `/my data" -- %u`},
	} {
		for _, want := range []bool{false, true, false} {
			if err := tt.set(want); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if is, err := tt.is(); is != want || err != nil {
				t.Errorf("%s: is %v, %v, want %v", tt.name, is, err, want)
			}
			text, _ := os.ReadFile(tt.file)
			if strings.Contains(string(text), tt.exec+"\n") != want {
				t.Errorf("%s, %v: %s has\n%s", tt.name, want, tt.file, text)
			}
		}
	}
}
