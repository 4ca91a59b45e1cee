package gateway

import (
	"strings"
	"testing"
)

// What is for this machine only, or switched off, tells nobody anything; the API says that there is nobody.
func TestDiscoveryOff(t *testing.T) {
	for name, more := range map[string]string{"loopback": "", "switched off": "[discovery]\nenabled = false\n"} {
		dir := t.TempDir()
		cfg := loopback(t, more)
		if name == "switched off" {
			cfg.Listen.HTTPS = ":0"
		}
		g, stop := start(t, cfg, dir)
		if g.discovery != nil {
			t.Errorf("%s: discovery is on", name)
		}
		if status, text, _ := byControl(t, dir, "GET", "/api/v1/found", ""); status != 200 || strings.TrimSpace(text) != `{"pbx":[]}` {
			t.Errorf("%s: found: %d %s", name, status, text)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
