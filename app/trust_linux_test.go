package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"cordboard/gateway"
)

// Browsers of a user learn to trust what the data folder has, by the command alone.
func TestTrust(t *testing.T) {
	if _, err := exec.LookPath("certutil"); err != nil {
		t.Skip("certutil is not installed")
	}
	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	if code, _, errOut := perform(t, "", "trust", "--data", dir); code != exitFault || !strings.Contains(errOut, "start Cordboard once") {
		t.Errorf("nothing to trust: code %d, %s", code, errOut)
	}
	if code, _, errOut := perform(t, "", "trust", "--ca", filepath.Join(dir, "none")); code != exitFault || !strings.Contains(errOut, "no such file") {
		t.Errorf("a missing file: code %d, %s", code, errOut)
	}
	makeCA(t, dir)
	code, out, errOut := perform(t, "", "trust", "--data", dir)
	if code != exitOK || !strings.Contains(out, "Chromium and Chrome trusts Cordboard ") {
		t.Fatalf("code %d, printed\n%s%s", code, out, errOut)
	}
	ca, err := gateway.LocalCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command("certutil", "-d", "sql:"+filepath.Join(home, ".pki", "nssdb"), "-L").Output()
	if err != nil || !strings.Contains(string(list), "Cordboard ") || len(ca) == 0 {
		t.Errorf("certutil lists %s, %v", list, err)
	}
	public := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(public, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := perform(t, "", "trust", "--remove", "--ca", public); code != exitOK || !strings.Contains(out, "does not trust") {
		t.Errorf("code %d, printed\n%s", code, out)
	}
	if list, _ := exec.Command("certutil", "-d", "sql:"+filepath.Join(home, ".pki", "nssdb"), "-L").Output(); strings.Contains(string(list), "Cordboard ") {
		t.Errorf("it is trusted still: %s", list)
	}
}

// makeCA has a gateway make its authority.
func makeCA(t *testing.T, dir string) {
	t.Helper()
	cfg, err := gateway.Parse("", []byte("[listen]\nhttps = \"127.0.0.1:0\"\nmedia = \"127.0.0.1:0\"\nsip = \"127.0.0.1:0\"\n[discovery]\nenabled = false\n[audio]\nenabled = false\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, gateway.Host{Dir: dir, Version: "test", Page: fstest.MapFS{"index.html": {}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := g.Run(ended); err != nil {
		t.Fatal(err)
	}
}
