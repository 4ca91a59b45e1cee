//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The first start is worked by keyboard: names are skipped, the PBX refuses a wrong password, takes the right one, and the window's owner is
// registered there at once.
func TestWizard(t *testing.T) {
	if _, err := buildWindow(); err != nil {
		t.Fatalf("build the window: %v", err)
	}
	screen := startScreen(t)
	k := startPBX(t, pbxOptions{})
	g := startGateway(t, gatewayOptions{On: screen})
	screen.fill("Front office")
	file := func() string {
		text, err := os.ReadFile(g.config())
		if err != nil {
			t.Fatalf("read the configuration: %v", err)
		}
		return string(text)
	}
	was := file()
	screen.must("key", "Tab", "Tab", "space") // from the owner's name by the password to the button that skips
	screen.must("type", k.addr())
	screen.must("key", "Return")
	screen.must("type", "101")
	screen.must("key", "Return")
	screen.must("type", "not-the-password")
	screen.must("key", "Return")
	screen.shows(t, "The password is wrong")
	if file() != was || k.registered("101") {
		t.Errorf("an account with a wrong password was saved:\n%s", file())
	}
	screen.must("key", "ctrl+a")
	screen.must("type", alice.PBXPassword)
	screen.must("key", "Return")
	eventually(t, patience, "PBX in the configuration", func() bool { return strings.Contains(file(), "uri = \"sip:"+k.addr()+"\"") })
	k.wantRegistered(t, "101")                     // at once
	screen.until(t, "key", "Return", func() bool { // through the other steps
		kept, err := os.ReadFile(filepath.Join(g.data, "window.json"))
		return err == nil && strings.Contains(string(kept), `"setUp":true`)
	})
	if text := file(); strings.Contains(text, alice.PBXPassword) || !strings.Contains(text, was[:strings.Index(was, "\n")]) {
		t.Errorf("the configuration:\n%s", text)
	}
	g.stop()
	if out := g.output(); fyneFault(out) || g.err != nil {
		t.Errorf("the window ended with %v and said:\n%s", g.err, out)
	}
}
